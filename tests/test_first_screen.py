"""The first screen of a report: its table, its picture, and sentences that speak where figures support them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import msgspec
import pytest

from crossloop.journal import (
    AdapterRecord,
    CellRecord,
    ComparisonRecord,
    Estimate,
    Record,
    Regime,
    Run,
    WebServer,
)
from crossloop.markup.tables import markdown_table
from crossloop.report import FirstScreen, ScenarioTexts, first_screen, headline_of, short_headline_table
from crossloop.report.drawing import draw
from crossloop.report.heat_map import colour_of, contrast, ink_on, step_of
from tests.journals import adapter_record, figures, measured, run_record, whole_run

SVG = "{http://www.w3.org/2000/svg}"
TEXTS = {
    "tcp-echo": ScenarioTexts("TCP echo", unit="message", drive="exchange", place=10, short_title="TCP"),
    "http": ScenarioTexts("HTTP", unit="request", drive="exchange", place=20),
    "fan-out": ScenarioTexts("Fan-out", unit="delivery", drive="push", place=50),
    "timers": ScenarioTexts("Timers", unit="timer", drive="work"),
}
UVICORN = WebServer("uvicorn", "0.30", "httptools.parser.parser.HttpRequestParser", compiled=True)
BINDINGS = {
    "asyncio": ("asyncio", "asyncio", "epoll"),
    "asyncio-select": ("asyncio", "asyncio", "select"),
    "gevent-libev": ("libev", "gevent", "epoll"),
    "libevent": ("libevent", "libevent", "epoll"),
    "poll": ("model", "select", "poll"),
    "pyev": ("libev", "pyev", "epoll"),
    "threads": ("model", "threading", "blocking"),
    "trio": ("trio", "trio", "epoll"),
    "uvloop": ("libuv", "uvloop", "epoll"),
    "uvloop@0.21": ("libuv", "uvloop", "epoll"),
}
"""Adapter → family, binding, mechanism."""
AT = {"size": 1024, "connections": 10}
Rows = Mapping[tuple[str, str], float]
"""(adapter, style) → ratio to the leanest row."""


def _records(scenario: str, rows: Rows, floor: float | None = 0.02, width: float = 0.01) -> list[Record]:
    """One scenario: each row's interval is its ratio ± *width*; tiers are those of different ratios."""
    tiers = sorted(set(rows.values()))
    cells: list[CellRecord] = []
    for (adapter, style), ratio in rows.items():
        interval = Estimate(ratio, ratio * (1 - width), ratio * (1 + width), 40, 4)
        values = figures(6 * ratio, best_us=6, tier=tiers.index(ratio) + 1)
        if ratio != 1:
            values = msgspec.structs.replace(values, ratio_to_best=interval)
        cell = measured(adapter, scenario, values, style=style, **AT)
        cells.append(msgspec.structs.replace(cell, server=UVICORN) if style == "uvicorn" else cell)
    return [ComparisonRecord(scenario, dict(AT), 40, 4, None, floor), *cells]


def _adapter(name: str) -> AdapterRecord:
    family, binding, mechanism = BINDINGS[name]
    return msgspec.structs.replace(
        adapter_record(name), family=family, binding=binding, facts={"mechanism": mechanism}
    )


def _screen(*parts: Sequence[Record], baseline: str = "") -> FirstScreen:
    records = [record for part in parts for record in part]
    cells = [record for record in records if isinstance(record, CellRecord)]
    adapters = tuple(dict.fromkeys(cell.adapter for cell in cells))
    scenarios = tuple(dict.fromkeys(cell.scenario for cell in cells))
    run = Run.of(
        [
            run_record(adapters=adapters, scenarios=scenarios),
            *(_adapter(name) for name in adapters if name in BINDINGS),
            *records,
        ]
    )
    return first_screen(run, TEXTS, headline_of(run, TEXTS, baseline))


def _sentence(screen: FirstScreen, beginning: str) -> str:
    """The sentence that begins so, without its bold beginning; empty where it is not said."""
    return next((text.split("** ", 1)[1] for text in screen.sentences if beginning in text), "")


# The table ----------------------------------------------------------------------------------------


