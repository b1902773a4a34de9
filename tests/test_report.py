"""Reports: whole pages against golden files, hostile journals, the same bytes for the same journal.

After a change that is meant, regenerate the golden files and read the difference:

    CROSSLOOP_GOLDEN=write python -m pytest tests/test_report.py -k golden && git diff tests/golden

The pages of a real run are in test_report_pages.py.
"""

import hashlib
import html
import json
import math
import os
import re
import string
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from crossloop.journal import (
    LOAD_ENGINE,
    PYTHON_LOAD,
    AdapterRecord,
    CellRecord,
    CheckRecord,
    ConnectionMemory,
    EndRecord,
    Estimate,
    EvidenceRecord,
    Figures,
    Installed,
    Latency,
    Mode,
    Modes,
    RateFigures,
    Record,
    Regime,
    Run,
    RunRecord,
    SystemCalls,
    WarmUp,
    WarningRecord,
)
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, block, code, file_stem, inline, one_line, plot_text
from crossloop.markup.tables import Column, markdown_table, table
from crossloop.report import Rendered, ScenarioTexts, render, render_matrix, write
from crossloop.report.canvas import family_styles
from crossloop.report.drawing import draw
from crossloop.report.fields import percentile
from crossloop.report.html import document_of, html_page
from crossloop.report.scenario_page import ROWS_PER_PAGE
from crossloop.report.writing import MARK
from tests import journals
from tests.pages import broken_links, pages_of, pictures_of, text_of, whole_text

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = (
    '<script>alert("x")</script> | **bold** `code` ``two`` [link](javascript:x) ![i](y) <!-- -->\n'
    "# heading\n```\n</details></pre>\n\x1b[31mred\x07\u202egnp.exe\u2028 \\| $x$ ~~gone~~ &lt; _a_ \ud800"
)
SVG = "{http://www.w3.org/2000/svg}"


