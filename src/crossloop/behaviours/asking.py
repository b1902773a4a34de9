"""The supervisor's half: one process for each behaviour of an adapter, one record for each answer."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext

from crossloop.api.about import is_on
from crossloop.behaviours.catalogue import Entry, catalogue
from crossloop.journal import AnswerWord, BehaviourRecord
from crossloop.outcomes import Crashed, Outcome, OverLimit, TimedOut, outcome_reason, outcome_stderr
from crossloop.plain_text import without_folders
from crossloop.suite import AdapterEntry, Suite
from crossloop.supervise.answers import BehaviourAnswer
from crossloop.supervise.certificates import certificates
from crossloop.supervise.child import Child, ChildError, suite_paths

GRACE_S = 3.0
"""For starting the interpreter and importing the library, and for writing the stacks of a program that hangs."""


class Asked(Child):
    """A process that answers one question. There is nothing to be waited for at its end."""

    def end(self, grace_s: float = 0.0) -> None:
        """End it at once, with all that it started."""
        super().end(grace_s=0.0)


def questions(entry: AdapterEntry, wanted: Collection[str] | None = None) -> list[Entry]:
    """The behaviours that there is a program for in the words of this adapter; *wanted*: ids, None: all."""
    return [
        behaviour
        for behaviour in catalogue().values()
        if entry.about.asked_as in behaviour.families
        and (wanted is None or behaviour.id in wanted)
        and is_on(behaviour.about.platforms)
    ]


def ask(suite: Suite, entry: AdapterEntry, behaviour: Entry, *, label: str = "") -> BehaviourRecord:
    """Ask one question in a fresh process. Nothing that the library does raises here.

    *label*: name of the adapter in the record, where it is not the id (`uvloop@0.21.0`).
    """
    with certificates() if behaviour.group == "tls" else nullcontext() as made:
        files = {"certificate": str(made.server), "authority": str(made.ca)} if made else {}
        return _ask(suite, entry, behaviour, label or entry.id, files)


def _ask(
    suite: Suite, entry: AdapterEntry, behaviour: Entry, name: str, files: Mapping[str, str]
) -> BehaviourRecord:
    request = {
        "program": behaviour.module,
        "asked_as": entry.about.asked_as,
        "loop": entry.about.loop,
        "adapter": entry.module,
        "paths": suite_paths(suite.paths),
        "limit_s": behaviour.about.limit_s,
        **files,
    }
    try:
        with Asked(["-m", "crossloop.behaviours.process"], name=f"{name}: {behaviour.id}") as child:
            answer = child.ask(request, BehaviourAnswer, behaviour.about.limit_s + GRACE_S)
    except ChildError as error:
        return _from_outside(name, behaviour, error.outcome)
    return BehaviourRecord(
        adapter=name,
        behaviour=behaviour.id,
        group=behaviour.group,
        answer=answer.word,
        how=without_folders(answer.how),
        seen=without_folders(answer.seen),
    )


def _from_outside(name: str, behaviour: Entry, outcome: Outcome) -> BehaviourRecord:
    """The answer of a process that gave none."""
    reason, said = outcome_reason(outcome), outcome_stderr(outcome)
    word: AnswerWord
    match outcome:
        case TimedOut():
            word, how, seen = "hangs", "", said
        case Crashed() | OverLimit():
            word, how, seen = "crashed", reason, said
        case _:
            word, how, seen = "differs", "its process does not answer as it should", f"{reason}\n{said}"
    return BehaviourRecord(
        adapter=name, behaviour=behaviour.id, group=behaviour.group, answer=word, how=how, seen=seen.strip()
    )
