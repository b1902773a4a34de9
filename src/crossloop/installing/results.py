"""What became of one thing that `crossloop setup` was to bring: a closed union, each with its evidence.

Installing is a result: that a binding is a wheel here, takes 80 seconds of compiling there and cannot be
had elsewhere belongs into the report as much as its speed. `match` over a result ends in `assert_never`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

InstallName: TypeAlias = Literal[
    "standard-library", "already-there", "wheel", "system-package", "built", "failed", "not-for-this-platform"
]


@dataclass(frozen=True)
class StandardLibrary:
    """Nothing to bring: Python's own modules."""


@dataclass(frozen=True)
class AlreadyThere:
    """Found in place and left alone; *detail* is the version, or the file and its version."""

    detail: str


@dataclass(frozen=True)
class Wheel:
    """Came ready to use from the package index."""

    detail: str
    seconds: float


@dataclass(frozen=True)
class SystemPackage:
    """A C library fetched from the system's package archive into this environment."""

    detail: str
    seconds: float


@dataclass(frozen=True)
class Built:
    """Compiled here; *seconds* is download and build together."""

    detail: str
    seconds: float


@dataclass(frozen=True)
class InstallFailed:
    """Could not be had; *why* is the informative line, *remedy* what a person can do (may be empty)."""

    why: str
    remedy: str
    seconds: float = 0.0


@dataclass(frozen=True)
class NotForThisPlatform:
    """Not published for this platform or Python; the reason names what to use instead."""

    reason: str


InstallResult: TypeAlias = (
    StandardLibrary | AlreadyThere | Wheel | SystemPackage | Built | InstallFailed | NotForThisPlatform
)


def install_name(result: InstallResult) -> InstallName:  # noqa: PLR0911  (an arm for each kind)
    """Name of a result in `setup.json` and in machine-readable output."""
    match result:
        case StandardLibrary():
            return "standard-library"
        case AlreadyThere():
            return "already-there"
        case Wheel():
            return "wheel"
        case SystemPackage():
            return "system-package"
        case Built():
            return "built"
        case InstallFailed():
            return "failed"
        case NotForThisPlatform():
            return "not-for-this-platform"
        case _:
            assert_never(result)


def install_text(result: InstallResult) -> str:  # noqa: PLR0911  (an arm for each kind)
    """One result as a person reads it in a table: `wheel`, `built from source in 14 s`, …"""
    match result:
        case StandardLibrary():
            return "standard library"
        case AlreadyThere(detail=detail):
            return f"already there ({detail})" if detail else "already there"
        case Wheel():
            return "wheel"
        case SystemPackage(detail=detail):
            return f"fetched from the system's archive ({detail})"
        case Built(seconds=seconds):
            return f"built from source in {seconds:.0f} s"
        case InstallFailed(why=why, remedy=remedy):
            return f"failed: {why}" + (f"; what would help: {remedy}" if remedy else "")
        case NotForThisPlatform(reason=reason):
            return f"not for this platform: {reason}"
        case _:
            assert_never(result)


def combined(results: list[InstallResult]) -> InstallResult:
    """One result for an adapter that needs several things: the first that is missing, else the dearest.

    An empty list is the standard library. Seconds add up over what was built, or over what was fetched.
    """
    came: list[StandardLibrary | AlreadyThere | Wheel | SystemPackage | Built] = []
    for result in results:
        if isinstance(result, InstallFailed | NotForThisPlatform):
            return result
        came.append(result)
    details = [result.detail for result in came if not isinstance(result, StandardLibrary)]
    for kind in (Built, SystemPackage, Wheel):
        of_kind = [result for result in came if isinstance(result, kind)]
        if of_kind:
            return kind(", ".join(details), sum(result.seconds for result in of_kind))
    return AlreadyThere(", ".join(details)) if details else StandardLibrary()
