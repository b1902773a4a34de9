"""Servers in several processes on one port: they serve together, count together, end together, and are ranked apart."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from click.testing import CliRunner

from crossloop.api import UnsupportedError
from crossloop.bench.header import cpus, process_cpus
from crossloop.bench.in_processes import process_cells
from crossloop.bench.plan import Plan
from crossloop.bench.profiles import Pace
from crossloop.bench.rooms import SliceRoom, open_room
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Comparison, Rounds, Row, Stage, Step
from crossloop.bench.variants import Build, Processes, request_of, variant_name
from crossloop.cli.commands import cli
from crossloop.journal import (
    CellRecord,
    Estimate,
    InProcesses,
    Record,
    Regime,
    Run,
    SliceRecord,
    adapter_of,
    processes_of,
)
from crossloop.load.readings import evenness
from crossloop.measure.connections import connections_held
from crossloop.outcomes import Crashed, Measured, Unsupported
from crossloop.report import render
from crossloop.suite import load_suite
from crossloop.supervise.child import ChildError
from crossloop.supervise.probe import Probed
from crossloop.worker import pinning
from crossloop.worker.serving import open_listener
from tests import journals
from tests.pages import pages_of
from tests.plans import echo_of, planned

HERE = Path(__file__).parent
SUITE = load_suite()
LIMIT_S = 120.0
SHARED = pytest.mark.skipif(
    sys.platform != "linux", reason="SO_REUSEPORT shares connections out on Linux, and was tried there alone"
)
ECHO = {"connections": 64, "size": 64}
TWO = Row("epoll@x2", "native")


# Names ----------------------------------------------------------------------------------------------


def test_names() -> None:
    assert variant_name("uvloop", Processes(4)) == "uvloop@x4"
    assert (adapter_of("uvloop@x4"), processes_of("uvloop@x4")) == ("uvloop", 4)
    for name in ("uvloop", "uvloop@0.21.0", "uvloop@x", "uvloop@x04", "uvloop@x4.0", "uvloop@4", "x4"):
        assert processes_of(name) == 1
    assert request_of({"do": "serve", "port": 7}, Processes(2)) == {"do": "serve", "port": 7, "shared": True}


def test_a_build_cannot_have_a_name_of_processes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="such labels name a number of processes"):
        variant_name("uvloop", Build("x4", ()))
    folder = tmp_path / "x4"
    folder.mkdir()
    refused = CliRunner().invoke(cli, ["bench", "--dry-run", "--adapters", f"uvloop@{folder}"])
    assert "rows of this name are servers in 4 processes; rename" in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--processes", "1"], "1 is not in the range 2<=x<=256"),
        (["--processes", "2,four"], "'four' is not a valid integer"),
        (["--processes", "2,"], "'' is not a valid integer"),
        (
            ["--processes", "2", "--scenarios", "c10k,timers,udp-echo"],
            "no scenario of c10k, timers, udp-echo has",
        ),
    ],
)
def test_what_cannot_be_asked_for(arguments: list[str], said: str) -> None:
    refused = CliRunner().invoke(cli, ["bench", "--dry-run", *arguments])
    assert refused.exit_code != 0
    assert said in refused.output


# The plan -------------------------------------------------------------------------------------------


def plan_of(*scenarios: str, profile: str = "standard", **more: Any) -> Plan:
    probed = [
        Probed(
            SUITE.adapters[name],
            Measured(),
            levels={"StreamServer": ("native",), "Datagrams": ("native",), "PushServer": ("native",)},
            rows=dict.fromkeys(scenarios, ("native",)),
        )
        for name in ("epoll", "asyncio")
    ]
    return planned(profile, [SUITE.scenarios[name] for name in scenarios], probed, **more)


def test_each_row_is_there_again_in_the_rounds_of_the_one() -> None:
    plan = plan_of("tcp-echo", processes=(2, 4))
    (stage,) = plan.stages
    by_connections = {
        shared.connections: shared for shared in plan.comparisons if shared.parameters["size"] == 1024
    }
    assert [str(row) for row in by_connections[10].in_processes] == [
        "epoll@x2", "epoll@x4", "asyncio@x2", "asyncio@x4",
    ]  # fmt: skip
    assert not by_connections[1].in_processes, "one connection has one process to go to"
    assert stage.variants["epoll@x4"] == Processes(4)
    comparison = by_connections[10]
    assert comparison.rates
    assert len(stage.steps(comparison.in_processes[0], comparison, ())) == 1
    assert stage.processes == 2 * (1 + 2 + 4) + 1  # and the twin of the control
    assert plan.seconds > plan_of("tcp-echo").seconds


def test_only_connections_over_tcp_that_are_independent_are_shared_out() -> None:
    plan = plan_of("udp-echo", "unix-echo", "fan-out", "c10k", "accept-storm", processes=(2,))
    assert {shared.scenario.id for shared in plan.comparisons if shared.in_processes} == {"accept-storm"}


def test_where_no_port_is_shared_each_row_says_why() -> None:
    plan = plan_of("tcp-echo", profile="smoke", processes=(2,), no_sharing="this system does not")
    assert not any(shared.in_processes for shared in plan.comparisons)
    assert [(str(each.row), each.outcome) for each in plan.excluded] == [
        ("epoll@x2", Unsupported("this system does not")),
        ("asyncio@x2", Unsupported("this system does not")),
    ]


@pytest.mark.skipif(sys.platform in ("linux", "freebsd"), reason="this system shares a port out")
def test_elsewhere_a_listener_is_refused_with_the_reason() -> None:
    with pytest.raises(UnsupportedError, match="SO_REUSEPORT"):
        open_listener("127.0.0.1", 0, shared=True)


def test_processes_have_cpus_of_their_own_as_far_as_they_go_round() -> None:
    conditions = Conditions(0, 3, process_cpus=(0, 1, 3))
    assert conditions.places(1) == [0]
    assert conditions.places(5) == [0, 1, 3, 0, 1]
    assert Conditions(None, None).places(2) == [None, None]


# Serving --------------------------------------------------------------------------------------------


def staged(adapter: str, style: str) -> Stage:
    row = Row(f"{adapter}@x2", style)
    scenario = SUITE.scenarios["tcp-echo"]
    comparison = Comparison(scenario, ECHO, (), 1, exchange=echo_of(64), in_processes=(row,))
    return Rounds((comparison,), Pace(generations=1, slice_ms=100, run_in_ms=5), {row.adapter: Processes(2)})


@contextlib.contextmanager
def room_of(stage: Stage) -> Iterator[SliceRoom]:
    conditions = Conditions(*cpus(), process_cpus=tuple(process_cpus(2)))
    with Site(SUITE, conditions) as site, open_room(site, stage) as room:
        yield room


def stopped() -> None:
    """Two processes stand still, as soon as the signal has reached them."""
    deadline = time.monotonic() + LIMIT_S
    while {process.status() for process in workers()} != {psutil.STATUS_STOPPED}:
        assert time.monotonic() < deadline, workers()


def visit(room: SliceRoom, stage: Stage) -> dict[str, float]:
    """Counters of a slice, in which something was answered."""
    (comparison,) = stage.comparisons
    (taken,) = room.visit(stage.rows[0], comparison, [Step(comparison.main)], 1)
    assert taken.figures.operations > 0
    return taken.figures.counters


def workers() -> list[psutil.Process]:
    processes = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            processes += [process] if "crossloop.worker" in process.cmdline() else []
    return processes


@SHARED
@pytest.mark.parametrize(
    ("adapter", "style"), [("epoll", "native"), ("asyncio", "protocol"), ("processes", "native")]
)
def test_two_processes_serve_and_both_are_counted(adapter: str, style: str) -> None:
    stage = staged(adapter, style)
    with room_of(stage) as room:
        assert not room.start(stage.rows)
        stopped()
        counters = visit(room, stage)
        for what in ("process_cpu", "process_connections"):
            assert 0 < counters[f"{what}_least"] <= 0.5 <= counters[f"{what}_most"] < 1
            assert 0.5 < counters[f"{what}_jain"] <= 1
            assert counters[f"{what}_least"] + counters[f"{what}_most"] == pytest.approx(1)
        stopped()
    assert not workers()


@SHARED
def test_one_that_is_killed_is_the_rows_outcome_and_takes_the_other_with_it() -> None:
    stage = staged("epoll", "native")
    (comparison,) = stage.comparisons
    with room_of(stage) as room:
        visit(room, stage)
        before = workers()
        assert len(before) == 2
        before[1].kill()
        with pytest.raises(ChildError) as raised:
            room.visit(stage.rows[0], comparison, [Step(comparison.main)], 1)
        assert raised.value.outcome == Crashed("ended by SIGKILL")
        assert not workers()
        visit(room, stage)  # fresh ones
        assert len(workers()) == 2


@SHARED
def test_connections_are_found_in_the_process_that_holds_them() -> None:
    with open_listener("127.0.0.1", 0, shared=True) as listener, contextlib.ExitStack() as stack:
        address = listener.getsockname()
        for _number in range(3):
            stack.enter_context(socket.create_connection(address))
        assert connections_held([[os.getpid()]], address[1]) == [0], "nobody has accepted them"
        for _number in range(2):
            stack.enter_context(listener.accept()[0])
        assert connections_held([[os.getpid()], [os.getppid()], []], address[1]) == [2, 0, 0]
        with open_listener("127.0.0.1", address[1], shared=True) as second:
            assert second.getsockname() == address


def test_evenness() -> None:
    assert evenness("held", [0, 0]) == evenness("held", []) == {}
    assert evenness("held", [3, 1]) == {"held_jain": 0.8, "held_least": 0.25, "held_most": 0.75}


# Figures --------------------------------------------------------------------------------------------


def slice_of(adapter: str, turn: int, operations: int, cpu_ns: int, **counters: float) -> SliceRecord:
    return SliceRecord(
        adapter, "native", "tcp-echo", dict(ECHO), "capacity", 0, turn, operations, 100_000_000, cpu_ns,
        load_cpu_ns=50_000_000, counters=counters,
    )  # fmt: skip


def test_ratios_are_to_the_row_of_one_process_and_the_busiest_is_the_limit() -> None:
    comparison = Comparison(
        SUITE.scenarios["tcp-echo"],
        ECHO,
        (Row("epoll", "native"),),
        2,
        in_processes=(TWO, Row("epoll@x4", "native")),
    )
    slices = [slice_of("epoll", turn, 1000, 80_000_000) for turn in (0, 1)]
    slices += [slice_of("epoll@x2", turn, 1500, 120_000_000, process_cpu_most=0.8) for turn in (0, 1)]
    two, four = process_cells(comparison, slices, {Row("epoll@x4", "native"): Crashed("ended by SIGKILL")}, 1)
    assert two.figures is not None
    ratios = two.figures.to_one_process
    assert ratios is not None
    assert (ratios.operations_per_s.value, ratios.cpu_ns_per_operation.value) == pytest.approx((1.5, 1))
    assert two.figures.regime.name == "server-bound", "one process has 0.96 of a CPU"
    assert two.figures.regime.server_share == pytest.approx(1.2)
    assert (four.outcome, four.reason, four.figures) == ("crashed", "ended by SIGKILL", None)
    (alone, _four) = process_cells(comparison, slices[2:], {}, 1)
    assert alone.figures is not None
    assert alone.figures.to_one_process is None, "the row of one process shares no round with it"


# The report -----------------------------------------------------------------------------------------


def run_in_processes() -> list[Record]:
    record = journals.run_record(adapters=("asyncio",), scenarios=("tcp-echo",))
    single = journals.figures(7.0, best_us=7.0, regime=Regime("server-bound", 0.98, 0.4))
    two = journals.figures(
        7.7,
        best_us=7.7,
        regime=Regime("idle", 1.3, 0.6),
        counters={
            "process_cpu_jain": 0.9612, "process_cpu_least": 0.4, "process_cpu_most": 0.6,
            "process_connections_jain": 1.0, "process_connections_least": 0.5, "process_connections_most": 0.5,
        },
    )  # fmt: skip
    ratios = InProcesses(Estimate(1.3, 1.2, 1.4, 6, 3), Estimate(1.1, 1.05, 1.15, 6, 3))
    two = msgspec.structs.replace(two, to_one_process=ratios)
    return [
        msgspec.structs.replace(record, process_cpus=[0, 1]),
        journals.adapter_record("asyncio"),
        journals.measured("asyncio", "tcp-echo", single, connections=10),
        journals.measured(
            "asyncio@x2", "tcp-echo", msgspec.structs.replace(two, to_one_process=ratios), connections=10
        ),
        CellRecord("asyncio@x4", "native", "tcp-echo", {"connections": 10}, "crashed", "ended by SIGKILL"),
    ]


def test_the_page_has_a_section_of_them() -> None:
    page = pages_of(render(run_in_processes(), journals.ABOUT, pictures=False))["scenarios/tcp-echo.md"]
    section = page.partition("## In several processes\n\n")[2].partition("\n## ")[0]
    table = section.partition("\n\n")[2]
    assert table.strip() == (HERE / "golden" / "in_processes.md").read_text("utf-8").strip()


def test_they_stand_nowhere_else() -> None:
    rendered = render(run_in_processes(), journals.ABOUT, pictures=False)
    assert "@x" not in rendered.markdown
    pages = pages_of(rendered)
    assert [name for name, text in pages.items() if "@x" in text] == ["scenarios/tcp-echo.md"]
    run = Run.of(run_in_processes())
    assert [cell.adapter for cell in run.cells] == list(run.adapter_ids) == ["asyncio"]
    assert [cell.adapter for cell in run.process_cells] == ["asyncio@x2", "asyncio@x4"]


# From the command line ------------------------------------------------------------------------------


@SHARED
def test_a_bench_from_the_command_line_to_the_page(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "crossloop", "bench", "--processes", "2", "--profile", "smoke", "--adapters",
        "epoll", "--scenarios", "tcp-echo", "--no-evidence", "--no-references", "--out", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    cells = {record["adapter"]: record for record in records if record["kind"] == "cell"}
    assert [name for name, cell in cells.items() if cell["outcome"] == "measured"] == ["epoll", "epoll@x2"]
    assert cells["epoll@x2"]["figures"]["to_one_process"]["operations_per_s"]["slices"] >= 1
    assert records[0]["settings"]["processes"] == "2"
    assert records[-1]["cells"] == {"measured": 1}, "it is counted apart"
    page = (tmp_path / "scenarios" / "tcp-echo.md").read_text()
    assert "## In several processes" in page
    assert "--processes 2" in (tmp_path / "run.md").read_text()
    if len(pinning.allowed()) == 2:
        assert "is the load's as well" in done.stderr
