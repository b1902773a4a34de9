"""Faults of the group `readiness`."""

import asyncio
import os
import selectors
import sys
from collections.abc import Callable
from typing import Any

Loop = asyncio.SelectorEventLoop


class Spins(Loop):
    """Once it watches, it never sleeps."""

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
        super().add_reader(fd, callback, *args)
        self.again()

    def again(self) -> None:
        self.call_soon(self.again)


def closed_while_watched() -> asyncio.AbstractEventLoop:
    return Spins()


def closed_before_the_loop_runs() -> asyncio.AbstractEventLoop:
    return Spins()


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
    return Spins()


def flags_kept() -> asyncio.AbstractEventLoop:
    class NonBlocking(Loop):
        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            if sys.platform != "win32":
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


def terminal() -> asyncio.AbstractEventLoop:
    return Deaf()


def end_of_a_pipe() -> asyncio.AbstractEventLoop:
    class HearsOnce(Loop):
        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            def once() -> None:
                callback(*args)
                self.remove_reader(fd)

            super().add_reader(fd, once)

    return HearsOnce()


class Eager(Loop):
    """Calls back when there is nothing to read."""

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
        super().add_reader(fd, callback, *args)
        self.call_later(0.01, callback, *args)


def fifo_before_its_writer() -> asyncio.AbstractEventLoop:
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
    return Eager()


def refused_connect() -> asyncio.AbstractEventLoop:
    class WithoutErrors(Loop):
        """Looks for room to write alone, as select on Windows does."""

        def add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            """Nothing."""

    return WithoutErrors()
