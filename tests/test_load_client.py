"""The typed client of the load process, before servers that behave and that do not, and when the process is lost."""

import os
from collections.abc import Iterator

import psutil
import pytest

from crossloop.load.commands import Address, Content, Exchange, Open, Slice
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
        pid=os.getpid(),
        proven=proven,
    )


def test_each_question_has_its_kind_of_answer(load: LoadClient) -> None:
    assert load.engine().engine == "python"
    with serving(bad.echo) as port:
        assert load.open(opening(port)) == Connected(3)
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
        assert load.open(opening(port)) == Connected(3)


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
