"""The headline of a run: which row stands in which cell, what it is divided by, and what stands where there is none."""

import re

import msgspec
import pytest

from crossloop.journal import CellRecord, Estimate, Figures, Record, Run, WebServer
from crossloop.report import Headline, ScenarioTexts, headline_of
from tests.journals import adapter_record, estimate, figures, measured, run_record, whole_run
from tests.own_suite import SUITE

UVICORN = WebServer("uvicorn", "0.30", "httptools.parser.parser.HttpRequestParser", compiled=True)
TEXTS = {
    "tcp-echo": ScenarioTexts("TCP echo", drive="exchange", place=10),
    "http": ScenarioTexts("HTTP", drive="exchange", place=20),
    "timers": ScenarioTexts("Timers", drive="work"),
}


def _headline(records: list[Record], baseline: str = "") -> Headline:
    return headline_of(Run.of(records), TEXTS, baseline)


def _served(adapter: str, values: Figures) -> CellRecord:
    return msgspec.structs.replace(measured(adapter, "http", values, style="uvicorn"), server=UVICORN)


def _web_run() -> list[Record]:
    uvicorn = msgspec.structs.replace(
        figures(5.5, best_us=1.0, tier=3), to_baseline={"uvicorn": Estimate(0.9, 0.88, 0.93, 40, 4)}
    )
    return [
        run_record(adapters=("asyncio", "uvloop", "pyev"), scenarios=("http",)),
        *(adapter_record(name) for name in ("asyncio", "uvloop", "pyev")),
        measured("uvloop", "http", figures(1.0, best_us=1.0), style="protocol"),
        measured("asyncio", "http", figures(1.2, best_us=1.0, tier=2), style="protocol"),
        measured("pyev", "http", figures(1.0, best_us=0.99)),
        _served("asyncio", figures(6.0, best_us=1.0, tier=4)),
        _served("uvloop", uvicorn),
    ]


def test_a_column_is_a_scenario_at_its_main_set_and_groups_follow_each_other() -> None:
    headline = _headline(whole_run())
    assert [column.id for column in headline.columns] == ["tcp-echo", "timers"]
    assert list(headline.groups) == ["messages", "loop"]


def test_heads_of_columns_are_short_and_unlike_each_other_so_that_a_table_fits_a_page() -> None:
    abouts = [entry.about for entry in SUITE.scenarios.values() if entry.about]
    heads = [about.short_title or about.title for about in abouts]
    assert len(set(heads)) == len(heads)
    assert [head for head in heads if max(map(len, re.split("[ -]", head))) > 9] == []


def test_the_short_title_heads_a_column_and_else_the_title() -> None:
    short = {"http": ScenarioTexts("The hypertext transfer protocol", drive="exchange", short_title="HTTP")}
    assert [each.head for each in headline_of(Run.of(_web_run()), short).columns] == ["HTTP", "HTTP servers"]
    assert [each.head for each in headline_of(Run.of(_web_run()), TEXTS).columns] == ["HTTP", "HTTP servers"]
    assert [each.head for each in headline_of(Run.of(_web_run()), {}).columns] == ["http", "http servers"]


def test_a_cell_is_the_leanest_style_of_an_adapter_divided_by_the_leanest_of_all() -> None:
    headline = _headline(whole_run())
    column = headline.columns[0]
    asyncio = headline.cells["asyncio", "tcp-echo"]
    assert asyncio.row is not None
    assert asyncio.row.style == "protocol"
    assert asyncio.ratio is not None
    assert asyncio.ratio.estimate == asyncio.row.figures.ratio_to_best
    leaders = {row.adapter for row in column.rows if row.figures.tier == 1}
    assert {name for name in headline.adapters if headline.cells[name, "tcp-echo"].leads} == leaders
    assert headline.adapters[0] == column.rows[0].adapter


def test_each_cell_without_a_figure_has_the_word_of_its_outcome_and_the_reason() -> None:
    headline = _headline(whole_run())
    word_of = {name: headline.cells[name, "timers"].word for name in headline.adapters}
    assert word_of["pyev"] == "crashed"
    assert word_of["libevent"] == "timed-out"
    assert word_of["tornado"] == "failed"
    assert headline.cells["tornado", "timers"].reasons == ("connection 3: expected sequence 41, got 42",)
    assert {word for name, word in word_of.items() if headline.cells[name, "timers"].row} == {""}


def test_adapters_without_any_figure_are_absent_with_their_reason() -> None:
    absent = {
        name: (outcome, reason) for outcome, reason, names in _headline(whole_run()).absent for name in names
    }
    assert absent["rsloop"] == ("not-installed", "no wheel for CPython 3.13; its sdist needs cargo")
    assert absent["trio"] == ("not run", "")
    assert set(absent) == {"winloop", "rsloop", "trio"}


def test_web_servers_have_a_column_of_their_own() -> None:
    headline = _headline(_web_run())
    assert [column.id for column in headline.columns] == ["http", "http/web-servers"]
    application, server = headline.row_cells("uvloop", headline.columns)
    assert application.row is not None
    assert server.row is not None
    assert (application.row.style, server.row.style) == ("protocol", "uvicorn")
    assert server.leads
    assert headline.cells["pyev", "http/web-servers"].word == "no server"


def test_with_a_baseline_the_paired_ratio_of_the_journal_stands_and_else_a_quotient_that_says_so() -> None:
    headline = _headline(_web_run(), baseline="asyncio")
    paired = headline.cells["uvloop", "http/web-servers"].ratio
    quotient = headline.cells["uvloop", "http"].ratio
    assert paired is not None
    assert quotient is not None
    assert (paired.estimate.value, paired.paired) == (0.9, True)
    assert quotient.estimate.value == pytest.approx(1 / 1.2)
    assert not quotient.paired
    of_itself = headline.cells["asyncio", "http"].ratio
    assert of_itself is not None
    assert (of_itself.estimate.low, of_itself.estimate.high) == (1, 1)


def test_where_the_baseline_has_no_figure_the_leanest_is_the_divisor() -> None:
    headline = _headline(_web_run(), baseline="pyev")
    application, servers = headline.columns
    assert headline.divided_by_baseline(application)
    assert not headline.divided_by_baseline(servers)
    assert headline.divisor(servers).adapter == "uvloop"


def test_a_baseline_without_any_figure_is_refused() -> None:
    with pytest.raises(ValueError, match="rsloop has no figure"):
        _headline(whole_run(), baseline="rsloop")


def test_a_column_that_is_not_ranked_has_no_leaders() -> None:
    few = msgspec.structs.replace(figures(2.0, best_us=1.0), ratio_to_best=estimate(2.0, slices=2))
    best = msgspec.structs.replace(figures(1.0, best_us=1.0), ratio_to_best=Estimate(1, 1, 1, 2, 1))
    records: list[Record] = [
        run_record(adapters=("asyncio", "uvloop"), scenarios=("timers",)),
        measured("uvloop", "timers", best, timers=1),
        measured("asyncio", "timers", few, timers=1),
    ]
    headline = _headline(records)
    assert not any(cell.leads for cell in headline.cells.values())
