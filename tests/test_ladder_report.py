"""The page of a ladder: how far each got, what grows, curves that can be read, and the same bytes again.

After a change that is meant: CROSSLOOP_GOLDEN=write python -m pytest tests/test_ladder_report.py -k golden
"""

import itertools
import re
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossloop.journal import CellRecord, Connecting, Objective, Record, Run
from crossloop.report import ScenarioTexts, render
from crossloop.report.curve_drawing import apart
from crossloop.report.ladder import ladders_of
from crossloop.report.plots import Curves, scenario_plots
from tests import journals
from tests.pages import pages_of, pictures_of, whole_text
from tests.test_report import (
    SVG,
    boxes_of,
    cells_of,
    check_golden,
    counts,
    digest,
    estimates,
    latencies,
    measured,
    names,
    numbers,
    outcomes,
    tables_of,
    texts,
)


def page() -> str:
    return pages_of(render(journals.ladder_run(), journals.LADDER_ABOUT))["scenarios/c10k.md"]


def table_with(markdown: str, heading: str) -> list[list[str]]:
    """The cells of the first table whose head holds *heading*, without head and rule."""
    lines = next(lines for lines in tables_of(markdown) if heading in lines[0])
    return [[cell.strip() for cell in cells_of(line)] for line in lines[2:]]


def test_golden_ladder() -> None:
    check_golden("ladder.md", page())


def test_same_ladder_same_bytes() -> None:
    first, second = (render(journals.ladder_run(), journals.LADDER_ABOUT) for _ in range(2))
    assert digest(first) == digest(second)


def test_how_far_each_got_and_what_stopped_it() -> None:
    rows = {row[0]: row[1:] for row in table_with(page(), "what stopped it")}
    assert rows["uvloop"] == ["0.910", "1.00", "1.90", "10,000", "the ladder ends"]
    assert rows["poll"] == [
        "0.910", "**143**", "–", "100", "too slow: p99 143 ms where 100 ms are allowed"
    ]  # fmt: skip
    assert rows["select"] == ["0.910", "unsupported", "–", "100", "unsupported: 1,014 \\| FD_SETSIZE"]
    assert rows["processes"][3:] == ["100", "over-limit: held 2,050 MiB of memory"]
    assert list(rows) == ["asyncio", "pyev", "uvloop", "poll", "processes", "select"], "the highest first"


def test_slopes_are_those_of_the_figures() -> None:
    rows = {row[0]: row[1:] for row in table_with(page(), "slope of the last step")}
    assert rows["uvloop"][0] == "100 to 10,000"
    assert rows["uvloop"][3].startswith("0.02 (")
    assert rows["poll"][0] == "100 to 1,000"
    assert rows["poll"][3].startswith("0.90 (")
    assert rows["poll"][4] == "–", "of two rungs the only step is the slope itself"
    assert "select" not in rows, "one rung has no slope"


def test_the_highest_rung_comes_first() -> None:
    headings = re.findall(r"^## (connections [\d,]+),", page(), re.MULTILINE)
    assert headings == ["connections 10,000"]
    assert re.findall(r"<summary>connections ([\d,]+),", page()) == ["100", "1,000"]


def test_fixed_load_is_neither_a_capacity_nor_a_lower_bound() -> None:
    assert "≥" not in page()
    assert "Open loop at 1,000 requests/s in all, each on a connection drawn at random" in page()
    assert "Slices of 370 ms, each after 30 ms of run-in" in page()
    assert "Evidence at the fixed load" in page()


def test_kernel_memory_is_shown_where_it_can_be_seen() -> None:
    tables = [lines for lines in tables_of(page()) if "accepted /s" in lines[0]]
    assert ["kernel bytes" in lines[0] for lines in tables] == [True, False, True]  # 10,000, 100, 1,000


def curves_of(records: list[Record], about: dict[str, ScenarioTexts]) -> dict[str, Curves]:
    run = Run.of(records)
    plots = [
        plot
        for name, comparisons in run.sets.items()
        for plot in scenario_plots(comparisons, about[name], run, name)
    ]
    return {plot.file: plot for plot in plots if isinstance(plot, Curves)}


def test_one_line_an_adapter_and_a_mark_where_it_ended() -> None:
    curves = curves_of(journals.ladder_run(), journals.LADDER_ABOUT)
    cost = curves["c10k-curves.svg"].panels[0]
    lines = {curve.label: curve for curve in cost.rows}
    assert list(lines) == ["select", "pyev", "uvloop", "asyncio", "processes", "poll"], "by where they end"
    assert {name for name, curve in lines.items() if curve.ended} == {"poll", "processes", "select"}
    assert [x for x, _y in lines["uvloop"].points] == [100, 1_000, 10_000]
    assert "×: the climb ended here" in curves["c10k-curves.svg"].axis
    memory = curves["c10k-memory.svg"]
    assert {curve.label for curve in memory.panels[0].rows} == set(journals.CLIMBS)
    assert {curve.label for curve in memory.panels[1].rows} == {"uvloop", "asyncio", "pyev", "poll"}


def test_a_scenario_that_is_one_ladder_has_curves_in_place_of_rows() -> None:
    files = pictures_of(render(journals.ladder_run(), journals.LADDER_ABOUT))
    assert sorted(files) == ["c10k-curves.svg", "c10k-latency.svg", "c10k-memory.svg", "headline.svg"]


def ring_cells() -> list[Record]:
    """A workload with two ladders and a set that is on none."""
    sets = [(100, 1), (1000, 1), (100, 100), (1000, 100), (10, 7)]
    return [
        journals.run_record(adapters=("uvloop", "pyev"), scenarios=("pipe-pairs",)),
        *(
            journals.measured(
                name,
                "pipe-pairs",
                journals.figures(cost * pairs**0.1, latency_us=None),
                pairs=pairs,
                active=active,
            )
            for name, cost in (("uvloop", 2.0), ("pyev", 1.5))
            for pairs, active in sets
        ),
    ]


