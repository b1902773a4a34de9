"""Expectations: where an adapter must not work, as data with a condition, a reason and a link.

An unexpected failure and an unexpected success are both errors: the first is a defect, the second an
expectation that has outlived its cause. Conditions compose by `&`, `|` and `~`, and print themselves.
"""

import fnmatch
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from crossloop.journal import CheckRecord
from crossloop.machine import under_wine


@dataclass(frozen=True)
class Surroundings:
    """What conditions look at."""

    platform: str
    """`sys.platform`."""
    python: tuple[int, ...]
    libc: str
    """`glibc`, `musl`, or empty where there is no telling."""
    binding_version: tuple[int, ...]
    library_version: tuple[int, ...]
    wine: bool = False
    """Whether this is Wine's Windows."""


def surroundings(binding_version: str = "", library_version: str = "") -> Surroundings:
    """This machine, with the versions that an adapter stated in its facts."""
    libc = platform.libc_ver()[0] or ("musl" if sys.platform == "linux" else "")
    return Surroundings(
        sys.platform,
        tuple(sys.version_info[:3]),
        libc,
        version_numbers(binding_version),
        version_numbers(library_version),
        under_wine(),
    )


def version_numbers(text: str) -> tuple[int, ...]:
    """Leading numbers of a version: `2.1.12-stable` → (2, 1, 12)."""
    numbers = []
    for part in text.replace("-", ".").split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


@dataclass(frozen=True)
class Condition:
    """A predicate on surroundings that can be read."""

    text: str
    holds: Callable[[Surroundings], bool] = field(compare=False)

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(
            f"({self.text} and {other.text})", lambda here: self.holds(here) and other.holds(here)
        )

    def __or__(self, other: "Condition") -> "Condition":
        return Condition(f"({self.text} or {other.text})", lambda here: self.holds(here) or other.holds(here))

    def __invert__(self) -> "Condition":
        return Condition(f"not {self.text}", lambda here: not self.holds(here))

    def __str__(self) -> str:
        return self.text


ALWAYS = Condition("always", lambda _here: True)
LINUX = Condition("on linux", lambda here: here.platform == "linux")
MACOS = Condition("on darwin", lambda here: here.platform == "darwin")
WINDOWS = Condition("on win32", lambda here: here.platform == "win32")
WINE = Condition("under Wine", lambda here: here.wine)
MUSL = Condition("with musl", lambda here: here.libc == "musl")


def python_before(*version: int) -> Condition:
    """Python older than *version*."""
    return Condition(f"Python < {_dotted(version)}", lambda here: here.python < version)


def binding_before(*version: int) -> Condition:
    """The adapter's binding older than *version*."""
    return Condition(f"binding < {_dotted(version)}", lambda here: here.binding_version < version)


def library_before(*version: int) -> Condition:
    """The adapter's C library older than *version*."""
    return Condition(f"library < {_dotted(version)}", lambda here: here.library_version < version)


def _dotted(version: tuple[int, ...]) -> str:
    if not version or not all(isinstance(part, int) for part in version):
        raise TypeError(f"version {version!r}, expected whole numbers, as 3, 12")
    return ".".join(map(str, version))


@dataclass(frozen=True)
class Expectation:
    """One adapter does not do one behaviour, under a condition."""

    adapter: str
    """Id, or a pattern in the manner of a shell (`gevent-*`)."""
    behaviour: str
    """Id, or a pattern (`stream-*@sockets`)."""
    when: Condition
    reason: str
    link: str
    """Where the maintainers, the documentation or the standard say so."""
    sometimes: bool = False
    """A race: it fails now and then, and success is no surprise either."""

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError for a field that is not what it should be."""
        for name in ("adapter", "behaviour", "reason", "link"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise TypeError(f"{name} is {value!r}, expected text")
        if not isinstance(self.when, Condition):
            raise TypeError(f"when is {self.when!r}, expected a condition, as ALWAYS")
        if not isinstance(self.sometimes, bool):
            raise TypeError(f"sometimes is {self.sometimes!r}, expected True or False")

    def names(self, adapter: str) -> bool:
        """Whether it speaks of this adapter."""
        return fnmatch.fnmatchcase(adapter, self.adapter)

    def applies(self, adapter: str, behaviour: str, here: Surroundings) -> bool:
        """Whether it speaks of this check in these surroundings."""
        return (
            self.names(adapter) and fnmatch.fnmatchcase(behaviour, self.behaviour) and self.when.holds(here)
        )


def judge(record: CheckRecord, expectations: Iterable[Expectation], here: Surroundings) -> CheckRecord:
    """The record with `as_expected` set, and the expectation in its reason.

    Expected are success where no expectation applies and failure where one does; where those that apply
    speak of `sometimes`, both. A binding that is not installed is neither.
    """
    if record.outcome == "not-installed":
        return record
    applying = [
        expectation
        for expectation in expectations
        if expectation.applies(record.adapter, record.behaviour, here)
    ]
    passed = record.outcome == "measured"
    if not applying or (passed and all(expectation.sometimes for expectation in applying)):
        return msgspec.structs.replace(record, as_expected=passed)
    note = "; ".join(
        f"expected to fail ({expectation.when}): {expectation.reason}, {expectation.link}"
        for expectation in applying
    )
    reason = f"{record.reason}; {note}" if record.reason else note
    if passed:
        reason = f"works although {note}"
    return msgspec.structs.replace(record, as_expected=not passed, reason=reason)
