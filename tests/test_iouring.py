"""io_uring: what older kernels lack, what runs out, who is not allowed, and what is left behind.

What all stream servers and readiness loops share is in the the contract suite.
"""

import contextlib
import errno
import functools
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters import iouring
from crossloop.api import Echo, Receive, UnsupportedError
from crossloop.bindings import io_uring
from crossloop.contract.observing import descriptors
from crossloop.contract.peer import Server, compare, echo, exchange, expect_end, pattern, serve
from crossloop.contract.promise import WAIT_S, Aside, Promise, Subject
from crossloop.contract.promises.datagrams import DATAGRAMS
from crossloop.contract.promises.push_server import PUSH_SERVER
from crossloop.contract.promises.stream_endurance import STREAM_ENDURANCE
from crossloop.contract.promises.stream_server import STREAM_SERVER
from crossloop.worker.channel import stop_pair
from crossloop.worker.serving import open_listener, tell

if sys.platform != "win32":
    import resource
    from signal import ITIMER_REAL, SIGALRM, setitimer


def refused_here() -> str:
    try:
        iouring.Loop().ring.close()
    except UnsupportedError as error:
        return str(error)
    return ""


needs_io_uring = pytest.mark.skipif(bool(refused_here()), reason=refused_here() or "io_uring")
PROMISES = {promise.id: promise for promise in (*STREAM_SERVER, *STREAM_ENDURANCE)}


@contextlib.contextmanager
def opened() -> Iterator[iouring.Adapter]:
    """An adapter, closed at the end; nothing must be left of it."""
    before = set(descriptors() or ())
    adapter = iouring.Adapter()
    try:
        yield adapter
    finally:
        adapter.close()
    assert not set(descriptors() or ()) - before


def run(adapter: iouring.Adapter, *promises: Promise) -> None:
    """Run promises of a stream server; afterwards nothing may be under way but what listens for wake-ups."""
    for promise in promises:
        promise.run(Subject(adapter, "native"))
        assert len(adapter.loop.handlers) == 1, promise.id


# Older kernels


@pytest.mark.campaign
@needs_io_uring
@pytest.mark.parametrize("setup", io_uring.SETUPS, ids=lambda setup: setup[0].replace(" ", "-"))
@pytest.mark.parametrize("multishot", [True, False], ids=["multishot", "one-receive-a-request"])
def test_it_serves_by_what_an_older_kernel_has(
    setup: tuple[str, int], multishot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iouring, "Loop", functools.partial(iouring.Loop, (setup,)))
    with opened() as adapter:
        adapter.loop.multishot = multishot
        assert setup[0] in adapter.facts().library_version
        run(adapter, *PROMISES.values(), *PUSH_SERVER, *DATAGRAMS)


@needs_io_uring
def test_flags_that_the_kernel_does_not_know_are_left_out() -> None:
    unknown = ("of the future", 1 << 31)
    ring = io_uring.Ring(8, 16, (unknown, *io_uring.SETUPS))
    assert ring.setup in dict(io_uring.SETUPS)
    ring.close()
    with pytest.raises(OSError, match="Invalid argument"):
        io_uring.Ring(8, 16, (unknown,))


# What runs out


@needs_io_uring
@pytest.mark.parametrize(
    ("submissions", "completions", "buffers", "buffer_bytes"),
    [(1024, 8192, 2, 64), (4, 8, 512, 16384), (4, 8, 1, 4096)],
    ids=["buffers", "both rings", "all"],
)
def test_what_does_not_fit_waits(
    submissions: int, completions: int, buffers: int, buffer_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iouring, "SUBMISSIONS", submissions)
    monkeypatch.setattr(iouring, "COMPLETIONS", completions)
    monkeypatch.setattr(iouring, "BUFFERS", buffers)
    monkeypatch.setattr(iouring, "BUFFER_BYTES", buffer_bytes)
    # Megabytes that are taken in by 64 bytes last for seconds: the server has something to do, and is not idle. And a
    # thousand receives that share a buffer or two are made again some 500,000 times: long on a busy machine.
    left_out = {"stream-idle", "stream-1000-connections"} if buffers < 3 else {"stream-idle"}
    promises = [promise for name, promise in PROMISES.items() if name not in left_out]
    with opened() as adapter:
        run(adapter, *promises, *PUSH_SERVER, *DATAGRAMS)


