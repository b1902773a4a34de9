"""One promise: what a level promises, in words and as a check that can fail.

A case says what it does, what the contract requires and how it runs; a failure says what was expected,
then what was seen (the habit of h2spec).
"""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from crossloop.api import Adapter

WAIT_S = 5.0
"""Longest wait for something that must happen. Much longer than any of it takes, so that a busy machine fails
nothing; what never happens costs this once."""

QUIET_S = 0.03
"""How long something that must not happen is given to happen: a dozen turns of a loop."""

LIMIT_S = 20.0
"""After this time in one process a promise has hung, unless it says otherwise."""

EARLY_S = 0.0015 + time.get_clock_info("monotonic").resolution
"""How much before its time a timer may fire. Libraries round to milliseconds, and asyncio takes what is due
within one step of the clock (15.6 ms on Windows up to Python 3.12) as due."""


class ViolationError(Exception):
    """A promise was not as required."""

    def __init__(self, expected: object, actual: object):
        super().__init__(f"expected {expected}; was {actual}")
        self.expected = str(expected)
        self.actual = str(actual)


class NotInstalledError(Exception):
    """What a style needs beside its adapter is not installed; the message names it."""


def require(holds: bool, expected: object, actual: object) -> None:
    """Raise `ViolationError` unless *holds*."""
    if not holds:
        raise ViolationError(expected, actual)


def require_equal(actual: object, expected: object, what: str) -> None:
    """Raise `ViolationError` unless the two are equal; *what* names the quantity in the message."""
    if actual != expected:
        raise ViolationError(f"{what}: {_short(expected)}", f"{what}: {_short(actual)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:150]}… ({len(text)} characters)"


@dataclass(frozen=True)
class Subject:
    """What a promise runs against: an adapter that is open in this process, and a style of the level."""

    adapter: Adapter
    style: str = ""
    certificate: str = ""
    """Of `TlsServer`: file with the server's key and chain (PEM)."""
    authority: str = ""
    """File with the certificate of who signed it."""


Given = TypeVar("Given")
Check: TypeAlias = Callable[[Given], None]


@dataclass(frozen=True)
class Promise:
    """A named check. `run` raises `ViolationError`, `UnsupportedError`, or whatever the adapter raised."""

    id: str
    run: Check[Subject]
    description: str
    """What is done."""
    requirement: str
    """What the contract of the level (`crossloop.api.levels`) says about it."""
    limit_s: float
    """After this time in one process the promise has hung."""


class Promises(list[Promise], Generic[Given]):
    """Promises of a level, or of a part of one, in the order in which they run: that of the module that states them."""

    def __init__(self, given: Callable[[Subject], Given]) -> None:
        """*given*: makes of a subject what the checks are given."""
        super().__init__()
        self._given = given

    def promise(
        self, name: str, description: str, requirement: str, limit_s: float = LIMIT_S
    ) -> Callable[[Check[Given]], Check[Given]]:
        """Make the check that is decorated a promise; see `Promise`."""

        def add(check: Check[Given]) -> Check[Given]:
            def run(subject: Subject) -> None:
                check(self._given(subject))

            self.append(Promise(name, run, description, requirement, limit_s))
            return check

        return add


@dataclass(frozen=True)
class Level:
    """The promises of one level."""

    name: str
    """Class in `crossloop.api.levels`."""
    promises: Sequence[Promise]
    per_style: bool = False
    """Its methods take a style: every style that the adapter has for it runs all of them, and is named in the row."""


class Aside:
    """A function running in another thread, while the adapter has the main thread.

    Every library here works in the main thread (signals, child watchers), so the test's own side is the one
    that moves out. The function's waits are its own to bound; the thread is a daemon, so that one that
    hangs ends with the process.
    """

    def __init__(self, work: Callable[[], None], name: str):
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end and raise what the function raised."""
        self.await_end()
        if self._error is not None:
            raise self._error
        require(
            not self._thread.is_alive(),
            f"the other side, thread {self._thread.name!r}, done",
            f"still in {self._place()}",
        )

    def await_end(self) -> None:
        """Wait for the end, whatever it is, but not for ever."""
        self._thread.join(2 * WAIT_S)

    def failed(self) -> bool:
        """Whether the function has raised."""
        return self._error is not None

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # carried to the main thread, raised there
            self._error = error

    def _place(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0)
        return f"{frame.f_code.co_name}, line {frame.f_lineno}" if frame else "an unknown place"