def check_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("CROSSLOOP_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def hostile_run() -> list[Record]:
    """Every text that a journal can hold is hostile, beyond what the reader would let through."""
    figures = replace_figures(
        journals.figures(5.8, counters={HOSTILE: 1.5}, modes=hostile_modes()),
        rates=[journals.rate(HOSTILE[:40], 1e4, 90)],
    )
    machine = msgspec.structs.replace(
        journals.LINUX,
        system=HOSTILE,
        release=HOSTILE,
        cpu=HOSTILE,
        python=HOSTILE,
        libc=HOSTILE,
        virtual=HOSTILE,
    )
    run = msgspec.structs.replace(
        journals.run_record(machine),
        profile=HOSTILE,
        started=HOSTILE,
        crossloop=HOSTILE,
        settings={HOSTILE: HOSTILE},
    )
    adapter = msgspec.structs.replace(
        journals.adapter_record("uvloop"),
        adapter=HOSTILE,
        library=HOSTILE,
        installed=HOSTILE,
        facts={"binding": HOSTILE, "binding_version": HOSTILE, "mechanism": HOSTILE, "loaded_from": HOSTILE},
    )
    parameters: dict[str, int | float | bool | str] = {HOSTILE: HOSTILE}
    return [
        run,
        adapter,
        CellRecord(HOSTILE, HOSTILE, HOSTILE, parameters, "measured", figures=figures),
        CellRecord(HOSTILE, "other", HOSTILE, parameters, "crashed", HOSTILE, HOSTILE * 50),
        *hostile_evidence(parameters),
        CheckRecord(HOSTILE, HOSTILE, "failed", HOSTILE, HOSTILE, as_expected=False, reason=HOSTILE),
        WarningRecord(HOSTILE, HOSTILE, HOSTILE),
        EndRecord(elapsed_s=1, cells={}),
    ]


def hostile_modes() -> list[Modes]:
    mode = Mode(math.inf, 0, {HOSTILE: math.nan, "server_share": math.inf, "others": -1.0})
    return [Modes("operations_per_s", mode, mode, math.nan, ["machine", "regime"])]


def hostile_evidence(parameters: dict[str, int | float | bool | str]) -> list[Record]:
    """Three rows, so that sentences are made: one has a call of its own, and reasons."""
    calls = [{HOSTILE: 2.0, "epoll_ctl": math.inf}, {"read": math.nan}, {"read": 1.0}]
    return [
        EvidenceRecord(
            HOSTILE,
            f"{HOSTILE}{number}",
            HOSTILE,
            parameters,
            system_calls=SystemCalls(1, by_name, by_name),
            sleeps_per_operation=math.nan,
            connection_memory=ConnectionMemory(1, -math.inf, math.nan),
            installed=Installed(2**70, {HOSTILE: 2**70}),
            warm_up=WarmUp(math.nan, 0, math.inf, math.nan),
            missing={HOSTILE: HOSTILE},  # type: ignore[dict-item]  # beyond what the reader lets through
        )
        for number, by_name in enumerate(calls)
    ]


def replace_figures(figures: Figures, **changes: object) -> Figures:
    return msgspec.structs.replace(figures, **changes)


def tables_of(markdown: str) -> list[list[str]]:
    """Every table as its lines."""
    blocks = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    return [text.splitlines() for text in blocks]


def cells_of(line: str) -> list[str]:
    return re.split(r"(?<!\\)\|", line)[1:-1]


# Whole pages.


@pytest.mark.parametrize(
    ("page", "golden"),
    [
        ("README.md", "first.md"),
        ("scenarios/timers.md", "scenario.md"),
        ("adapters/tornado.md", "adapter.md"),
        ("doubts.md", "doubts.md"),
        ("missing.md", "missing.md"),
        ("run.md", "run.md"),
    ],
)
def test_golden_report(page: str, golden: str) -> None:
    check_golden(golden, pages_of(render(journals.whole_run(), journals.ABOUT))[page])


def test_golden_matrix() -> None:
    other = msgspec.structs.replace(
        journals.LINUX, system="Darwin", release="24.1", architecture="arm64", platform="darwin"
    )
    runs = [
        ("linux", journals.whole_run()),
        ("wine", journals.whole_run(journals.WINE)),
        (
            "macos",
            [journals.run_record(other), journals.adapter_record("uvloop"), *journals.tcp_echo_cells()],
        ),
    ]
    rendered = render_matrix(runs, journals.ABOUT)
    check_golden("matrix.md", rendered.markdown)
    check_golden("matrix-tcp-echo.md", rendered.files["scenarios/tcp-echo.md"].decode())


def test_golden_incomplete_run_without_figures() -> None:
    records: list[Record] = [
        journals.run_record(adapters=("pyev",), scenarios=("timers", "dns")),
        journals.adapter_record("pyev", outcome="not-installed", reason="no C compiler; apt install gcc"),
        CellRecord("pyev", "native", "timers", {}, "not-installed", "no C compiler; apt install gcc"),
    ]
    rendered = render(records)
    check_golden("incomplete.md", rendered.markdown)
    assert "| pyev | not-installed | no C compiler; apt install gcc | `crossloop setup pyev` |" in whole_text(
        rendered
    )


def test_pictures_are_what_the_pages_show() -> None:
    rendered = render(journals.whole_run(), journals.ABOUT)
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", whole_text(rendered))
    assert sorted(shown) == sorted(pictures_of(rendered))
    assert "tcp-echo-cpu.svg" in shown


@pytest.mark.parametrize("records_", [journals.whole_run(), journals.ladder_run()], ids=["whole", "ladder"])
def test_links_lead_somewhere(records_: list[Record]) -> None:
    rendered = render(records_, journals.ABOUT)
    assert broken_links(pages_of(rendered), set(rendered.files)) == []


def test_every_outcome_of_the_journal_is_on_a_page() -> None:
    records = journals.whole_run()
    page = pages_of(render(records))["missing.md"]
    for cell in records:
        if isinstance(cell, CellRecord) and cell.figures is None:
            assert inline(cell.reason) in page
            assert cell.outcome in page


def test_what_a_profile_leaves_out_stands_with_the_command_that_brings_it() -> None:
    records_ = journals.whole_run()
    assert "leaves out" not in text_of(records_)
    head = msgspec.structs.replace(
        journals.run_record(),
        left_out={"tcp-echo": {"standard": 5, "full": 7}, "dns": {"full": 2, HOSTILE: 1}},
    )
    page = text_of([head, *records_[1:]])
    assert "`standard` runs 5 sets more, `full` runs 9 sets more" in page
    line = next(line for line in page.splitlines() if line.startswith("| tcp-echo | 5 | 7"))
    assert "--scenarios tcp-echo" in line
    assert "<script" not in page


def test_too_few_rounds_rank_nobody() -> None:
    def run(pairs: int) -> str:
        cells = [
            journals.measured("epoll", "c10k", journals.figures(5.8), connections=10),
            journals.measured("aio", "c10k", journals.figures(58.0), connections=10),
        ]
        head = journals.run_record(adapters=("epoll", "aio"), scenarios=("c10k",))
        return text_of([head, *(with_pairs(cell, pairs) for cell in cells)])

    def with_pairs(cell: CellRecord, pairs: int) -> CellRecord:
        assert cell.figures is not None
        few = msgspec.structs.replace(cell.figures.ratio_to_best, slices=pairs)
        figures = msgspec.structs.replace(cell.figures, ratio_to_best=few)
        return msgspec.structs.replace(cell, figures=figures)

    few, enough = run(5), run(6)
    reason = "5 paired rounds, 6 are needed to tell rows apart"
    assert f"**Least CPU time per operation:** epoll, 5.80 µs. Not ranked: {reason}." in few
    assert "**Not ranked:** 1 of 1 parameter set have too few rounds for tiers" in few
    assert f"No tiers: {reason}." in few
    assert "\n| – | aio |" in few
    assert reason not in enough
    assert "\n| 1 | aio |" in enough


# Determinism.


def digest(rendered: Rendered) -> str:
    everything = [rendered.markdown.encode(), *(rendered.files[name] for name in sorted(rendered.files))]
    return hashlib.sha256(b"\0".join(everything)).hexdigest()


def test_same_journal_same_bytes() -> None:
    assert digest(render(journals.whole_run())) == digest(render(journals.whole_run()))


@pytest.mark.parametrize("seed", ["0", "1"])
def test_same_bytes_in_another_process_and_place(seed: str, tmp_path: Path) -> None:
    """Neither hashes, nor locale, nor time zone, nor a user's settings for plots reach the bytes."""
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsvg.fonttype: path\naxes.facecolor: black\n")
    script = (
        "from tests import journals, test_report; from crossloop.report import render; "
        "print(test_report.digest(render(journals.whole_run())))"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "TZ": "Asia/Tokyo",
        "LC_ALL": "de_DE.UTF-8",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == digest(render(journals.whole_run()))


def test_pictures_carry_no_date_and_no_version() -> None:
    for content in render(journals.whole_run()).files.values():
        assert b"<dc:date>" not in content
        assert b"matplotlib.org" not in content


# Hostile journals.


def test_hostile_texts_stay_text() -> None:
    page = text_of(hostile_run())
    assert "<script" not in page
    assert "<!--" not in page
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]", page)
    assert page.count("<details>") == page.count("</details>")
    assert page.count("<pre>") == page.count("</pre>") == 1
    assert broken_links(pages_of(render(hostile_run())), set(render(hostile_run()).files)) == []
    for lines in tables_of(page):
        widths = {len(cells_of(line)) for line in lines}
        assert len(widths) == 1, lines


@pytest.mark.parametrize("records_", [journals.whole_run(), hostile_run()], ids=["ordinary", "hostile"])
def test_page_as_a_markdown_parser_reads_it(records_: list[Record]) -> None:
    """The only links, pictures and HTML elements are those that the pages themselves are written with."""
    rendered = render(records_)
    for name, page in pages_of(rendered).items():
        check_page(name, page, rendered)


def check_page(name: str, page: str, rendered: Rendered) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    inner = [child for token in tokens for child in token.children or ()]
    raw = " ".join(
        token.content for token in (*tokens, *inner) if token.type in {"html_block", "html_inline"}
    )
    assert set(re.findall(r"<\s*/?\s*([^\s>]+)", raw)) <= {"details", "summary", "pre", "sup", "br", "code"}
    links = {str(token.attrGet("href")) for token in inner if token.type == "link_open"}
    written = {link for link in links if not link.startswith("#")}
    assert all(re.fullmatch(r"(?:\.\./)*[A-Za-z0-9/-]+\.md", link) for link in written), written
    assert not broken_links({name: page}, {"README.md", *rendered.files})
    assert not [token for token in tokens if token.type in {"fence", "code_block"}]
    assert [token.tag for token in tokens if token.type == "heading_open"].count("h1") == 1


def test_hostile_texts_give_pictures_that_are_xml() -> None:
    rendered = render(hostile_run())
    assert pictures_of(rendered)
    for name, content in pictures_of(rendered).items():
        assert re.fullmatch(r"[a-z0-9-]+\.svg", name)
        root = ElementTree.fromstring(content)
        assert root.tag == f"{SVG}svg"
        assert not root.findall(f".//{SVG}script")


def test_matrix_of_hostile_runs() -> None:
    pages = pages_of(render_matrix([(HOSTILE, hostile_run()), ("b", hostile_run())]))
    assert any(name.startswith("scenarios/") for name in pages)
    for name, page in pages.items():
        assert "<script" not in page, name
        assert {len({len(cells_of(line)) for line in lines}) for lines in tables_of(page)} <= {1}, name


# Any journal.

texts = st.text(max_size=60)
names = st.sampled_from(["asyncio", "uvloop", "pyev", "<script>x", "a|b"])
numbers = st.floats(allow_nan=True, allow_infinity=True)
counts = st.integers(0, 10**12)
estimates = st.builds(Estimate, numbers, numbers, numbers, counts, counts)
latencies = st.builds(Latency, counts, numbers, numbers, numbers, numbers, numbers)
regimes = st.builds(
    Regime,
    st.sampled_from(["server-bound", "client-bound", "idle", "self-driven"]),
    numbers,
    numbers,
    st.none() | numbers,
    st.none() | numbers,
)
rates = st.builds(
    RateFigures, st.sampled_from(["common", "50%", "x|y"]), numbers, numbers, latencies, estimates, regimes
)
measured = st.builds(
    Figures,
    estimates,
    st.none() | numbers,
    estimates,
    regimes,
    st.integers(1, 50),
    estimates,
    st.lists(rates, max_size=3),
    st.none() | latencies,
    st.none() | counts,
    st.dictionaries(texts, numbers, max_size=2),
)
parameters = st.dictionaries(texts, st.integers() | numbers | st.booleans() | texts, max_size=3)
outcomes = st.sampled_from(["unsupported", "not-installed", "failed", "crashed", "timed-out", "over-limit"])
cells = st.builds(
    CellRecord, names, texts, names, parameters, st.just("measured"), texts, texts, measured
) | st.builds(CellRecord, names, texts, names, parameters, outcomes, texts, texts, st.none())
records = st.lists(
    cells
    | st.builds(CheckRecord, names, texts, outcomes, texts, texts, st.booleans(), texts)
    | st.builds(WarningRecord, texts, texts, texts)
    | st.builds(AdapterRecord, names, texts, texts, texts, st.booleans(), outcomes, texts)
    | st.builds(EndRecord, numbers, st.just({}), counts, st.none() | counts, st.none() | estimates),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records)
def test_any_journal_renders(journal: list[Record]) -> None:
    rendered = render([journals.run_record(), *journal])
    shown = whole_text(rendered)
    assert "<script" not in shown
    for lines in tables_of(shown):
        assert len({len(cells_of(line)) for line in lines}) == 1, lines
    assert not broken_links(pages_of(rendered), set(rendered.files))
    for content in pictures_of(rendered).values():
        ElementTree.fromstring(content)
    assert "<script" not in render_matrix([("a", [journals.run_record(), *journal])]).markdown
    data = html_page(document_of([journals.run_record(), *journal])).partition(b'id="data">')[2]
    json.loads(data.partition(b"</script>")[0])


@given(texts)
def test_inline_text_is_one_harmless_line(text: str) -> None:
    escaped = inline(text)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*\[\]]", escaped)
    assert not re.search(r"[<>]", escaped)
    shown = html.unescape(re.sub(rf"\\([{re.escape(string.punctuation)}])", r"\1", escaped))
    assert shown.replace("\\", "") == one_line(text).replace("\\", "")


