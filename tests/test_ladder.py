"""Ladders from the plan to the page: who climbs how far, what stops whom, and that nothing is left behind."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossloop.api import ScenarioAbout
from crossloop.bench import ladder
from crossloop.bench.cells import cells_of
from crossloop.bench.ladder import Climb
from crossloop.bench.profiles import PROFILES
from crossloop.bench.stages import Comparison, Row
from crossloop.journal import Latency, SliceRecord
from crossloop.load import (
    ConnectionLostError,
    DescriptorsError,
    Hooks,
    SilentServerError,
    VerificationError,
    connecting,
    open_loop,
)
from crossloop.load.loops import PYTHON
from crossloop.load.turns import Engine
from crossloop.load.walls import Wall
from crossloop.outcomes import Crashed, Failed, Measured, Outcome, OverLimit, TimedOut, Unsupported
from crossloop.suite import ScenarioEntry, SuiteError, read_declaration
from crossloop.supervise.answers import Ready
from crossloop.supervise.child import BesideError, Child
from crossloop.supervise.probe import Probed
from tests import misbehaving as bad
from tests.misbehaving import SEGFAULT, SIZE, echo_target, serving
from tests.own_suite import SUITE
from tests.plans import planned

HERE = Path(__file__).parent
MARK = f"ladder {os.getpid()}"
"""Tells the processes of these tests from everybody else's."""
C10K = SUITE.scenarios["c10k"]
ROW, OTHER = Row("uvloop", "protocol"), Row("select", "native")

# Which rungs, and what ends a climb: pure.


def rung(connections: int, rows: tuple[Row, ...] = (ROW, OTHER), **more: int) -> Comparison:
    return Comparison(C10K, {"connections": connections, "rate": 1000, "size": 64, **more}, rows, 3, ())


def test_rungs_are_grouped_by_what_else_differs_and_ascend() -> None:
    given = [rung(1000), rung(100, size=1024), rung(100), rung(30), rung(1000, size=1024)]
    groups = [
        [(comparison.parameters["connections"], comparison.parameters["size"]) for comparison in group]
        for group in ladder.ladders(given, "connections")
    ]
    assert groups == [[(30, 64), (100, 64), (1000, 64)], [(100, 1024), (1000, 1024)]]


@pytest.mark.parametrize(
    ("outcome", "above"),
    [
        (Failed("reset by peer", "tail"), Failed("stopped at 1,000 connections: reset by peer")),
        (Crashed("ended by SIGSEGV"), Crashed("stopped at 1,000 connections: ended by SIGSEGV")),
        (Unsupported("FD_SETSIZE"), Unsupported("stopped at 1,000 connections: FD_SETSIZE")),
        (TimedOut("too slow", 0.1), TimedOut("stopped at 1,000 connections: too slow", 0.1)),
        (OverLimit("held 9 MiB", "tail"), OverLimit("stopped at 1,000 connections: held 9 MiB")),
    ],
    ids=["failed", "crashed", "unsupported", "timed-out", "over-limit"],
)
def test_rungs_above_the_one_that_ended_a_climb_name_it(outcome: Outcome, above: Outcome) -> None:
    rungs = [rung(10000), rung(100), rung(3000), rung(1000)]
    stopped = ladder.stops(rungs, "connections", {rungs[3].key: {OTHER: outcome}})
    assert {comparison.parameters["connections"]: stopped[comparison.key] for comparison in rungs} == {
        100: {},
        1000: {},
        3000: {OTHER: above},
        10000: {OTHER: above},
    }


def test_the_lowest_of_several_ends_names_the_stop() -> None:
    rungs = [rung(100), rung(1000), rung(10000)]
    ended: dict[str, Mapping[Row, Outcome]] = {
        rungs[1].key: {ROW: Failed("second")},
        rungs[0].key: {ROW: Failed("first")},
    }
    stopped = ladder.stops(rungs, "connections", ended)
    assert (
        stopped[rungs[1].key] == stopped[rungs[2].key] == {ROW: Failed("stopped at 100 connections: first")}
    )


def test_a_figure_ends_no_climb() -> None:
    rungs = [rung(100), rung(1000)]
    with pytest.raises(ValueError, match="ends no climb"):
        ladder.stops(rungs, "connections", {rungs[0].key: {ROW: Measured()}})


