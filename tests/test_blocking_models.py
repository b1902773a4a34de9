"""threads, processes, spin: what they leave behind, how they meet a limit, and how a failure comes out.

What all stream servers share is in the contract.
"""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Iterator
from importlib import import_module
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

import psutil
import pytest

from adapters import threads
from crossloop.api import Receive, StreamServer, UnsupportedError
from crossloop.idioms.task_limits import Need, once_more, room
from crossloop.measure import clocks
from crossloop.worker.channel import stop_pair
from crossloop.worker.serving import open_listener

ROOT = Path(__file__).parents[1]
WAIT_S = 20.0
ADAPTERS = ["threads", "spin", *(["processes"] if sys.platform != "win32" else [])]

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process, and /proc: Linux")

# A server in a process of its own. It says its port, serves until its input ends, then says what is left.
SERVER = """
import ctypes, importlib, json, os, sys, threading
from dataclasses import asdict
from crossloop.api import Echo
from crossloop.contract.observing import descriptors
from crossloop.worker.channel import stop_pair
from crossloop.worker.serving import open_listener, tell

if sys.platform == "linux":
    import resource
adapter = importlib.import_module(f"adapters.{sys.argv[1]}").Adapter()
if "lifeline" in sys.argv:
    adapter.die_with_parent = None
readable, writing = stop_pair()

def hear():
    for line in sys.stdin:  # "PID LIMIT SOFT": as a process of the same user, which needs no privilege
        pid, name, soft = line.split()
        kind = getattr(resource, name)
        hard = resource.prlimit(int(pid), kind)[1]
        resource.prlimit(int(pid), kind, (hard if soft == "hard" else int(soft), hard))
        print("done", flush=True)
    tell(writing)

hearer = threading.Thread(target=hear, daemon=True)
hearer.start()
listener = open_listener("127.0.0.1", 0)
if "nobody" in sys.argv and os.getuid() == 0:  # whom RLIMIT_NPROC does not bind; imports end here
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: may look at its own /proc/self/fd
before = {one for one in descriptors() if not one.startswith(f"{listener.fileno()} ")}
print(json.dumps(listener.getsockname()[1]), flush=True)
failure = ""
try:
    adapter.serve_streams(listener, Echo, "native", readable)
except RuntimeError as error:
    failure = str(error)
threads = [thread.name for thread in threading.enumerate() if thread not in (hearer, threading.main_thread())]
try:
    os.waitpid(-1, os.WNOHANG)
    children = True
except (AttributeError, ChildProcessError):
    children = False
refused = getattr(adapter, "refused", None)
print(json.dumps({
    "threads": threads, "children": children, "descriptors": sorted(set(descriptors()) - before),
    "refused": asdict(refused) if refused else None, "failure": failure,
}), flush=True)
"""
NOTHING = {"threads": [], "children": False, "descriptors": [], "refused": None, "failure": ""}