# Rules of the page.


def test_a_baseline_divides_the_first_page_and_no_other() -> None:
    leanest, asyncio = (
        render(journals.whole_run(), baseline=name, pictures=False) for name in ("", "asyncio")
    )
    (row,) = re.findall(r"^\| \[asyncio\].*$", asyncio.markdown, re.MULTILINE)
    assert re.findall(r"\d\.\d\d", row) == ["1.00", "1.00"]
    assert {name for name in leanest.files if leanest.files[name] != asyncio.files[name]} == set()


def one_scenario(*cells_: Record) -> str:
    return text_of([journals.run_record(), *cells_, EndRecord(elapsed_s=1, cells={})], journals.ABOUT)


def test_last_record_of_a_cell_wins() -> None:
    page = one_scenario(
        CellRecord("uvloop", "native", "timers", {"timers": 5}, "failed", "the first time"),
        journals.measured("uvloop", "timers", journals.figures(0.5), timers=5),
    )
    assert "the first time" not in page
    assert "0.500 (0.490–0.510)" in page


def test_parameters_that_compare_equal_in_python_are_kept_apart() -> None:
    cells_ = [
        CellRecord(
            "uvloop", "native", "timers", {"n": value}, "measured", figures=journals.figures(1 + place)
        )
        for place, value in enumerate((1, True, 1.0))
    ]
    assert len(Run.of([journals.run_record(), *cells_]).sets["timers"]) == 3


