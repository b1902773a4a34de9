"""Promises of every adapter, whatever its levels: facts and closing."""

import gc
import os
import platform
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

from crossloop.api import Adapter, Facts, gil_enabled, holds_io_uring
from crossloop.api.facts import kernel_objects
from crossloop.contract.observing import descriptors
from crossloop.contract.promise import Level, Promise, Subject, require, require_equal

OPENINGS = 4


def states_facts(subject: Subject) -> None:
    facts = subject.adapter.facts()
    for name in ("binding", "binding_version", "library", "mechanism", "loaded_from"):
        require(bool(getattr(facts, name)), f"{name} stated", f"{name} is {getattr(facts, name)!r}")
    require(
        bool(facts.library_version) or facts.library == "none",
        f"the version of the linked {facts.library}",
        repr(facts.library_version),
    )
    require_equal(subject.adapter.facts(), facts, "facts asked a second time")


KERNEL_OBJECTS: Mapping[str, str] = {"epoll": "eventpoll", "io_uring": "io_uring"}
"""Mechanisms that a process holds a descriptor of, as `/proc/self/fd` names it."""


def states_the_truth(subject: Subject) -> None:
    """What the process, its descriptors and its memory map can confirm or deny; Linux shows all of it.

    The types of the facts are asked for already where they arrive (`crossloop.supervise.answers`).
    """
    facts = subject.adapter.facts()
    require_equal(facts.gil, gil_enabled(), "whether the GIL is on")
    require_equal(facts.io_uring, holds_io_uring(), "whether the process holds an io_uring")
    if facts.binding in sys.stdlib_module_names:
        require_equal(facts.binding_version, platform.python_version(), f"version of {facts.binding}")
    _require_loaded(facts)
    if sys.platform == "linux":
        held = kernel_objects()
        for mechanism, kind in KERNEL_OBJECTS.items():
            require(
                mechanism not in facts.mechanism or kind in held,
                f"a descriptor of kind {kind}, since the mechanism is {facts.mechanism!r}",
                f"none; others held: {', '.join(sorted(held)) or 'none'}",
            )


def _require_loaded(facts: Facts) -> None:
    """`loaded_from` is the end of the path of a file that is loaded, and so is some file with the library in it."""
    mapped = _mapped_files()
    modules = {str(getattr(module, "__file__", None) or "built in") for module in tuple(sys.modules.values())}
    ends = {f"/{path.replace(os.sep, '/')}" for path in (*map(str, mapped), *modules)}
    place = f"/{facts.loaded_from}"
    require(
        any(end.endswith(place) for end in ends) or (not mapped and Path(facts.loaded_from).exists()),
        "loaded_from: a file that this process has loaded",
        facts.loaded_from,
    )
    if mapped and facts.library != "none":
        name = facts.library.encode()
        require(
            any(name in path.name.encode() or name in path.read_bytes() for path in mapped),
            f"{facts.library} in a native file that this process has loaded",
            f"it is in none of {len(mapped)}",
        )


def _mapped_files() -> list[Path]:
    """Native files in this process's memory (proc_pid_maps(5)); none where the platform does not show them."""
    maps = Path("/proc/self/maps")
    if sys.platform != "linux" or not maps.is_file():  # Wine shows Linux's, in which no DLL is a library
        return []
    fields = (line.split(maxsplit=5) for line in maps.read_text().splitlines())
    files = {Path(each[5]) for each in fields if len(each) == 6 and each[5].startswith("/")}
    return sorted(path for path in files if ".so" in path.name and path.is_file())


def close_releases(subject: Subject) -> None:
    """Runs last, for it closes the adapter; then a second one lives and ends, and must leave nothing.

    The first one's descriptors prove nothing: libuv, for one, opens a pipe for signals once in a process
    and keeps it (`uv__signal_global_init`), and what the first one holds lives on in our own references.
    """
    subject.adapter.close()
    if sys.platform != "linux":
        _closes_what_is_counted(type(subject.adapter))
        return
    before = open_descriptors()
    type(subject.adapter)().close()
    gc.collect()
    left = open_descriptors() - before
    require(not left, "no descriptor left open", ", ".join(sorted(_target(number) for number in left)))


def _closes_what_is_counted(kind: Callable[[], Adapter]) -> None:
    """Where what is open has no names, or is opened by others as well: each opening leaves something, or none does."""
    counts = []
    for _ in range(OPENINGS):
        kind().close()
        gc.collect()
        counts.append(len(descriptors() or ()))
    require(
        not all(after > before for before, after in pairwise(counts)),
        "nothing left open",
        f"more after each of {OPENINGS} openings: {', '.join(map(str, counts))}",
    )


def open_descriptors() -> set[int]:
    """Numbers of this process's open descriptors; empty where the platform does not show them."""
    if sys.platform != "linux":
        return set()
    listed = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    return {number for number in listed if _alive(number)}


def _alive(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:  # the descriptor that the listing itself used
        return False
    return True


def _target(number: int) -> str:
    try:
        return f"{number} is {os.readlink(f'/proc/self/fd/{number}')}"  # noqa: PTH115  (no Path for a magic link)
    except OSError:
        return f"{number}"


ADAPTER = Level(
    "Adapter",
    (
        Promise(
            "adapter-states-facts", states_facts, "ask for the facts, twice", "versions and mechanism, asked"
        ),
        Promise(
            "adapter-states-the-truth",
            states_the_truth,
            "hold the facts against the process: descriptors, loaded files, GIL",
            "nothing is remembered or assumed (crossloop.api.facts)",
        ),
        Promise(
            "adapter-close-releases",
            close_releases,
            "close; open and close a second one; look at the process's descriptors",
            "release the loop and everything the adapter opened",
        ),
    ),
)
