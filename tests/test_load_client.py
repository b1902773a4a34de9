"""The typed client of the load process, before servers that behave and that do not, and when the process is lost."""

import os
from collections.abc import Iterator

import psutil
import pytest

from crossloop.load.command import run_load
from crossloop.load.commands import Address, Content, Exchange, Open, Slice
from crossloop.load.turns import Engine
from crossloop.supervise.answers import Connected, LoadFaultError, SliceAnswer
from crossloop.supervise.child import ChildError
from crossloop.supervise.load import LoadClient
from tests import misbehaving as bad
from tests.misbehaving import serving

MESSAGE = Content(stamp="binary", own_filler=48)
SLICE = Slice(target="a", phase="capacity", run_in_ms=5, duration_ms=30, seed=1)


@pytest.fixture
def load() -> Iterator[LoadClient]:
    with LoadClient("python") as client:
        yield client


def opening(port: int, *, proven: bool = False) -> Open:
    return Open(
        target="a",
        address=Address(host="127.0.0.1", port=port),
        connections=3,
        exchange=Exchange(request=MESSAGE, answer=MESSAGE),
        pids=[os.getpid()],
        proven=proven,
    )


def test_each_question_has_its_kind_of_answer(load: LoadClient) -> None:
    assert load.engine().engine == "python"
    with serving(bad.echo) as port:
        connected = load.open(opening(port))
        assert isinstance(connected, Connected)
        assert connected.connections == 3
        figures = load.slice(SLICE)
        assert (figures.operations > 0, figures.answered >= figures.operations) == (True, True)
        load.close("a")
        connecting = load.open(opening(port, proven=True))
        assert isinstance(connecting, SliceAnswer)
        assert connecting.operations == 3
        load.close("a", reset=True)
    load.close("a")  # has none: no error


def test_a_fault_is_raised_with_its_kind_and_the_load_goes_on(load: LoadClient) -> None:
    with pytest.raises(LoadFaultError, match="not open") as caught:
        load.slice(SLICE)
    assert caught.value.fault.kind == "usage"
    with serving(bad.echo) as port:
        connected = load.open(opening(port))
        assert isinstance(connected, Connected)
        assert connected.connections == 3


def test_a_load_that_is_killed_is_lost_for_every_question(load: LoadClient) -> None:
    psutil.Process(load.pid).kill()
    for _again in range(2):
        with pytest.raises(ChildError, match="SIGKILL" if os.name == "posix" else "exited"):
            load.engine()
    load.end()


def test_what_cannot_be_had_is_an_outcome_and_leaves_no_process() -> None:
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(ChildError, match="cannot pin"):
        LoadClient(cpu=100_000)
    with LoadClient("fast") as load, pytest.raises(ChildError, match="expected one of native, python"):
        load.engine()
    assert {child.pid for child in psutil.Process().children()} <= before


def test_run_load_gives_the_contracts_document(engine: Engine) -> None:
    with serving(bad.echo) as port, LoadClient(engine.name) as load:
        document = run_load(load, opening(port), None, 0.2)
        offered = run_load(load, opening(port), 200, 0.3)
    for made in (document, offered):
        assert list(made) == [
            "messages", "duration_s", "messages_per_s", "verified", "offered_per_s", "errors", "counters",
            "latency_us", "engine", "engine_reason", "mechanism", "hosts",
        ]  # fmt: skip
        assert list(made["latency_us"]) == ["p50", "p90", "p99", "p99.9", "max"]
        assert made["messages"] == made["verified"] > 0
        assert (made["errors"], made["counters"]) == (0, {})
        assert (made["engine"], made["engine_reason"]) == (engine.name, "")
        assert made["mechanism"]
        assert 0 < made["latency_us"]["p50"] <= made["latency_us"]["max"]
    assert (document["offered_per_s"], offered["offered_per_s"]) == (0, 200)
    assert document["messages_per_s"] == pytest.approx(document["messages"] / document["duration_s"])


def test_a_run_is_made_of_pieces_that_are_summed(load: LoadClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossloop.load.command.PIECE_S", 0.05)
    with serving(bad.echo) as port:
        document = run_load(load, opening(port), None, 0.12)
    assert document["duration_s"] > 0.12
    assert document["messages"] == document["verified"] > 0
