"""Promises of `Readiness`: watching descriptors for reading and writing."""

import contextlib
import os
import socket
import sys

from crossloop.api import Readiness, UnsupportedError
from crossloop.contract.promise import Promises, require, require_equal
from crossloop.contract.promises.readiness import Calls, loop_of, on_pair, pair, rest, turn

DESCRIPTORS = Promises(loop_of)
_WATCH = "call back whenever the descriptor is readable, level-triggered, until unwatch"
_UNWATCH = "unwatch(fd): stop watching for reading"
_WRITE = "as watch, for writability; both may be on for one descriptor"

# Reading ------------------------------------------------------------------------------------------


@DESCRIPTORS.promise("readiness-readable", "data arrives three times", _WATCH)
@on_pair
def readable(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    def read() -> bytes:
        data = ours.recv(100)
        if data != b"2":
            theirs.send(b"%d" % (int(data) + 1))
        return data

    reads = Calls(loop, 3, read)
    loop.watch(ours.fileno(), reads)
    loop.call_later(0.005, lambda *_: theirs.send(b"0"))
    turn(loop)
    require_equal(reads.seen, [b"0", b"1", b"2"], "data of the callbacks")


@DESCRIPTORS.promise("readiness-level-triggered", "data left unread twice", _WATCH)
@on_pair
def level_triggered(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    looks = Calls(loop, 3, lambda: ours.recv(100) if len(looks.seen) == 2 else b"")
    loop.watch(ours.fileno(), looks)
    theirs.send(b"unread twice")
    turn(loop)
    rest(loop)
    require_equal(looks.seen, [b"", b"", b"unread twice"], "calls, of which the third reads")


@DESCRIPTORS.promise("readiness-part-read", "five bytes read one a call", _WATCH)
@on_pair
def part_read(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    reads = Calls(loop, 5, lambda: ours.recv(1))
    theirs.send(b"12345")
    loop.watch(ours.fileno(), reads)
    turn(loop)
    require_equal(b"".join(reads.seen), b"12345", "bytes read one a call")


@DESCRIPTORS.promise("readiness-peer-closes", "the peer closes", _WATCH)
@on_pair
def peer_closes(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    def read() -> bytes:
        loop.unwatch(ours.fileno())
        return ours.recv(100)

    reads = Calls(loop, 1, read)
    loop.watch(ours.fileno(), reads)
    loop.call_later(0.005, lambda *_: theirs.close())
    turn(loop)
    require_equal(reads.seen, [b""], "data after the peer closed")


@DESCRIPTORS.promise("readiness-pipe", "a pipe instead of a socket", "fd is an int")
def pipes(loop: Readiness) -> None:
    if sys.platform == "win32":
        raise UnsupportedError("Windows reports readiness of sockets only, and not of pipes")
    reading, writing = os.pipe()

    def read() -> bytes:
        data = os.read(reading, 100)
        if data:
            os.close(writing)
        else:
            loop.unwatch(reading)
        return data

    reads = Calls(loop, 2, read)
    os.set_blocking(reading, False)
    loop.watch(reading, reads)
    os.write(writing, b"through a pipe")
    turn(loop)
    os.close(reading)
    require_equal(reads.seen, [b"through a pipe", b""], "data of the callbacks")


@DESCRIPTORS.promise("readiness-100-descriptors", "100 ready at once", _WATCH)
def hundred_descriptors(loop: Readiness) -> None:
    pairs = [pair() for _ in range(100)]
    seen: list[int] = []
    for number, (ours, theirs) in enumerate(pairs):

        def read(*_: object, ours: socket.socket = ours) -> None:
            seen.append(int(ours.recv(100)))
            if len(seen) == len(pairs):
                loop.stop()

        loop.watch(ours.fileno(), read)
        theirs.send(b"%d" % number)
    turn(loop)
    for ours, theirs in pairs:
        loop.unwatch(ours.fileno())
        ours.close()
        theirs.close()
    require_equal(sorted(seen), list(range(100)), "descriptors reported, each once")


# Unwatching ---------------------------------------------------------------------------------------


@DESCRIPTORS.promise("readiness-unwatch", "unwatch with data pending, then watch again", _UNWATCH)
@on_pair
def unwatch(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    calls = Calls(loop, 0)
    theirs.send(b"pending")
    loop.watch(ours.fileno(), calls)
    loop.unwatch(ours.fileno())
    rest(loop)
    require_equal(len(calls.seen), 0, "calls after unwatch")
    loop.watch(ours.fileno(), Calls(loop, 1, lambda: ours.recv(100)))
    turn(loop)


@DESCRIPTORS.promise(
    "readiness-unwatch-in-vain",
    "unwatch before watch, and twice; watch twice",
    "unwatch is harmless when it is not watched; watched again, it calls back the new one alone",
)
@on_pair
def unwatch_in_vain(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    def reads() -> Calls:
        return Calls(loop, 1, lambda: ours.recv(100))

    fd = ours.fileno()
    for _ in range(2):  # before anything of it was watched, and after
        loop.unwatch(fd)
        loop.unwatch_write(fd)
        first = reads()
        loop.watch(fd, first)
        loop.unwatch_write(fd)
        theirs.send(b"ready")
        turn(loop)
        require_equal(first.seen, [b"ready"], "data of the first callback")
        loop.unwatch(fd)
        loop.unwatch(fd)
    replaced, second = reads(), reads()
    loop.watch(fd, replaced)
    loop.watch(fd, second)
    theirs.send(b"ready")
    turn(loop)
    loop.unwatch(fd)
    theirs.send(b"never read")
    rest(loop)
    require_equal((replaced.seen, second.seen), ([], [b"ready"]), "data of the callbacks, replaced and new")


@DESCRIPTORS.promise("readiness-unwatch-itself", "unwatch in its own callback", _UNWATCH)
@on_pair
def unwatch_itself(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    calls = Calls(loop, 0, lambda: loop.unwatch(ours.fileno()))
    theirs.send(b"never read")
    loop.watch(ours.fileno(), calls)
    rest(loop)
    require_equal(len(calls.seen), 1, "calls of a callback that unwatches itself")


@DESCRIPTORS.promise("readiness-unwatch-another", "of two that are ready one ends both", _UNWATCH)
def unwatch_another(loop: Readiness) -> None:
    pairs = [pair(), pair()]
    leave_both = Calls(loop, 0, lambda: [loop.unwatch(ours.fileno()) for ours, _theirs in pairs])
    for ours, theirs in pairs:
        loop.watch(ours.fileno(), leave_both)
        theirs.send(b"both are ready at once")
    rest(loop)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
    require_equal(len(leave_both.seen), 1, "calls when the first ends both watches")


@DESCRIPTORS.promise("readiness-number-reused", "unwatch, close, same number anew", _UNWATCH)
def reused_number(loop: Readiness) -> None:
    seen: list[tuple[int, bytes]] = []
    numbers: set[int] = set()
    for round_ in range(20):
        ours, theirs = pair()
        numbers.add(ours.fileno())

        def read(*_: object, name: int = round_, ours: socket.socket = ours) -> None:
            seen.append((name, ours.recv(100)))
            loop.unwatch(ours.fileno())
            ours.close()
            loop.stop()

        loop.watch(ours.fileno(), read)
        theirs.send(b"%d" % round_)
        turn(loop)
        theirs.close()
    require_equal(seen, [(number, b"%d" % number) for number in range(20)], "callbacks and their data")
    require(
        sys.platform == "win32" or len(numbers) < 20,  # there a handle may stay unused for long
        "a number given out twice",
        f"20 different ones, {sorted(numbers)}",
    )


@DESCRIPTORS.promise(
    "readiness-number-reused-at-once",
    "the same within one callback, with nothing polled between",
    _UNWATCH,
)
def reused_in_callback(loop: Readiness) -> None:
    """The old watch ends and the number is watched again, for another file, within one callback."""
    first = pair()
    seen = []
    kept: list[socket.socket] = []

    def on_second(*_: object) -> None:
        seen.append(kept[0].recv(100))
        loop.stop()

    def on_first(*_: object) -> None:
        seen.append(first[0].recv(100))
        number = first[0].fileno()
        loop.unwatch(number)
        first[0].close()
        ours, theirs = pair()
        if ours.fileno() != number:
            ours, theirs = theirs, ours
        kept.extend((ours, theirs))
        loop.watch(ours.fileno(), on_second)
        theirs.send(b"second")

    loop.watch(first[0].fileno(), on_first)
    first[1].send(b"first")
    turn(loop)
    loop.unwatch(kept[0].fileno())
    for sock in (*kept, first[1]):
        sock.close()
    require_equal(seen, [b"first", b"second"], "data by callback")


# Writing ------------------------------------------------------------------------------------------


@DESCRIPTORS.promise("readiness-writable", "a socket with room", _WRITE)
@on_pair
def writable(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    def write() -> None:
        loop.unwatch_write(ours.fileno())
        ours.send(b"now")

    writes = Calls(loop, 1, write)
    loop.watch_write(ours.fileno(), writes)
    turn(loop)
    rest(loop)
    require_equal(theirs.recv(100), b"now", "data written from the callback")
    require_equal(len(writes.seen), 1, "calls of a callback that unwatches itself")


@DESCRIPTORS.promise("readiness-writable-again", "a full socket is drained", _WRITE)
@on_pair
def writable_again(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(bytes(65536))
    calls = Calls(loop, 1, lambda: loop.unwatch_write(ours.fileno()))
    loop.watch_write(ours.fileno(), calls)
    rest(loop)
    require_equal(len(calls.seen), 0, "calls while the buffer is full")

    def drain(*_: object) -> None:
        with contextlib.suppress(BlockingIOError):
            while theirs.recv(1 << 20):
                pass

    loop.call_later(0, drain)
    turn(loop)
    require_equal(len(calls.seen), 1, "calls once there is room")


@DESCRIPTORS.promise("readiness-both-directions", "watch and watch_write on one fd", _WRITE)
@on_pair
def both_directions(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    seen = []

    def write(*_: object) -> None:
        seen.append("write")
        loop.unwatch_write(ours.fileno())
        theirs.send(b"after the writing ended")

    def read(*_: object) -> None:
        seen.append("read")
        ours.recv(100)
        if seen.count("read") == 1:
            loop.watch_write(ours.fileno(), again)
        else:
            loop.stop()

    def again(*_: object) -> None:
        seen.append("again")
        loop.unwatch_write(ours.fileno())
        theirs.send(b"and reading goes on")

    loop.watch(ours.fileno(), read)
    loop.watch_write(ours.fileno(), write)
    turn(loop)
    require_equal(seen, ["write", "read", "again", "read"], "order of the callbacks")


@DESCRIPTORS.promise("readiness-reading-ends-first", "unwatch leaves watch_write on", _WRITE)
@on_pair
def reading_ends_first(loop: Readiness, ours: socket.socket, theirs: socket.socket) -> None:
    seen = []

    def write(*_: object) -> None:
        seen.append("write")
        if len(seen) == 3:
            loop.unwatch_write(ours.fileno())
            loop.stop()

    theirs.send(b"pending")
    loop.watch(ours.fileno(), lambda *_: seen.append("read"))
    loop.watch_write(ours.fileno(), write)
    loop.unwatch(ours.fileno())
    turn(loop)
    require_equal(seen, ["write"] * 3, "callbacks once reading is not watched any more")