@needs_io_uring
def test_short_sends_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MSG_WAITALL a send takes what fits the socket's buffer; an older kernel may do so with it."""
    monkeypatch.setattr(io_uring, "_MSG_WAITALL", 0)
    with opened() as adapter:
        run(adapter, PROMISES["stream-large-answer"], PROMISES["stream-half-close-queue"])
        serve(Subject(adapter, "native"), exchange_much)


def exchange_much(server: Server) -> None:
    data = pattern(8 << 20)
    compare(exchange(server.connect(receive_buffer=8192), data, len(data)), data)


if sys.platform != "win32":

    @needs_io_uring
    def test_without_descriptors_accepting_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(iouring, "ACCEPT_PAUSE_NS", 5_000_000)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        listener = open_listener("127.0.0.1", 0)
        readable, writing = stop_pair()
        with opened() as adapter, listener, readable, writing, contextlib.ExitStack() as ends:
            clients = [
                ends.enter_context(socket.create_connection(listener.getsockname(), WAIT_S))
                for _ in range(10)
            ]
            taken = {int(descriptor.partition(" ")[0]) for descriptor in descriptors() or ()}
            free = (number for number in itertools.count() if number not in taken)
            resource.setrlimit(resource.RLIMIT_NOFILE, (next(itertools.islice(free, 3, None)), hard))

            def client() -> None:
                try:
                    for sock in clients[:3]:
                        echo(sock, b"served")
                    used = time.process_time()
                    clients[3].sendall(b"not yet")
                    clients[3].settimeout(0.2)
                    with pytest.raises(TimeoutError):
                        clients[3].recv(100)
                    assert time.process_time() - used < 0.1, "it spins while it cannot accept"
                    clients[3].settimeout(WAIT_S)
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                    compare(clients[3].recv(100), b"not yet")
                    for sock in clients[4:]:
                        echo(sock, b"served at last")
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                    tell(writing)

            aside = Aside(client, "client")
            aside.start()
            adapter.serve_streams(listener, Echo, "native", readable)
            aside.join()


# Failures


@needs_io_uring
@pytest.mark.parametrize("where", ["factory", "receive", "answer"])
def test_an_exception_of_the_application_is_raised_and_leaves_nothing(where: str) -> None:
    class OurOwnError(Exception):
        pass

    def failing() -> Receive:
        if where == "factory":
            raise OurOwnError

        def receive(data: bytes) -> bytes:
            if where == "receive":
                raise OurOwnError
            return bytearray(data)  # type: ignore[return-value]  # what a careless application might do

        return receive

    def client(server: Server) -> None:
        peers = [server.connect() for _ in range(20)]
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(b"x")
        for peer in peers:
            expect_end(peer, reset_allowed=True)

    with opened() as adapter:
        with pytest.raises(TypeError if where == "answer" else OurOwnError):
            serve(Subject(adapter, "native"), client, failing)
        run(adapter, PROMISES["stream-one-byte"], PROMISES["stream-stop-connected"])


@needs_io_uring
def test_what_is_no_listener_is_an_error() -> None:
    listener = socket.socket()
    readable, writing = stop_pair()
    with opened() as adapter, listener, readable, writing, pytest.raises(OSError, match="Invalid argument"):
        adapter.serve_streams(listener, Echo, "native", readable)


@needs_io_uring
def test_a_closed_descriptor_is_dropped_and_the_loop_goes_on() -> None:
    ours, theirs = socket.socketpair()
    with opened() as adapter:
        adapter.watch(ours.fileno(), print)
        ours.close()
        theirs.close()
        adapter.call_later(0.001, adapter.stop)
        adapter.run()


# Waiting


if sys.platform != "win32":

    @needs_io_uring
    def test_a_signal_reaches_its_handler_while_the_loop_waits() -> None:
        """No wake-up descriptor is set: the wait itself is interrupted, and goes on afterwards."""
        signals = []
        with opened() as adapter:
            previous = signal.signal(SIGALRM, lambda *_: signals.append(time.monotonic()))
            begun = time.monotonic()
            try:
                setitimer(ITIMER_REAL, 0.02)
                adapter.call_later(0.1, lambda *_: adapter.stop())
                adapter.run()
            finally:
                signal.signal(SIGALRM, previous)
            ended = time.monotonic()
        assert len(signals) == 1
        assert begun < signals[0] < ended - 0.04


