"""Asking for one behaviour, of a library or of one with a fault."""

import importlib
from dataclasses import dataclass, replace

from crossloop.api.about import AskedAs
from crossloop.behaviours.asking import ask
from crossloop.behaviours.catalogue import Entry, catalogue
from crossloop.journal import BehaviourRecord
from tests.documents import ROOT
from tests.own_suite import SUITE


@dataclass(frozen=True)
class Fault:
    """A library with a fault."""

    asked_as: AskedAs
    loop: str = ""
    """As `AdapterAbout.loop`."""
    adapter: str = ""
    """Module of an adapter with a fault, for raw models."""


def answer_of(adapter: str, behaviour: str) -> BehaviourRecord:
    """What the library of *adapter* answers."""
    return ask(SUITE, SUITE.adapters[adapter], catalogue()[behaviour])


def fault_of(behaviour: Entry) -> Fault:
    """The library with the fault that *behaviour* is to see."""
    stem = behaviour.id.replace("-", "_")
    fault = getattr(importlib.import_module(f"tests.faults.{behaviour.group}"), stem)
    return fault if isinstance(fault, Fault) else Fault("asyncio", f"tests.faults.{behaviour.group}:{stem}")


def faulty_answer(behaviour: str) -> BehaviourRecord:
    """What the library with the fault answers."""
    entry, fault = catalogue()[behaviour], fault_of(catalogue()[behaviour])
    sound = SUITE.adapters["asyncio"]
    about = replace(sound.about, asked_as=fault.asked_as, loop=fault.loop)
    suite = replace(SUITE, paths=(*SUITE.paths, ROOT))
    return ask(suite, replace(sound, about=about, module=fault.adapter or sound.module), entry)