class Server:
    """A server process and its clients."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.pid = self.process.pid
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError(self.process.communicate()[1].decode())
        self.port = int(said)
        self.clients: list[socket.socket] = []

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), WAIT_S)
        self.clients.append(client)
        return client

    def served(self) -> socket.socket:
        client = self.connect()
        assert echoes(client)
        return client

    def limit(self, pid: int, name: str, soft: int | str) -> None:
        """Set a limit of the server's process or one of its children; `hard` undoes it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{pid} {name} {soft}\n".encode())
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    def end(self) -> dict[str, Any]:
        """Stop it; what it says was left behind."""
        out, err = self.process.communicate(timeout=WAIT_S)
        assert err == b""
        assert self.process.returncode == 0
        said: dict[str, Any] = json.loads(out)
        return said

    def until_all_are_gone(self) -> bytes:
        """What was said until the last process that inherited the standard output has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    server = Server(*arguments)
    guard = threading.Timer(2 * WAIT_S, server.process.kill)
    guard.start()
    try:
        yield server
    finally:
        guard.cancel()
        for client in server.clients:
            client.close()
        server.process.kill()
        server.process.communicate()


def echoes(client: socket.socket) -> bool:
    """Whether what is sent comes back; False when the connection is ended instead."""
    try:
        client.sendall(b"here")
        return client.recv(4) == b"here"
    except ConnectionError:
        return False


def opened(name: str) -> StreamServer:
    adapter: StreamServer = import_module(f"adapters.{name}").Adapter()
    return adapter


# Nothing is left


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_stop_leaves_no_thread_no_child_no_descriptor(adapter: str) -> None:
    with serving(adapter) as server:
        for _ in range(30):
            server.served()
        for _ in range(20):
            server.served().close()
        stuck = server.served()
        stuck.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:  # until the server is blocked in sending what nobody reads
                stuck.send(bytes(1 << 20))
        assert server.end() == NOTHING


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("tie", ["default", "lifeline"])
def test_no_process_outlives_a_worker_that_was_killed(tie: str) -> None:
    with serving("processes", tie) as server:
        clients = [server.served() for _ in range(20)]
        server.process.kill()
        assert server.until_all_are_gone() == b""
        assert not any(map(echoes, clients))


@needs_proc
@pytest.mark.parametrize("tie", ["default", "lifeline"])
def test_no_connection_outlives_the_process_that_accepts(tie: str) -> None:
    with serving("processes", tie) as server:
        clients = [server.served() for _ in range(5)]
        psutil.Process(clocks.tree(server.pid)[1]).kill()
        assert server.end() == {**NOTHING, "failure": "the process that accepts ended with status -9"}
        assert not any(map(echoes, clients))


@needs_proc
def test_a_stopped_family_dies_with_its_worker() -> None:
    """The bench stops workers outside their slices; a supervisor that is killed then leaves nobody either."""
    with serving("processes") as server:
        for _ in range(5):
            server.served()
        for pid in reversed(clocks.tree(server.pid)):
            psutil.Process(pid).suspend()
        server.process.kill()
        assert server.until_all_are_gone() == b""


@needs_proc
def test_a_child_that_is_killed_costs_its_connection_alone() -> None:
    with serving("processes") as server:
        first = server.served()
        child = clocks.tree(server.pid)[-1]
        second = server.served()
        psutil.Process(child).kill()
        assert first.recv(1) == b""
        assert echoes(second)
        server.served()
        assert server.end() == NOTHING


@needs_proc
def test_children_that_ended_are_waited_for_while_nobody_connects() -> None:
    with serving("processes") as server:
        clients = [server.served() for _ in range(20)]
        acceptor = clocks.tree(server.pid)[1]
        for client in clients:
            client.close()
        deadline = time.monotonic() + WAIT_S
        while len(clocks.tree(acceptor)) > 1:
            assert time.monotonic() < deadline, "zombies, with nobody coming who would have them reaped"


@needs_proc
def test_a_child_has_its_own_connection_and_no_other_file() -> None:
    with serving("processes") as server:
        for _ in range(3):
            server.served()
        for child in clocks.tree(server.pid)[2:]:
            links = [str(file.readlink()) for file in Path(f"/proc/{child}/fd").iterdir()]
            # Standard input, output and error are pipes here; the pair's end says that the worker is gone.
            assert sum(link.startswith("socket:") for link in links) == 2
            assert len(links) == 5


# Limits


@needs_proc
@pytest.mark.parametrize(
    ("adapter", "name", "error"),
    [
        ("threads", "RLIMIT_NPROC", "can't start new thread"),
        ("threads", "RLIMIT_AS", "can't start new thread"),
        ("processes", "RLIMIT_NPROC", "Resource temporarily unavailable"),
    ],
)
def test_a_limit_ends_one_connection_and_is_named(adapter: str, name: str, error: str) -> None:
    with serving(adapter, "nobody" if name == "RLIMIT_NPROC" else "") as server:
        early = [server.served() for _ in range(3)]
        limited = clocks.tree(server.pid)[1] if adapter == "processes" else server.pid
        held = int(Path(f"/proc/{server.pid}/statm").read_text().split()[0]) * PAGESIZE
        # Less than a stack, and enough for what else is allocated meanwhile.
        server.limit(limited, name, held + 300_000 if name == "RLIMIT_AS" else 0)
        assert not echoes(server.connect())
        assert all(map(echoes, early))
        server.limit(limited, name, "hard")
        server.served()
        said = server.end()
        refused = said.pop("refused")
        assert {**said, "refused": None} == NOTHING
    assert (refused["count"], refused["wanted"]) == (1, "thread" if adapter == "threads" else "process")
    assert error in refused["reason"]
    assert "least room: 0 more of" in refused["reason"]
    assert name in refused["reason"]


@needs_proc
@pytest.mark.parametrize("adapter", ["threads", "spin"])
def test_without_descriptors_a_connection_waits_for_one(adapter: str) -> None:
    with serving(adapter) as server:
        first = server.served()
        held = max(int(file.name) for file in Path(f"/proc/{server.pid}/fd").iterdir())
        server.limit(server.pid, "RLIMIT_NOFILE", held + 1)
        waiting = server.connect()
        assert echoes(first)
        first.close()
        assert echoes(waiting)
        assert server.end() == NOTHING


def test_room_is_what_the_tightest_limit_leaves() -> None:
    small, large = room(Need(name="process")), room(Need(name="thread", mappings=1000))
    if sys.platform == "win32":
        assert (small, large) == (None, None)
    elif sys.platform == "linux":
        assert small is not None
        assert large is not None
        assert large[0] < small[0]
        assert "1000 mappings each" in large[1]


def test_refusals_keep_the_first_reason() -> None:
    need = Need(name="thread")
    refused = once_more(once_more(None, need, RuntimeError("first")), need, RuntimeError("second"))
    assert (refused.count, refused.wanted) == (2, "thread")
    assert refused.reason.startswith("first; least room: ")


# Failures


class UnpicklableError(Exception):
    """Takes two arguments and hands one to its base: unpickling it raises TypeError."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def _serve_failing(adapter: StreamServer, error: Exception) -> None:
    def failing() -> Receive:
        def receive(_data: bytes) -> bytes:
            raise error

        return receive

    readable, writing = stop_pair()
    listener = open_listener("127.0.0.1", 0)
    with listener, readable, writing, contextlib.ExitStack() as clients:
        for _ in range(3):
            client = clients.enter_context(socket.create_connection(listener.getsockname(), WAIT_S))
            client.sendall(b"x")
        adapter.serve_streams(listener, failing, "native", readable)


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize(
    "error",
    [KeyError("own"), ConnectionResetError("of the application's own making")],
    ids=["KeyError", "ConnectionResetError"],
)
def test_an_exception_of_the_application_is_raised(name: str, error: Exception) -> None:
    adapter, before = opened(name), threading.active_count()
    with pytest.raises(type(error)) as raised:
        _serve_failing(adapter, error)
    assert raised.value.args == error.args
    assert threading.active_count() == before
    adapter.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_an_exception_from_another_process_shows_where_it_was_raised() -> None:
    with pytest.raises(KeyError) as raised:
        _serve_failing(opened("processes"), KeyError("own"))
    assert "raise error" in raised.value.__notes__[0]
    with pytest.raises(RuntimeError, match="UnpicklableError: 1 and 2"):
        _serve_failing(opened("processes"), UnpicklableError(1, 2))