def test_the_table_holds_ratios_and_words_with_bold_leaders_links_and_a_key() -> None:
    run, texts = Run.of(whole_run()), {**TEXTS, "timers": ScenarioTexts("Timers")}
    screen = first_screen(run, texts, headline_of(run, texts))
    assert screen.main is not None
    assert screen.main.heading == "Messages on connections that stay"
    assert markdown_table(screen.main.table).splitlines() == [
        "CPU time per operation ÷ that of the leanest adapter, each adapter in its leanest style. Less is better. "
        "Bold: the leading tier, whose members are not told apart.",
        "",
        "| Adapter | [TCP](scenarios/tcp-echo.md) | [Timers](scenarios/timers.md) |",
        "| :--- | ---: | ---: |",
        "| [uvloop](adapters/uvloop.md) | **1.00** | **1.00** |",
        "| [libevent](adapters/libevent.md) | **1.03** | timeout |",
        "| [pyev](adapters/pyev.md) | 1.09 | crash |",
        "| [asyncio](adapters/asyncio.md) | 1.17 | 2.11 |",
        "| [gevent-libev](adapters/gevent-libev.md) | 1.90 | no |",
        "| [tornado](adapters/tornado.md) | 2.45 | failed |",
        "| [gevent-libuv](adapters/gevent-libuv.md) | 4.91 | absent |",
        "",
        "no: the library or its adapter does not offer it; absent: what it needs is not installed here; failed: an "
        "error, or a wrong answer; crash: the process crashed; timeout: no answer in time. "
        "[What has no figure, and why](missing.md).",
    ]


def test_an_adapter_without_a_figure_in_a_group_takes_no_row_in_its_table() -> None:
    run = Run.of(whole_run())
    (timers,) = first_screen(run, TEXTS, headline_of(run, TEXTS)).others
    assert [row[0] for row in timers.table.rows] == [
        "[uvloop](adapters/uvloop.md)",
        "[asyncio](adapters/asyncio.md)",
    ]


def test_ratios_have_two_decimals_below_ten_and_less_above() -> None:
    ratios = {
        ("poll", "native"): 1.0,
        ("trio", "x"): 9.99,
        ("pyev", "native"): 23.456,
        ("threads", "native"): 123.4,
    }
    screen = _screen(_records("tcp-echo", ratios))
    assert screen.main is not None
    assert [row[1] for row in screen.main.table.rows] == ["**1.00**", "9.99", "23.5", "123"]


def test_a_column_that_is_not_ranked_is_marked_and_has_no_leader() -> None:
    few = [
        msgspec.structs.replace(
            record,
            figures=msgspec.structs.replace(
                record.figures, ratio_to_best=msgspec.structs.replace(record.figures.ratio_to_best, slices=2)
            ),
        )
        if isinstance(record, CellRecord) and record.figures is not None
        else record
        for record in _records("tcp-echo", {("poll", "native"): 1.0, ("pyev", "native"): 1.5})
    ]
    screen = _screen(few)
    assert screen.main is not None
    assert screen.main.table.columns[1].title == "[TCP](scenarios/tcp-echo.md) °"
    assert [row[1] for row in screen.main.table.rows] == ["1.00", "1.50"]
    assert screen.main.table.notes[0].startswith("°: not ranked")
    assert "Bold" not in screen.main.table.caption
    assert "Nothing is ranked" in screen.machine
    assert screen.heat_map is not None
    assert screen.heat_map.groups[0].heads == ("TCP °",)
    assert screen.heat_map.axis == "less is better; °: not ranked"
    assert screen.sentences == ()


def test_a_baseline_divides_and_a_column_without_it_is_marked() -> None:
    screen = _screen(
        _records("tcp-echo", {("poll", "native"): 1.0, ("asyncio", "protocol"): 2.0}),
        _records("fan-out", {("poll", "native"): 1.0, ("pyev", "native"): 3.0}),
        baseline="asyncio",
    )
    assert screen.main is not None
    assert [row[1:] for row in screen.main.table.rows][:2] == [("**0.50**", "**1.00**"), ("1.00", "–")]
    assert "÷ that of asyncio" in screen.main.table.caption
    assert [column.title[-1] for column in screen.main.table.columns[1:]] == [")", "‡"]
    assert "‡: asyncio has no figure there" in screen.main.table.notes[0]


def test_a_table_for_another_page_has_the_rows_and_columns_that_are_named_and_no_links() -> None:
    headline = headline_of(Run.of(whole_run()), TEXTS)
    chosen = short_headline_table(headline, ["uvloop", "no-such", "pyev"], ["tcp-echo", "timers"])
    assert [column.title for column in chosen.columns] == ["Adapter", "TCP", "Timers"]
    assert chosen.rows == (("uvloop", "**1.00**", "**1.00**"), ("pyev", "1.09", "crash"))
    assert chosen.notes == ("crash: the process crashed.",)


