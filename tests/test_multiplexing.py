"""What is particular to select, poll, epoll and kqueue and to their common loop; the rest is in the contract."""

import errno
import importlib
import math
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.kqueue_ import Changes, raise_refusal
from crossloop.api import Echo, Receive, StreamServer, UnsupportedError
from crossloop.bench.visits import beyond_bound
from crossloop.contract.peer import Server, echo, expect_end, serve
from crossloop.contract.promise import Subject
from crossloop.idioms.select_size import set_size
from crossloop.idioms.timer_heap import FIRST_SWEEP, LONGEST_WAIT_S, Timer, TimerHeap
from crossloop.outcomes import Unsupported
from crossloop.worker.process import raise_descriptor_limit
from crossloop.worker.serving import open_listener

MODULES = {"select": "select_", "poll": "poll_", "epoll": "epoll_", "kqueue": "kqueue_"}
HERE = [name for name in MODULES if hasattr(select, name)]
ELSEWHERE = [name for name in MODULES if not hasattr(select, name)]


@pytest.fixture
def adapter(request: pytest.FixtureRequest) -> Iterator[Any]:
    opened = importlib.import_module(f"adapters.{MODULES[request.param]}").Adapter()
    yield opened
    opened.close()


on_each = pytest.mark.parametrize("adapter", HERE, indirect=True)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


# The four


@on_each
def test_the_mechanism_is_the_one_asked_for(adapter: Any, request: pytest.FixtureRequest) -> None:
    facts = adapter.facts()
    assert facts.mechanism == request.node.callspec.params["adapter"]
    assert (facts.binding, facts.library) == ("select", "none")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_python_lacks_here_is_unsupported(name: str) -> None:
    module = importlib.import_module(f"adapters.{MODULES[name]}")
    with pytest.raises(UnsupportedError, match=rf"this Python has no select\.{name} on {sys.platform}"):
        module.Adapter()


@pytest.mark.skipif(sys.platform == "win32", reason="no dup2 of sockets there")
@on_each
def test_what_is_closed_and_numbered_anew_within_a_turn_is_not_called_for_the_old_file(adapter: Any) -> None:
    """Both sockets are ready in one answer of the kernel. Whoever is first puts a silent one in the other's
    place, under its number."""
    pairs = [socket.socketpair() for _ in range(2)]
    silent = socket.socketpair()
    calls: list[str] = []

    def replace(mine: int) -> Callable[[], None]:
        def first() -> None:
            calls.append("first")
            other = pairs[1 - mine][0]
            adapter.unwatch(other.fileno())
            number = other.detach()
            os.dup2(silent[0].fileno(), number)  # closes the number and opens it anew
            pairs[1 - mine] = (socket.socket(fileno=number), pairs[1 - mine][1])
            adapter.watch(number, lambda: calls.append("stranger"))
            adapter.unwatch(pairs[mine][0].fileno())

        return first

    for mine, (ours, theirs) in enumerate(pairs):
        adapter.watch(ours.fileno(), replace(mine))
        theirs.send(b"both are ready")
    adapter.call_later(0.02, adapter.stop)
    adapter.run()
    for sock in (*pairs[0], *pairs[1], *silent):
        if sock.fileno() >= 0:
            adapter.unwatch(sock.fileno())
        sock.close()
    assert calls == ["first"]


# Watched, and closed by mistake: the mechanisms of this suite


@pytest.fixture(params=[*HERE, *(("sigio", "iouring") if sys.platform == "linux" else ())])
def mechanism(request: pytest.FixtureRequest) -> Iterator[Any]:
    module = importlib.import_module(f"adapters.{MODULES.get(request.param, request.param)}")
    try:
        opened = module.Adapter()
    except UnsupportedError as error:
        pytest.skip(f"{request.param}: {error}")
    yield opened
    opened.close()


def _run_for(loop: Any, limit_s: float = 0.1) -> None:
    """Run, and see that the loop slept."""
    begun = time.process_time()
    loop.call_later(limit_s, loop.stop)
    loop.run()
    assert time.process_time() - begun < limit_s / 2, "the loop span"