def test_threads_leave_the_settings_of_the_process_as_they_were() -> None:
    before = sys.getswitchinterval(), threading.stack_size()
    with pytest.raises(KeyError):
        _serve_failing(threads.Adapter(), KeyError("own"))
    assert (sys.getswitchinterval(), threading.stack_size()) == before


# Tasks


def test_a_failure_unwinds_tasks_that_are_blocked() -> None:
    adapter = threads.Adapter()
    ours, theirs = socket.socketpair()
    unwound: list[str] = []

    async def blocked(name: str, call: Awaitable[object]) -> None:
        try:
            await call
        finally:
            unwound.append(name)

    async def main() -> None:
        adapter.spawn(blocked("receiving", adapter.receive(ours, 1)))
        adapter.spawn(blocked("sending", adapter.send_all(theirs, bytes(1 << 24))))
        adapter.spawn(blocked("sleeping", adapter.sleep(2 * WAIT_S)))
        await adapter.sleep(0.01)
        raise KeyError("main")

    before = threading.active_count()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs, pytest.raises(KeyError, match="main"):
        adapter.run_main(main())
    assert sorted(unwound) == ["receiving", "sending", "sleeping"]
    assert threading.active_count() == before


def test_a_task_that_no_thread_can_be_had_for_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "STACK_BYTES", 1 << 62)
    adapter = threads.Adapter()

    async def nothing() -> None: ...

    async def main() -> None:
        adapter.spawn(nothing())

    with pytest.raises(
        UnsupportedError, match="no thread for another task: can't start new thread; least room"
    ):
        adapter.run_main(main())
