"""Signal-driven I/O where it is weak: a queue of signals that runs over, signals that are out of date, the end.

The server has a process of its own with a small RLIMIT_SIGPENDING. It is stopped (SIGSTOP) while a thousand peers
send, so that the queue runs over whatever the speed of the machine; each answer is compared.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from crossloop.api import UnsupportedError
from crossloop.load.target import allow_descriptors

if sys.platform != "linux":
    pytest.skip("only Linux has signals that name a descriptor", allow_module_level=True)

from crossloop.bindings.posix_signals import (
    SignalTaker,
    free_realtime_signal,
    signal_readiness,
    signal_readiness_of_any,
)

WAIT_S = 20.0
ROOT = Path(__file__).parent.parent

PRELUDE = """
import json, os, resource, signal, socket, sys, threading
limit = int(sys.argv[1])
if limit >= 0:
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (limit, limit))
from adapters.sigio import Adapter
from crossloop.worker.channel import stop_pair
from crossloop.worker.process import raise_descriptor_limit
from crossloop.worker.serving import arrange_stop, open_listener
raise_descriptor_limit()
threading.Thread(target=threading.Event().wait, daemon=True).start()  # blocks no signal, as the worker's does
def facts():
    return {"overflows": adapter.overflows, "descriptors": len(os.listdir("/proc/self/fd")),
            "threads": threading.active_count(), "pending": sorted(map(int, signal.sigpending())),
            "mask": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))}
"""

SERVER = """
times = int(sys.argv[2])
def application():
    return lambda data: data * times