def percentiles(p99_us: float) -> Latency:
    return Latency(count=1000, p50=1, p90=1, p99=p99_us, p99_9=p99_us, max=p99_us)


@pytest.mark.parametrize(
    ("p99s_ms", "met"),
    [
        ((99, 100, 400), True),  # one slice that a neighbour disturbed does not decide
        ((99, 101, 101), False),
        ((99, 500), True),
        ((101, 102), False),
        ((100,), True),
        ((100.001,), False),
    ],
)
def test_the_median_slice_is_held_against_the_objective(p99s_ms: tuple[float, ...], met: bool) -> None:
    objective = ladder.judged([percentiles(1000 * p99_ms) for p99_ms in p99s_ms], 100)
    assert objective is not None
    assert objective.met == met
    assert (ladder.too_slow(objective) is None) == met


def test_without_an_objective_nobody_is_too_slow() -> None:
    assert ladder.judged([percentiles(1e9)], 0) is None
    assert ladder.judged([], 100) is None
    assert ladder.too_slow(None) is None


def test_too_slow_says_both_numbers() -> None:
    outcome = ladder.too_slow(ladder.judged([percentiles(143_210)], 100))
    assert outcome == TimedOut("too slow, p99 143 ms where 100 ms are allowed", 0.1)


# The plan.


def probed(name: str, styles: tuple[str, ...]) -> Probed:
    entry = SUITE.adapters[name]
    return Probed(entry, Measured(), levels={"StreamServer": styles}, rows={"c10k": styles})


def test_a_ladder_climbs_in_the_first_style_alone_from_the_lowest_rung() -> None:
    plan = planned("full", [C10K], [probed("asyncio", ("protocol", "streams"))])
    (stage,) = plan.stages
    assert isinstance(stage, Climb)
    assert [comparison.parameters["connections"] for comparison in stage.comparisons] == [
        100, 300, 1000, 3000, 10000, 30000, 100000
    ]  # fmt: skip
    assert {comparison.rows for comparison in stage.comparisons} == {(Row("asyncio", "protocol"),)}
    assert {comparison.rates for comparison in stage.comparisons} == {()}
    assert plan.slices == stage.pace.generations * 7 * 2 * PROFILES["full"].climb_slices, "it and its twin"
    assert stage.objective_p99_ms == 100


def test_what_the_machine_forbids_is_typed_before_it_starts() -> None:
    plan = planned(
        "full",
        [C10K],
        [probed("asyncio", ("protocol",)), probed("uvloop", ("protocol",))],
        walls=[
            Wall(19_936, "a process may hold 20,000 descriptors here", lambda wanted: f"`allow {wanted}`"),
            Wall(28_000, "the ports are used up"),
            Wall(40_000, "far away"),
        ],
    )
    assert max(comparison.parameters["connections"] for comparison in plan.stages[0].comparisons) == 10_000
    assert [
        (excluded.row.adapter, excluded.parameters["connections"], excluded.forbidden)
        for excluded in plan.excluded
    ] == [
        ("asyncio", 30_000, True),
        ("uvloop", 30_000, True),
        ("asyncio", 100_000, True),
        ("uvloop", 100_000, True),
    ]
    assert plan.excluded[0].outcome == Unsupported(
        "30,000 connections asked for, 19,936 are possible: a process may hold 20,000 descriptors here; "
        "`allow 30000`; the ports are used up"
    )


def test_another_objective_takes_the_place_of_the_declared_one() -> None:
    plan = planned("quick", [C10K], [probed("asyncio", ("protocol",))], objective_p99_ms=5)
    assert plan.stages[0].objective_p99_ms == 5


@pytest.mark.parametrize(
    ("beyond", "rows"), [("None", [2, 2, 2]), ("0", [1, 1, 1]), ("1", [2, 1, 1]), ("3", [2, 2, 2])]
)
def test_primary_styles_only_beyond(tmp_path: Path, beyond: str, rows: list[int]) -> None:
    path = tmp_path / "c10k.py"
    path.write_text(
        "ABOUT = ScenarioAbout(levels=('StreamServer',), drive='exchange', title='', question='', unit='', "
        "sets=(('quick', {'connections': 1}), ('quick', {'connections': 2}), ('smoke', {'connections': 3})), "
        f"primary_styles_only_beyond={beyond})"
    )
    entry = ScenarioEntry("c10k", "c10k", path, read_declaration(path, ScenarioAbout))
    plan = planned("quick", [entry], [probed("asyncio", ("protocol", "streams"))])
    assert [len(comparison.rows) for comparison in plan.stages[0].comparisons] == rows