RING = {"pipe-pairs": ScenarioTexts("Ring", "", "event", "pairs")}


def test_a_workloads_ladders_have_curves_and_slopes_beside_its_plots() -> None:
    rendered = render(ring_cells(), RING)
    assert sorted(pictures_of(rendered)) == ["headline.svg", "pipe-pairs-cpu.svg", "pipe-pairs-curves.svg"]
    shown = pages_of(rendered)["scenarios/pipe-pairs.md"]
    assert "what stopped it" not in shown
    assert "<summary>Slopes over pairs: active 1</summary>" in shown
    assert shown.count("0.10 (") == 4
    panels = curves_of(ring_cells(), RING)["pipe-pairs-curves.svg"].panels
    assert [panel.title for panel in panels] == ["active 1", "active 100"]


def test_without_a_ladder_nothing_of_it_is_shown() -> None:
    files = pictures_of(render(journals.ladder_run(), {"c10k": ScenarioTexts("C10K")}))
    assert sorted(files) == ["c10k-cpu.svg", "c10k-latency.svg", "headline.svg"]
    assert ladders_of(Run.of(journals.ladder_run()).sets["c10k"], "") == ()


# Pictures.


def crowd(count: int) -> list[Record]:
    """So many adapters with long names on one ladder, several of them equal."""
    template = next(cell for cell in journals.ladder_cells() if isinstance(cell, CellRecord) and cell.figures)
    cells: list[Record] = []
    for number in range(count):
        for connections in journals.RUNGS:
            assert template.figures is not None
            assert template.figures.connecting is not None
            figures = msgspec.structs.replace(
                template.figures,
                cpu_ns_per_operation=journals.estimate(30_000 + 50 * (number // 3)),
                connecting=msgspec.structs.replace(template.figures.connecting, connections=connections),
            )
            parameters: dict[str, int | float | bool | str] = {"connections": connections, "rate": 1000}
            name = f"gevent-libev-cffi-{number}"
            cells.append(CellRecord(name, "native", "c10k", parameters, "measured", figures=figures))
    return [journals.run_record(scenarios=("c10k",)), *cells]


@pytest.mark.parametrize("count", [1, 18, 30, 40])
def test_names_of_many_lines_neither_overlap_nor_leave_the_picture(count: int) -> None:
    files = pictures_of(render(crowd(count), journals.LADDER_ABOUT))
    for name in ("c10k-curves.svg", "c10k-memory.svg"):
        root = ElementTree.fromstring(files[name])
        width, height = (float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))
        boxes = boxes_of(files[name])
        assert sum(text.startswith("gevent") for text, *_ in boxes) == 2 * min(count, 30)
        for place, (text, left, top, right, bottom) in enumerate(boxes):
            assert left >= 0, text
            assert right <= width, text
            assert 0 <= top < bottom <= height, text
            for other, other_left, other_top, other_right, other_bottom in boxes[:place]:
                away = (
                    right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
                )
                assert away, (text, other)


def test_lines_of_one_family_look_unlike() -> None:
    root = ElementTree.fromstring(pictures_of(render(crowd(12), journals.LADDER_ABOUT))["c10k-curves.svg"])
    styles = [str(path.get("style")) for path in root.iter(f"{SVG}path")]
    assert len({style for style in styles if "stroke-width: 1.2" in style}) == 12


places = st.lists(st.floats(0, 10), max_size=40)


@given(places, st.floats(0.01, 0.25))
def test_what_is_pushed_apart_keeps_its_order_and_its_distance(wanted: list[float], gap: float) -> None:
    pushed = apart(wanted, gap, 0, 10)
    assert len(pushed) == len(wanted)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for before, after in itertools.pairwise(order):
        assert pushed[after] - pushed[before] >= gap - 1e-9
    for place in pushed:
        assert gap / 2 - 1e-9 <= place <= 10 - gap / 2 + 1e-9


@given(places)
def test_what_has_room_stays_where_it_is(wanted: list[float]) -> None:
    spread = [index + 0.5 + place / 40 for index, place in enumerate(wanted)]
    assert apart(spread, 0.1, 0, 100) == pytest.approx(spread)


# Any journal.

connectings = st.builds(Connecting, counts, estimates, estimates, latencies, numbers, st.none() | numbers)
objectives = st.builds(Objective, numbers, numbers, st.booleans())
climbing = st.builds(
    lambda figures, offered, connecting, objective: msgspec.structs.replace(
        figures, offered_per_s=offered, connecting=connecting, objective=objective
    ),
    measured,
    st.none() | numbers,
    st.none() | connectings,
    st.none() | objectives,
)
rungs = st.fixed_dictionaries(
    {"n": st.integers() | numbers | st.booleans() | texts}, optional={"size": st.integers(1, 2)}
)
some_cells = st.builds(
    CellRecord, names, texts, st.just("a"), rungs, st.just("measured"), texts, texts, climbing
) | st.builds(CellRecord, names, texts, st.just("a"), rungs, outcomes, texts, texts, st.none())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(some_cells, max_size=14))
def test_any_ladder_renders(journal: list[Record]) -> None:
    rendered = render([journals.run_record(), *journal], {"a": ScenarioTexts("A <b>", ladder="n")})
    shown = whole_text(rendered)
    assert "<script" not in shown
    for lines in tables_of(shown):
        assert len({len(cells_of(line)) for line in lines}) == 1, lines
    for content in pictures_of(rendered).values():
        ElementTree.fromstring(content)
