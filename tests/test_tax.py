"""Headroom certificate and binding tax on slices whose truth is known, and what a report makes of them."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossloop.api.about import ScenarioAbout
from crossloop.bench.cells import cells_of, ratios_to_best
from crossloop.bench.headroom import native_row, with_headroom
from crossloop.bench.stages import Comparison, Row
from crossloop.bench.tax import tax_records
from crossloop.journal import (
    CellRecord,
    Difference,
    Estimate,
    Record,
    Regime,
    Run,
    SliceRecord,
    TaxPart,
    TaxRecord,
    read_journal,
)
from crossloop.outcomes import Crashed, Measured
from crossloop.references import MARKED_SHARE
from crossloop.report import render
from crossloop.report.references import certificate
from crossloop.report.tax import tax_plot, tax_rows
from crossloop.statistics import joint_medians, sampled_share
from crossloop.suite import AdapterEntry, ScenarioEntry
from crossloop.supervise.probe import Probed
from tests import journals
from tests.own_suite import SUITE
from tests.pages import text_of
from tests.plans import planned

ABOUT = ScenarioAbout(
    levels=("StreamServer",), drive="exchange", title="Echo", question="", unit="message", sets=()
)
SCENARIO = ScenarioEntry("echo", "scenarios.echo", Path("echo.py"), ABOUT)
PARAMETERS = {"size": 1024, "connections": 10}
TRUTH = {
    Row("c-epoll", "native"): 5.0,
    Row("c-libuv", "native"): 5.4,
    Row("uvloop", "protocol"): 6.6,
    Row("uvloop", "streams"): 11.1,
    Row("epoll", "native"): 4.7,
}
"""CPU µs a message; of c-epoll's, nine tenths are the kernel's. Python on epoll is leaner than C, on purpose."""
LIBRARIES = {"uvloop": "libuv", "epoll": "none"}
REFERENCES = (Row("c-epoll", "native"), Row("c-libuv", "native"))
COMPARISON = Comparison(
    SCENARIO, PARAMETERS, tuple(row for row in TRUTH if row not in REFERENCES), 10, (), references=REFERENCES
)


def slices(
    truth: Mapping[Row, float] = TRUTH, *, noise: float = 0.03, drift: float = 0.4, rounds: int = 12
) -> list[SliceRecord]:
    """Three generations in which every round has a drift of its own, common to its rows."""
    source = random.Random(5)
    taken = []
    for generation in range(3):
        for turn in range(rounds):
            common = 1 + drift * source.random()
            for row, cost_us in truth.items():
                cost_ns = cost_us * 1000 * common * (1 + source.gauss(0, noise))
                operations = round(50e6 / cost_ns)
                taken.append(
                    SliceRecord(
                        adapter=row.adapter,
                        style=row.style,
                        scenario="echo",
                        parameters=dict(PARAMETERS),
                        phase="capacity",
                        generation=generation,
                        round=turn,
                        operations=operations,
                        elapsed_ns=50_000_000,
                        cpu_ns=round(operations * cost_ns),
                        load_cpu_ns=20_000_000,
                        # The kernel's tick: five of them, of which nine in ten fall into the kernel.
                        system_ns=(kernel := 10_000_000 * sum(source.random() < 0.9 for _tick in range(5))),
                        user_ns=50_000_000 - kernel,
                    )
                )
    return taken


def taxes(taken: Sequence[SliceRecord], rows: Sequence[Row] = tuple(TRUTH)) -> dict[str, TaxRecord]:
    return {tax.library: tax for tax in tax_records(COMPARISON, rows, taken, LIBRARIES, 1)}


def part(tax: TaxRecord, name: str, style: str = "") -> Difference:
    (difference,) = [
        tax_part.cpu_ns_per_operation
        for tax_part in tax.parts
        if tax_part.part == name and style in ("", tax_part.style)
    ]
    return difference


def assert_about(figure: Estimate, wanted_us: float, within_us: float) -> None:
    assert figure.low <= figure.value <= figure.high
    assert abs(figure.value / 1000 - wanted_us) < within_us, figure
    assert figure.low / 1000 - within_us < wanted_us < figure.high / 1000 + within_us, figure


# The tax.


def test_the_parts_are_found_in_spite_of_a_drift_of_forty_percent() -> None:
    taken = slices()
    scale = (
        sorted(slice_.cpu_ns / slice_.operations for slice_ in taken if slice_.adapter == "c-epoll")[18]
        / 5000
    )
    libuv = taxes(taken)["libuv"]
    assert [tax_part.part for tax_part in libuv.parts] == ["system-calls", "library", "binding", "style"]
    assert [tax_part.adapter for tax_part in libuv.parts] == ["c-epoll", "c-libuv", "uvloop", "uvloop"]
    assert_about(part(libuv, "system-calls"), 4.5 * scale, 0.3)
    assert_about(part(libuv, "library"), 0.9 * scale, 0.3)
    assert_about(part(libuv, "binding"), 1.2 * scale, 0.15)
    assert_about(part(libuv, "style", "streams"), 4.5 * scale, 0.25)
    assert part(libuv, "binding").low > 0
    assert part(libuv, "binding").slices == 36


def test_the_parts_add_up_to_each_rows_level() -> None:
    libuv = taxes(slices(noise=0.0, drift=0.0))["libuv"]
    total = sum(tax_part.cpu_ns_per_operation.value for tax_part in libuv.parts)
    assert total == pytest.approx(11_100, rel=0.001)


def test_a_negative_difference_is_kept_as_it_is() -> None:
    epoll = taxes(slices())["none"]
    binding = part(epoll, "binding")
    assert binding.value < 0
    assert binding.high < 0
    assert part(epoll, "library").value > 0, "of c-epoll what is not the kernel's"


def test_an_interval_of_pairs_is_narrower_than_the_rows_own() -> None:
    binding = part(taxes(slices(drift=1.0))["libuv"], "binding")
    assert binding.high - binding.low < 600, "the drift of the rounds, a factor of two, must not be in it"


def test_there_is_no_tax_without_its_rows() -> None:
    taken = slices()
    assert set(taxes(taken)) == {"libuv", "none"}
    without = [row for row in TRUTH if row.adapter != "c-libuv"]
    assert set(taxes(taken, without)) == {"none"}, "a reference that failed"
    assert set(taxes(taken, [row for row in TRUTH if row.adapter != "uvloop"])) == {"none"}
    assert not taxes(taken, [row for row in TRUTH if row.adapter != "c-epoll"])
    assert not tax_records(COMPARISON, list(TRUTH), taken, {}, 1), "no library is known of any adapter"


def test_there_is_no_tax_where_the_kernel_split_too_little() -> None:
    few = [msgspec.structs.replace(slice_, system_ns=2_000_000, user_ns=200_000) for slice_ in slices()]
    assert not taxes(few)
    unknown = [msgspec.structs.replace(slice_, system_ns=None, user_ns=None) for slice_ in slices()]
    assert not taxes(unknown)


def test_only_rounds_that_all_share_count() -> None:
    taken = [slice_ for slice_ in slices() if slice_.adapter != "uvloop" or slice_.generation != 1]
    libuv = part(taxes(taken)["libuv"], "library")
    assert (libuv.slices, libuv.generations) == (24, 2)


def test_resamples_are_the_same_for_all_rows() -> None:
    rows = {
        "a": [(generation, turn, 1.0 + turn) for generation in range(3) for turn in range(5)],
        "b": [(generation, turn, 2.0 + turn) for generation in range(3) for turn in range(5)],
    }
    medians = joint_medians(rows, 7)
    assert set(medians["b"][1] - medians["a"][1]) == {1.0}
    with pytest.raises(ValueError, match="no round in common"):
        joint_medians({"a": [(0, 0, 1.0)], "b": [(1, 0, 1.0)]}, 7)


def test_a_share_of_ticks_has_an_interval_also_where_all_fell_on_one_side() -> None:
    value, drawn = sampled_share(16, 0, 1)
    assert value == 1.0
    assert 0.8 < sorted(drawn)[25] < 0.95
    value, drawn = sampled_share(90, 10, 1)
    low, high = sorted(drawn)[25], sorted(drawn)[-25]
    assert value == 0.9
    assert 0.81 < low < 0.85
    assert 0.93 < high < 0.97
    with pytest.raises(ValueError, match="no counts of samples"):
        sampled_share(0, 0, 1)


# The certificate.


def test_a_rows_share_is_that_of_the_same_rounds() -> None:
    taken = slices(noise=0.0, drift=1.0)
    cells = with_headroom(cells_of(COMPARISON, taken, {}, 1), COMPARISON, taken, 1)
    shares = {(cell.adapter, cell.style): cell.figures.of_native for cell in cells if cell.figures}
    assert {name[0] for name in shares} == {"uvloop", "epoll"}, "references are in no table of adapters"
    for (adapter, style), share in shares.items():
        assert share is not None
        assert share.value == pytest.approx(5.0 / TRUTH[Row(adapter, style)], rel=0.01)
    nobody = with_headroom(
        cells, COMPARISON, [slice_ for slice_ in taken if not slice_.adapter.startswith("c-")], 1
    )
    assert nobody == cells, "what there was stays; nothing is made up"


def test_the_first_reference_that_has_a_figure_is_the_certificates() -> None:
    taken = [slice_ for slice_ in slices() if slice_.adapter != "c-epoll"]
    assert native_row(REFERENCES, taken) == Row("c-libuv", "native")
    assert native_row((), taken) is None


def test_references_change_no_tier_of_the_adapters() -> None:
    taken = slices()
    alone = [slice_ for slice_ in taken if not slice_.adapter.startswith("c-")]
    assert cells_of(COMPARISON, taken, {}, 1) == cells_of(COMPARISON, alone, {}, 1)
    crashed = {Row("c-epoll", "native"): Crashed("ended by SIGSEGV")}
    assert cells_of(COMPARISON, taken, crashed, 1) == cells_of(COMPARISON, alone, {}, 1)
    assert ratios_to_best(COMPARISON, taken, {}, 1) == ratios_to_best(COMPARISON, alone, {}, 1)


# The plan.


@pytest.mark.parametrize(
    ("profile", "expected"),
    [("quick", [4]), ("smoke", [4]), ("standard", [4] * 9), ("full", [4] * 10)],
)
def test_where_references_run(profile: str, expected: list[int]) -> None:
    suite = SUITE
    probed = [_probed(suite.adapters["asyncio"])]
    ids = ["c-epoll", "c-libevent", "c-libev", "c-libuv"]
    scenarios = [suite.scenarios[name] for name in ("tcp-echo", "timers", "c10k")]
    plan = planned(profile, scenarios, probed, references=ids)
    by_id = {stage.name: stage for stage in plan.stages}
    assert [len(comparison.references) for comparison in by_id["tcp-echo"].comparisons] == expected
    assert all(
        comparison.references[0] == Row("c-epoll", "native") for comparison in by_id["tcp-echo"].comparisons
    )
    assert not any(
        comparison.references for name in ("timers", "c10k") for comparison in by_id[name].comparisons
    )
    assert by_id["tcp-echo"].libraries == {"asyncio": "none"}
    without = planned(profile, scenarios, probed)
    more = sum(comparison.rounds * len(comparison.references) for comparison in by_id["tcp-echo"].comparisons)
    assert plan.slices - without.slices == more * by_id["tcp-echo"].pace.generations
    assert Row("c-libuv", "native") in by_id["tcp-echo"].rows


def _probed(entry: AdapterEntry) -> Probed:
    styles = ("protocol",)
    levels = {"StreamServer": styles, "Readiness": styles}
    facts = {"library": "none", "mechanism": "epoll"}
    rows = {"tcp-echo": styles, "timers": ("native",), "c10k": styles}
    return Probed(entry, Measured(), facts, levels, rows=rows)


# The report.


def page(records: Sequence[Record]) -> str:
    return text_of(list(records), journals.ABOUT)


def settings(records: Sequence[Record], **values: Any) -> list[Record]:
    run, *others = records
    return [msgspec.structs.replace(run, settings=values), *others]


def without_references() -> list[Record]:
    return [
        record
        for record in journals.whole_run()
        if not isinstance(record, TaxRecord) and not getattr(record, "adapter", "").startswith("c-")
    ]


def test_the_head_lists_what_comes_near_to_the_load_and_the_tables_mark_it() -> None:
    run = Run.of(journals.whole_run())
    headroom = certificate(run, journals.ABOUT)
    first = headroom.table.rows[0]
    near = [
        row.label
        for row in run.sets["tcp-echo"][0].rows
        if row.figures.of_native and row.figures.of_native.value > MARKED_SHARE
    ]
    assert near
    assert first[2] == "c-epoll"
    assert first[5].startswith(f"{len(near)}: ")
    assert all(name in first[5] for name in near)
    text = page(journals.whole_run())
    marked = [line for line in text.splitlines() if line.startswith("| ") and " ‡ |" in line]
    assert len(marked) >= len(near)
    assert "‡: more than 70 % of the rate" in text


def test_a_certificate_of_a_machine_that_kept_both_waiting_is_said_to_say_little() -> None:
    records = journals.whole_run()
    assert "the machine kept both waiting" not in page(records)
    idle = Regime("idle", 0.3, 0.4)
    cell = journals.measured(
        "c-epoll", "tcp-echo", journals.figures(4.9, best_us=4.9, regime=idle), size=1024, connections=50
    )
    assert "In 1 neither load nor echo was at its limit" in page([*records, cell])


def test_a_run_without_references_says_why_it_has_no_certificate() -> None:
    bare = without_references()
    assert "**No headroom certificate**: this run measured no native echo." in page(bare)
    assert "left out (`--no-references`)" in page(settings(bare, references=False))
    record = journals.reference_record("c-epoll", outcome="not-installed", reason="no C compiler")
    assert "**No headroom certificate**: c-epoll: not-installed: no C compiler." in page([*bare, record])
    failed = CellRecord("c-epoll", "native", "tcp-echo", dict(PARAMETERS), "crashed", "ended by SIGSEGV")
    assert "c-epoll: crashed: ended by SIGSEGV" in page([*bare, journals.reference_record("c-epoll"), failed])
    of_uvloop = [record for record in bare if getattr(record, "adapter", "uvloop") == "uvloop"]
    timers = [record for record in of_uvloop if getattr(record, "scenario", "timers") == "timers"]
    assert "1 measured" in page(timers)
    assert "headroom certificate" not in page(timers), "no load, nothing to certify"


def test_references_are_counted_with_no_adapters() -> None:
    whole, bare = Run.of(journals.whole_run()), Run.of(without_references())
    assert whole.adapter_ids == bare.adapter_ids
    assert whole.cells == bare.cells
    assert set(whole.references) == {"c-epoll", "c-libev", "c-libuv"}
    assert [row.adapter for row in whole.sets["tcp-echo"][0].references] == ["c-epoll", "c-libuv"]


def test_references_without_a_tax_say_what_one_takes() -> None:
    wanted = "No binding tax: it takes c-epoll"
    with_tax = [
        record
        for record in journals.whole_run()
        if getattr(record, "parameters", PARAMETERS) != {"size": 1024, "connections": 1}
    ]
    assert wanted not in page(with_tax)
    assert wanted in page([record for record in with_tax if not isinstance(record, TaxRecord)])


def test_what_is_not_told_from_nothing_is_said_to_be_so() -> None:
    text = page(journals.whole_run())
    assert "°: the interval holds zero" in text
    assert "Negative with its whole interval: epoll" not in text
    below = TaxPart("binding", "pyev", "native", Difference(-900, -1200, -600, 9, 3))
    run = Run.of(journals.whole_run())
    tax = next(tax for tax in run.sets["tcp-echo"][0].taxes if tax.library == "libuv")
    parts = [*(tax_part for tax_part in tax.parts if tax_part.part in ("system-calls", "library")), below]
    changed = msgspec.structs.replace(tax, library="libev", parts=parts)
    text = page([*journals.whole_run(), changed])
    assert "| -0.90 (-1.20 to -0.60) |" in text
    assert "Negative with its whole interval: pyev" in text


def test_a_tax_from_elsewhere_that_lacks_a_step_gives_no_row() -> None:
    whole = Difference(5000, 4000, 6000, 9, 3)
    parts = [TaxPart("system-calls", "c-epoll", "native", whole), TaxPart("binding", "x", "y", whole)]
    assert tax_rows([TaxRecord("echo", {}, "libuv", parts)]) == []
    endless = [
        TaxPart(name, "x", "y", Difference(float("nan"), 0, 1, 9, 3))
        for name in ("system-calls", "library", "binding")
    ]
    assert tax_rows([TaxRecord("echo", {}, "libuv", endless)]) == []


def test_the_plot_stacks_each_part_upon_the_one_before() -> None:
    comparison = Run.of(journals.whole_run()).sets["tcp-echo"][0]
    plot = tax_plot(comparison, journals.ABOUT["tcp-echo"], "tcp-echo")
    assert plot is not None
    groups = dict(plot.groups)
    (reference, leanest) = groups["libuv"]
    assert [name for name, _end in leanest.steps] == ["system-calls", "library", "binding"]
    assert leanest.steps[:2] == reference.steps
    assert leanest.low < leanest.steps[-1][1] < leanest.high
    rendered = render(journals.whole_run(), journals.ABOUT)
    assert b"](tcp-echo-tax.svg)" in rendered.files["scenarios/tcp-echo.md"]
    assert b"system calls alone" in rendered.files["scenarios/tcp-echo-tax.svg"]


def test_a_journal_from_before_the_references_can_still_be_read(tmp_path: Path) -> None:
    """The committed one, less every kind of record and every field that came with them or later."""
    lines = []
    for line in (
        (Path(__file__).parents[1] / "reports" / "linux" / "run.jsonl").read_text("utf-8").splitlines()
    ):
        record = json.loads(line)
        if record["kind"] in {"tax", "evidence", "comparison"} or record.get("adapter", "").startswith("c-"):
            continue
        for name in ("of_native", "modes"):
            (record.get("figures") or {}).pop(name, None)
        lines.append(json.dumps(record))
    old = tmp_path / "run.jsonl"
    old.write_text("\n".join(lines) + "\n", "utf-8")
    records = read_journal(old, slices=False)
    assert any(isinstance(record, CellRecord) for record in records)
    assert not any(isinstance(record, TaxRecord) for record in records)
    assert b"**No headroom certificate**" in render(records).files["doubts.md"]
