"""What became of one thing that `crossloop setup` was to bring: a closed union, each with its evidence.

Installing is a result: that a binding is a wheel here, takes 80 seconds of compiling there and cannot be
had elsewhere belongs into the report as much as its speed. `name` is a result's name in `setup.json` and in
machine-readable output, `str` of it what a person reads in a table: `built from source in 14 s`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

InstallName: TypeAlias = Literal[
    "standard-library", "already-there", "wheel", "system-package", "built", "failed", "not-for-this-platform"
]


@dataclass(frozen=True)
class Came:
    """It is there. *seconds* is download and build together."""

    detail: str = ""
    """Version, or file and version; empty where there is none to name."""
    seconds: float = 0.0


class StandardLibrary(Came):
    """Nothing to bring: Python's own modules."""

    name: ClassVar[InstallName] = "standard-library"

    def __str__(self) -> str:
        return "standard library"


class AlreadyThere(Came):
    """Found in place and left alone."""

    name: ClassVar[InstallName] = "already-there"

    def __str__(self) -> str:
        return f"already there ({self.detail})" if self.detail else "already there"


class Wheel(Came):
    """Came ready to use from the package index."""

    name: ClassVar[InstallName] = "wheel"

    def __str__(self) -> str:
        return "wheel"


class SystemPackage(Came):
    """A C library fetched from the system's package archive into this environment."""

    name: ClassVar[InstallName] = "system-package"

    def __str__(self) -> str:
        return f"fetched from the system's archive ({self.detail})"


class Built(Came):
    """Compiled here."""

    name: ClassVar[InstallName] = "built"

    def __str__(self) -> str:
        return f"built from source in {self.seconds:.0f} s"


@dataclass(frozen=True)
class InstallFailed:
    """Could not be had; *why* is the informative line, *remedy* what a person can do (may be empty)."""

    why: str
    remedy: str
    name: ClassVar[InstallName] = "failed"

    def __str__(self) -> str:
        return f"failed: {self.why}" + (f"; what would help: {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class NotForThisPlatform:
    """Not published for this platform or Python; the reason names what to use instead."""

    reason: str
    name: ClassVar[InstallName] = "not-for-this-platform"

    def __str__(self) -> str:
        return f"not for this platform: {self.reason}"


InstallResult: TypeAlias = (
    StandardLibrary | AlreadyThere | Wheel | SystemPackage | Built | InstallFailed | NotForThisPlatform
)


def combined(results: list[InstallResult]) -> InstallResult:
    """One result for an adapter that needs several things: the first that is missing, else the dearest.

    An empty list is the standard library. Seconds add up over what was built, or over what was fetched.
    """
    came: list[StandardLibrary | AlreadyThere | Wheel | SystemPackage | Built] = []
    for result in results:
        if isinstance(result, InstallFailed | NotForThisPlatform):
            return result
        came.append(result)
    details = [result.detail for result in came if result.detail]
    for kind in (Built, SystemPackage, Wheel):
        of_kind = [result for result in came if isinstance(result, kind)]
        if of_kind:
            return kind(", ".join(details), sum(result.seconds for result in of_kind))
    return AlreadyThere(", ".join(details)) if details else StandardLibrary()