# The machine --------------------------------------------------------------------------------------


def test_the_machine_and_how_far_the_figures_carry() -> None:
    screen = _screen(
        _records("tcp-echo", {("poll", "native"): 1.0, ("pyev", "native"): 1.5}, floor=0.25),
        _records("http", {("poll", "native"): 1.0, ("pyev", "native"): 1.5}, floor=0.01),
        _records("timers", {("poll", "native"): 1.0, ("pyev", "native"): 1.5}, floor=0.02),
    )
    assert screen.machine == (
        "Example CPU at 2.4 GHz, 2 CPUs (KVM); CPython 3.13.1; profile quick, started 2026-11-23T17:31:05 (UTC). Rows "
        "that differ by less than the noise floor are not told apart: 1.0 % to 25 % by question, 2.0 % or less for "
        "half of them (40 rounds). The machine was quiet: the hypervisor took less than 1.0 % in every cell."
    )


def test_without_controls_the_floor_is_not_known() -> None:
    rows = {("poll", "native"): 1.0, ("pyev", "native"): 1.5}
    assert "The noise floor is not known" in _screen(_records("tcp-echo", rows, floor=None)).machine


@pytest.mark.parametrize(
    ("steal", "said"),
    [
        (None, ""),
        (0.001, "The machine was quiet"),
        (0.069, "The hypervisor took 1.0 % or more of CPU time in 1 of 2 cells, 6.9 % at most."),
    ],
)
def test_what_the_hypervisor_took_is_said_where_it_is_known(steal: float | None, said: str) -> None:
    records = _records("tcp-echo", {("poll", "native"): 1.0, ("pyev", "native"): 1.5})
    shares = steal, None if steal is None else 0.0
    regimes = iter([Regime("server-bound", 1, 0.5, steal_share=share) for share in shares])
    changed = [
        msgspec.structs.replace(record, figures=msgspec.structs.replace(record.figures, regime=next(regimes)))
        if isinstance(record, CellRecord) and record.figures is not None
        else record
        for record in records
    ]
    machine = _screen(changed).machine
    assert said in machine
    assert said or "hypervisor" not in machine


def test_where_nothing_was_measured_the_machine_alone_is_shown() -> None:
    run = Run.of([run_record()])
    screen = first_screen(run, TEXTS, headline_of(run, TEXTS))
    assert (screen.main, screen.others, screen.heat_map, screen.sentences) == (None, (), None, ())
    assert screen.machine.endswith("(UTC).")


# Sentences ----------------------------------------------------------------------------------------

LOOPS: Rows = {
    ("uvloop", "protocol"): 1.0,
    ("asyncio", "protocol"): 1.25,
    ("asyncio-select", "protocol"): 1.5,
    ("uvloop@0.21", "protocol"): 1.02,
}
SERVERS: Rows = {
    ("poll", "native"): 1.0,
    ("uvloop", "uvicorn"): 3.0,
    ("asyncio", "uvicorn"): 4.0,
}


def test_another_loop_is_held_against_asyncio_over_protocols_and_under_a_web_server() -> None:
    screen = _screen(_records("tcp-echo", LOOPS), _records("http", SERVERS))
    assert _sentence(screen, "Another loop") == (
        "For [TCP echo](scenarios/tcp-echo.md) (size 1 KiB, connections 10) over `protocol`, CPU time ÷ that of "
        "asyncio: [uvloop](adapters/uvloop.md) 0.80 (0.79–0.81). For [HTTP, web servers](scenarios/http.md) "
        "(size 1 KiB, connections 10) under `uvicorn`, CPU time ÷ that of asyncio: "
        "[uvloop](adapters/uvloop.md) 0.75 (0.74–0.77)."
    )


def test_a_loop_within_the_floor_cannot_be_told_from_asyncio() -> None:
    near = {**LOOPS, ("asyncio", "protocol"): 1.04}
    for floor, width in ((0.02, 0.05), (0.1, 0.001)):
        said = _sentence(_screen(_records("tcp-echo", near, floor=floor, width=width)), "Another loop")
        assert said.endswith("over `protocol`, not told from asyncio: [uvloop](adapters/uvloop.md).")