def _echoed_on(loop: Any, pair: tuple[socket.socket, socket.socket]) -> bytes:
    """What a callback reads that is watched for now."""
    ours, theirs = pair
    seen: list[bytes] = []

    def read() -> None:
        seen.append(ours.recv(10))
        loop.stop()

    loop.watch(ours.fileno(), read)
    theirs.send(b"served")
    guard = loop.call_later(5, loop.stop)
    loop.run()
    loop.cancel(guard)
    loop.unwatch(ours.fileno())
    return b"".join(seen)


@pytest.mark.parametrize("direction", ["watch", "watch_write", "both"])
@pytest.mark.parametrize("moment", ["before the first ask", "in a callback"])
def test_what_is_closed_while_it_is_watched_is_dropped(
    mechanism: Any, pair: tuple[socket.socket, socket.socket], direction: str, moment: str
) -> None:
    ours, theirs = socket.socketpair()
    fd = ours.fileno()
    calls: list[str] = []
    if direction != "watch_write":
        mechanism.watch(fd, lambda: calls.append("readable"))
    if moment == "in a callback":
        _run_for(mechanism)
    if direction != "watch":
        mechanism.watch_write(fd, lambda: calls.append("writable"))
    if moment == "in a callback":
        mechanism.call_later(0, ours.close)  # due at once: watched for writing it may be ready before that
    else:
        ours.close()
    theirs.close()
    _run_for(mechanism)
    del calls[:]
    _run_for(mechanism)
    assert calls == []
    assert _echoed_on(mechanism, pair) == b"served"
    mechanism.unwatch(fd)
    mechanism.unwatch_write(fd)
    _run_for(mechanism, 0.02)
    assert _echoed_on(mechanism, pair) == b"served"


@pytest.mark.skipif(sys.platform == "win32", reason="no dup2 of sockets there")
@pytest.mark.parametrize("first", ["unwatch", "watch at once"])
def test_a_number_that_was_closed_and_has_another_file_is_watched_for_that(
    mechanism: Any, pair: tuple[socket.socket, socket.socket], first: str
) -> None:
    old, theirs = socket.socketpair()
    mechanism.watch(old.fileno(), lambda: None)
    _run_for(mechanism, 0.02)
    number = old.detach()
    os.dup2(pair[0].fileno(), number)  # closes the number and opens it anew
    with socket.socket(fileno=number) as anew:
        anew.setblocking(False)
        if first == "unwatch":
            mechanism.unwatch(number)
        assert _echoed_on(mechanism, (anew, pair[1])) == b"served"
    theirs.close()
    _run_for(mechanism)