def test_run_that_went_on_after_its_end_and_was_interrupted_is_incomplete() -> None:
    end = EndRecord(elapsed_s=1, cells={})
    cell = CellRecord("uvloop", "native", "timers", {}, "failed", "x")
    assert "**This run is incomplete.**" not in render([journals.run_record(), cell, end]).markdown
    assert "**This run is incomplete.**" in render([journals.run_record(), end, cell]).markdown


def test_wine_is_said_and_never_called_windows() -> None:
    page = render(journals.whole_run(journals.WINE)).markdown
    assert page.startswith("# crossloop on Wine 10.0 (AMD64)\n")
    assert "This ran under Wine" in page
    assert re.findall(r"Windows", page) == ["Windows"]


def test_the_head_names_the_load_generators_engine_and_why_it_is_pythons() -> None:
    def head(*more: Record, engine: str) -> str:
        run = msgspec.structs.replace(journals.run_record(), settings={LOAD_ENGINE: engine})
        return text_of([run, *more, *journals.tcp_echo_cells()])

    reason = "The load generator ran on its engine in Python: load-engine is not built."
    assert "| Load generator | its native engine, in C |" in head(engine="native")
    assert "| Load generator | its engine in Python, chosen by --engine |" in head(engine="python")
    with_reason = head(WarningRecord(PYTHON_LOAD, reason, "build it"), engine="python")
    assert f"| Load generator | {reason} |" in with_reason
    assert f"**python-load**: {reason} *Remedy:* build it" in with_reason
    assert "| Load generator" not in text_of([journals.run_record(), *journals.tcp_echo_cells()])


def test_rows_are_sorted_by_tier_then_value() -> None:
    page = one_scenario(
        journals.measured("pyev", "timers", journals.figures(0.7, tier=2), n=1),
        journals.measured("uvloop", "timers", journals.figures(0.9, tier=1), n=1),
        journals.measured("asyncio", "timers", journals.figures(0.8, tier=1), n=1),
    )
    ranked = next(lines for lines in tables_of(page) if lines[0].startswith("| Tier"))
    assert [cells_of(line)[1].strip() for line in ranked[2:]] == ["asyncio", "uvloop", "pyev"]


