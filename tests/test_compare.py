"""`crossloop compare`: statistics between runs with a known truth, verdicts in words, the command's contract."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.compare import (
    CompareDocument,
    compare_page,
    compare_runs,
    decoded,
    encoded,
    run_data,
)
from crossloop.compare.change import Shift, judged, over_sets, paired_shift, shifts
from crossloop.compare.records import CellVerdict, Interval
from crossloop.compare.schema import schema_text
from crossloop.compare.verdicts import AnchorError, differences
from crossloop.journal import (
    LOAD_ENGINE,
    CellRecord,
    ComparisonRecord,
    EndRecord,
    Estimate,
    JournalWriter,
    Machine,
    Record,
    RunRecord,
    SliceRecord,
    UnfitRecordError,
)
from tests import journals
from tests.documents import ROOT
from tests.journals import LINUX, WINE, figures, run_record

COSTS_NS = {"asyncio": 6800.0, "uvloop": 5800.0, "pyev": 6300.0, "libevent": 6000.0, "tornado": 14200.0}
SETS = ({"connections": 10}, {"connections": 100})


def journal(
    seed: int,
    *,
    drift: float = 1.0,
    changed: Mapping[str, float] | None = None,
    costs: Mapping[str, float] | None = None,
    generations: int = 3,
    rounds: int = 10,
    noise: float = 0.02,
    machine: Machine = LINUX,
    floor: Estimate | None = None,
    complete: bool = True,
) -> list[Record]:
    """A run of `tcp-echo` whose machine is *drift* times as slow, with rows *changed* by a factor each."""
    random = np.random.default_rng(seed)
    costs = COSTS_NS if costs is None else costs
    records: list[Record] = [run_record(machine, adapters=tuple(costs), scenarios=("tcp-echo",))]
    for parameters in SETS:
        common = random.normal(0, 0.1, (generations, rounds))
        for adapter, cost in costs.items():
            for generation in range(generations):
                for turn in range(rounds):
                    exponent = common[generation, turn] + random.normal(0, noise)
                    cost_ns = cost * drift * (changed or {}).get(adapter, 1.0) * math.exp(exponent)
                    records.append(
                        SliceRecord(
                            adapter, "native", "tcp-echo", dict(parameters), "capacity", generation, turn,
                            operations=1000, elapsed_ns=10**8, cpu_ns=int(1000 * cost_ns),
                        )
                    )  # fmt: skip
            records.append(
                CellRecord(
                    adapter, "native", "tcp-echo", dict(parameters), "measured", figures=figures(cost / 1000)
                )
            )
    if complete:
        records.append(EndRecord(elapsed_s=60, cells={"measured": len(costs) * 2}, noise_floor=floor))
    return records


def compared(
    base: list[Record], new: list[Record], *, threshold: float = 0.03, anchor: str = ""
) -> CompareDocument:
    return compare_runs(run_data("base", base), run_data("new", new), threshold=threshold, anchor=anchor)


def verdicts(document: CompareDocument) -> dict[str, set[str]]:
    by_adapter: dict[str, set[str]] = {}
    for cell in (*document.cells, *document.rows):
        by_adapter.setdefault(cell.adapter, set()).add(cell.verdict)
    return by_adapter


# Shifts


def test_a_shift_is_what_moved_beside_the_others_by_hand() -> None:
    base = {(name, ""): {(g, t): value + t for g in (0, 1) for t in (0, 1, 2)}
            for name, value in (("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0))}  # fmt: skip
    new = {
        row: {turn: value + 5 + (0.5 if row[0] == "a" else 0) for turn, value in values.items()}
        for row, values in base.items()
    }
    by_row = shifts(base, new)
    changes = {row[0]: shift.change for row, shift in by_row.items() if isinstance(shift, Shift)}
    assert changes == pytest.approx({"a": 0.5, "b": 0, "c": 0, "d": 0})
    anchored = shifts(base, new, ("a", ""))
    assert anchored["a", ""] == "it is the anchor"
    changes = {row[0]: shift.change for row, shift in anchored.items() if isinstance(shift, Shift)}
    assert changes == pytest.approx({"b": -0.5, "c": -0.5, "d": -0.5})


def test_a_third_that_became_cheaper_makes_nobody_else_dearer() -> None:
    random = np.random.default_rng(1)
    turns = [(g, t) for g in range(3) for t in range(10)]
    names = [(f"row-{number}", "") for number in range(12)]
    base, new = (
        {
            row: {turn: number - moved * (number < 4) + float(random.normal(0, 0.01)) for turn in turns}
            for number, row in enumerate(names)
        }
        for moved in (0.0, 0.4)
    )
    by_row = shifts(base, new)
    for number, row in enumerate(names):
        shift = by_row[row]
        assert isinstance(shift, Shift)
        assert shift.change == pytest.approx(-0.4 if number < 4 else 0, abs=0.02)


def test_the_reference_leaves_out_those_who_moved() -> None:
    moved = {"a": 0.0, "b": -0.1, "c": 0.0, "d": 0.1, "e": 5.0, "f": 5.0}
    turns = [(g, t) for g in (0, 1) for t in range(3)]
    base = {(name, ""): dict.fromkeys(turns, float(number)) for number, name in enumerate(moved)}
    new = {row: dict.fromkeys(turns, base[row][0, 0] + moved[row[0]]) for row in base}
    by_row = shifts(base, new)
    changes = {row[0]: shift.change for row, shift in by_row.items() if isinstance(shift, Shift)}
    assert changes == pytest.approx(moved), "the plain median of the others would make a of 0 one of -0.1"


def test_one_generation_is_never_surer_than_processes_are_alike() -> None:
    base = {(name, ""): {(0, t): float(t) for t in range(50)} for name in "abcdef"}
    new = {
        row: {turn: value + 0.06 * (row[0] == "a") for turn, value in values.items()}
        for row, values in base.items()
    }
    row_shifts = [shift for shift in shifts(base, new).values() if isinstance(shift, Shift)]
    assert {shift.repeated for shift in row_shifts} == {"rounds"}
    first, *others = judged({"all": row_shifts})["all"]
    assert first.ratio == pytest.approx(math.exp(0.06))
    assert first.chance > 0.05, "6 % are two deviations of what two processes differ by"
    assert all(other.high > 1.05 for other in others)


def test_a_row_that_is_alone_on_one_of_its_sets_is_judged_over_all() -> None:
    """Where the others failed on a rung, there is no reference there: the machine's drift is in the row's change."""
    base, new = journal(1), journal(2, changed={"uvloop": 1.02})
    lone = [
        msgspec.structs.replace(record, outcome="failed", reason="x", figures=None)
        if isinstance(record, CellRecord) and record.adapter != "uvloop" and record.parameters == SETS[1]
        else record
        for record in new
    ]
    rows = {row.adapter: row for row in compared(base, lone).rows}
    assert rows["uvloop"].verdict == "tie"
    assert rows["uvloop"].ratio is not None
    assert rows["uvloop"].ratio.high / rows["uvloop"].ratio.low > 1.5


def test_rows_that_miss_rounds_move_nobody() -> None:
    base = {(name, ""): {(g, t): value for g in (0, 1) for t in range(6)}
            for name, value in (("a", 1.0), ("b", 2.0), ("c", 9.0))}  # fmt: skip
    new = {row: dict(values) for row, values in base.items()}
    new["c", ""] = {turn: value for turn, value in new["c", ""].items() if turn[1] < 2}
    for shift in shifts(base, new).values():
        assert isinstance(shift, Shift)
        assert shift.change == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("turns", "reason"),
    [([(0, 0)], "1 and 1 rounds of one generation"), ([], "too few")],
)
def test_what_has_no_spread_has_a_reason(turns: list[tuple[int, int]], reason: str) -> None:
    rows = {(name, ""): dict.fromkeys(turns or [(0, 0)], 1.0) for name in "ab"}
    assert all(isinstance(shift, str) for shift in shifts(rows, rows).values())
    if turns:
        assert reason in str(shifts(rows, rows)["a", ""])


def test_a_row_over_its_sets_keeps_what_its_processes_share() -> None:
    """Sets of one generation share a process: ten sets are no ten independent witnesses of its luck."""
    random = np.random.default_rng(2)
    turns = [(g, t) for g in range(3) for t in range(5)]
    set_shifts = []
    luck = {("a", g): float(random.normal(0, 0.05)) for g in range(3)}
    for _set in range(10):
        base, new = (
            {
                (name, ""): {
                    (g, t): luck.get((name, g), 0.0) * side + float(random.normal(0, 0.001)) for g, t in turns
                }
                for name in "abcd"
            }
            for side in (0, 1)
        )
        shift = shifts(base, new)["a", ""]
        assert isinstance(shift, Shift)
        set_shifts.append(shift)
    together = over_sets(set_shifts)
    assert isinstance(together, Shift)
    assert together.repeats == (3, 3)
    assert together.change == pytest.approx(np.mean([shift.change for shift in set_shifts]), abs=1e-6)
    assert together.variance.value == pytest.approx(
        np.mean([shift.variance.value for shift in set_shifts]), rel=0.2
    )
    assert over_sets(set_shifts[:1]) == "one set of parameters is one cell"


def test_two_rows_of_one_run_are_compared_round_by_round() -> None:
    a = {(g, t): float(10 * t) for g in range(3) for t in range(4)}
    b = {turn: value + 0.1 for turn, value in a.items()}
    shift = paired_shift(a, b)
    assert isinstance(shift, Shift)
    assert shift.change == pytest.approx(0.1)
    assert (shift.repeats, shift.repeated) == ((3, 3), "generations")
    assert paired_shift({(0, 0): 1.0}, {(0, 0): 1.0}) == "1 rounds that both have; a spread takes 2"


# Verdicts


def test_equal_runs_on_a_machine_that_drifted_are_ties() -> None:
    document = compared(journal(1), journal(2, drift=1.25))
    assert verdicts(document) == {name: {"tie"} for name in COSTS_NS}
    for cell in document.cells:
        assert cell.raw_ratio == pytest.approx(1.25, rel=0.15)
        assert cell.ratio is not None
        assert cell.ratio.value == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("factor", "verdict"), [(1.2, "regression"), (1 / 1.2, "improvement")])
def test_what_changed_is_found_and_nothing_else(factor: float, verdict: str) -> None:
    document = compared(journal(1), journal(2, drift=0.8, changed={"pyev": factor}))
    assert verdicts(document) == {name: {verdict if name == "pyev" else "tie"} for name in COSTS_NS}
    for cell in document.cells:
        if cell.adapter == "pyev":
            assert cell.ratio is not None
            assert cell.ratio.low < factor < cell.ratio.high
    assert document.regressed is (verdict == "regression")


def test_a_change_within_the_threshold_is_a_tie_however_sure() -> None:
    new = journal(2, changed={"pyev": 1.05}, noise=0.001)
    assert verdicts(compared(journal(1, noise=0.001), new))["pyev"] == {"regression"}
    assert verdicts(compared(journal(1, noise=0.001), new, threshold=0.06))["pyev"] == {"tie"}


def test_a_threshold_is_never_below_a_noise_floor() -> None:
    loud = journal(2, changed={"pyev": 1.05}, noise=0.001, floor=Estimate(1.01, 0.99, 1.08, 90, 3))
    document = compared(journal(1, noise=0.001), loud)
    assert document.threshold_reason == (
        "3 % as asked for, and never below the noise floor that either run shows for the cell's parameters, "
        "2 % where it shows none; BASE had no A/A control that says anything"
    )
    assert [cell.threshold for cell in document.cells] == pytest.approx([0.08] * 10)
    assert [row.threshold for row in document.rows] == pytest.approx([0.08] * 5)
    assert verdicts(document)["pyev"] == {"tie"}
    assert {cell.threshold for cell in compared(journal(1), journal(2), threshold=0.001).cells} == {0.02}


def test_each_set_of_parameters_has_a_noise_floor_of_its_own() -> None:
    floors = [
        ComparisonRecord("tcp-echo", dict(parameters), 30, 3, noise_floor=floor)
        for parameters, floor in zip(SETS, (0.5, None), strict=True)
    ]
    # That of the whole run is the highest of controls, however few pairs they had.
    new = [*journal(2, changed={"pyev": 1.2}, floor=Estimate(1.0, 0.2, 5.0, 2, 1)), *floors]
    document = compared(journal(1), new)
    outcomes = {
        (cell.parameters["connections"], cell.threshold, cell.verdict)
        for cell in document.cells
        if cell.adapter == "pyev"
    }
    assert outcomes == {(10, 0.5, "tie"), (100, 0.03, "regression")}


def test_with_an_anchor_everything_is_measured_from_it() -> None:
    document = compared(journal(1), journal(2, changed={"pyev": 1.2}), anchor="pyev")
    by_adapter = verdicts(document)
    assert by_adapter.pop("pyev") == {"not comparable"}
    assert set.union(*by_adapter.values()) == {"improvement"}
    assert document.anchor == "pyev"
    with pytest.raises(
        AnchorError, match="no row 'epoll' is measured in both runs; they have asyncio/native, "
    ):
        compared(journal(1), journal(2), anchor="epoll")


def test_two_rows_alone_are_told_apart_from_nothing() -> None:
    two = {name: COSTS_NS[name] for name in ("asyncio", "uvloop")}
    document = compared(journal(1, costs=two), journal(2, costs=two, changed={"uvloop": 1.3}))
    assert verdicts(document) == {"uvloop": {"regression"}, "asyncio": {"improvement"}}
    assert document.warnings == [
        "where two rows stand alone, which of them moved cannot be told; --anchor names the one that did not"
    ]
    anchored = compared(
        journal(1, costs=two), journal(2, costs=two, changed={"uvloop": 1.3}), anchor="asyncio"
    )
    assert (verdicts(anchored)["uvloop"], anchored.warnings) == ({"regression"}, [])
    assert compared(journal(1), journal(2)).warnings == []


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "tie"), (1.25, "tie"), (2.0, "regression")])
def test_a_row_alone_has_the_drift_of_the_machine_in_it(factor: float, verdict: str) -> None:
    costs = {"asyncio": 6800.0}
    document = compared(journal(1, costs=costs), journal(2, costs=costs, drift=factor))
    assert verdicts(document) == {"asyncio": {verdict}}
    assert {cell.reason for cell in document.cells} == {
        "no other row here in both runs: the machine's drift is in it"
    }
    assert document.regressed is (verdict == "regression")


def cell(document: CompareDocument, adapter: str) -> CellVerdict:
    return next(cell for cell in document.cells if cell.adapter == adapter)


@pytest.mark.parametrize(("memory", "verdict"), [(2048, "regression"), (512, "not comparable")])
def test_a_bound_says_something_against_a_row_only_where_both_runs_had_it(memory: int, verdict: str) -> None:
    def with_memory(records: list[Record], bound: int) -> list[Record]:
        return [
            msgspec.structs.replace(record, options={**record.options, "memory": bound})
            if isinstance(record, RunRecord)
            else record
            for record in records
        ]

    ended = [
        msgspec.structs.replace(record, outcome="over-limit", reason="held 600 MiB", figures=None)
        if isinstance(record, CellRecord) and record.adapter == "uvloop" else record
        for record in journal(2)
    ]  # fmt: skip
    cell_ = cell(compared(with_memory(journal(1), 2048), with_memory(ended, memory)), "uvloop")
    assert cell_.verdict == verdict
    assert "held 600 MiB" in cell_.reason


def test_the_failure_of_another_process_is_no_verdict_on_a_row() -> None:
    base = journal(1)
    lost = [
        msgspec.structs.replace(record, outcome="failed", reason="it ended", beside="load generator", figures=None)
        if isinstance(record, CellRecord) and record.adapter == "uvloop" else record
        for record in journal(2)
    ]  # fmt: skip
    for document in (compared(base, lost), compared(lost, base)):
        cell_ = cell(document, "uvloop")
        assert cell_.verdict == "not comparable"
        assert cell_.reason.startswith("the load generator failed, not the row: it was ")


def test_what_is_not_measured_any_more_is_a_regression_in_words() -> None:
    base, new = journal(1), journal(2)
    crashed = [
        msgspec.structs.replace(record, outcome="crashed", reason="ended by SIGSEGV", figures=None)
        if isinstance(record, CellRecord) and record.adapter == "uvloop" else record
        for record in new
    ]  # fmt: skip
    cell_ = cell(compared(base, crashed), "uvloop")
    assert (cell_.verdict, cell_.reason) == ("regression", "was measured; now crashed: ended by SIGSEGV")
    back = cell(compared(crashed, base), "uvloop")
    assert (back.verdict, back.reason) == ("improvement", "was crashed: ended by SIGSEGV; now measured")
    lost = [record for record in new if not (isinstance(record, CellRecord) and record.adapter == "uvloop")]
    cell_ = cell(compared(base, lost), "uvloop")
    assert (cell_.verdict, cell_.reason) == ("regression", "was measured; NEW has no such cell")
    cell_ = cell(compared(base, [record for record in lost if not isinstance(record, EndRecord)]), "uvloop")
    assert cell_.reason == "was measured; NEW has no such cell; its run is incomplete"
    broken = [*lost, journals.adapter_record("uvloop", outcome="not-installed", reason="no libuv.so.9")]
    cell_ = cell(compared(base, broken), "uvloop")
    assert (cell_.verdict, cell_.reason) == ("regression", "was measured; now not-installed: no libuv.so.9")
    assert cell(compared(lost, base), "uvloop").reason == "only NEW has it"


def test_what_was_not_asked_for_is_no_regression() -> None:
    fewer = {name: cost for name, cost in COSTS_NS.items() if name != "tornado"}
    document = compared(journal(1), journal(2, costs=fewer))
    assert (cell(document, "tornado").verdict, cell(document, "tornado").reason) == (
        "not comparable", "NEW was not asked for it",
    )  # fmt: skip
    assert not document.regressed


def test_differences_of_the_machine_forbid_and_others_warn() -> None:
    base, other = run_data("base", journal(1)), run_data("new", journal(2, machine=WINE, complete=False))
    forbidding, warnings = differences(base, other)
    assert "platform 'linux' and 'win32'" in forbidding
    assert "Python differs: CPython 3.13.1 in BASE, CPython 3.12.8 in NEW" in warnings
    assert "NEW is incomplete: it has no end record" in warnings
    assert differences(base, run_data("new", journal(2))) == ([], [])
    engines = []
    for engine in ("native", "python"):
        header, *rest = journal(1)
        engines.append(
            run_data(engine, [msgspec.structs.replace(header, settings={LOAD_ENGINE: engine}), *rest])
        )
    assert differences(*engines) == ([], ["load engine differs: native in BASE, python in NEW"])


def test_equal_runs_seldom_cry_wolf() -> None:
    """Of pairs of equal runs at most one in twenty may; 60 pairs with more than nine would come once in 2,000."""
    random = np.random.default_rng(11)
    wolves = 0
    for _pair in range(60):
        base, new = (
            [
                {
                    (f"row-{row}", ""): {
                        (g, t): float(luck + random.normal(0, 0.05)) for g in range(3) for t in range(5)
                    }
                    for row, luck in enumerate(random.normal(0, 0.0, 8))
                }
                for _set in range(5)
            ]
            for _run in range(2)
        )
        row_shifts = [
            shift
            for pair in zip(base, new, strict=True)
            for shift in shifts(*pair).values()
            if isinstance(shift, Shift)
        ]
        wolves += any(change.chance <= 0.05 for change in judged({"all": row_shifts})["all"])
    assert wolves <= 9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 2.0), st.integers(1, 3), st.integers(1, 4))
def test_turned_around_it_says_the_reverse(seed: int, drift: float, generations: int, rounds: int) -> None:
    base, new = (
        journal(seed + side, drift=factor, generations=generations, rounds=rounds)
        for side, factor in ((0, 1.0), (1, drift))
    )
    forth, back = compared(base, new), compared(new, base)
    mirrored = {"regression": "improvement", "improvement": "regression"}
    for a, b in zip((*forth.rows, *forth.cells), (*back.rows, *back.cells), strict=True):
        assert mirrored.get(a.verdict, a.verdict) == b.verdict
        if a.ratio is not None:
            assert b.ratio is not None
            assert a.ratio.value * b.ratio.value == pytest.approx(1)
            assert a.ratio.low * b.ratio.high == pytest.approx(1)
            assert a.chance == pytest.approx(b.chance)


# The page and the document


def golden_document() -> CompareDocument:
    document = compared(journal(1), journal(2))
    side = msgspec.structs.replace(document.base, name="old", noise_floor=0.012)
    new = msgspec.structs.replace(document.new, name="new | run", complete=False)
    known: dict[str, Any] = {
        "raw_ratio": 1.3, "base_ns_per_operation": 6000.0, "new_ns_per_operation": 7800.0,
        "threshold": 0.03, "repeats": [3, 3], "repeated": "generations", "slices": [10, 9],
    }  # fmt: skip

    def row(adapter: str, verdict: Any, reason: str = "", style: str = "", **more: Any) -> CellVerdict:
        parameters = more.pop("parameters", {"connections": 10})
        return CellVerdict(adapter, style, "tcp-echo", parameters, verdict, reason, **more)

    return msgspec.structs.replace(
        document,
        base=side,
        new=new,
        warnings=["NEW is incomplete"],
        threshold_reason="3 % as asked for",
        rows=[
            row("uvloop", "regression", style="protocol", parameters={}, ratio=Interval(1.12, 1.08, 1.16),
                chance=0.0001, **{**known, "slices": [20, 18]}),
        ],
        cells=[
            row("tornado", "not comparable", "only NEW has it"),
            row("uvloop", "tie", style="protocol", ratio=Interval(1.1, 0.98, 1.2), chance=0.0921,
                **{**known, "repeated": "rounds"}),
            row("uvloop", "tie", style="protocol", parameters={"connections": 100},
                ratio=Interval(1.02, 1.0, 1.04), chance=1.0, **known),
            row("pyev", "regression", "was measured; now failed: *wrong*"),
        ],
    )  # fmt: skip


def test_the_page_is_this() -> None:
    assert compare_page(golden_document()) == (ROOT / "tests/golden/compare.md").read_text("utf-8")


def test_the_document_is_of_its_schema_and_comes_back() -> None:
    schema = json.loads((ROOT / "docs/compare.schema.json").read_text("utf-8"))
    for document in (golden_document(), compared(journal(1), journal(2))):
        text = encoded(document)
        jsonschema.validate(json.loads(text), schema, jsonschema.Draft202012Validator)
        assert decoded(text) == document
    bad = msgspec.structs.replace(golden_document(), threshold=-1.0)
    with pytest.raises(UnfitRecordError, match="threshold"):
        encoded(bad)


def test_the_schema_is_made_from_the_types() -> None:
    assert (ROOT / "docs/compare.schema.json").read_text("utf-8") == schema_text()


# The command


def write(folder: Path, records: list[Record]) -> Path:
    folder.mkdir()
    with JournalWriter(folder / "run.jsonl") as writer:
        for record in records:
            writer.write(record, sync=False)
    return folder


def crossloop(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crossloop", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_the_exit_status_says_whether_there_is_a_regression(tmp_path: Path) -> None:
    base, same = write(tmp_path / "base", journal(1)), write(tmp_path / "same", journal(2, drift=1.3))
    slow = write(tmp_path / "slow", journal(3, changed={"pyev": 1.3}))
    done = crossloop("compare", str(base), str(same))
    assert (done.returncode, done.stdout[:24]) == (0, "# no regressions, 10 ties"[:24])
    done = crossloop("compare", str(base), str(slow / "run.jsonl"), "--out", str(tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    assert done.stdout == (tmp_path / "out/compare.md").read_text("utf-8")
    document = decoded((tmp_path / "out/compare.json").read_bytes())
    assert {cell.adapter for cell in document.cells if cell.verdict == "regression"} == {"pyev"}
    assert crossloop("compare", str(slow), str(base)).returncode == 0


def test_nothing_that_could_be_compared_is_no_success(tmp_path: Path) -> None:
    base = write(tmp_path / "base", journal(1, generations=1, rounds=1))
    done = crossloop("compare", str(base), str(base))
    assert done.returncode == 3
    assert "no cell could be compared" in done.stderr


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    base = write(tmp_path / "base", journal(1))
    wine = write(tmp_path / "wine", journal(2, machine=WINE))
    empty = write(tmp_path / "empty", [run_record()])
    torn = tmp_path / "torn.jsonl"
    torn.write_text((base / "run.jsonl").read_text("utf-8").replace('"cpu_ns":', '"cpu_ns":"x', 1), "utf-8")
    huge = tmp_path / "huge.jsonl"
    huge.write_text(
        (base / "run.jsonl").read_text("utf-8").replace('"operations":1000', f'"operations":{2**63}', 1)
    )
    for arguments, wanted in (
        (("nowhere", str(base)), "nowhere"),
        ((str(base), str(torn)), "torn.jsonl: line 2"),
        ((str(base), str(huge)), "huge.jsonl"),
        ((str(base), str(empty)), "holds no cell; expected the run.jsonl of a `crossloop bench"),
        ((str(base), str(wine)), "are of different machines: platform 'linux' and 'win32'"),
        ((str(base), str(base), "--anchor", "epoll"), "--anchor: no row 'epoll'"),
        ((str(base), str(base), "--threshold", "nan"), "'nan' is not a finite number"),
        ((str(base), str(base), "--out", str(torn)), "torn.jsonl"),
    ):
        done = crossloop("compare", *arguments)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), (arguments, done)
        assert wanted in done.stderr
    done = crossloop("compare", str(base), str(wine), "--anyway")
    assert done.returncode == 0, done.stderr
    assert "Warning: the machines differ: platform 'linux' and 'win32'" in done.stdout