readable, writing = stop_pair()
arrange_stop(writing)
adapter = Adapter()
before = facts()
for _ in range(2):
    listener = open_listener("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    adapter.serve_streams(listener, application, "native", readable)
    readable.recv(100)
    print(json.dumps({"before": before, "after": facts()}), flush=True)
adapter.close()
print(json.dumps(facts()), flush=True)
"""


class Server:
    """A `sigio` server in a process of its own, and what it says of itself."""

    def __init__(self, process: "subprocess.Popen[str]"):
        self.process = process
        self.port = int(self.line())

    def line(self) -> str:
        """Its next line of output."""
        assert self.process.stdout is not None
        silence = threading.Timer(WAIT_S, self.process.kill)
        silence.start()
        line = self.process.stdout.readline()
        silence.cancel()
        assert line, "the server said nothing and was ended, or ended by itself"
        return line

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It does not run meanwhile: signals have to wait in the queue."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def end(self) -> dict[str, Any]:
        """Have it stop; what it says then."""
        self.process.send_signal(signal.SIGTERM)
        document: dict[str, Any] = json.loads(self.line())
        return document


@contextmanager
def serving(limit: int, times: int = 1) -> Iterator[Server]:
    """A server that may have *limit* signals queued, and answers each piece *times* over.

    A limit of -1: as many as the system gives.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + SERVER, str(limit), str(times)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        try:
            yield Server(process)
        finally:
            process.kill()
            assert process.stderr is not None
            assert process.stderr.read() == ""


def connect(server: Server) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", server.port), WAIT_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def receive(peer: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = peer.recv(size - len(data))
        assert piece, f"end of file after {len(data)} of {size} bytes"
        data += piece
    return bytes(data)


def message(number: int, turn: int) -> bytes:
    return b"connection %05d, message %05d;" % (number, turn) * 8


@pytest.mark.parametrize("limit", [0, 1, 64])
def test_every_message_is_answered_when_the_queue_runs_over(limit: int) -> None:
    connections, stopped_turns, running_turns = 1000, 10, 10
    allow_descriptors(connections)
    with serving(limit) as server, ExitStack() as stack:
        peers = [stack.enter_context(connect(server)) for _ in range(connections)]
        for turn in range(stopped_turns):
            with server.stopped():
                for number, peer in enumerate(peers):
                    peer.sendall(message(number, turn))
            for number, peer in enumerate(peers):
                assert receive(peer, len(message(number, turn))) == message(number, turn)
        for turn in range(running_turns):
            for number, peer in enumerate(peers):
                peer.sendall(message(number, turn))
        for number, peer in enumerate(peers):
            wanted = b"".join(message(number, turn) for turn in range(running_turns))
            assert receive(peer, len(wanted)) == wanted
        said = server.end()
    assert said["after"]["overflows"] >= stopped_turns


def test_no_connection_is_lost_when_the_queue_runs_over() -> None:
    """Coming, ending, resetting and half-closing, all while the only signal that is queued is another's."""
    with serving(1) as server, ExitStack() as stack:
        old = [stack.enter_context(connect(server)) for _ in range(200)]
        for peer in old:
            peer.sendall(b"here")
            assert receive(peer, 4) == b"here"
        with server.stopped():
            new = [stack.enter_context(connect(server)) for _ in range(200)]
            for number, peer in enumerate(new):
                peer.sendall(message(number, 0))
            for peer in old[:50]:
                peer.close()
            for peer in old[50:100]:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                peer.close()
            for number, peer in enumerate(old[100:]):
                peer.sendall(message(number, 1))
                peer.shutdown(socket.SHUT_WR)
        for number, peer in enumerate(new):
            assert receive(peer, len(message(number, 0))) == message(number, 0)
        for number, peer in enumerate(old[100:]):
            assert receive(peer, len(message(number, 1))) == message(number, 1)
            assert peer.recv(1) == b""
        descriptors = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        said = server.end()
    assert said["after"]["overflows"] > 0
    assert descriptors - said["after"]["descriptors"] == 200 + 1 - 1, (
        "the new ones and the listener, no old one"
    )


def test_signals_of_closed_connections_do_no_harm_to_the_next_of_the_same_number() -> None:
    with serving(-1) as server:
        for turn in range(20):
            with ExitStack() as stack:
                first = [stack.enter_context(connect(server)) for _ in range(50)]
                with server.stopped():
                    for peer in first:
                        for _ in range(5):
                            peer.sendall(b"x" * 10)
                        peer.close()
                    second = [stack.enter_context(connect(server)) for _ in range(50)]
                    for number, peer in enumerate(second):
                        peer.sendall(message(number, turn))
                for number, peer in enumerate(second):
                    assert receive(peer, len(message(number, turn))) == message(number, turn)
        said = server.end()
    assert said["after"]["overflows"] == 0, "with room for its signals the queue does not run over"


def test_room_to_send_is_found_without_its_signal() -> None:
    """The peer has sent all it will, so that nothing but room for the answer can bring the connection on."""
    data, times = os.urandom(1 << 10), 8 << 10
    with serving(0, times) as server, ExitStack() as stack:
        peers = [stack.enter_context(connect(server)) for _ in range(4)]
        for peer in peers:
            peer.sendall(data)
        for peer in peers:
            assert receive(peer, len(data) * times) == data * times
        assert server.end()["after"]["overflows"] > 0


def test_the_end_leaves_no_signal_no_descriptor_and_the_mask_as_it_was() -> None:
    with serving(-1) as server, ExitStack() as stack:
        peers = [stack.enter_context(connect(server)) for _ in range(100)]
        for peer in peers:
            peer.sendall(b"here")
            receive(peer, 4)
        with server.stopped():
            for peer in peers:
                peer.sendall(b"and once more")
            server.process.send_signal(signal.SIGTERM)
        said = json.loads(server.line())
        assert {**said["after"], "overflows": 0} == said["before"]
        server.port = int(server.line())
        again = stack.enter_context(connect(server))
        again.sendall(b"served again")
        assert receive(again, 12) == b"served again"
        assert {**server.end()["after"], "overflows": 0} == said["before"]
        closed = json.loads(server.line())
        assert server.process.wait(WAIT_S) == 0
    assert (closed["mask"], closed["pending"]) == ([], [])


READINESS = """
adapter = Adapter()
pairs = [socket.socketpair() for _ in range(200)]
seen = []
def reader(number, ours):
    def read():
        seen.append((number, ours.recv(1)))
        if len(seen) == 3 * len(pairs):
            adapter.stop()
    return read
for number, (ours, theirs) in enumerate(pairs):
    adapter.watch(ours.fileno(), reader(number, ours))
def send():
    for ours, theirs in pairs:
        theirs.send(b"abc")
adapter.call_later(0.01, send)
guard = adapter.call_later(10, adapter.stop)
adapter.run()
wanted = sorted((number, letter) for number in range(len(pairs)) for letter in (b"a", b"b", b"c"))
print(json.dumps({"right": sorted(seen) == wanted, "overflows": adapter.overflows}))
"""


@pytest.mark.parametrize("limit", [0, 8])
def test_readiness_recovers_from_an_overflow(limit: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + READINESS, str(limit)],
        capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert said["right"]
    assert said["overflows"] > 0


@pytest.fixture
def number() -> Iterator[int]:
    """A real-time signal, blocked in this thread."""
    number = free_realtime_signal()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    yield number
    taker = SignalTaker((number,))
    while taker.take(0.0):
        pass
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_the_signal_says_which_descriptor_and_what(number: int) -> None:
    taker = SignalTaker((number,))
    ours, theirs = socket.socketpair()
    with ours:
        signal_readiness(ours.fileno(), number)
        assert taker.take(0.0) == 0
        theirs.send(b"x")
        assert taker.take(WAIT_S) == number
        assert (taker.info.si_fd, taker.info.si_band & select.POLLIN) == (ours.fileno(), select.POLLIN)
        theirs.close()
        assert taker.take(WAIT_S) == number
        assert taker.info.si_band & select.POLLHUP


def test_a_signal_in_use_is_passed_over(number: int) -> None:
    assert free_realtime_signal() == number + 1


def test_a_kind_of_file_without_signals_is_refused(number: int) -> None:
    descriptor = os.eventfd(0)
    try:
        with pytest.raises(UnsupportedError, match=r"kind of file that sends no signals"):
            signal_readiness_of_any(descriptor, number)
    finally:
        os.close(descriptor)


def test_an_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "mips64")
    with pytest.raises(UnsupportedError, match=r"known here for 64-bit Linux on .*, this is mips64"):
        SignalTaker((signal.SIGUSR1,))