@pytest.mark.parametrize(
    "wrong",
    [
        "{'rate': 1, 'size': 64}",
        "{'connections': 'x', 'rate': 1, 'size': 64}",
        "{'connections': True, 'rate': 1, 'size': 64}",
        "{'connections': 2, 'size': 64}",
    ],
)
def test_a_set_that_is_no_rung_is_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "climb.py"
    path.write_text(
        "ABOUT = ScenarioAbout(levels=('StreamServer',), drive='exchange', title='', question='', unit='', "
        f"sets=(('quick', {wrong}),), ladder='connections')"
    )
    with pytest.raises(SuiteError, match="sets"):
        read_declaration(path, ScenarioAbout)


# The cells.


def a_slice(phase: str, number: int, **values: Any) -> SliceRecord:
    base: dict[str, Any] = {
        "adapter": ROW.adapter, "style": ROW.style, "scenario": "c10k", "phase": phase, "generation": 0,
        "parameters": {"connections": 1000, "rate": 1000, "size": 64}, "round": number, "operations": 1000,
        "elapsed_ns": 10**9, "cpu_ns": 40_000_000,
    }  # fmt: skip
    return SliceRecord(**(base | values))


def test_a_rung_has_its_figures_and_what_connecting_took() -> None:
    memory = {"rss_before_bytes": 10e6, "kernel_before_bytes": 100e6, "kernel_bytes": 108e6}
    slices = [
        a_slice(
            "connect", 0, elapsed_ns=10**8, rss_bytes=12_000_000, counters=memory, latency=[(5000, 1000)]
        ),
        *(a_slice("load", turn, offered_per_s=1000, latency=[(200_000_000, 1000)]) for turn in range(3)),
    ]
    (cell,) = cells_of(rung(1000, (ROW,)), slices, {}, 1, 100)
    figures = cell.figures
    assert figures is not None
    assert figures.cpu_ns_per_operation.value == 40_000
    assert figures.offered_per_s == 1000
    assert figures.regime.name == "idle"
    assert figures.objective is not None
    assert not figures.objective.met
    assert figures.connecting is not None
    assert figures.connecting.accepted_per_s.value == 10_000
    assert figures.connecting.cpu_ns_per_connection.value == 40_000
    assert figures.connecting.rss_bytes_per_connection == 2000
    assert figures.connecting.kernel_bytes_per_connection == 8000
    assert figures.connecting.latency_us.count == 1000


def test_the_kernels_memory_is_left_out_where_it_is_not_shown() -> None:
    slices = [
        a_slice("connect", 0, rss_bytes=9, counters={"rss_before_bytes": 9.0}),
        a_slice("load", 0, offered_per_s=1000, latency=[(2000, 1000)]),
    ]
    (cell,) = cells_of(rung(1000, (ROW,)), slices, {}, 1)
    assert cell.figures is not None
    assert cell.figures.connecting is not None
    assert cell.figures.connecting.kernel_bytes_per_connection is None
    assert cell.figures.objective is None


# The load: connections at random, each with a queue of its own.


def one_slow(sock: socket.socket, number: int) -> None:
    """Echo; the first connection takes 100 ms for every message."""
    while data := sock.recv(65536):
        if number == 0:
            threading.Event().wait(0.1)
        sock.sendall(data)


def test_a_request_on_a_busy_connection_waits_for_that_one(engine: Engine) -> None:
    """With four connections a quarter of all requests chooses the slow one, and each waits for those before."""
    latencies = {}
    for choice in ("idle", "random"):
        with serving(one_slow) as port:
            target = echo_target(port, 4)
            target.connect(5)
            try:
                stretch = open_loop(
                    target, 100, "constant", choice,
                    run_in_s=0.0, duration_s=0.4, drain_s=1.9, seed=3, engine=engine,
                )  # fmt: skip
            finally:
                target.close()
        assert stretch.unanswered == 0
        latencies[choice] = [value for value, _count in stretch.latency]
    assert latencies["random"][-1] > 350e6, "the last of several that wait for the slow connection"
    assert latencies["random"][-1] > latencies["idle"][-1] + 100e6, "others take the place of a busy one"


