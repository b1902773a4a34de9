"""Rows that are late again and again in what is not measured: who is named, and who is not."""

import socket
from collections.abc import Mapping, Sequence

import pytest

from crossloop.api import Adapter, Facts, Parameters, Workload
from crossloop.bench.late import late_rows
from crossloop.bench.stages import Comparison, Row
from crossloop.journal import SliceRecord
from crossloop.worker.working import WorkRoom
from tests.own_suite import SUITE
from tests.test_control import slice_record

ECHO = SUITE.scenarios["tcp-echo"]
NAMES = ("asyncio", "poll", "select")
USUAL_MS = 0.4


def warned(
    waits_ms: Mapping[str, Sequence[float]], *, connections: int = 10, latency_ms: float = 0.3
) -> list[str]:
    """Causes of the warnings that such run-ins lead to; rows without any have 20 quick ones."""
    rows = tuple(Row(name, "protocol") for name in NAMES)
    comparison = Comparison(ECHO, {"connections": connections, "size": 1024}, rows, 20, ())
    latency = [(int(latency_ms * 1e6), 1000)]
    slices: list[SliceRecord] = [
        slice_record(name, 0, turn, 10**7, run_in_wait_ns=int(wait_ms * 1e6), latency=latency)
        for name in NAMES
        for turn, wait_ms in enumerate(waits_ms.get(name, [USUAL_MS] * 20))
    ]
    return [warning.cause for warning in late_rows(comparison, slices)]


def test_a_row_that_is_late_in_its_run_ins_is_named_with_what_to_do() -> None:
    (cause,) = warned({"poll": [50.0, USUAL_MS] * 10})
    assert cause.startswith("poll/protocol on tcp-echo: in 10 of 20 run-ins nothing was answered for 50 ms")


@pytest.mark.parametrize(
    "waits_ms",
    [
        {},
        pytest.param({"poll": [50.0] * 2 + [USUAL_MS] * 18}, id="twice"),
        pytest.param({name: [50.0] * 20 for name in NAMES}, id="everybody"),
        pytest.param({"poll": [15.0] * 20}, id="not long"),
    ],
)
def test_nobody_is_named_for_what_the_machine_does(waits_ms: Mapping[str, Sequence[float]]) -> None:
    assert warned(waits_ms) == []


def test_taking_in_new_connections_and_answers_that_are_slow_anyway_are_not_lateness() -> None:
    late = {"poll": [60.0] * 20}
    assert len(warned(late)) == 1
    assert warned(late, connections=100) == []
    assert warned(late, latency_ms=45.0) == []


class Idle(Adapter):
    """An adapter of which nothing is wanted."""

    def facts(self) -> Facts:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


class Late(Workload):
    """The first repetition waits for what never comes, 50 ms; the others do not."""

    def __init__(
        self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None
    ) -> None:
        super().__init__(adapter, style, parameters, server)
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(0.05)

    def prepare(self) -> None:
        """Nothing to prepare."""

    def verify(self) -> None:
        """Nothing can be wrong."""

    def run(self) -> int:
        if self.ours.gettimeout():
            with pytest.raises(TimeoutError):
                self.ours.recv(1)
            self.ours.settimeout(0)
        return 1

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def test_a_worker_that_drives_itself_says_how_long_its_run_in_waited() -> None:
    room = WorkRoom(Idle(), Late, "", None)
    answer = room.slice({}, 0.01, 0.001)
    room.close()
    assert answer["run_in_wait_ns"] >= 30e6


class Long(Late):
    """Every repetition waits for what never comes, 20 ms."""

    repetitions = 0

    def run(self) -> int:
        Long.repetitions += 1
        self.ours.settimeout(0.02)
        return super().run()


def test_a_repetition_that_is_long_needs_no_run_in() -> None:
    room = WorkRoom(Idle(), Long, "", None)
    for _slice in range(2):
        room.slice({}, run_in_s=0.001, duration_s=0.001)
    room.close()
    assert Long.repetitions == 2 + 1
