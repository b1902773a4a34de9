"""Events of descriptors, and bufferevents."""

import errno
import itertools
import socket
import sys
from pathlib import Path

import pytest

from crossloop.bindings.libevent import (
    EVENT_EOF,
    PERSIST,
    READ,
    TIMEOUT,
    BufferEvent,
    EventBase,
    IoEvent,
    LibeventError,
)
from tests.libevent_binding.callbacks import DeliberateError, fail, later


def test_event_deleted_in_its_own_callback_is_not_called_again(
    base: EventBase, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    calls = itertools.count()

    def on_readable(*_: object) -> None:
        next(calls)
        event.delete()

    event = IoEvent(base, left.fileno(), READ | PERSIST, on_readable)
    event.add()
    right.send(b"x")  # never received: level-triggered, it would come again
    later(base, lambda *_: base.loopbreak(), 0.02)
    base.run()
    assert (next(calls), event.pending) == (1, False)


def test_event_that_another_callback_deletes_is_not_called(base: EventBase) -> None:
    seen: list[str] = []
    pairs = [socket.socketpair() for _ in range(2)]
    events: list[IoEvent] = []

    def on_readable(fd: int, _what: int) -> None:
        seen.append("called")
        for event in events:
            event.delete()

    for left, right in pairs:
        event = IoEvent(base, left.fileno(), READ | PERSIST, on_readable)
        event.add()
        events.append(event)
        right.send(b"x")
    base.loop()
    base.loop(block=False)
    for sock in itertools.chain(*pairs):
        sock.close()
    assert seen == ["called"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not hand out the lowest free handle")
def test_descriptor_closed_and_reused_gets_its_own_callback(base: EventBase) -> None:
    seen: list[str] = []
    left, right = socket.socketpair()
    number = left.fileno()
    first = IoEvent(base, number, READ | PERSIST, lambda *_: seen.append("first"))
    first.add()
    first.delete()
    left.close()
    left, other = socket.socketpair()  # the lowest free number (open(2)): the one just closed
    with left, right, other:
        assert left.fileno() == number
        second = IoEvent(base, number, READ | PERSIST, lambda *_: seen.append("second"))
        second.add()
        right.close()
        other.send(b"x")
        base.loop()
        second.delete()
    assert seen == ["second"]


def test_one_shot_event_fires_once_and_can_be_added_in_its_callback(
    base: EventBase, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    pending: list[bool] = []

    def on_readable(_fd: int, _what: int) -> None:
        pending.append(event.pending)
        if len(pending) < 3:
            event.add()

    event = IoEvent(base, left.fileno(), READ, on_readable)
    event.add()
    right.send(b"x")
    for _ in range(5):
        base.loop(block=False)
    assert pending == [False] * 3
    assert not event.pending


def test_timeout_of_a_read_event(base: EventBase, pair: tuple[socket.socket, socket.socket]) -> None:
    left, _right = pair
    got: list[int] = []
    event = IoEvent(base, left.fileno(), READ | PERSIST, lambda _fd, what: got.append(what))
    event.add(0.001)
    base.loop()
    assert got == [TIMEOUT]
    event.delete()


@pytest.mark.skipif(
    sys.platform != "linux", reason="that epoll refuses regular files is Linux's (epoll_ctl(2))"
)
def test_descriptor_that_the_kernel_refuses_is_an_error_with_its_reason(
    base: EventBase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if base.method != "epoll":
        pytest.skip(f"the method here is {base.method}, which takes any file")
    with (tmp_path / "file").open("w") as file:
        event = IoEvent(base, file.fileno(), READ, print)
        with pytest.raises(LibeventError, match="Epoll ADD") as caught:
            event.add()
    assert caught.value.errno == errno.EPERM
    assert caught.value.call == "event_add"
    assert not event.pending
    assert capfd.readouterr() == ("", "")


def test_bufferevent_reads_writes_drains_and_reports_the_end(
    base: EventBase, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    said: list[object] = []
    arrived = bytearray()
    answer = bytes(range(256)) * 4096  # 1 MiB: more than the sockets hold

    def on_read() -> None:
        said.append(buffered.read())
        buffered.write(answer)
        buffered.call_when_drained(lambda: said.append("drained"))

    def on_peer_readable(*_: object) -> None:
        arrived.extend(right.recv(65536))
        if len(arrived) == len(answer):
            right.shutdown(socket.SHUT_WR)

    def on_event(what: int) -> None:
        said.append(what & EVENT_EOF)
        base.loopbreak()

    buffered = BufferEvent(base, left.fileno(), on_read, on_event)
    buffered.enable(READ)
    peer = IoEvent(base, right.fileno(), READ | PERSIST, on_peer_readable)
    peer.add()
    right.send(b"please")
    base.run()
    assert said == [b"please", "drained", EVENT_EOF]
    assert arrived == answer
    assert buffered.unsent_bytes == 0
    buffered.close()
    buffered.close()
    peer.delete()
    with pytest.raises(LibeventError, match="closed"):
        buffered.write(b"x")


def test_bufferevent_closed_in_its_callback_is_called_no_more(
    base: EventBase, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    calls = itertools.count()

    def on_read() -> None:
        next(calls)
        buffered.close()

    buffered = BufferEvent(base, left.fileno(), on_read, fail)
    buffered.enable(READ)
    right.send(b"x")
    right.close()
    later(base, lambda *_: base.loopbreak(), 0.01)
    base.run()
    assert next(calls) == 1


def test_bufferevent_exception_reaches_the_caller(
    base: EventBase, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    buffered = BufferEvent(base, left.fileno(), fail, fail)
    buffered.enable(READ)
    right.send(b"x")
    with pytest.raises(DeliberateError):
        base.run()
    buffered.close()