@pytest.mark.skipif("epoll" not in HERE, reason="epoll is Linux's")
@pytest.mark.parametrize("adapter", ["epoll"], indirect=True)
def test_epoll_is_rid_of_a_closed_number_whose_file_is_open_elsewhere(
    adapter: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    """The kernel reports it under the closed number for as long as the duplicate is open, and removes it no more."""
    ours, theirs = socket.socketpair()
    with theirs, ours.dup():
        fd = ours.fileno()
        adapter.watch(fd, lambda: None)
        _run_for(adapter, 0.02)
        theirs.send(b"ready for good")
        ours.close()
        adapter.unwatch(fd)
        _run_for(adapter)
        assert _echoed_on(adapter, pair) == b"served"


@on_each
def test_what_is_no_descriptor_is_refused_when_it_is_to_be_watched(adapter: Any) -> None:
    with pytest.raises(ValueError, match="descriptor -1: expected 0 or more; a closed socket has none"):
        adapter.watch(-1, lambda: None)
    adapter.unwatch(-1)
    _run_for(adapter, 0.02)


@on_each
def test_a_peer_that_is_gone_does_not_make_a_paused_descriptor_spin(
    adapter: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    """POLLHUP comes unasked: a descriptor that is watched for nothing must be out of the kernel's list."""
    ours, theirs = pair
    adapter.watch(ours.fileno(), lambda: None)
    adapter.watch_write(ours.fileno(), lambda: None)
    adapter.unwatch(ours.fileno())
    adapter.unwatch_write(ours.fileno())
    theirs.close()
    turns = []
    adapter.call_every(0.01, lambda: turns.append(time.process_time()))
    adapter.call_later(0.1, adapter.stop)
    begun = time.process_time()
    adapter.run()
    assert turns
    assert time.process_time() - begun < 0.05


@on_each
def test_trouble_reaches_whoever_waits_to_write(
    adapter: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    seen: list[type[OSError]] = []

    def write() -> None:
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            theirs.close()
        except OSError as error:
            seen.append(type(error))
            adapter.unwatch_write(ours.fileno())
            adapter.stop()

    adapter.watch_write(ours.fileno(), write)
    adapter.run()
    assert len(seen) == 1
    assert issubclass(seen[0], ConnectionError)  # EPIPE, ECONNRESET, or WSAECONNABORTED


@pytest.mark.skipif("epoll" not in HERE, reason="epoll is Linux's")
@pytest.mark.parametrize("adapter", ["epoll"], indirect=True)
def test_epoll_says_which_files_it_does_not_take(adapter: Any, tmp_path: Path) -> None:
    with (tmp_path / "regular").open("w") as regular:
        with pytest.raises(UnsupportedError, match=f"descriptor {regular.fileno()}: it is a regular file"):
            adapter.watch(regular.fileno(), lambda: None)
        adapter.unwatch(regular.fileno())  # nothing is left of the attempt
    adapter.wake(adapter.stop)
    adapter.run()


@on_each
def test_a_signal_ends_the_sleep_of_an_idle_loop(adapter: Any) -> None:
    def handler(_number: int, _frame: object) -> None:
        adapter.stop()

    previous = signal.signal(signal.SIGTERM, handler)
    sender = threading.Timer(0.02, signal.raise_signal, (signal.SIGTERM,))  # its thread, our handler
    adapter.wake(sender.start)  # not before the loop runs: a stop before that is none
    try:
        adapter.run()
    finally:
        sender.join()
        signal.signal(signal.SIGTERM, previous)


# Telling the kernel no more than needed


@pytest.mark.skipif("epoll" not in HERE, reason="counted on epoll's object")
def test_a_connection_that_turns_to_writing_is_one_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts the real object's calls: reading to writing and back is one `modify` each, never remove and add."""
    module = importlib.import_module("adapters.epoll_")
    real = module.select.epoll
    calls: list[str] = []
    turned = threading.Event()

    class Counting:
        def __init__(self) -> None:
            self.kernel = real()
            self.poll, self.close = self.kernel.poll, self.kernel.close

        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            if name == "modify":
                turned.set()
            return getattr(self.kernel, name)

    monkeypatch.setattr(module.select, "epoll", Counting)
    opened = module.Adapter()
    del calls[:]

    def client(server: Server) -> None:
        peer = server.connect(receive_buffer=8192)
        peer.sendall(b"x")
        # A peer that reads at once can empty the buffers as fast as one send fills them.
        assert turned.wait(10), "the server never waited for room"
        left = 1 << 22
        while left:
            left -= len(peer.recv(65536))

    serve(Subject(opened, "native"), client, lambda: lambda data: bytes(len(data) << 22))
    opened.close()
    # The listener and the stop are added and removed, and so is the connection.
    assert calls == ["register"] * 3 + ["modify"] * 2 + ["unregister"] * 3


# What does not fit


def _descriptors_or_skip(wanted: int) -> None:
    if sys.platform == "win32":
        pytest.skip("there the number watched counts, see test_asyncio_idiom")
    if raise_descriptor_limit() < wanted:
        pytest.skip(f"needs {wanted} file descriptors; the hard limit is lower")


@pytest.mark.parametrize("adapter", ["select"], indirect=True)
def test_select_says_where_it_ends_before_it_is_there(adapter: Any) -> None:
    size = set_size()
    held = [socket.socketpair() for _ in range(5)]
    most, reason = adapter.most_connections()
    assert 0 < most < size
    assert f"{size}" in reason
    assert "FD_SETSIZE" in reason
    for pair in held:
        pair[0].close()
        pair[1].close()
    if sys.platform != "win32":  # there only what is watched counts
        assert adapter.most_connections()[0] == most + 10


@pytest.mark.skipif(sys.platform == "win32", reason="handles there are not table indices")
@pytest.mark.parametrize("adapter", ["select"], indirect=True)
def test_select_refuses_a_number_beyond_its_set(
    adapter: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    fcntl = pytest.importorskip("fcntl")
    _descriptors_or_skip(set_size() + 1)
    with socket.socket(fileno=fcntl.fcntl(pair[0].fileno(), fcntl.F_DUPFD, set_size())) as beyond:
        with pytest.raises(UnsupportedError, match=f"FD_SETSIZE is {set_size()}"):
            adapter.watch(beyond.fileno(), lambda: None)
        adapter.unwatch(beyond.fileno())
    adapter.wake(adapter.stop)
    adapter.run()


@pytest.mark.parametrize("adapter", ["select"], indirect=True)
def test_select_closes_connections_that_it_cannot_watch_and_serves_the_others(adapter: Any) -> None:
    """1,100 clients: as many as were promised are served, the others see an end, and room is given out again."""
    wanted = 1100
    _descriptors_or_skip(2048 + wanted + 100)
    fates: dict[bool, list[socket.socket]] = {True: [], False: []}
    promised: list[int] = []

    def client(server: Server) -> None:
        promised.append(adapter.most_connections()[0])
        peers = [server.connect(high=True) for _ in range(wanted)]
        for peer in peers:
            fates[_served(peer)].append(peer)
        for peer in fates[True]:
            echo(peer, b"still served")
        for peer in fates[True][:10]:
            peer.shutdown(socket.SHUT_WR)
            expect_end(peer)
        for _ in range(10):
            echo(server.connect(high=True), b"in a place that has become free")

    serve(Subject(adapter, "native"), client)
    assert len(fates[True]) == promised[0]
    assert len(fates[False]) == wanted - promised[0] > 0


def _served(peer: socket.socket) -> bool:
    try:
        peer.sendall(b"here")
        return peer.recv(4) == b"here"
    except ConnectionError:  # closed with our message unread
        return False


def test_a_bound_is_compared_before_anything_is_opened() -> None:
    bound = (1000, "the door is narrow")
    assert beyond_bound(1000, bound) is None
    assert beyond_bound(10_000, None) is None
    assert beyond_bound(1001, bound) == Unsupported(
        "1001 connections are more than the 1000 it can hold: the door is narrow"
    )


def test_models_have_no_bound_of_their_own_unless_they_say_so() -> None:
    for name in HERE:
        kind = importlib.import_module(f"adapters.{MODULES[name]}").Adapter
        assert (kind.most_connections is StreamServer.most_connections) == (name != "select")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of descriptors to lower there")
@on_each
def test_without_descriptors_the_listener_rests_and_then_goes_on(adapter: Any) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    idle: list[float] = []

    def client(server: Server) -> None:
        peers = [server.connect() for _ in range(6)]
        for peer in peers:
            echo(peer, b"accepted before")
        with socket.socket() as spare:  # the lowest number that was free: none is left below it
            resource.setrlimit(resource.RLIMIT_NOFILE, (spare.fileno() + 1, limits[1]))
            try:
                spare.connect(server.address)
                spare.sendall(b"patient")
                begun = time.process_time()
                spare.settimeout(0.3)
                with pytest.raises(TimeoutError):  # it waits in the queue
                    spare.recv(7)
                idle.append(time.process_time() - begun)
                echo(peers[0], b"served meanwhile")
                peers.pop().close()
                spare.settimeout(5)
                assert spare.recv(7) == b"patient"
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    serve(Subject(adapter, "native"), client)
    assert idle[0] < 0.1, "of 300 ms; it would be all of them if the loop span"


@on_each
def test_the_applications_exception_ends_the_call_and_leaves_nothing(adapter: Any) -> None:
    def failing() -> Receive:
        raise LookupError("no application for you")

    def client(server: Server) -> None:
        server.connect()
        server.await_return()

    with pytest.raises(LookupError, match="no application for you"):
        serve(Subject(adapter, "native"), client, failing)
    assert not adapter.watched.writers
    assert len(adapter.watched.readers) == 1, "the loop's own socket pair alone"
    serve(Subject(adapter, "native"), lambda server: echo(server.connect(), b"and again"), Echo)


@on_each
def test_a_listener_that_cannot_be_watched_is_closed(adapter: Any) -> None:
    listener = open_listener("127.0.0.1", 0)

    def refuse(_fd: int, _callback: object) -> None:
        raise UnsupportedError("no")

    adapter.watch = refuse
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(UnsupportedError, match="no"):
        adapter.serve_streams(listener, Echo, "native", ours)
    assert listener.fileno() == -1


# kqueue's changes, which need no kqueue

READ, WRITE = -1, -2


def test_changes_are_told_once_each_with_the_last_word() -> None:
    changes = Changes()
    assert changes.take() == {}
    changes.want((7, READ), True)
    changes.want((7, WRITE), False)  # never wanted: nothing to say
    changes.want((8, READ), True)
    changes.want((8, READ), True)
    assert changes.take() == {(7, READ): True, (8, READ): True}
    assert changes.take() == {}
    changes.want((7, READ), False)
    changes.want((7, WRITE), True)
    assert changes.take() == {(7, READ): False, (7, WRITE): True}


def test_a_number_that_is_given_out_again_is_added_again() -> None:
    """Removed, closed, opened, watched, with no ask between: the kernel has forgotten it at the close."""
    changes = Changes()
    changes.want((7, READ), True)
    changes.take()
    changes.want((7, READ), False)
    changes.want((7, READ), True)
    assert changes.take() == {(7, READ): True}
    changes.want((7, READ), False)
    changes.want((7, READ), True)
    changes.want((7, READ), False)
    assert changes.take() == {(7, READ): False}


def test_removing_what_a_close_has_removed_is_no_error() -> None:
    raise_refusal(7, errno.ENOENT, wanted=False)


@pytest.mark.parametrize(
    ("number", "wanted", "kind", "reason"),
    [
        (
            errno.EINVAL,
            True,
            UnsupportedError,
            "kqueue does not take descriptor 7: Invalid argument; terminals",
        ),
        (errno.ENODEV, True, UnsupportedError, "kqueue does not take descriptor 7"),
        (errno.ENOMEM, True, OSError, "kqueue, descriptor 7: "),
        (errno.EINVAL, False, OSError, "kqueue, descriptor 7: "),
    ],
)
def test_a_refused_change_says_what_it_means(
    number: int, wanted: bool, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        raise_refusal(7, number, wanted=wanted)


# The heap of timers, on a clock that is moved by hand


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heap(clock: Clock) -> TimerHeap:
    return TimerHeap(clock)


def test_the_nearest_timer_bounds_the_wait(clock: Clock, heap: TimerHeap) -> None:
    assert heap.wait_s() is None
    heap.call_later(3.0, lambda: None)
    heap.call_later(1.0, lambda: None)
    assert heap.wait_s() == 1.0
    clock.now_s += 1.5
    assert heap.wait_s() == 0.0


@pytest.mark.parametrize("delay_s", [1e6, 1e300, math.inf])
def test_a_far_timer_has_the_loop_ask_again_until_it_is_due(
    clock: Clock, heap: TimerHeap, delay_s: float
) -> None:
    fired: list[float] = []
    heap.call_later(delay_s, lambda: fired.append(clock.now_s))
    for _ in range(12):
        wait_s = heap.wait_s()
        if wait_s is None:
            break
        clock.now_s += wait_s
        heap.fire()
    assert fired == ([1e6 + 100.0] if delay_s == 1e6 else [])
    assert heap.wait_s() == (None if fired else LONGEST_WAIT_S)


def test_a_delay_that_is_no_number_is_refused_and_hides_nobody(clock: Clock, heap: TimerHeap) -> None:
    fired: list[str] = []
    timer = heap.call_later(1.0, lambda: fired.append("kept"))
    with pytest.raises(ValueError, match=r"a delay of nan seconds: expected a number; math\.inf for"):
        heap.call_later(math.nan, lambda: fired.append("nan"))
    with pytest.raises(ValueError, match="a delay of nan seconds"):
        heap.rearm(timer, math.nan, timer.callback)
    clock.now_s += 1.0
    heap.fire()
    assert fired == ["kept"]


def test_pushing_back_leaves_the_heap_alone(clock: Clock, heap: TimerHeap) -> None:
    fired: list[float] = []
    timer = heap.call_later(1.0, lambda: fired.append(clock.now_s))
    before = list(heap.entries)
    for _ in range(1024):
        clock.now_s += 1 / 1024
        assert heap.rearm(timer, 1.0, timer.callback) is timer
    assert heap.entries == before
    for now_s in (101.0, 101.999, 102.0):
        clock.now_s = now_s
        heap.fire()
    assert fired == [102.0]
    assert heap.wait_s() is None


def test_a_timer_that_is_pulled_nearer_fires_once_and_at_the_nearer_time(
    clock: Clock, heap: TimerHeap
) -> None:
    fired: list[float] = []
    timer = heap.call_later(5.0, lambda: fired.append(clock.now_s))
    heap.rearm(timer, 2.0, timer.callback)
    for now_s in (102.0, 105.0, 110.0):
        clock.now_s = now_s
        heap.fire()
    assert fired == [102.0]
    heap.rearm(timer, 1.0, timer.callback)
    clock.now_s = 111.0
    heap.fire()
    assert fired == [102.0, 111.0]


def test_cancelled_timers_are_swept_and_the_rest_fire(clock: Clock, heap: TimerHeap) -> None:
    fired: list[int] = []
    timers = [
        heap.call_later(number + 1, lambda number=number: fired.append(number)) for number in range(1000)
    ]
    for timer in timers[:900]:
        heap.cancel(timer)
        heap.cancel(timer)
    assert len(heap.entries) < 100 + 2 * FIRST_SWEEP + 100
    clock.now_s += 2000
    heap.fire()
    assert fired == list(range(900, 1000))
    assert heap.entries == []
    heap.cancel(timers[-1])  # it has fired
    assert heap.wait_s() is None


def test_a_repeating_timer_does_not_drift_and_leaves_out_what_it_missed(
    clock: Clock, heap: TimerHeap
) -> None:
    fired: list[float] = []
    timer = heap.call_every(1.0, lambda: fired.append(clock.now_s))
    for now_s in (101.25, 102.25, 107.5, 108.25, 108.5):
        clock.now_s = now_s
        heap.fire()
    assert fired == [101.25, 102.25, 107.5, 108.5]
    heap.cancel(timer)
    clock.now_s += 10
    heap.fire()
    assert len(fired) == 4


def test_what_a_callback_starts_at_once_waits_for_the_next_turn(clock: Clock, heap: TimerHeap) -> None:
    fired: list[str] = []

    def again() -> None:
        fired.append("again")
        clock.now_s += 0.001
        heap.call_later(0.0, again)

    heap.call_later(0.0, again)
    heap.fire()
    assert fired == ["again"]
    assert heap.wait_s() == 0.0


def test_a_callback_that_raises_costs_only_itself(clock: Clock, heap: TimerHeap) -> None:
    fired: list[str] = []

    def fail() -> None:
        raise LookupError

    heap.call_later(1.0, fail)
    kept: Timer = heap.call_later(1.0, lambda: fired.append("kept"))
    clock.now_s += 1
    with pytest.raises(LookupError):
        heap.fire()
    heap.fire()
    assert fired == ["kept"]
    assert kept.number == 0