@needs_io_uring
def test_other_threads_run_while_the_loop_waits() -> None:
    steps = []

    def step() -> None:
        for _ in range(5):
            time.sleep(0.001)
            steps.append(1)
        adapter.wake(lambda *_: adapter.stop())

    with opened() as adapter:
        thread = threading.Thread(target=step)
        adapter.call_later(0, lambda *_: thread.start())
        adapter.run()
        thread.join()
    assert len(steps) == 5


@needs_io_uring
def test_a_repeating_timer_does_not_drift() -> None:
    due_ns: list[int] = []

    def fire(*_: object) -> None:
        due_ns.append(handle.due_ns)
        if len(due_ns) == 20:
            adapter.stop()

    with opened() as adapter:
        handle = adapter.call_every(0.005, fire)
        adapter.run()
        adapter.cancel(handle)
    steps = [later - earlier for earlier, later in itertools.pairwise(due_ns)]
    assert min(steps) == 5_000_000, "from due to due, not from call to call"


# Where it is refused


@pytest.mark.parametrize(
    ("number", "disabled", "says"),
    [
        (errno.ENOSYS, 0, "has no io_uring"),
        (errno.EPERM, 2, "switched off for all processes: sysctl kernel.io_uring_disabled is 2"),
        (errno.EPERM, 1, "switched off for all but administrators and the group of io_uring_group"),
        (errno.EPERM, 0, "probably by a container's seccomp profile"),
        (errno.EACCES, 0, "probably by a container's seccomp profile"),
        (errno.EINVAL, 0, "too old: 5.19 or later is needed"),
        (errno.ENOMEM, 0, "ulimit -l"),
        (errno.EMFILE, 0, "io_uring_setup: "),
    ],
)
def test_the_reason_is_told(number: int, disabled: int, says: str) -> None:
    assert says in iouring.why_refused(number, disabled)


# A filter of seccomp(2) that answers one system call with an error, as a container's profile does.
FILTERED = """
import ctypes, json, struct, sys
call, error = int(sys.argv[1]), int(sys.argv[2])
instructions = [
    (0x20, 0, 0, 0),                       # load the system call's number
    (0x15, 0, 1, call),                    # is it that one?
    (0x06, 0, 0, 0x00050000 | error),      # SECCOMP_RET_ERRNO
    (0x06, 0, 0, 0x7FFF0000),              # SECCOMP_RET_ALLOW
]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in instructions))
head = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(program))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0     # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, head, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
from adapters import iouring
from crossloop.api import UnsupportedError
from crossloop.contract.observing import descriptors
before = set(descriptors())
try:
    iouring.Adapter()
except UnsupportedError as refused:
    print(json.dumps([str(refused), sorted(set(descriptors()) - before)]))
"""


@needs_io_uring
@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (425, errno.EPERM, "refused to this process, probably by a container's seccomp profile"),
        (425, errno.ENOSYS, "this kernel or sandbox has no io_uring"),
        (425, errno.ENOMEM, "no memory for io_uring's rings"),
        (427, errno.EINVAL, "without rings of buffers, which came with 5.19"),
    ],
    ids=["not allowed", "absent", "no memory", "no buffer rings"],
)
def test_a_refused_system_call_is_unsupported(call: int, error: int, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILTERED, str(call), str(error)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    reason, left = json.loads(done.stdout)
    assert says in reason
    assert (left, done.stderr) == ([], "")


# The binding


@needs_io_uring
def test_only_bytes_can_be_sent() -> None:
    ring = io_uring.Ring(8, 16)
    sender: Callable[..., Any] = ring.send
    for wrong in (bytearray(b"x"), memoryview(b"x"), "x"):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            sender(0, wrong, 0, 1)
    ring.close()


@needs_io_uring
def test_numbers_wrap_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rings of 2 and 4, used a thousand times: every place is used again and again, also across the ends."""
    ring = io_uring.Ring(2, 4)
    buffers = io_uring.Buffers(ring, 0, 2, 8)
    ours, theirs = socket.socketpair()
    seen = []
    with ours, theirs:
        for number in range(1, 1001):
            ring.receive(ours.fileno(), 0, 2 * number, multishot=False)
            ring.send(theirs.fileno(), b"-%d" % number, 1, 2 * number + 1)
            results: list[io_uring.Completion] = []
            while len(results) < 2:
                results += ring.submit_and_wait()
            for user, result, flags in results:
                if user == 2 * number:
                    seen.append(int(buffers.take(flags, result)))
    buffers.close()
    ring.close()
    assert seen == list(range(1, 1001))
