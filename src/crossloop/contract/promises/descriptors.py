"""Promises of `Readiness`: watching descriptors for reading and writing."""

import os
import socket
import sys
from collections.abc import Callable

from crossloop.api import Readiness, UnsupportedError
from crossloop.contract.promise import Promise, require, require_equal
from crossloop.contract.promises.readiness import on_loop, pair, rest, turn

# Reading ------------------------------------------------------------------------------------------


def readable(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def read(*_: object) -> None:
        seen.append(ours.recv(100))
        if len(seen) == 3:
            loop.stop()
        else:
            theirs.send(b"%d" % len(seen))

    with ours, theirs:
        loop.watch(ours.fileno(), read)
        loop.call_later(0.005, lambda *_: theirs.send(b"0"))
        turn(loop)
        loop.unwatch(ours.fileno())
    require_equal(seen, [b"0", b"1", b"2"], "data of the callbacks")


def level_triggered(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = 0

    def look(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            ours.recv(100)
            loop.stop()

    with ours, theirs:
        loop.watch(ours.fileno(), look)
        theirs.send(b"unread twice")
        turn(loop)
        rest(loop)
        loop.unwatch(ours.fileno())
    require_equal(calls, 3, "calls, of which the third reads")


def part_read(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def read_one(*_: object) -> None:
        seen.append(ours.recv(1))
        if len(seen) == 5:
            loop.stop()

    with ours, theirs:
        theirs.send(b"12345")
        loop.watch(ours.fileno(), read_one)
        turn(loop)
        loop.unwatch(ours.fileno())
    require_equal(b"".join(seen), b"12345", "bytes read one a call")


def peer_closes(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def read(*_: object) -> None:
        seen.append(ours.recv(100))
        loop.unwatch(ours.fileno())
        loop.stop()

    with ours:
        loop.watch(ours.fileno(), read)
        loop.call_later(0.005, lambda *_: theirs.close())
        turn(loop)
    require_equal(seen, [b""], "data after the peer closed")


def pipes(loop: Readiness) -> None:
    if sys.platform == "win32":
        raise UnsupportedError("Windows reports readiness of sockets alone; a pipe is none")
    reading, writing = os.pipe()
    seen = []

    def read(*_: object) -> None:
        seen.append(os.read(reading, 100))
        if seen[-1]:
            os.close(writing)
        else:
            loop.unwatch(reading)
            loop.stop()

    os.set_blocking(reading, False)
    loop.watch(reading, read)
    os.write(writing, b"through a pipe")
    turn(loop)
    os.close(reading)
    require_equal(seen, [b"through a pipe", b""], "data of the callbacks")


def hundred_descriptors(loop: Readiness) -> None:
    pairs = [pair() for _ in range(100)]
    seen: list[int] = []

    def reader(number: int) -> Callable[..., None]:
        def read(*_: object) -> None:
            seen.append(int(pairs[number][0].recv(100)))
            if len(seen) == len(pairs):
                loop.stop()

        return read

    for number, (ours, theirs) in enumerate(pairs):
        loop.watch(ours.fileno(), reader(number))
        theirs.send(b"%d" % number)
    turn(loop)
    for ours, theirs in pairs:
        loop.unwatch(ours.fileno())
        ours.close()
        theirs.close()
    require_equal(sorted(seen), list(range(100)), "descriptors reported, each once")


# Unwatching ---------------------------------------------------------------------------------------


def unwatch(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = []
    with ours, theirs:
        theirs.send(b"pending")
        loop.watch(ours.fileno(), lambda *_: calls.append(1))
        loop.unwatch(ours.fileno())
        rest(loop)
        require_equal(len(calls), 0, "calls after unwatch")

        def read(*_: object) -> None:
            ours.recv(100)
            loop.stop()

        loop.watch(ours.fileno(), read)
        turn(loop)
        loop.unwatch(ours.fileno())


def unwatch_in_vain(loop: Readiness) -> None:
    ours, theirs = pair()
    seen: list[str] = []

    def read(name: str) -> Callable[..., None]:
        def reading(*_: object) -> None:
            ours.recv(100)
            seen.append(name)
            loop.stop()

        return reading

    with ours, theirs:
        fd = ours.fileno()
        for _ in range(2):  # before anything of it was watched, and after
            loop.unwatch(fd)
            loop.unwatch_write(fd)
            loop.watch(fd, read("first"))
            loop.unwatch_write(fd)
            theirs.send(b"ready")
            turn(loop)
            loop.unwatch(fd)
            loop.unwatch(fd)
        loop.watch(fd, read("replaced"))
        loop.watch(fd, read("second"))
        theirs.send(b"ready")
        turn(loop)
        loop.unwatch(fd)
        theirs.send(b"never read")
        rest(loop)
    require_equal(seen, ["first", "first", "second"], "callbacks that read")


def unwatch_itself(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = []

    def leave(*_: object) -> None:
        calls.append(1)
        loop.unwatch(ours.fileno())

    with ours, theirs:
        theirs.send(b"never read")
        loop.watch(ours.fileno(), leave)
        rest(loop)
    require_equal(len(calls), 1, "calls of a callback that unwatches itself")


def unwatch_another(loop: Readiness) -> None:
    pairs = [pair(), pair()]
    calls = []

    def leave_both(*_: object) -> None:
        calls.append(1)
        for ours, _theirs in pairs:
            loop.unwatch(ours.fileno())

    for ours, theirs in pairs:
        loop.watch(ours.fileno(), leave_both)
        theirs.send(b"both are ready at once")
    rest(loop)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
    require_equal(len(calls), 1, "calls when the first ends both watches")


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
    for one in (*kept, first[1]):
        one.close()
    require_equal(seen, [b"first", b"second"], "data by callback")


# Writing ------------------------------------------------------------------------------------------


def writable(loop: Readiness) -> None:
    ours, theirs = pair()
    calls = []

    def write(*_: object) -> None:
        calls.append(1)
        loop.unwatch_write(ours.fileno())
        ours.send(b"now")
        loop.stop()

    with ours, theirs:
        loop.watch_write(ours.fileno(), write)
        turn(loop)
        rest(loop)
        require_equal(theirs.recv(100), b"now", "data written from the callback")
    require_equal(len(calls), 1, "calls of a callback that unwatches itself")


def writable_again(loop: Readiness) -> None:
    ours, theirs = pair()
    with ours, theirs:
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            pass
        calls = []

        def room(*_: object) -> None:
            calls.append(1)
            loop.unwatch_write(ours.fileno())
            loop.stop()

        loop.watch_write(ours.fileno(), room)
        rest(loop)
        require_equal(len(calls), 0, "calls while the buffer is full")

        def drain(*_: object) -> None:
            try:
                while theirs.recv(1 << 20):
                    pass
            except BlockingIOError:
                pass

        loop.call_later(0, drain)
        turn(loop)
    require_equal(len(calls), 1, "calls once there is room")


def both_directions(loop: Readiness) -> None:
    ours, theirs = pair()
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

    with ours, theirs:
        loop.watch(ours.fileno(), read)
        loop.watch_write(ours.fileno(), write)
        turn(loop)
        loop.unwatch(ours.fileno())
    require_equal(seen, ["write", "read", "again", "read"], "order of the callbacks")


def reading_ends_first(loop: Readiness) -> None:
    ours, theirs = pair()
    seen = []

    def write(*_: object) -> None:
        seen.append("write")
        if len(seen) == 3:
            loop.unwatch_write(ours.fileno())
            loop.stop()

    with ours, theirs:
        theirs.send(b"pending")
        loop.watch(ours.fileno(), lambda *_: seen.append("read"))
        loop.watch_write(ours.fileno(), write)
        loop.unwatch(ours.fileno())
        turn(loop)
    require_equal(seen, ["write"] * 3, "callbacks once reading is not watched any more")


_WATCH = "call back whenever the descriptor is readable, level-triggered, until unwatch"
_UNWATCH = "unwatch(fd): stop watching for reading"
_WRITE = "as watch, for writability; both may be on for one descriptor"

DESCRIPTORS = (
    Promise("readiness-readable", on_loop(readable), "data arrives three times", _WATCH),
    Promise("readiness-level-triggered", on_loop(level_triggered), "data left unread twice", _WATCH),
    Promise("readiness-part-read", on_loop(part_read), "five bytes read one a call", _WATCH),
    Promise("readiness-peer-closes", on_loop(peer_closes), "the peer closes", _WATCH),
    Promise("readiness-pipe", on_loop(pipes), "a pipe instead of a socket", "fd is an int"),
    Promise("readiness-100-descriptors", on_loop(hundred_descriptors), "100 ready at once", _WATCH),
    Promise("readiness-unwatch", on_loop(unwatch), "unwatch with data pending, then watch again", _UNWATCH),
    Promise(
        "readiness-unwatch-in-vain",
        on_loop(unwatch_in_vain),
        "unwatch before watch, and twice; watch twice",
        "unwatch is harmless when it is not watched; watched again, it calls back the new one alone",
    ),
    Promise("readiness-unwatch-itself", on_loop(unwatch_itself), "unwatch in its own callback", _UNWATCH),
    Promise(
        "readiness-unwatch-another", on_loop(unwatch_another), "of two that are ready one ends both", _UNWATCH
    ),
    Promise("readiness-number-reused", on_loop(reused_number), "unwatch, close, same number anew", _UNWATCH),
    Promise(
        "readiness-number-reused-at-once",
        on_loop(reused_in_callback),
        "the same within one callback, with nothing polled between",
        _UNWATCH,
    ),
    Promise("readiness-writable", on_loop(writable), "a socket with room", _WRITE),
    Promise("readiness-writable-again", on_loop(writable_again), "a full socket is drained", _WRITE),
    Promise("readiness-both-directions", on_loop(both_directions), "watch and watch_write on one fd", _WRITE),
    Promise(
        "readiness-reading-ends-first", on_loop(reading_ends_first), "unwatch leaves watch_write on", _WRITE
    ),
)