def test_the_row_that_others_are_divided_by_comes_first_and_is_one() -> None:
    page = one_scenario(
        journals.measured("pyev", "timers", journals.figures(0.7, best_us=0.8), n=1),
        journals.measured("uvloop", "timers", journals.figures(0.8, best_us=0.8), n=1),
    )
    ranked = next(lines for lines in tables_of(page) if lines[0].startswith("| Tier"))
    assert [(cells_of(line)[1].strip(), cells_of(line)[3].strip()) for line in ranked[2:]] == [
        ("uvloop", "1.00"),
        ("pyev", "0.87 (0.87–0.88)"),
    ]


def test_asyncio_comes_first_where_a_matrix_holds_all_against_it() -> None:
    cells = [
        journals.measured(name, "timers", journals.figures(cost, best_us=0.5), n=1)
        for name, cost in (("uvloop", 0.5), ("asyncio", 1.0))
    ]
    (lines,) = (
        lines
        for lines in tables_of(scenario_over_runs([journals.run_record(), *cells], "timers"))
        if lines[0].startswith("| Adapter (style)")
    )
    assert [cells_of(line)[1].strip() for line in lines[2:]] == ["1.00", "0.50 (0.50–0.50)"]


def scenario_over_runs(run: list[Record], scenario: str) -> str:
    """The page of a scenario that two runs measured alike."""
    return render_matrix([("a", run), ("b", run)]).files[f"scenarios/{scenario}.md"].decode()


def test_no_row_is_marked_where_neither_side_was_at_its_limit() -> None:
    near = journals.estimate(0.9)
    bound, idle = (Regime(name, 0.6, 0.5) for name in ("server-bound", "idle"))
    rows = [replace_figures(journals.figures(1, regime=regime), of_native=near) for regime in (bound, idle)]
    reference = replace_figures(journals.figures(0.9), of_native=None)
    page = one_scenario(
        journals.reference_record("c-epoll"),
        journals.measured("c-epoll", "timers", reference, n=1),
        journals.measured("uvloop", "timers", rows[0], n=1),
        journals.measured("pyev", "timers", rows[1], n=1),
    )
    assert "| 950,000 ‡ |" in page
    assert "| ≥ 950,000 |" in page
    assert "| 1: uvloop 90 % |" in page


def test_what_fired_early_is_signed_and_said() -> None:
    late = Latency(2_000, -4.5, 3.0, 40.0, 60.0, 70.0, min=-1310.0, early_share=0.48)
    page = one_scenario(
        journals.measured("uvloop", "timers", journals.figures(0.8, latency_us=late), n=1),
        journals.measured("asyncio", "timers", journals.figures(0.9, latency_us=journals.latency(5)), n=1),
    )
    (lines,) = (lines for lines in tables_of(page) if lines[0].startswith("| Tier"))
    titles = [title.strip() for title in cells_of(lines[0])]
    rows = [dict(zip(titles, map(str.strip, cells_of(line)), strict=True)) for line in lines[2:]]
    assert [(row["p50 µs"], row["early (by at most µs)"]) for row in rows] == [
        ("-4.50", "48 % (1,310)"),
        ("5.00", "–"),
    ]
    assert "Early: the share of samples that came before they were due" in page


def test_counters_that_are_known_have_columns_and_a_meaning() -> None:
    counters = {"lost": 3.0, "jain": 0.8712, "rss_peak_bytes": 48_300_000.0, "sockets": 7.0}
    main, evidence, page = counted(counters)
    assert (main["lost"], "Jain's index" in main, "peak memory MB" in main) == ("3", False, False)
    assert {name: evidence[name] for name in ("Jain's index", "peak memory MB", "sockets")} == {
        "Jain's index": "0.871",
        "peak memory MB": "48.3",
        "sockets": "7",
    }
    assert "lost" not in evidence
    assert "lost: datagrams that were never answered." in page
    assert "Jain's index: 1 where every connection is answered as often as any other." in page


def test_what_every_load_counts_is_a_figure_where_a_scenario_is_about_it() -> None:
    main, evidence, _page = counted({"jain": 0.87, "jain_polite": 0.99, "rss_peak_bytes": 1e6})
    assert (main["Jain's index"], main["Jain's index, polite"]) == ("0.870", "0.990")
    assert "Jain's index" not in evidence
    assert "peak memory MB" in evidence


def counted(counters: dict[str, float]) -> tuple[dict[str, str], dict[str, str], str]:
    """The row of a page's main table, that of its evidence, and the page."""
    page = one_scenario(journals.measured("uvloop", "timers", journals.figures(0.8, counters=counters), n=1))
    main, evidence = (
        dict(zip(*(map(str.strip, cells_of(line)) for line in (lines[0], lines[2])), strict=True))
        for lines in tables_of(page)
        if lines[0].startswith(("| Tier", "| Adapter (style)")) and "timers/s" in lines[0]
    )
    return main, evidence, page