def test_random_choice_reaches_all_and_repeats_with_either_engine(native: Engine) -> None:
    counts: list[list[int]] = []
    for engine in (PYTHON, native):
        seen = [0] * 20

        def counting(sock: socket.socket, number: int, seen: list[int] = seen) -> None:
            while data := sock.recv(SIZE):
                seen[number] += 1
                sock.sendall(data)

        with serving(counting) as port:
            target = echo_target(port, 20)
            target.connect(5)
            open_loop(target, 1000, "constant", "random", run_in_s=0.0, duration_s=0.3, seed=5, engine=engine)
            target.close()
        counts.append(seen)
    assert all(counts[0])
    assert abs(sum(counts[0]) - 300) <= 3
    # The last few may or may not be sent: the measured part ends at a quiet moment.
    assert sum(abs(first - second) for first, second in zip(*counts, strict=True)) <= 3


def test_a_wrong_answer_is_found_on_a_random_connection() -> None:
    with serving(bad.changing(lambda data: data[:-1] + b"!")) as port:
        target = echo_target(port, 3)
        target.connect(5)
        with pytest.raises(VerificationError, match="a wrong answer at offset 63"):
            open_loop(target, 500, "constant", "random", run_in_s=0.0, duration_s=0.3, seed=1)
        assert target.poller is None


# The load: connecting many.


def test_every_connection_is_answered_before_it_counts() -> None:
    calls = []

    class Noted(Hooks):
        def at_start(self) -> None:
            calls.append("start")

        def at_end(self) -> None:
            calls.append("end")

    with serving(bad.echo) as port:
        target = echo_target(port, 250)
        proven = connecting.connect_proven(target, 20, Noted())
        assert proven.operations == sum(count for _ns, count in proven.latency) == 250
        assert len(target.connections) == 250
        assert 0 < proven.latency[0][0] <= proven.latency[-1][0] <= proven.elapsed_ns
        assert open_loop(target, 500, choice="random", run_in_s=0.0, duration_s=0.1, seed=1).unanswered == 0
        target.close(reset=True)
    assert calls == ["start", "end"]


def test_a_reset_leaves_no_time_wait() -> None:
    ended = threading.Event()
    errors = []

    def handler(sock: socket.socket, _number: int) -> None:
        try:
            bad.echo(sock, 0)
        except ConnectionResetError as error:
            errors.append(error)
        ended.set()

    with serving(handler) as port:
        target = echo_target(port, 1)
        connecting.connect_proven(target, 5)
        target.close(reset=True)
        assert ended.wait(5)
    assert errors


def first_ten_only(sock: socket.socket, number: int) -> None:
    """Serve ten connections; the others are accepted and never heard."""
    if number < 10:
        bad.echo(sock, number)
    else:
        threading.Event().wait(3)


def test_a_server_that_stops_accepting_is_left_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "STALL_NS", 200_000_000)
    with serving(first_ten_only) as port:
        target = echo_target(port, 30)
        reason = r"10 of 30 connections answered; none of the 20 that were made since was answered in 0\.2 s"
        with pytest.raises(SilentServerError, match=reason):
            connecting.connect_proven(target, 10)
        assert target.poller is None


def slow_to_serve(sock: socket.socket, number: int) -> None:
    threading.Event().wait(0.02 * number)
    bad.echo(sock, number)


def test_connecting_has_an_end() -> None:
    with serving(slow_to_serve) as port:
        target = echo_target(port, 90)
        with pytest.raises(
            SilentServerError, match=r"\d+ of 90 connections answered; the others had none within"
        ):
            connecting.connect_proven(target, 0.3)


def test_a_server_that_closes_what_it_accepts_is_named_with_how_far_it_got() -> None:
    def closing(sock: socket.socket, number: int) -> None:
        if number < 5:
            bad.echo(sock, number)

    with serving(closing) as port:
        target = echo_target(port, 30)
        with pytest.raises(ConnectionLostError, match=r"\d+ of 30 connections answered; connection"):
            connecting.connect_proven(target, 5)


