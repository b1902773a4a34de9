"""Variants: one adapter under several names in one comparison, and what differs between them.

A row's adapter may be `ID@LABEL`; `Stage.variants` says what that name stands for. The row is measured like any
other. The room translates the variant into the request that its worker gets; the request of an ordinary row
stays as it is, so that a variant costs nobody anything but itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, assert_never

from crossloop.journal.naming import MARK, processes_label, processes_of

TWIN = "twin"
"""Label of the A/A control."""
_LABEL = re.compile(r"[A-Za-z0-9_.+-]{1,40}")


@dataclass(frozen=True)
class Twin:
    """The adapter once more, in another process: nothing differs (A/A control)."""

    label: str = TWIN


@dataclass(frozen=True)
class Slowed:
    """The adapter serving an application that is slower by a known amount of CPU time.

    Every chunk that the application receives costs *iterations* turns of an empty loop more. With 0 the frame
    around the application is there and the loop is not: what others are to be compared with, so that the
    frame's own cost is common to them. For stream scenarios only; elsewhere the row is `Unsupported`.
    """

    label: str
    iterations: int


@dataclass(frozen=True)
class Build:
    """Another build of the adapter's binding, from folders such as `pip install --target` fills.

    They go in front of everything on the worker's `sys.path`. Their `.pth` files are not read.
    """

    label: str
    folders: tuple[Path, ...]


@dataclass(frozen=True)
class Fresh:
    """The adapter in a process like one that has never freed a large block (`worker.process.keep_allocator_fresh`)."""

    label: str = "fresh"


@dataclass(frozen=True)
class Processes:
    """The adapter's server in *count* processes, each listening on the same port by SO_REUSEPORT."""

    count: int

    @property
    def label(self) -> str:
        """`x4`."""
        return processes_label(self.count)


Variant: TypeAlias = Twin | Slowed | Build | Fresh | Processes


def variant_name(adapter: str, variant: Variant) -> str:
    """The name of a row's adapter: `asyncio@twin`.

    Raises ValueError for a label that a journal cannot hold, or that reads as a number of processes and is not one.
    """
    if not _LABEL.fullmatch(variant.label):
        raise ValueError(
            f"variant {variant.label!r} of {adapter}: expected 1 to 40 letters, digits and any of . _ + -"
        )
    name = f"{adapter}{MARK}{variant.label}"
    if processes_of(name) > 1 and not isinstance(variant, Processes):
        raise ValueError(f"variant {variant.label!r} of {adapter}: such labels name a number of processes")
    return name


def request_of(request: Mapping[str, Any], variant: Variant | None) -> dict[str, Any]:
    """What the worker of a row is asked, for its variant (None: the adapter as it is)."""
    match variant:
        case None | Twin():
            return dict(request)
        case Slowed():
            return {**request, "busy_iterations": variant.iterations}
        case Build():
            return {**request, "paths": [*map(str, variant.folders), *request["paths"]]}
        case Fresh():
            return {**request, "fresh": True}
        case Processes():
            return {**request, "shared": True}
        case _:
            assert_never(variant)
