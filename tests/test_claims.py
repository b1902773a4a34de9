"""`crossloop claims`: each rule in each direction, each claim on journals with a known truth, the page, the command."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossloop.api.levels import LEVEL_NAMES
from crossloop.bench.ladder import Climb
from crossloop.bench.profiles import PROFILES
from crossloop.claims import (
    Answer,
    Claim,
    Judgement,
    Ratios,
    Sources,
    Verdict,
    catalogue,
    claims_page,
    evaluate,
)
from crossloop.claims.judging import about, at_least, below, between, every, joined, neither_wins, shown
from crossloop.cli.claims_plan import adapters_of, claims_plan, scenarios_of
from crossloop.journal import (
    CellRecord,
    EndRecord,
    Estimate,
    JournalWriter,
    Objective,
    Record,
    SliceRecord,
)
from crossloop.outcomes import Measured, OutcomeName
from crossloop.supervise.probe import Probed
from tests.documents import ROOT
from tests.journals import LINUX, WINE, figures, latency, run_record
from tests.own_suite import SUITE
from tests.plans import echoes

CLAIMS = catalogue()
BY_ID = {claim.id: claim for claim in CLAIMS}
NEW_LOOPS = ("zuvloop's", "rloop's", "veloxloop's", "loopmini's", "rsloop's")
HOLDS, DOES_NOT, UNDECIDED = Verdict.HOLDS, Verdict.DOES_NOT, Verdict.UNDECIDED


def around(value: float, spread: float = 0.02) -> Estimate:
    return Estimate(value, value * (1 - spread), value * (1 + spread), slices=9, generations=3)


# Rules


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (between(around(3), 2, 4), HOLDS),
        (between(around(1.5), 2, 4), DOES_NOT),
        (between(around(5), 2, 4), DOES_NOT),
        (between(around(2, 0.1), 2, 4), UNDECIDED),
        (at_least(around(2.2), 2), HOLDS),
        (at_least(around(1.9), 2), DOES_NOT),
        (at_least(around(2.01), 2), UNDECIDED),
        (below(around(0.9), 1), HOLDS),
        (below(around(1.1), 1), DOES_NOT),
        (below(around(0.99), 1), UNDECIDED),
        (about(around(1.5), 1.53), HOLDS),
        (about(around(3), 1.53), DOES_NOT),
        (about(around(1.9), 1.53), UNDECIDED),
        (neither_wins([around(2), around(0.5)]), HOLDS),
        (neither_wins([around(1.05), around(0.95)]), HOLDS),
        (neither_wins([around(2), around(3), around(1)]), DOES_NOT),
        (neither_wins([around(0.3), around(0.4), around(1)]), DOES_NOT),
        (neither_wins([around(2), around(1), around(1)]), UNDECIDED),
        (neither_wins([around(1.0, 0.5)]), UNDECIDED),
        (joined([HOLDS, HOLDS]), HOLDS),
        (joined([HOLDS, DOES_NOT]), UNDECIDED),
        (joined([]), Verdict.NOT_MEASURED),
        (every([HOLDS, DOES_NOT]), DOES_NOT),
        (every([HOLDS, UNDECIDED]), UNDECIDED),
    ],
)
def test_a_rule_decides_by_the_whole_interval(verdict: Verdict, wanted: Verdict) -> None:
    assert verdict is wanted


def test_a_figure_is_shown_with_its_interval_and_count() -> None:
    assert shown(around(1.19)) == "1.19 (1.17 to 1.21; 9 slices, 3 generations)"
    assert shown(Estimate(1234, 1000, 2000, 4, 1)) == "1,230 (1,000 to 2,000; 4 slices, 1 generation)"


# Claims on journals with a known truth

ECHO: Mapping[str, Any] = {"size": 1024, "connections": 10}
NAMES: Mapping[str, Any] = {"names": 300, "in_flight": 100, "kind": "plain"}
Costs = Mapping[tuple[str, str], float]


def rows(scenario: str, parameters: Mapping[str, Any], costs: Costs) -> list[Record]:
    """Nine paired rounds of each row, at a cost in ns that the rounds share a drift of."""
    records: list[Record] = []
    for (adapter, style), cost in costs.items():
        for generation in range(3):
            for turn in range(3):
                ns = int(1000 * cost * (1 + 0.1 * turn + 0.05 * generation))
                records.append(
                    SliceRecord(
                        adapter, style, scenario, dict(parameters), "capacity", generation, turn,
                        operations=1000, elapsed_ns=ns, cpu_ns=ns,
                    )
                )  # fmt: skip
        records.append(
            CellRecord(adapter, style, scenario, dict(parameters), "measured", figures=figures(cost / 1000))
        )
    return records


def rung(adapter: str, connections: int, cost_us: float, p99_us: float = 900.0) -> Record:
    values = msgspec.structs.replace(
        figures(cost_us),
        latency_us=latency(p99_us / 4.2),
        objective=Objective(allowed_p99_us=100_000, p99_us=p99_us, met=p99_us <= 100_000),
    )
    return CellRecord(
        adapter,
        "native",
        "c10k",
        {"connections": connections, "rate": 1000, "size": 64},
        "measured",
        figures=values,
    )


def failed(adapter: str, reason: str, outcome: OutcomeName = "failed") -> Record:
    return CellRecord(
        adapter, "native", "c10k", {"connections": 10_000, "rate": 1000, "size": 64}, outcome, reason
    )


def styles(adapter: str, *costs: float) -> Costs:
    return {
        (adapter, style): cost for style, cost in zip(("protocol", "streams", "sockets"), costs, strict=True)
    }


def echo(row: tuple[str, str], cost: float, other: tuple[str, str], other_cost: float = 10) -> list[Record]:
    return rows("tcp-echo", ECHO, {row: cost, other: other_cost})


def uvloop_styles(*asyncio: float) -> list[Record]:
    return rows("tcp-echo", ECHO, {**styles("asyncio", *asyncio), **styles("uvloop", 8, 10, 20)})


UVLOOP, TORNADO, GEVENT = ("uvloop", "protocol"), ("tornado", "iostream"), ("gevent-libev", "streamserver")


def ring(pyev: float, libevent: float) -> list[Record]:
    records = []
    for pairs, timeouts in ((100, False), (1000, False), (1000, True)):
        parameters = {"pairs": pairs, "active": 100, "writes": 2000, "timeouts": timeouts}
        records += rows(
            "pipe-pairs", parameters, {("pyev", "native"): pyev, ("libevent", "native"): libevent}
        )
    return records


def gevent(*ratios: float) -> list[Record]:
    sets: tuple[tuple[str, Mapping[str, Any], str], ...] = (
        ("tcp-echo", ECHO, "streamserver"),
        ("pipe-pairs", {"pairs": 100, "active": 100, "writes": 2000, "timeouts": False}, "native"),
        ("timers", {"timers": 2000, "mode": "fire"}, "native"),
        ("wakeups", {"threads": 1, "mode": "throughput"}, "native"),
    )
    records = []
    for (scenario, parameters, style), ratio in zip(sets, ratios, strict=True):
        records += rows(
            scenario, parameters, {("gevent-libev", style): 1000.0, ("gevent-libuv", style): 1000.0 * ratio}
        )
    return records


def names(dearer: str, ratio: float) -> list[Record]:
    costs = {("gevent-libev", "gevent-ares"): 1000.0, ("gevent-libev", dearer): 1000.0 * ratio}
    return rows("dns", NAMES, costs)


def ladder(adapter: str, exponent: float) -> list[Record]:
    return [rung(adapter, height, 40 * (height / 100) ** exponent) for height in (100, 1000, 10_000)]


SIZES = {
    "libev_bytes": 48,
    "libev_timer_bytes": 48,
    "libev": "4.33",
    "libevent_bytes": 152,
    "libevent": "1.3e",
}
THREADS = {
    "start": ["python"], "sockets": ["python"], "names": ["libuv-worker", "python"], "messages": 1000,
    "kernel_objects": ["eventpoll"], "python_threads": 1, "uvloop": "0.23.0",
}  # fmt: skip
LOOPS = ("epoll", "uvloop", "pyev", "libevent")


def in_proportion(claim: Claim, factor: float) -> list[Record]:
    """Rows of which each ratio is *factor* times what the claim says."""
    evidence = claim.evidence
    assert isinstance(evidence, Ratios)
    cost = 10.0 * factor * evidence.bounds[0]
    return [
        record
        for ratio in evidence.ratios
        for record in rows(ratio.scenario, ratio.parameters, {ratio.cheaper: 10.0, ratio.dearer: cost})
    ]


OF_THE_TABLES = [
    claim for claim in CLAIMS if isinstance(claim.evidence, Ratios) and claim.source.startswith(NEW_LOOPS)
]
"""Rows of the tables that the makers of newer loops publish."""
TRUTHS: Sequence[tuple[str, Verdict, list[Record], Mapping[str, Mapping[str, Any]]]] = [
    ("uvloop-2-4", HOLDS, uvloop_styles(20, 30, 60), {}),
    ("uvloop-2-4", DOES_NOT, uvloop_styles(10, 12, 30), {}),
    ("uvloop-2-4", UNDECIDED, uvloop_styles(10, 30, 60), {}),
    ("uvloop-twice-gevent", HOLDS, echo(GEVENT, 21, UVLOOP), {}),
    ("uvloop-twice-gevent", DOES_NOT, echo(GEVENT, 19, UVLOOP), {}),
    ("uvloop-twice-tornado", HOLDS, echo(TORNADO, 21, UVLOOP), {}),
    ("uvloop-twice-tornado", DOES_NOT, echo(TORNADO, 9, UVLOOP), {}),
    ("gevent-over-tornado", HOLDS, echo(TORNADO, 15, GEVENT), {}),
    ("gevent-over-tornado", DOES_NOT, echo(TORNADO, 25, GEVENT), {}),
    ("libev-faster", HOLDS, ring(900, 1000), {}),
    ("libev-faster", DOES_NOT, ring(1100, 1000), {}),
    ("libev-watcher-56", HOLDS, [], {"watcher-sizes": SIZES}),
    ("libev-watcher-56", DOES_NOT, [], {"watcher-sizes": {**SIZES, "libev_timer_bytes": 64}}),
    ("libevent-watcher-152", HOLDS, [], {"watcher-sizes": SIZES}),
    ("libevent-watcher-152", DOES_NOT, [], {"watcher-sizes": {**SIZES, "libevent_bytes": 128}}),
    ("gevent-loops-even", HOLDS, gevent(2, 0.5, 1, 1), {}),
    ("gevent-loops-even", DOES_NOT, gevent(2, 2, 3, 1), {}),
    ("gevent-loops-even", UNDECIDED, gevent(2, 1, 1, 1), {}),
    ("dns-threads", HOLDS, names("gevent-thread", 1.3), {}),
    ("dns-threads", DOES_NOT, names("gevent-thread", 2.5), {}),
    ("dns-dnspython", HOLDS, names("gevent-dnspython", 17), {}),
    ("dns-dnspython", DOES_NOT, names("gevent-dnspython", 7), {}),
    ("c10k-threads", DOES_NOT, [rung("threads", 10_000, 60)], {}),
    ("c10k-threads", HOLDS, [rung("threads", 10_000, 60, p99_us=143_000)], {}),
    ("c10k-threads", HOLDS, [failed("threads", "cannot start thread 4,000")], {}),
    ("c10k-threads", UNDECIDED, [failed("threads", "stopped at 100 connections: too slow", "timed-out")], {}),
    ("c10k-processes", HOLDS, [failed("processes", "fork: out of processes", "crashed")], {}),
    ("c10k-processes", DOES_NOT, [rung("processes", 10_000, 60)], {}),
    ("c10k-processes", UNDECIDED, [failed("processes", "held 3,233 MiB of memory", "over-limit")], {}),
    ("c10k-one-loop", HOLDS, [rung(id_, 10_000, 40) for id_ in LOOPS], {}),
    ("c10k-one-loop", DOES_NOT, [failed("pyev", "x"), *(rung(id_, 10_000, 40) for id_ in LOOPS if id_ != "pyev")], {}),
    ("select-grows", HOLDS, ladder("select", 0.8), {}),
    ("select-grows", DOES_NOT, ladder("select", 0.0), {}),
    ("poll-grows", HOLDS, ladder("poll", 0.8), {}),
    ("poll-grows", DOES_NOT, ladder("poll", 0.1), {}),
    ("epoll-level", HOLDS, ladder("epoll", 0.05), {}),
    ("epoll-level", DOES_NOT, ladder("epoll", 0.5), {}),
    ("libuv-pool", HOLDS, [], {"libuv-threads": THREADS}),
    ("libuv-pool", DOES_NOT, [], {"libuv-threads": {**THREADS, "sockets": ["python", "libuv-worker"]}}),
    ("libuv-pool", DOES_NOT, [], {"libuv-threads": {**THREADS, "names": ["python"]}}),
    ("libuv-poller", HOLDS, [], {"libuv-threads": THREADS}),
    ("libuv-poller", DOES_NOT, [], {"libuv-threads": {**THREADS, "kernel_objects": ["io_uring"]}}),
    *((claim.id, HOLDS, in_proportion(claim, 1.05), {}) for claim in OF_THE_TABLES),
    *((claim.id, DOES_NOT, in_proportion(claim, 0.5), {}) for claim in OF_THE_TABLES),
]  # fmt: skip


def judged(id_: str, records: Sequence[Record], programs: Mapping[str, Mapping[str, Any]]) -> Judgement:
    sources = Sources.of([run_record(), *records, EndRecord(elapsed_s=1, cells={})], programs)
    ((_claim, judgement),) = evaluate([BY_ID[id_]], sources)
    return judgement


@pytest.mark.parametrize(("id_", "wanted", "records", "programs"), TRUTHS)
def test_a_claim_is_judged_by_what_is_so(
    id_: str, wanted: Verdict, records: list[Record], programs: Mapping[str, Mapping[str, Any]]
) -> None:
    assert judged(id_, records, programs).verdict is wanted


def test_every_claim_that_can_be_tested_is_seen_to_hold_and_not_to() -> None:
    seen = {(id_, verdict) for id_, verdict, _records, _programs in TRUTHS}
    testable = [claim.id for claim in CLAIMS if claim.evidence.needs or isinstance(claim.evidence, Answer)]
    assert {(id_, verdict) for id_ in testable for verdict in (HOLDS, DOES_NOT)} <= seen


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_what_a_claim_lacks_is_its_reason(claim: Claim) -> None:
    judgement = judged(claim.id, [], {})
    assert judgement.verdict is Verdict.NOT_MEASURED
    assert judgement.measured


def test_a_row_that_failed_is_why_a_claim_is_not_measured() -> None:
    records = rows("tcp-echo", ECHO, {("uvloop", "protocol"): 8})
    records.append(
        CellRecord("gevent-libev", "", "tcp-echo", dict(ECHO), "not-installed", "no wheel for this Python")
    )
    assert judged("uvloop-twice-gevent", records, {}).measured == (
        "gevent-libev is not-installed: no wheel for this Python"
    )


# The plan


def test_a_rung_that_is_no_number_is_left_out() -> None:
    """As a journal from elsewhere may have one."""
    cells = [
        msgspec.structs.replace(cell, parameters={**cell.parameters, "connections": "many"})
        for cell in ladder("select", 0.8)
        if isinstance(cell, CellRecord)
    ]
    assert judged("select-grows", cells, {}).verdict is Verdict.NOT_MEASURED


def test_the_plan_has_the_rows_that_claims_need_and_no_other() -> None:
    suite = SUITE
    needs = [need for claim in CLAIMS for need in claim.evidence.needs]
    scenarios = [suite.scenarios[name] for name in scenarios_of(needs)]
    probed = [
        Probed(
            suite.adapters[name],
            Measured(),
            levels=dict.fromkeys(LEVEL_NAMES, ("native",)),
            rows={scenario.id: ("native",) for scenario in scenarios},
        )
        for name in adapters_of(needs)
    ]
    exchanges = partial(echoes, scenarios=scenarios)
    plan = claims_plan(needs, scenarios, probed, exchanges, budget_s=600, walls=())
    rows_of = {
        stage.name: {row.adapter for comparison in stage.comparisons for row in comparison.rows}
        for stage in plan.stages
    }
    assert rows_of["c10k"] == {
        "threads",
        "processes",
        "epoll",
        "uvloop",
        "pyev",
        "libevent",
        "select",
        "poll",
    }
    assert rows_of["dns"] == {"gevent-libev"}
    assert rows_of["wakeups"] == {"gevent-libev", "gevent-libuv"}
    assert {comparison.parameters["connections"] for stage in plan.stages if stage.name == "tcp-echo"
            for comparison in stage.comparisons} == {10}  # fmt: skip
    assert rows_of["call-soon"] == {"asyncio", "uvloop", "rloop", "rsloop", "zuvloop"}
    assert all(not comparison.rates for stage in plan.stages for comparison in stage.comparisons)
    for stage in plan.stages:
        assert all(row.adapter in stage.variants for row in stage.rows if "@" in row.adapter)
        assert isinstance(stage, Climb) == (stage.name == "c10k")
    least = claims_plan(needs, scenarios, probed, exchanges, budget_s=0.001, walls=())
    assert least.profile == PROFILES["smoke"]
    assert least.seconds < plan.seconds


# The page


def test_the_page_is_this() -> None:
    sources = Sources.of(
        [run_record(), *rows("tcp-echo", ECHO, {("tornado", "iostream"): 21, ("uvloop", "protocol"): 10})]
    )
    claims = [
        msgspec.structs.replace(BY_ID["uvloop-twice-tornado"], caveat="a | caveat"),
        BY_ID["uvloop-twice-gevent"],
    ]
    page = claims_page(evaluate(claims, sources), sources.run)
    assert page == (ROOT / "tests/golden/claims.md").read_text("utf-8")


# The programs


def crossloop(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crossloop", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def program(name: str) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", f"crossloop.probes.{name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.skipif(sys.platform != "linux", reason="threads are seen in /proc/self/task")
def test_libuv_starts_threads_for_names_and_none_for_sockets() -> None:
    pytest.importorskip("uvloop", reason="uvloop is not installed; `crossloop setup uvloop` brings it")
    answer = program("libuv_threads")
    assert "error" not in answer, answer
    assert len(answer["start"]) == len(answer["sockets"]) == 1
    assert len(answer["names"]) > 1
    assert "eventpoll" in answer["kernel_objects"]


def test_sizes_of_watchers_come_from_the_libraries_or_with_a_reason() -> None:
    answer = program("watcher_sizes")
    if "error" in answer:
        pytest.skip(str(answer["error"]))
    assert answer["libev_bytes"] % answer["pointer_bytes"] == 0
    assert 0 < answer["libev_bytes"] < answer["libevent_bytes"] < 1000


# The command


def journal(folder: Path, machine: Any = LINUX) -> Path:
    with JournalWriter(folder / "run.jsonl") as writer:
        for record in (run_record(machine), *ladder("epoll", 0.0)):
            writer.write(record, sync=False)
    return folder


def test_an_earlier_run_is_tested(tmp_path: Path) -> None:
    done = crossloop(
        "claims",
        "--from",
        str(journal(tmp_path)),
        "--out",
        str(tmp_path / "out"),
        "epoll-level",
        "poll-grows",
    )
    assert (done.returncode, done.stderr) == (0, "crossloop: 1 hold, 0 do not, 0 undecided, 1 not measured\n")
    assert done.stdout == (tmp_path / "out/claims.md").read_text("utf-8")
    assert "exponent over connections: 0.00" in done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["claims.md"]


def test_a_program_says_nothing_about_another_machine(tmp_path: Path) -> None:
    done = crossloop("claims", "--from", str(journal(tmp_path, WINE)), "libuv-poller")
    assert done.returncode == 3
    assert "the run is of another machine" in done.stdout
    assert "no claim could be tested" in done.stderr


def test_what_is_missing_is_measured(tmp_path: Path) -> None:
    arguments = ("--budget", "0.01", "--out", str(tmp_path), "poll-grows")
    done = crossloop("claims", *arguments)
    if sys.platform == "win32":
        assert done.returncode == 3, done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "profile smoke" in done.stderr
    kinds = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text("utf-8").splitlines()]
    assert {record["adapter"] for record in kinds if record["kind"] == "cell"} == {"poll"}


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("pol-grows", "unknown claim 'pol-grows'; did you mean 'poll-grows'? known: uvloop-2-4, "),
        ("--from nowhere", "nowhere"),
        ("--budget 0", "0.0 is not in the range 0<x<=600"),
    ],
)
def test_bad_usage_is_one_line(arguments: str, wanted: str) -> None:
    done = crossloop("claims", *arguments.split())
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert wanted in done.stderr