def test_a_server_without_descriptors_is_the_reason() -> None:
    with serving(lambda _sock, _number: None) as port:
        target = echo_target(port, 30)
        with pytest.raises(DescriptorsError, match=r"0 of 30 connections answered; the server is out of"):
            connecting.connect_proven(target, 5, exhausted=lambda: "the server is out of descriptors")


def test_one_address_serves_until_its_ports_are_used_up() -> None:
    ports = connecting.ports_of_an_address()
    assert connecting.sources_for("127.0.0.1", 10) == [""]
    assert connecting.sources_for("192.0.2.1", 3 * ports) == [""]
    assert connecting.sources_for("localhost", 3 * ports) == [""]
    if sys.platform == "linux":
        assert connecting.sources_for("127.0.0.1", ports) == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        most = connecting.sources_for("127.0.0.1", 1_000_000)
        assert len(set(most)) == len(most) <= connecting.MANY_ADDRESSES
        assert 1_000_000 / len(most) < ports / 2, "beyond that each connect(2) is slow"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_connections_come_from_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "ports_of_an_address", lambda: 30)
    with serving(bad.echo) as port:
        target = echo_target(port, 40)
        connecting.connect_proven(target, 10)
        addresses = [connection.sock.getsockname()[0] for connection in target.connections]
        target.close()
    assert sorted({address: addresses.count(address) for address in addresses}.items()) == [
        ("127.0.0.1", 14), ("127.0.0.2", 13), ("127.0.0.3", 13)
    ]  # fmt: skip


# The supervisor beside it.


def test_a_child_is_watched_while_another_is_asked() -> None:
    silent = [sys.executable, "-c", "import sys; sys.stdin.read()"][1:]
    eats = [
        "-c",
        "import sys; held = bytearray(300 << 20); held[::4096] = b'x' * len(held[::4096]); sys.stdin.read()",
    ]
    with Child(silent, name="asked") as child, Child(eats, name="eats", limit_bytes=100 << 20) as other:
        with pytest.raises(BesideError) as caught:
            child.ask({}, Ready, 30, beside=[other])
        assert "MiB of memory; the limit is 100 MiB" in str(caught.value.outcome)


# The whole way.

CLIMB = ("--suite", str(HERE / "faulty_suite"), "bench", "--profile", "smoke", "--scenarios", "climb")