def test_the_paired_ratio_to_asyncio_is_taken_where_the_journal_has_it() -> None:
    paired = [
        msgspec.structs.replace(
            record,
            figures=msgspec.structs.replace(
                record.figures, to_baseline={"uvicorn": Estimate(0.96, 0.95, 0.97, 40, 4)}
            ),
        )
        if isinstance(record, CellRecord) and record.figures is not None and record.adapter == "uvloop"
        else record
        for record in _records("http", SERVERS, width=0.2)
    ]
    assert "[uvloop](adapters/uvloop.md) 0.96 (0.95–0.97)." in _sentence(_screen(paired), "Another loop")


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(_records("tcp-echo", {("uvloop", "protocol"): 1.0, ("poll", "native"): 1.2}), id="no asyncio"),
        pytest.param(
            _records("tcp-echo", {("asyncio", "protocol"): 1.0, ("uvloop", "streams"): 1.2}), id="another style"
        ),
        pytest.param(
            _records("tcp-echo", {("asyncio", "protocol"): 1.0, ("asyncio-select", "protocol"): 1.2}),
            id="the same package",
        ),
        pytest.param(_records("tcp-echo", LOOPS, floor=None), id="floor not known"),
        pytest.param(_records("timers", LOOPS), id="another group"),
    ],
)  # fmt: skip
def test_nothing_is_said_of_another_loop_where_there_is_none_to_compare(records: list[Record]) -> None:
    assert not _sentence(_screen(records), "Another loop")


MODELS: Rows = {
    ("poll", "native"): 1.0,
    ("pyev", "native"): 1.01,
    ("threads", "native"): 1.4,
    ("gevent-libev", "streamserver"): 2.0,
    ("trio", "serve_listeners"): 2.5,
}


def test_ways_to_program_are_held_against_the_leanest_loop_over_readiness() -> None:
    assert _sentence(_screen(_records("tcp-echo", MODELS)), "Ways to program") == (
        "For [TCP echo](scenarios/tcp-echo.md) (size 1 KiB, connections 10), CPU time ÷ that of a bare loop on "
        "[poll](adapters/poll.md): a thread for each connection ([threads](adapters/threads.md)) 1.40 (1.39–1.41), "
        "greenlets ([gevent-libev](adapters/gevent-libev.md)) 2.00 (1.98–2.02), tasks ([trio](adapters/trio.md)) 2.50 "
        "(2.48–2.52); not told from it: callbacks ([pyev](adapters/pyev.md))."
    )


def test_nothing_is_said_of_ways_to_program_where_no_model_is_there_or_none_is_told_from_it() -> None:
    without = {row: ratio for row, ratio in MODELS.items() if row[0] != "poll"}
    assert not _sentence(_screen(_records("tcp-echo", without)), "Ways to program")
    assert not _sentence(_screen(_records("tcp-echo", MODELS, floor=2.0)), "Ways to program")


def test_the_leading_tier_is_counted_where_the_floor_is_low() -> None:
    first: Rows = {("poll", "native"): 1.0, ("pyev", "native"): 1.5, ("trio", "x"): 1.6}
    second: Rows = {("pyev", "native"): 1.0, ("poll", "native"): 1.0, ("trio", "x"): 1.6}
    third: Rows = {("pyev", "native"): 1.0, ("poll", "native"): 1.0, ("trio", "x"): 1.0}
    screen = _screen(_records("tcp-echo", first), _records("http", second), _records("fan-out", third))
    assert _sentence(screen, "Most often") == (
        "Of the 3 questions about messages with a noise floor of 10 % at most, in the leading tier of most: "
        "[poll](adapters/poll.md) (3), then [pyev](adapters/pyev.md) (2)."
    )
    vague = _screen(
        _records("tcp-echo", first, floor=0.3), _records("http", second), _records("timers", third)
    )
    assert not _sentence(vague, "Most often")


def test_the_widest_step_from_a_style_to_its_convenient_one_is_said_with_its_library() -> None:
    steps: Rows = {
        ("uvloop", "protocol"): 1.0,
        ("uvloop", "streams"): 1.5,
        ("asyncio", "protocol"): 1.2,
        ("asyncio", "streams"): 1.5,
    }
    assert _sentence(_screen(_records("tcp-echo", steps)), "What convenience") == (
        "The widest step within one library is that of [uvloop](adapters/uvloop.md). For "
        "[TCP echo](scenarios/tcp-echo.md) (size 1 KiB, connections 10), `streams` takes 1.50 (1.48–1.52) times the "
        "CPU time of `protocol`."
    )
    assert not _sentence(_screen(_records("tcp-echo", steps, width=0.4)), "What convenience")
    assert not _sentence(_screen(_records("tcp-echo", steps, floor=0.6)), "What convenience")
    lonely = {row: ratio for row, ratio in steps.items() if row[1] == "streams" or row[0] == "uvloop@0.21"}
    assert not _sentence(_screen(_records("tcp-echo", lonely)), "What convenience")


