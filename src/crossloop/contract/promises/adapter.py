"""Promises of every adapter, whatever its levels: facts and closing."""

import gc
import os
import platform
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

from crossloop.api import Adapter, Facts, Tasks, gil_enabled, holds_io_uring
from crossloop.api.facts import kernel_objects, mapped_files
from crossloop.contract.observing import descriptors
from crossloop.contract.promise import Promises, require, require_equal

ADAPTER = Promises(lambda subject: subject.adapter)
OPENINGS = 4


@ADAPTER.promise("adapter-states-facts", "ask for the facts, twice", "versions and mechanism, asked")
def states_facts(adapter: Adapter) -> None:
    facts = adapter.facts()
    for name in ("binding", "binding_version", "library", "mechanism", "loaded_from"):
        require(bool(getattr(facts, name)), f"{name} stated", f"{name} is {getattr(facts, name)!r}")
    require(
        bool(facts.library_version) or facts.library == "none",
        f"the version of the linked {facts.library}",
        repr(facts.library_version),
    )
    require_equal(adapter.facts(), facts, "facts asked a second time")


KERNEL_OBJECTS: Mapping[str, str] = {"epoll": "eventpoll", "io_uring": "io_uring"}
"""Mechanisms that a process holds a descriptor of, as `/proc/self/fd` names it."""


@ADAPTER.promise(
    "adapter-states-the-truth",
    "hold the facts against the process: descriptors, loaded files, GIL",
    "nothing is remembered or assumed (crossloop.api.facts)",
)
def states_the_truth(adapter: Adapter) -> None:
    """What the process, its descriptors and its memory map can confirm or deny; Linux shows all of it.

    The types of the facts are asked for already where they arrive (`crossloop.supervise.answers`).
    """
    facts = adapter.facts()
    require_equal(facts.gil, gil_enabled(), "whether the GIL is on")
    require_equal(facts.io_uring, holds_io_uring(), "whether the process holds an io_uring")
    if facts.binding in sys.stdlib_module_names:
        require_equal(facts.binding_version, platform.python_version(), f"version of {facts.binding}")
    _require_loaded(facts)
    if sys.platform == "linux":
        held = kernel_objects() | _held_in_a_run(adapter)
        for mechanism, kind in KERNEL_OBJECTS.items():
            require(
                mechanism not in facts.mechanism or kind in held,
                f"a descriptor of kind {kind}, since the mechanism is {facts.mechanism!r}",
                f"none; others held: {', '.join(sorted(held)) or 'none'}",
            )


def _held_in_a_run(adapter: Adapter) -> frozenset[str]:
    """What the process holds while a task runs: some libraries open their mechanism with each run, and close it."""
    held = frozenset[str]()
    if isinstance(adapter, Tasks):

        async def look() -> None:
            nonlocal held
            held = kernel_objects()

        adapter.run_main(look())
    return held


def _require_loaded(facts: Facts) -> None:
    """`loaded_from` is the end of the path of a file that is loaded, and so is some file with the library in it."""
    # Wine shows Linux's files, in which no DLL is a library.
    native = [path for path in mapped_files() if ".so" in path.name and path.is_file()]
    mapped = native if sys.platform == "linux" else []
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


@ADAPTER.promise(
    "adapter-close-releases",
    "close; open and close a second one; look at the process's descriptors",
    "release the loop and everything the adapter opened",
)
def close_releases(adapter: Adapter) -> None:
    """Runs last, for it closes the adapter; then a second one lives and ends, and must leave nothing.

    The first one's descriptors prove nothing: libuv, for one, opens a pipe for signals once in a process
    and keeps it (`uv__signal_global_init`), and what the first one holds lives on in our own references.
    """
    adapter.close()
    if sys.platform != "linux":
        _closes_what_is_counted(type(adapter))
        return
    before = set(descriptors() or ())
    type(adapter)().close()
    gc.collect()
    left = set(descriptors() or ()) - before
    require(not left, "no descriptor left open", ", ".join(sorted(left)))


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