def crossloop(*arguments: str, descriptors: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossloop", *arguments]
    if descriptors:
        command = ["/bin/sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    environment = {**os.environ, "CROSSLOOP_TEST": MARK}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def cells(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    lines = map(json.loads, (folder / "run.jsonl").read_text().splitlines())
    return {
        (record["adapter"], record["parameters"]["connections"]): record
        for record in lines
        if record["kind"] == "cell"
    }


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bench of every fault on the ladder of the profile `smoke`."""
    out = tmp_path_factory.mktemp("climbed")
    done = crossloop(
        *CLIMB, "--adapters",
        "asyncio,crowded,eats,exits,hangs,hoards,misses,raises,refuses,segfaults,tires", "--limit", "15",
        "--memory", "300", "--objective", "5000", "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield out
    assert not _left(), "workers were left behind"


def _left() -> list[str]:
    """Processes that a bench of these tests started and left behind."""
    left = []
    for process in psutil.process_iter(["pid", "cmdline", "environ"]):
        if (process.info["environ"] or {}).get("CROSSLOOP_TEST") == MARK and process.pid != os.getpid():
            left.append(" ".join(process.info["cmdline"] or ()))
    return left


STOPS = {
    ("asyncio", 10): ("measured", ""),
    ("asyncio", 100): ("measured", ""),
    ("crowded", 10): ("measured", ""),
    ("crowded", 100): (
        "failed",
        r"\d\d of 100 connections answered; the server is out of descriptors: it holds (\d+), and its limit is \1$",
    ),
    ("eats", 10): ("over-limit", "MiB of memory"),
    ("eats", 100): ("over-limit", "stopped at 10 connections: held"),
    ("exits", 10): ("crashed", "exited with status 7"),
    ("exits", 100): ("crashed", "stopped at 10 connections: exited with status 7"),
    ("hangs", 10): ("timed-out", "0 of 8 connections answered; none of the 8 that were made since"),
    ("hangs", 100): ("timed-out", "stopped at 10 connections: 0 of 8"),
    ("hoards", 10): ("measured", ""),
    ("hoards", 100): (
        "over-limit",
        r"^100 connections would take about \d{3} MiB of memory, by the .* MiB that each took at 10; the limit is 300",
    ),
    ("misses", 10): ("not-installed", "nosuchbinding"),
    ("misses", 100): ("not-installed", "nosuchbinding"),
    ("raises", 100): ("failed", "stopped at 10 connections: ZeroDivisionError"),
    ("refuses", 100): ("unsupported", "this kernel lacks what it takes"),
    ("segfaults", 10): ("crashed", f"ended by {SEGFAULT}"),
    ("tires", 10): ("measured", ""),
    ("tires", 100): ("timed-out", "22 of 100 connections answered; none of the 78 that were made since"),
}


@pytest.mark.parametrize(("adapter", "connections"), STOPS)
def test_each_stop_is_typed(climbed: Path, adapter: str, connections: int) -> None:
    outcome, reason = STOPS[adapter, connections]
    cell = cells(climbed)[adapter, connections]
    assert cell["outcome"] == outcome, cell
    assert re.search(reason, cell["reason"]), cell["reason"]


def test_the_page_says_how_far_each_got(climbed: Path) -> None:
    page = (climbed / "scenarios" / "climb.md").read_text()
    assert "| 10 | 100 | got to | what stopped it |" in page
    assert re.search(r"\| asyncio \(protocol\) \| [\d.]+ \| [\d.]+ \| 100 \| the ladder ends \|", page)
    assert re.search(r"\| exits \(protocol\) \| crashed \| – \| none \| crashed: exited with status 7", page)
    assert "climb-curves.svg" in page


def test_a_rung_beyond_the_hard_limit_is_said_before_anything_starts(tmp_path: Path) -> None:
    done = crossloop(
        *CLIMB, "--adapters", "asyncio", "--out", str(tmp_path),
        descriptors=140,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = "climb: 100 connections asked for, 76 are possible: a process may hold 140 descriptors here"
    assert said in done.stderr
    assert said.partition(": ")[2] in cells(tmp_path)["asyncio", 100]["reason"]
    assert cells(tmp_path)["asyncio", 10]["outcome"] == "measured"


def test_a_missed_objective_has_figures_and_ends_the_climb(tmp_path: Path) -> None:
    done = crossloop(
        *CLIMB, "--adapters", "asyncio", "--objective", "0.001", "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured = cells(tmp_path)
    assert measured["asyncio", 10]["outcome"] == "measured"
    assert measured["asyncio", 10]["figures"]["objective"]["met"] is False
    assert measured["asyncio", 100]["outcome"] == "timed-out"
    assert measured["asyncio", 100]["reason"].startswith("stopped at 10 connections: too slow, p99 ")
    page = (tmp_path / "scenarios" / "climb.md").read_text()
    assert re.search(r"\| asyncio \(protocol\) \| \*\*[\d.]+\*\* \| – \| none \| too slow: p99", page)


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_an_interrupted_climb_is_finished(tmp_path: Path) -> None:
    # A rung that misses its objective is visited once more, which a busy machine may bring about.
    arguments = [*CLIMB, "--adapters", "asyncio", "--objective", "5000", "--out", str(tmp_path)]
    assert crossloop(*arguments).returncode == 0
    journal = tmp_path / "run.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if '"connections":10,' in line and '"slice"' in line)
    journal.write_text("".join(lines[: last + 1]))
    done = crossloop(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert {key: cell["outcome"] for key, cell in cells(tmp_path).items()} == {
        ("asyncio", 10): "measured",
        ("asyncio", 100): "measured",
    }
    slices = [
        record for record in map(json.loads, journal.read_text().splitlines()) if record["kind"] == "slice"
    ]
    tens = [slice_ for slice_ in slices if slice_["parameters"]["connections"] == 10]
    assert [(slice_["phase"], slice_["round"]) for slice_ in tens] == [
        ("connect", 0), ("load", 0), ("load", 1), ("load", 2)
    ]  # fmt: skip