def test_a_gap_is_named_when_its_whole_interval_is_more_than_tenfold() -> None:
    gap: Rows = {("poll", "native"): 1.0, ("pyev", "native"): 1.2, ("trio", "x"): 12.0}
    assert _sentence(_screen(_records("timers", gap)), "The widest gap") == (
        "For [Timers](scenarios/timers.md) (size 1 KiB, connections 10), [trio](adapters/trio.md) takes 12.0 "
        "(11.9–12.1) times the CPU time of [poll](adapters/poll.md): 72.0 µs per timer against 6.00."
    )
    assert not _sentence(_screen(_records("timers", gap, width=0.2)), "The widest gap")
    assert not _sentence(_screen(_records("timers", gap, floor=None)), "The widest gap")


def test_adapters_without_any_figure_are_named_by_what_is_the_matter() -> None:
    run = Run.of(whole_run())
    screen = first_screen(run, TEXTS, headline_of(run, TEXTS))
    assert _sentence(screen, "Without any figure") == (
        "Not for this platform: winloop; not installed here: rsloop ([why](missing.md))."
    )
    assert not _sentence(_screen(_records("tcp-echo", MODELS)), "Without any figure")


def test_sentences_come_in_the_order_of_their_use_and_are_six_at_most() -> None:
    screen = _screen(
        _records("tcp-echo", {**MODELS, **LOOPS, ("uvloop", "streams"): 2.0}),
        _records("http", {**SERVERS, ("pyev", "native"): 1.0}),
        _records("fan-out", {("poll", "native"): 1.0, ("trio", "x"): 40.0}),
        [adapter_record("winloop", outcome="unsupported", reason="Windows alone")],
    )
    assert [text.split("**")[1] for text in screen.sentences] == [
        "Another loop for asyncio's programs.",
        "Ways to program.",
        "Most often among the leanest.",
        "What convenience costs.",
        "The widest gap.",
        "Without any figure.",
    ]


# The picture --------------------------------------------------------------------------------------


def _texts_in(content: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(content).iter(f"{SVG}text")]


def test_the_picture_writes_every_ratio_and_word_so_that_no_colour_is_needed() -> None:
    run = Run.of(whole_run())
    picture = first_screen(run, TEXTS, headline_of(run, TEXTS)).heat_map
    assert picture is not None
    written = _texts_in(draw([picture])[picture.file])
    cells = [cell.text for _adapter, cells in picture.rows for cell in cells]
    labels = [adapter for adapter, _cells in picture.rows]
    assert not Counter(cells) - Counter(written)
    assert set(labels) | {"TCP", "Timers", "messages", "loop", picture.title} <= set(written)
    assert {cell.text for _adapter, cells in picture.rows for cell in cells if cell.step is None} == {
        "crash", "timeout", "failed", "no", "absent",
    }  # fmt: skip
    assert picture.axis == "less is better; framed: the leading tier, not told apart; hatched: no figure"
    assert picture.alternative == (
        "Heat map of the ratios in the tables: CPU time per operation of 7 adapters in 2 questions, divided by that of "
        "the leanest adapter"
    )


def test_the_picture_of_a_large_run_is_small() -> None:
    """Of as many adapters and questions as this suite can have on one platform."""
    names = [f"gevent-libev-cffi-{number}" for number in range(30)]
    parts = [
        _records(f"scenario-{number}", {(name, "native"): 1 + place for place, name in enumerate(names)})
        for number in range(33)
    ]
    picture = _screen(*parts).heat_map
    assert picture is not None
    assert len(draw([picture])[picture.file]) <= 150_000


def test_what_is_written_on_each_colour_stands_out_from_it() -> None:
    grounds = [colour_of(step) for step in range(-8, 9)]
    assert len(set(grounds)) == len(grounds)
    assert min(contrast(ink_on(ground), ground) for ground in grounds) >= 4.5


def test_steps_of_colour_are_logarithmic_and_the_same_on_both_sides() -> None:
    assert [step_of(ratio) for ratio in (1 / 1000, 0.5, 1.0, 1.1, 2.0, 8.0, 32.0, 1000.0)] == [
        -8, -2, 0, 0, 2, 5, 8, 8,
    ]  # fmt: skip
    assert [step_of(ratio) for ratio in (0.0, -1.0, float("nan"), float("inf"))] == [None] * 4