def test_latencies_are_said_to_be_the_closed_loops_where_a_load_asks() -> None:
    driven = journals.figures(1, latency_us=journals.latency(40))
    page = one_scenario(journals.measured("uvloop", "timers", driven, n=1))
    assert "p50 to p99.9: the answers of the closed loop, 20,000 a row." in page


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (ScenarioTexts("T", drive="work"), "The measured process drives itself."),
        (
            ScenarioTexts("T", drive="connect", transport="tls"),
            "Driven from another process over TLS: each operation is a connection of its own with one exchange.",
        ),
    ],
)
def test_a_section_says_how_its_scenario_is_driven(texts: ScenarioTexts, sentence: str) -> None:
    cell = journals.measured("uvloop", "timers", journals.figures(1), n=1)
    page = pages_of(render([journals.run_record(), cell], {"timers": texts}))["scenarios/timers.md"]
    assert f"\n\n{sentence}\n" in page


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, ["–", "–", "–"]),
        (19, ["–", "–", "–"]),
        (20, ["1.00", "–", "–"]),
        (1000, ["1.00", "4.20", "–"]),
        (10_000, ["1.00", "4.20", "11.0"]),
    ],
)
def test_percentiles_need_ten_samples_beyond_them(count: int, shown: list[str]) -> None:
    latency = journals.latency(1, count)
    assert [percentile(latency, name) for name in ("p50", "p99", "p99.9")] == shown


def test_client_bound_rates_are_lower_bounds() -> None:
    bound = Regime("client-bound", 0.5, 1.0)
    page = one_scenario(journals.measured("uvloop", "timers", journals.figures(1, regime=bound), n=1))
    assert "| ≥ 950,000 |" in page
    assert "≥: the subject was not the limit" in page


def test_long_reports_go_to_further_pages() -> None:
    sets = ROWS_PER_PAGE // len(journals.ADAPTERS) + 5
    cells_ = [cell for connections in range(1, sets) for cell in journals.tcp_echo_cells(connections)]
    rendered = render([journals.run_record(), *cells_])
    pages = {name: page for name, page in pages_of(rendered).items() if name.startswith("scenarios/")}
    assert list(pages) == ["scenarios/tcp-echo.md", "scenarios/tcp-echo-2.md"]
    assert "(tcp-echo-2.md)" in pages["scenarios/tcp-echo.md"]
    everything = "".join(pages.values())
    for connections in range(1, sets):
        heading = f"size 1 KiB, connections {connections}"
        assert f"<summary>{heading}</summary>" in everything or f"## {heading}\n" in everything
    assert "Not drawn, but in the tables:" in everything


def test_a_further_page_takes_no_other_scenarios_name() -> None:
    sets = ROWS_PER_PAGE // len(journals.ADAPTERS) + 5
    cells_ = [cell for connections in range(1, sets) for cell in journals.tcp_echo_cells(connections)]
    other = journals.measured("uvloop", "tcp-echo-2", journals.figures(1), n=1)
    rendered = render([journals.run_record(scenarios=("tcp-echo", "tcp-echo-2")), *cells_, other])
    assert "(tcp-echo-3.md)" in rendered.files["scenarios/tcp-echo.md"].decode()
    assert b"# tcp-echo-2\n" in rendered.files["scenarios/tcp-echo-2.md"]


def test_scenarios_that_differ_in_case_alone_get_files_of_their_own() -> None:
    cells_ = [
        journals.measured("uvloop", name, journals.figures(1), n=1) for name in ("Echo", "echo", "echo!")
    ]
    assert sorted(pictures_of(render([journals.run_record(), *cells_]))) == [
        "echo-2-cpu.svg",
        "echo-3-cpu.svg",
        "echo-cpu.svg",
        "headline.svg",
    ]


def test_matrix_falls_back_to_the_leanest_row_without_asyncio_everywhere() -> None:
    cell = journals.measured("uvloop", "timers", journals.figures(1, best_us=0.5), n=1)
    page = scenario_over_runs([journals.run_record(), cell], "timers")
    assert "that of the leanest row of the same run" in page
    assert "| 2.00 (1.99–2.01) |" in page


@pytest.mark.parametrize("labels", [[], ["a", "a"]])
def test_matrix_refuses_labels_that_do_not_tell_runs_apart(labels: list[str]) -> None:
    with pytest.raises(ValueError, match="labels unlike each other"):
        render_matrix([(label, journals.whole_run()) for label in labels])


def test_report_needs_a_run() -> None:
    with pytest.raises(ValueError, match="needs a record of kind 'run'"):
        render(journals.whole_run()[1:])


# Pictures.


def texts_in(content: bytes) -> list[tuple[str, float, float, str, float]]:
    """Text, x, y, anchor and size of everything written in a picture."""
    written = []
    for element in ElementTree.fromstring(content).iter(f"{SVG}text"):
        style = dict(part.strip().split(": ", 1) for part in element.get("style", "").split(";"))
        place = float(element.get("x", "0")), float(element.get("y", "0"))
        written.append(
            (element.text or "", *place, style["text-anchor"], float(style["font-size"].removesuffix("px")))
        )
    return written


