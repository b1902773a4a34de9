"""Behaviours of every adapter, whatever its levels: facts and closing."""

import gc
import os
import sys
from pathlib import Path

from crossloop.conformance.behaviour import Behaviour, Level, Subject, require, require_equal


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


def close_releases(subject: Subject) -> None:
    """Runs last, for it closes the adapter; then a second one lives and ends, and must leave nothing.

    The first one's descriptors prove nothing: libuv, for one, opens a pipe for signals once in a process
    and keeps it (`uv__signal_global_init`), and what the first one holds lives on in our own references.
    """
    subject.adapter.close()
    before = open_descriptors()
    type(subject.adapter)().close()
    gc.collect()
    left = open_descriptors() - before
    require(not left, "no descriptor left open", ", ".join(sorted(_target(number) for number in left)))


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
        Behaviour(
            "adapter-states-facts", states_facts, "ask for the facts, twice", "versions and mechanism, asked"
        ),
        Behaviour(
            "adapter-close-releases",
            close_releases,
            "close; open and close a second one; look at the process's descriptors",
            "release the loop and everything the adapter opened",
        ),
    ),
)
