"""Behaviours: each sees its fault, and each file says what a page needs."""

import sys
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from crossloop.api.about import is_on
from crossloop.behaviours.asking import questions
from crossloop.behaviours.catalogue import GROUPS, Entry, catalogue
from tests.asking import answer_of, faulty_answer
from tests.own_suite import SUITE

STREAMS_AND_SERVERS = {
    "out-of-descriptors": ("no", "one lack is reported again and again"),
    "refused-by-number": ("no", "OSError from several addresses"),
}
if sys.version_info < (3, 12):
    STREAMS_AND_SERVERS["wait-closed-waits"] = ("no", "it returns while a client is there")
else:
    sent_late = "what the kernel does not take at once is sent as it is later"
    STREAMS_AND_SERVERS["written-buffer-can-be-reused"] = ("no", sent_late)
if (3, 12) <= sys.version_info < (3, 13, 8):  # cpython 136234
    STREAMS_AND_SERVERS["write-after-the-end"] = ("no", "writelines raises TypeError")
if (3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2):  # cpython 127655
    STREAMS_AND_SERVERS["writelines-pauses-too"] = ("no", "it may write 64 MiB and is not told to wait")

EXCEPTIONS: dict[str, tuple[str, str]] = {
    **STREAMS_AND_SERVERS,
    "answers-after-close-notify": ("no", "the answer is dropped"),
    "closed-and-given-out-again": ("no", "the other file is not heard"),
    "delivered-to-another-thread": ("no", "it is heard only when something else wakes the loop"),
    "duplicate-left-open": ("no", "the loop spins once the file is readable"),
    "flood-loses-none": ("no", "it is lost"),
    "from-another-thread": ("no", "it fires only when something else wakes the loop"),
    "not-a-number": ("no", "a timer that is due does not fire"),
    "regular-file": ("differs", "raises PermissionError"),
    "same-time-in-order": ("no", "in another order"),
    "fork-leaves-the-parent-alone": ("no", "the parent hears nothing more of it"),
    "wait-is-for-the-child": ("no", "it waits until nobody has the pipe open any more"),
    **(
        {
            "cancellation-not-swallowed": ("no", "the task goes on as if nobody had cancelled it"),
            "eager-tasks": ("not-there", "eager tasks came with Python 3.12"),
        }
        if sys.version_info < (3, 12)
        else {}
    ),
    **({"empty-is-sent": ("no", "it is left out")} if sys.version_info < (3, 13) else {}),
}
"""Behaviour → (answer, how) of the standard library's loop on Linux, where it is not yes.

A loop with a fault of its own need not answer otherwise there.
"""

OF_TASKS: dict[str, dict[str, tuple[str, str]]] = {
    "trio": {
        "closed-and-given-out-again": ("no", "it is refused as long as somebody waits for the first"),
        "context-kept": ("no", "not with run_sync_soon"),
        "exit-comes-out": ("no", "it comes out in a group of exceptions"),
        "failing-handler-costs-one": ("no", "the next client is not served"),
        "loop-in-a-forked-child": ("no", "the child's loop fails"),
        "negative-delay": ("no", "a delay is refused, and a time is taken"),
        "refused-by-number": ("no", "OSError from one address, OSError from several addresses"),
        "regular-file": ("differs", "raises PermissionError"),
    },
    "curio": {
        "delivered-to-another-thread": ("no", "it is heard only when something else wakes the loop"),
        "far-future": ("differs", "raises OverflowError"),
        "infinite-delay": ("differs", "raises OverflowError"),
        "out-of-descriptors": ("no", "it serves nobody any more"),
        "small-messages-leave-at-once": ("no", "TCP_NODELAY is not set on connected and accepted sockets"),
    },
}
"""Library without callbacks → the same of it."""


def here() -> Iterator[ParameterSet]:
    """The behaviours of this platform. All but the first of each group are for the campaign (tox -e campaign)."""
    groups = set[str]()
    for behaviour in catalogue().values():
        if is_on(behaviour.about.platforms):
            yield pytest.param(
                behaviour.id, marks=[pytest.mark.campaign] if behaviour.group in groups else []
            )
            groups.add(behaviour.group)


@pytest.mark.parametrize("behaviour", list(here()))
def test_a_provoked_fault_is_seen(behaviour: str) -> None:
    answer = faulty_answer(behaviour)
    assert answer.answer != "yes", answer


@pytest.mark.campaign
@pytest.mark.parametrize("behaviour", [behaviour.id for behaviour in questions(SUITE.adapters["asyncio"])])
def test_the_standard_librarys_loop_keeps_the_rules(behaviour: str) -> None:
    answer = answer_of("asyncio", behaviour)
    assert (answer.answer, answer.how) == EXCEPTIONS.get(behaviour, ("yes", "")), answer


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform != "linux", reason="what they answer is listed for Linux")
@pytest.mark.parametrize(
    ("adapter", "behaviour"),
    [(adapter, behaviour.id) for adapter in OF_TASKS for behaviour in questions(SUITE.adapters[adapter])],
)
def test_libraries_of_tasks_keep_the_rules(adapter: str, behaviour: str) -> None:
    pytest.importorskip(adapter)
    answer = answer_of(adapter, behaviour)
    assert (answer.answer, answer.how) == OF_TASKS[adapter].get(behaviour, ("yes", "")), answer


@pytest.mark.parametrize("entry", catalogue().values(), ids=lambda entry: entry.id)
def test_each_says_what_its_page_needs(entry: Entry) -> None:
    assert entry.group in GROUPS
    assert entry.families
    assert entry.about.question.endswith("?")
    assert entry.about.rule.endswith(".")
    assert entry.about.source.startswith("https://")
    assert all(entry.program(family).startswith("def on_") for family in entry.families)