def boxes_of(content: bytes) -> list[tuple[str, float, float, float, float]]:
    """Text and left, top, right, bottom of it, by the width of DejaVu Sans (0.6 of its size a character)."""
    boxes = []
    for text, x, y, anchor, size in texts_in(content):
        width = 0.6 * size * len(text)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        boxes.append((text, left, y - 0.75 * size, left + width, y + 0.2 * size))
    return boxes


def test_labels_of_many_rows_neither_overlap_nor_leave_the_picture() -> None:
    cells_ = [
        journals.measured(
            f"gevent-libev-cffi-{row}",
            "tcp-echo",
            journals.figures(5 + row, rates=[journals.rate("common", 20_000, 90 + row)]),
            style="resolver-thread",
            size=1024,
            connections=connections,
        )
        for connections in (1, 10, 100)
        for row in range(24)
    ]
    for content in pictures_of(render([journals.run_record(), *cells_], journals.ABOUT)).values():
        width = float(ElementTree.fromstring(content).get("width", "").removesuffix("pt"))
        boxes = boxes_of(content)
        for place, (text, left, top, right, bottom) in enumerate(boxes):
            assert left >= 0, text
            assert right <= width, text
            for other, other_left, other_top, other_right, other_bottom in boxes[:place]:
                apart = (
                    right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
                )
                assert apart, (text, other)


def test_latency_rows_are_sorted_by_the_highest_percentile_that_all_have() -> None:
    cells_ = [
        journals.measured(
            name, "timers", journals.figures(1, rates=[journals.rate("common", 1e4, p50, count=count)]), n=1
        )
        for name, p50, count in (("asyncio", 30, 20_000), ("uvloop", 10, 4_000), ("pyev", 20, 20_000))
    ]
    content = render([journals.run_record(), *cells_]).files["scenarios/timers-latency.svg"]
    names_ = [text for text, *_ in texts_in(content) if text in journals.ADAPTERS]
    assert names_ == ["uvloop", "pyev", "asyncio"]


@pytest.mark.parametrize(("p50", "early_share"), [(-1300, 0.8), (80, 0.4)])
def test_timers_that_fire_early_stand_left_of_zero(p50: float, early_share: float) -> None:
    """On a scale of positive numbers alone they would all stand at its left end, as if they were punctual."""
    latency = Latency(20_000, p50, p90=90, p99=90, p99_9=90, max=100, min=-1400, early_share=early_share)
    figures_ = journals.figures(1, latency_us=latency)
    cells_ = [journals.measured("uvloop", "timers", figures_, n=1)]
    content = render([journals.run_record(), *cells_]).files["scenarios/timers-latency.svg"]
    labels = [text for text, *_ in texts_in(content)]
    ticks = [float(text.replace(",", "")) for text in labels if re.fullmatch(r"[-−]?[\d,]+", text)]
    assert min(ticks) <= -100
    assert 0 in ticks
    assert any("early left of it" in text for text in labels)


def test_each_family_has_a_colour_and_a_marker_of_its_own() -> None:
    styles = family_styles(["asyncio", "libev", "libevent", "libuv", "model", "tornado", "trio", "twisted"])
    assert len({colour for colour, _marker in styles.values()}) == len(styles)
    assert len({marker for _colour, marker in styles.values()}) == len(styles)


def test_nothing_to_draw_gives_no_picture() -> None:
    assert draw([]) == {}
    assert pictures_of(render([journals.run_record()])) == {}


# Escaping, numbers, tables, files.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, 1.5 (µs)", "plain words, 1.5 (µs)"),
        ("a|b", "a\\|b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("tcp_echo _x_", "tcp_echo \\_x\\_"),
        ("a\r\n\tb\x00", "a b\\\\x00"),
        ("\u202e", "\\\\u202e"),
        (" 0 ", "0"),
        ("# a", "\\# a"),
        ("## a", "#\\# a"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("---", "--\\-"),
        ("-5", "-5"),
        ("x" * 600, "x" * 500 + " … (100 more characters)"),
    ],
)
def test_inline(text: str, expected: str) -> None:
    assert inline(text) == expected


def test_markdown_is_not_escaped_again() -> None:
    assert inline(Markdown("**a**")) == "**a**"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a --b 'c'", "`a --b 'c'`"), ("a`|<b>", "<code>a\\`\\|&lt;b&gt;</code>"), ("", "")],
)
def test_code(text: str, expected: str) -> None:
    assert code(text) == expected


def test_block_keeps_lines_and_cannot_be_left() -> None:
    assert block("one\n\n</pre># two\x1b\n") == "<pre>\none\n\n&lt;/pre&gt;# two\\x1b\n</pre>"
    assert block("\n".join(map(str, range(100)))).splitlines()[1:-1] == [str(line) for line in range(80, 100)]


