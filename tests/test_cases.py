"""Reports by people who use these libraries: asked for by name, the versions that they are about answer as they say."""

from dataclasses import replace
from pathlib import Path

import pytest

from crossloop.behaviours.asking import ask
from crossloop.behaviours.catalogue import catalogue
from crossloop.installing.builds import bring_build, wanted_build
from crossloop.journal import BehaviourRecord
from crossloop.suite import AdapterEntry
from tests.own_suite import SUITE

pytestmark = [pytest.mark.network, pytest.mark.campaign]

LATE = "it is heard a tenth of a second late or more"
SPINS = "the loop spins once the file is readable"
KEPT_NUMBER = "the object keeps the number of a descriptor that is closed"
HELD_BACK = "it is held back until the loop has its turn"
CASES = (
    ("gevent-libev", "24.11.1", "closed-before-the-loop-runs", "yes", ""),
    ("gevent-libev", "25.4.1", "closed-before-the-loop-runs", "crashed", "ended by SIGABRT"),
    ("gevent-libuv", "24.11.1", "closed-before-the-loop-runs", "crashed", "ended by SIGABRT"),
    ("gevent-libev", "24.11.1", "restart-counts-anew", "no", "it goes on counting"),
    ("gevent-libuv", "24.11.1", "restart-counts-anew", "yes", ""),
    ("gevent-libuv", "24.11.1", "handler-runs-while-idle", "no", LATE),
    ("gevent-libev", "24.11.1", "handler-runs-while-idle", "yes", ""),
    ("gevent-libuv", "24.11.1", "ctrl-c-while-idle", "no", LATE),
    ("uvloop", "0.21.0", "duplicate-left-open", "no", SPINS),
    ("uvloop", "0.21.0", "flags-kept", "no", "it is non-blocking from then on"),
    ("uvloop", "0.21.0", "never-early", "no", "some fire up to two milliseconds early"),
    ("uvloop", "0.17.0", "pausing-from-the-start", "no", "data arrives at once"),
    ("uvloop", "0.17.0", "own-stdio-opens", "no", "its input and output cannot be opened"),
    ("uvloop", "0.17.0", "stop-ends-this-run", "no", "what it schedules still runs in this run"),
    ("uvloop", "0.23.0", "own-stdio-opens", "no", "its input and output cannot be opened"),
    ("uvloop", "0.23.0", "stop-ends-this-run", "no", "what it schedules still runs in this run"),
    ("uvloop", "0.20.0", "failing-send-goes-on", "no", "the endpoint is closed"),
    ("uvloop", "0.21.0", "failing-send-goes-on", "yes", ""),
    ("uvloop", "0.20.0", "answers-are-never-crossed", "no", "an answer reaches another connection"),
    ("uvloop", "0.23.0", "answers-are-never-crossed", "yes", ""),
    ("uvloop", "0.20.0", "drain-tells-of-the-end", "no", "raises RuntimeError"),
    ("uvloop", "0.21.0", "given-up-connect-gives-up-its-socket", "no", KEPT_NUMBER),
    ("uvloop", "0.22.1", "given-up-connect-gives-up-its-socket", "no", KEPT_NUMBER),
    ("uvloop", "0.23.0", "given-up-connect-gives-up-its-socket", "yes", ""),
    ("uvloop", "0.20.0", "pipe-is-closed-once", "no", "it is closed twice"),
    ("uvloop", "0.22.1", "write-leaves-at-once", "no", HELD_BACK),
    ("uvloop", "0.23.0", "write-leaves-at-once", "yes", ""),
)
"""Adapter, version of its binding, behaviour, answer, how. Python 3.11 and 3.12 on Linux have wheels of them all."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where builds are kept: each is brought once."""
    return tmp_path_factory.mktemp("builds")


@pytest.mark.parametrize(
    ("adapter", "version", "behaviour", "answer", "how"), CASES, ids=[" ".join(case[:3]) for case in CASES]
)
def test_the_version_answers_as_its_report_says(
    place: Path, adapter: str, version: str, behaviour: str, answer: str, how: str
) -> None:
    record = asked_of(place, SUITE.adapters[adapter], version, behaviour)
    assert (record.answer, record.how) == (answer, how), record


@pytest.mark.parametrize(("version", "answer"), [("5.0.1", "no"), ("5.1.0", "yes")])
def test_pycares_opens_a_socket_for_each_query_up_to_5_0(place: Path, version: str, answer: str) -> None:
    """pycares is no adapter's first requirement; asyncio, which drives it here, needs none of its own."""
    asyncio = SUITE.adapters["asyncio"]
    driven = replace(asyncio, about=replace(asyncio.about, requires=("pycares>=5",)))
    assert asked_of(place, driven, version, "cares-sockets").answer == answer


def asked_of(place: Path, adapter: AdapterEntry, version: str, behaviour: str) -> BehaviourRecord:
    """The answer of one behaviour on one build."""
    build = bring_build(wanted_build(adapter, version), place)
    suite = replace(SUITE, paths=(build.folder, *SUITE.paths))
    return ask(suite, adapter, catalogue()[behaviour], label=f"{adapter.id}@{version}")
