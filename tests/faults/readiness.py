"""Faults of the group `readiness`."""

import asyncio
import os
import selectors
from collections.abc import Callable
from typing import Any

Loop = asyncio.SelectorEventLoop
KeyAndEvents = tuple[selectors.SelectorKey, int]


def closed_while_watched() -> asyncio.AbstractEventLoop:
    return Loop(selectors.PollSelector())  # it is told of the closed number for ever


def closed_before_the_loop_runs() -> asyncio.AbstractEventLoop:
    return Loop(selectors.PollSelector())


class KeepsNumbers(selectors.EpollSelector):
    """Leaves what is unregistered to the kernel, which forgets it only when the file ends."""

    def __init__(self) -> None:
        super().__init__()
        self.left = dict[int, selectors.SelectorKey]()

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self.get_key(fileobj)
        self.left[key.fd] = key
        return key


def number_given_out_again() -> asyncio.AbstractEventLoop:
    class Forgetful(Loop):
        """Tells the kernel nothing of an end, nor of what has the number afterwards."""

        def remove_reader(self, fd: Any) -> bool:
            self.known = fd
            return True

        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            if fd != getattr(self, "known", None):
                super().add_reader(fd, callback, *args)

    return Forgetful()


def closed_and_given_out_again() -> asyncio.AbstractEventLoop:
    class Silent(Loop):
        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            try:
                super().add_reader(fd, callback, *args)
            except FileNotFoundError:  # it is watched already, is it not
                return

    return Silent()


def duplicate_left_open() -> asyncio.AbstractEventLoop:
    class Spins(Loop):
        def remove_reader(self, fd: Any) -> bool:
            removed = super().remove_reader(fd)
            self.call_soon(self.again)
            return removed

        def again(self) -> None:
            self.call_soon(self.again)

    return Spins()


def flags_kept() -> asyncio.AbstractEventLoop:
    class NonBlocking(Loop):
        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            os.set_blocking(fd, False)
            super().add_reader(fd, callback, *args)

    return NonBlocking()


class Deaf(Loop):
    """Hears nothing of what it is to watch."""

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
        """Nothing."""

    def remove_reader(self, fd: Any) -> bool:
        return False


def regular_file() -> asyncio.AbstractEventLoop:
    return Deaf()


class WithoutHangUp(selectors.EpollSelector):
    """Passes on what can be read, and no hang-up."""

    def select(self, timeout: float | None = None) -> list[KeyAndEvents]:
        return [(key, events) for key, events in super().select(timeout) if self.readable(key)]

    def readable(self, key: selectors.SelectorKey) -> bool:
        import fcntl
        import struct
        import termios

        waiting = fcntl.ioctl(key.fd, termios.FIONREAD, b"\0" * 4)
        return struct.unpack("i", waiting) != (0,)


def terminal() -> asyncio.AbstractEventLoop:
    return Deaf()


def end_of_a_pipe() -> asyncio.AbstractEventLoop:
    return Loop(WithoutHangUp())


def fifo_before_its_writer() -> asyncio.AbstractEventLoop:
    class Eager(Loop):
        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            super().add_reader(fd, callback, *args)
            self.call_later(0.01, callback, *args)

    return Eager()


def beyond_1024() -> asyncio.AbstractEventLoop:
    return Loop(selectors.SelectSelector())


def both_directions() -> asyncio.AbstractEventLoop:
    class OneIsAll(Loop):
        def remove_writer(self, fd: Any) -> bool:
            return super().remove_writer(fd) and super().remove_reader(fd)

    return OneIsAll()


def unwatched_by_a_neighbour() -> asyncio.AbstractEventLoop:
    class CallsAllTheSame(Loop):
        """Two steps between the report and the call, and the second looks no more."""

        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            super().add_reader(fd, self.call_soon, callback, *args)

    return CallsAllTheSame()


def watched_again() -> asyncio.AbstractEventLoop:
    class KeepsTheFirst(Loop):
        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            if fd not in self._selector.get_map():  # type: ignore[attr-defined]
                super().add_reader(fd, callback, *args)

    return KeepsTheFirst()


def unwatched_twice() -> asyncio.AbstractEventLoop:
    class Raises(Loop):
        def remove_reader(self, fd: Any) -> bool:
            if not super().remove_reader(fd):
                raise KeyError(fd)
            return True

    return Raises()


def urgent_data() -> asyncio.AbstractEventLoop:
    class WithPriority(selectors.PollSelector):
        """Asks for urgent data as well and takes it for data to read."""

        _EVENT_READ = selectors.PollSelector._EVENT_READ | 2  # type: ignore[attr-defined]

    return Loop(WithPriority())


def refused_connect() -> asyncio.AbstractEventLoop:
    class WithoutErrors(Loop):
        """Looks for room to write alone, as select on Windows does."""

        def add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            """Nothing."""

    return WithoutErrors()