def test_plot_text_and_file_stem() -> None:
    assert plot_text("a\nb\x00$x$" + "y" * 99) == "a b\\x00$x$" + "y" * 49 + "…"
    assert [file_stem(text) for text in ("tcp-echo", "../CON", "ü", "")] == [
        "tcp-echo",
        "con",
        "scenario",
        "scenario",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"), (0.00123456, "0.00123"), (0.62, "0.620"), (5.914, "5.91"), (9.996, "10.0"), (99.96, "100"),
        (12.3456, "12.3"), (1234.5, "1,230"), (131_243, "131,000"), (-0.5, "-0.500"), (1e300, "1.00e+300"),
        (1e-9, "1.00e-09"), (math.nan, "–"), (math.inf, "–"), (None, "–"),
    ],
)  # fmt: skip
def test_number(value: float | None, expected: str) -> None:
    assert digits.number(value) == expected


@pytest.mark.parametrize(
    ("figure", "scale", "expected"),
    [
        (Estimate(5910, 5800, 6020, 90, 3), 1e-3, "5.91 (5.80–6.02)"),
        (Estimate(131_243, 131_043, 131_443, 90, 3), 1, "131,200 (131,000–131,400)"),
        (Estimate(2, 2, 2, 1, 1), 1, "2.00"),
        (Estimate(0, 0, 0, 1, 1), 1, "0"),
        (Estimate(0.5, 0, 1, 9, 3), 1, "0.500 (0–1.000)"),
        (Estimate(math.nan, 0, 1, 1, 1), 1, "–"),
    ],
)
def test_estimate(figure: Estimate, scale: float, expected: str) -> None:
    assert digits.estimate(figure, scale) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, "0.50 s"),
        (48.4, "48 s"),
        (59.6, "1 min 00 s"),
        (492.4, "8 min 12 s"),
        (7500, "2 h 05 min"),
        (-1, "–"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert digits.duration(seconds) == expected


def test_table_drops_empty_optional_columns_and_refuses_ragged_rows() -> None:
    columns = [Column("a"), Column("b", "right", optional=True), Column("c", "centre")]
    assert markdown_table(table(columns, [("1", "–", "x|y")], "caption", ["note"])) == (
        "caption\n\n| a | c |\n| :--- | :---: |\n| 1 | x\\|y |\n\nnote"
    )
    with pytest.raises(ValueError, match="a row of 1 cells under 3 columns"):
        table(columns, [("1",)])


@pytest.mark.parametrize(
    ("unit", "units"), [("message", "messages"), ("query", "queries"), ("relay", "relays")]
)
def test_units(unit: str, units: str) -> None:
    assert ScenarioTexts("t", "", unit).units == units


def test_write_replaces_whole_files_and_leaves_nothing_else(tmp_path: Path) -> None:
    rendered = render(journals.whole_run(), journals.ABOUT)
    folder = tmp_path / "reports" / "linux"
    write(rendered, folder)
    page = write(replace(rendered, markdown="again\n"), folder)
    assert page.read_bytes() == f"again\n{MARK}".encode()
    assert files_in(folder) == {"README.md", *rendered.files}
    for name, content in rendered.files.items():
        assert (folder / name).read_bytes() == content + MARK.encode()
        if name.endswith(".svg"):
            ElementTree.fromstring((folder / name).read_bytes())


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_write_removes_what_an_older_rendering_left_and_nothing_else(tmp_path: Path) -> None:
    write(render(journals.whole_run(), journals.ABOUT), tmp_path)
    strangers = {
        "notes.md": "# Notes\n",
        "run.jsonl": "{}\n",
        "my-cpu.svg": "<svg/>",
        "scenarios/mine.md": "mine",
        "adapters/link.md": None,
        "other/tcp-echo.md": f"a page\n{MARK}",
    }
    before_the_mark = {
        "tcp-echo-cpu.svg": '<svg><g id="figure_1"></g></svg>',
        "c10k-1.md": "# C10K: further parameter sets\n",
        "libraries/uvloop.md": "# uvloop: what it does\n",
    }
    for name, text in {**strangers, **before_the_mark}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if text is None:
            (tmp_path / name).symlink_to(tmp_path / "notes.md")
        else:
            (tmp_path / name).write_text(text)
    rendered = render([journals.run_record(), *journals.tcp_echo_cells()])
    write(rendered, tmp_path)
    assert files_in(tmp_path) == {"README.md", *rendered.files, *strangers}
    assert not (tmp_path / "libraries").exists()


def test_write_that_fails_leaves_the_old_page_and_no_fragment(tmp_path: Path) -> None:
    rendered = render(journals.whole_run(), journals.ABOUT)
    (tmp_path / "README.md").write_text("old")
    (tmp_path / sorted(rendered.files)[-1]).mkdir(parents=True)
    with pytest.raises(OSError, match="timers"):
        write(rendered, tmp_path)
    assert (tmp_path / "README.md").read_text() == "old"
    assert not list(tmp_path.rglob("*.part"))


def test_first_record_is_enough() -> None:
    run = journals.run_record()
    assert isinstance(run, RunRecord)
    assert "Nothing was measured" in render([run]).markdown
