"""`report.html`: its data, its policy, and what a reader does with it in a real browser (Debian's chromium).

The browser's tests are skipped, with the reason, where no Chromium or no playwright is found.
"""

import base64
import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.cli.reporting import behaviour_texts, records_of, scenario_texts
from crossloop.journal import (
    BehaviourRecord,
    CellRecord,
    CheckRecord,
    DropinRecord,
    Estimate,
    JournalWriter,
    Record,
    Run,
    WarningRecord,
    WebServer,
    journal_path,
)
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline, one_line
from crossloop.report import BehaviourTexts, ScenarioTexts, headline_of, ratio_of, render
from crossloop.report.html import (
    FILE,
    Document,
    PackedTable,
    Shared,
    SharedList,
    SharedTexts,
    document_of,
    html_page,
    sentence_of,
)
from tests import journals
from tests.documents import ROOT
from tests.own_suite import SUITE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COMMITTED = ROOT / "reports" / "linux"
ABOUT = {
    "tcp-echo": ScenarioTexts("TCP echo", "What does an echo cost?", "message", drive="exchange", place=10),
    "http": ScenarioTexts("HTTP", "What does a request cost?", "request", drive="exchange", place=20),
    "timers": ScenarioTexts("Timers", "What does a timer cost?", "timer", drive="work"),
}
QUESTIONS = {
    "never-early": BehaviourTexts(
        "Is a timer never early?",
        "It fires at its time or later.",
        "https://docs.python.org/3/",
        ("https://example.org/report",),
        "Timers",
        {},
    ),
}
HOSTILE = (
    '<img src=x onerror="window.ran=1"> </script><script>window.ran=1</script> <!-- {{ 7 * 7 }} '
    "\u202egnp.exe\u202c \u2066x\u2069 \x1b[31m 'quote' & \u2028 __proto__"
)
VIEWS = (
    "#/", "#/scenarios", "#/scenario/tcp-echo", "#/adapters", "#/adapter/uvloop", "#/behaviours?alike=yes", "#/missing",
    "#/run",
)  # fmt: skip
AA, AA_LARGE = 4.5, 3.0
"""Contrast that text needs, and large text (WCAG 2.2, 1.4.3)."""


def paired_run() -> list[Record]:
    """A set with every kind of ratio: to the leanest, to each row of asyncio, the other way round, by quotient."""
    chance = random.Random(3)

    def spread(value: float) -> Estimate:
        return Estimate(
            value,
            value * chance.uniform(0.9, 0.99),
            value * chance.uniform(1.01, 1.2),
            chance.randrange(7, 90),
            3,
        )

    def row(adapter: str, style: str, cost: float, baselines: tuple[str, ...]) -> CellRecord:
        values = journals.figures(cost, best_us=5.0, tier=max(1, round(cost / 5)))
        ratio = values.ratio_to_best if cost == 5.0 else spread(cost / 5.0)
        return journals.measured(
            adapter,
            "http",
            msgspec.structs.replace(
                values, ratio_to_best=ratio, to_baseline={name: spread(cost / 6) for name in baselines}
            ),
            style=style,
        )

    served = WebServer("uvicorn", "0.30", "httptools.parser.parser.HttpRequestParser", compiled=True)
    return [
        row("uvloop", "protocol", 5.0, ("protocol", "streams", "uvicorn")),
        row("uvloop", "streams", 7.25, ("protocol",)),
        row("asyncio", "protocol", 6.0, ("streams", "uvicorn")),
        row("asyncio", "streams", 9.1, ("protocol",)),
        row("pyev", "native", 5.5, ("protocol", "streams")),
        row("tornado", "native", 66.0, ()),
        msgspec.structs.replace(row("asyncio", "uvicorn", 31.0, ("protocol",)), server=served),
        msgspec.structs.replace(row("uvloop", "uvicorn", 29.0, ("uvicorn",)), server=served),
    ]


def whole_run() -> list[Record]:
    """A run with every outcome, behaviours, CPython's tests and ratios of every kind."""
    first, *others = journals.whole_run()
    answers = [record for record in journals.asked_run("3.13") if isinstance(record, BehaviourRecord)]
    failed = DropinRecord("uvloop", "0.23", "3.13", "test_events.test_tls", "tls", "failed", "no answer")
    return [first, *paired_run(), *others, *answers, failed]


def hostile_run() -> list[Record]:
    """Hostile text wherever a journal may hold free text, and names that are no names."""
    machine = msgspec.structs.replace(journals.LINUX, system=HOSTILE, cpu=HOSTILE, python=HOSTILE)
    run = msgspec.structs.replace(journals.run_record(machine), settings={"x": HOSTILE}, started=HOSTILE)
    adapter = msgspec.structs.replace(
        journals.adapter_record("uvloop"),
        adapter=HOSTILE,
        library=HOSTILE,
        facts={"binding": HOSTILE, "mechanism": HOSTILE},
    )
    return [
        run,
        adapter,
        CellRecord(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, "measured", figures=journals.figures(5.8)),
        CellRecord(HOSTILE, "b", HOSTILE, {HOSTILE: HOSTILE}, "measured", figures=journals.figures(9.8)),
        CellRecord(HOSTILE, "c", HOSTILE, {HOSTILE: HOSTILE}, "crashed", HOSTILE, HOSTILE * 3),
        journals.adapter_record("rsloop", outcome="not-installed", reason=HOSTILE),
        CheckRecord(HOSTILE, HOSTILE, "failed", HOSTILE, HOSTILE, as_expected=False, reason=HOSTILE),
        BehaviourRecord(HOSTILE, HOSTILE, HOSTILE, "no", HOSTILE, HOSTILE),
        BehaviourRecord("asyncio", HOSTILE, HOSTILE, "yes", "", HOSTILE),
        DropinRecord(HOSTILE, HOSTILE, HOSTILE, "t", HOSTILE, "failed", HOSTILE),
        WarningRecord(HOSTILE, HOSTILE, HOSTILE),
    ]


def texts_of(document: Document, table: PackedTable) -> list[dict[str, Any]]:
    """Rows of a packed table with their texts, as the page unpacks them."""

    def text(field: str, value: Any) -> Any:
        if field not in table.shared:
            return value
        return document.texts[value] if isinstance(value, int) else [document.texts[each] for each in value]

    return [
        {field: text(field, value) for field, value in zip(table.fields, row, strict=True)}
        for row in table.rows
    ]


# The data and the file ---------------------------------------------------------------------------


def test_each_text_is_packed_once_and_comes_back() -> None:
    class Item(msgspec.Struct):
        name: Shared
        count: int
        others: SharedList

    shared = SharedTexts()
    packed = shared.table(Item, [Item("a", 1, ("b", "a")), Item("b", 2, ())])
    assert shared.texts == ("a", "b")
    assert packed == PackedTable(
        ("name", "count", "others"), ("name", "others"), ((0, 1, (1, 0)), (1, 2, ()))
    )


def test_the_document_has_a_row_or_a_word_for_each_cell_of_the_headline() -> None:
    records = whole_run()
    document = document_of(records, ABOUT)
    headline = headline_of(Run.of(records), ABOUT)
    by_cell = {(word["adapter"], word["column"]): word for word in texts_of(document, document.cell_words)}
    scenarios = {scenario.id: scenario for scenario in document.scenarios}
    assert document.order == headline.adapters
    for column in document.columns:
        rows = texts_of(document, scenarios[column.scenario].sets[0].rows)
        for adapter in document.order:
            cell = headline.cells[adapter, column.id]
            labels = {rows[place]["label"] for place in column.rows if rows[place]["adapter"] == adapter}
            if cell.row is None:
                assert not labels
                assert by_cell[adapter, column.id]["word"] == cell.word
            else:
                assert cell.row.label in labels
                leaders = {rows[place]["label"] for place in column.leaders}
                assert (cell.row.label in leaders) == cell.leads


def test_what_has_no_figure_is_one_entry_for_each_reason() -> None:
    document = document_of(whole_run(), ABOUT)
    missing = {each["reason"]: each for each in texts_of(document, document.missing)}
    tornado = missing["connection 3: expected sequence 41, got 42"]
    assert (tornado["outcome"], tornado["adapters"], tornado["scenarios"]) == (
        "failed",
        ["tornado"],
        ["timers"],
    )
    assert "CheckFailedError" in tornado["stderr"]
    assert missing["no wheel for CPython 3.13; its sdist needs cargo"]["scenarios"] == []


def test_the_same_records_give_the_same_bytes_and_need_nothing_else() -> None:
    page = html_page(document_of(whole_run(), ABOUT, QUESTIONS))
    assert page == html_page(document_of(whole_run(), ABOUT, QUESTIONS))
    text = page.decode()
    assert not re.search(r"<(?:link|img|iframe|object|base)\b|@import|url\(", text)
    assert not re.search(r"<\w+[^>]*\s(?:src|href)=\"(?!#)", text)


def test_the_policy_names_the_script_and_the_style_and_nothing_else() -> None:
    text = html_page(document_of(whole_run(), ABOUT)).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = dict(rule.partition(" ")[::2] for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    for name, element in (("script-src", r"<script>(.*?)</script>"), ("style-src", r"<style>(.*?)</style>")):
        elements = re.findall(element, text, re.DOTALL)
        assert len(elements) == 1
        digest = base64.b64encode(hashlib.sha256(elements[0].encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_data_cannot_end_its_element_and_hides_nothing() -> None:
    text = html_page(document_of(hostile_run())).decode()
    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert not set("<>&\u202e\u2066\x1b\u2028") & set(data)
    assert r"\u202egnp.exe" in "\n".join(json.loads(data)["texts"])
    assert text.count("<script") == text.count("</script>") == 2


def test_a_number_beyond_all_measure_is_no_number() -> None:
    figures = journals.figures(5.8)
    endless = msgspec.structs.replace(figures, operations_per_s=Estimate(float("inf"), 0, float("nan"), 1, 1))
    records: list[Record] = [journals.run_record(), journals.measured("uvloop", "timers", endless)]
    text = html_page(document_of(records, ABOUT)).decode()
    assert "[null,0,null,1,1]" in text


def crossloop(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "crossloop", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def written(folder: Path, records: list[Record]) -> Path:
    folder.mkdir(parents=True)
    with JournalWriter(journal_path(folder)) as journal:
        for record in records:
            journal.write(record, sync=False)
    return folder


def test_report_writes_the_file_where_it_is_asked_for_and_refuses_it_of_two_runs(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", paired_records())
    done = crossloop("report", folder, "--html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == str(folder / FILE)
    assert "HTTP" in (folder / FILE).read_text("utf-8")
    refused = crossloop("report", folder, folder.parent, "--html")
    assert refused.returncode == 2
    assert "--html is for the report of one run; name one" in refused.stderr


def paired_records() -> list[Record]:
    return [journals.run_record(), *paired_run()]


# In a browser ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip(f"no Chromium: none of {', '.join(names)} is on PATH")
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium)
        yield started
        started.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that was built in code."""
    file = tmp_path_factory.mktemp("built") / FILE
    file.write_bytes(html_page(document_of(whole_run(), ABOUT, QUESTIONS)))
    return file


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the committed run."""
    if not journal_path(COMMITTED).is_file():
        pytest.skip("the committed reports are not beside these tests")
    file = tmp_path_factory.mktemp("committed") / FILE
    document = document_of(records_of(COMMITTED), scenario_texts(SUITE), behaviour_texts())
    file.write_bytes(html_page(document))
    return file


@contextmanager
def opened(browser: "Browser", file: Path, view: str = "#/", **options: Any) -> Iterator["Page"]:
    """A page in a context of its own; at its end it must have complained of nothing and asked for nothing."""
    context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
    context.set_default_timeout(5_000)
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri() + view)
    try:
        yield page
        assert complaints == []
        assert {url.partition("#")[0] for url in requests} == {file.as_uri()}
    finally:
        context.close()


def go(page: "Page", view: str) -> None:
    """Show another view, as a link does, and be there when this returns."""
    page.evaluate("(hash) => { location.hash = hash; show(); }", view)


def shown_column(page: "Page", title: str) -> list[str]:
    """Cells of the headline under a question, as they are seen, from the first row on."""
    cells: list[str] = page.evaluate(
        """(title) => {
          const heads = [...document.querySelectorAll('table.headline thead tr:last-child > th')];
          const place = heads.findIndex((head) => head.textContent.startsWith(title));
          return [...document.querySelectorAll('table.headline tbody tr')].map((row) => {
            const seen = row.cells[place].cloneNode(true);
            for (const each of seen.querySelectorAll('.unseen')) each.remove();
            return seen.textContent;
          });
        }""",
        title,
    )
    return cells


def adapters_shown(page: "Page") -> list[str]:
    return page.locator("table.headline tbody th").all_inner_texts()


def sort_button(page: "Page", title: str) -> Any:
    return page.locator("table.headline thead button").filter(has_text=re.compile(rf"^{title}"))


def head(page: "Page", title: str) -> Any:
    return sort_button(page, title).locator("xpath=..")


def as_numbers(cells: list[str]) -> list[float]:
    return [float(cell.replace(",", "")) for cell in cells if cell[0].isdigit()]


def test_a_column_sorts_by_click_and_by_key_and_what_has_no_figure_stays_last(
    browser: "Browser", built: Path
) -> None:
    with opened(browser, built) as page:
        before = shown_column(page, "Timers")
        sort_button(page, "Timers").click()
        assert head(page, "Timers").get_attribute("aria-sort") == "ascending"
        ascending = shown_column(page, "Timers")
        numbers = as_numbers(ascending)
        assert numbers == sorted(numbers)
        assert sorted(ascending) == sorted(before)
        assert all(cell[0].isdigit() for cell in ascending[: len(numbers)])
        page.keyboard.press("Enter")  # the button kept the focus
        assert head(page, "Timers").get_attribute("aria-sort") == "descending"
        descending = shown_column(page, "Timers")
        assert as_numbers(descending) == numbers[::-1]
        assert all(cell[0].isdigit() for cell in descending[: len(numbers)])
        assert page.locator("table.headline th[aria-sort]").count() == 1
        sort_button(page, "Adapter").click()
        assert adapters_shown(page) == sorted(adapters_shown(page))


def test_filters_leave_what_they_name(browser: "Browser", built: Path) -> None:
    with opened(browser, built) as page:
        everybody = adapters_shown(page)
        page.get_by_label("Family").select_option("libuv")
        assert adapters_shown(page) == [name for name in everybody if name in {"uvloop", "gevent-libuv"}]
        page.get_by_label("Family").select_option("")
        page.get_by_label("Questions", exact=True).select_option("loop")
        assert page.locator("table.headline th.question").count() == 1
        page.get_by_label("Questions", exact=True).select_option("")
        field = page.get_by_label("Adapters or questions with")
        field.press_sequentially("GEVENT")
        assert adapters_shown(page) == [name for name in everybody if name.startswith("gevent")]
        assert page.evaluate("document.activeElement.id") == "filter"
        field.fill("timers")
        assert page.locator("table.headline th.question").all_inner_texts() == ["Timers\n▴"]
        field.fill("nothing is called so")
        assert page.locator("table.headline").count() == 0
        assert "Choose less" in page.locator("main").inner_text()


def test_a_baseline_is_divided_by_and_the_back_button_undoes_it(browser: "Browser", built: Path) -> None:
    run = Run.of(whole_run())
    with opened(browser, built) as page:
        to_leanest = shown_column(page, "TCP echo")
        page.get_by_label("Divide by").select_option("asyncio")
        assert page.url.endswith("#/?baseline=asyncio")
        cells = dict(zip(adapters_shown(page), shown_column(page, "HTTP"), strict=True))
        headline = headline_of(run, ABOUT, "asyncio")
        for adapter in headline.adapters:
            cell = headline.cells[adapter, "http"]
            if cell.ratio is not None:
                assert cells[adapter] == digits.ratio(cell.ratio.estimate).partition(" ")[0]
        page.go_back()
        page.wait_for_function("document.getElementById('baseline').value === ''")
        assert shown_column(page, "TCP echo") == to_leanest
        page.go_forward()
        page.wait_for_function("document.getElementById('baseline').value === 'asyncio'")


def test_a_link_leads_to_a_scenario_its_set_and_its_baseline(browser: "Browser", built: Path) -> None:
    view = "#/scenario/tcp-echo?baseline=asyncio&set=size%3D1024%2Cconnections%3D1"
    with opened(browser, built, view) as page:
        assert page.locator("h1").inner_text() == "TCP echo"
        assert page.get_by_label("At", exact=True).input_value() == "size=1024,connections=1"
        assert page.get_by_label("Divide by").input_value() == "asyncio"
        assert page.locator(".bars li.base .label").inner_text() == "asyncio (protocol)"
        page.get_by_label("At", exact=True).select_option("")
        assert page.url.endswith("#/scenario/tcp-echo?baseline=asyncio")
        page.locator(".bars .label a", has_text="pyev").click()
        page.locator("h1", has_text="pyev").wait_for()
        page.go_back()
        page.locator("h1", has_text="TCP echo").wait_for()
        go(page, "#/scenario/none-such")
        assert page.locator("h1").inner_text() == "Not found"


def test_hover_and_focus_say_how_a_figure_is_known(browser: "Browser", built: Path) -> None:
    headline = headline_of(Run.of(whole_run()), ABOUT, "asyncio")
    ratio = headline.cells["pyev", "http"].ratio
    assert ratio is not None
    with opened(browser, built, "#/?baseline=asyncio&q=pyev") as page:
        cell = page.locator("table.headline tbody td a").first
        assert page.locator("#tip").is_hidden()
        places = [column.id for column in headline.columns]
        page.locator("table.headline tbody td a").nth(places.index("http")).hover()
        hovered = page.locator("#tip").inner_text()
        assert digits.ratio(ratio.estimate) in hovered
        assert "paired, round by round" in hovered
        assert f"{ratio.estimate.slices} rounds in 3 generations" in hovered
        assert "Noise floor not known" in hovered
        page.mouse.move(1, 1)
        assert page.locator("#tip").is_hidden()
        cell.focus()
        focused = page.locator("#tip").inner_text()
        assert "pyev, TCP echo" in focused
        assert "quotient of two paired ratios" in focused
        assert "tier 2 of 6" in focused
        assert "Noise floor 0.80 %" in focused
        assert cell.get_attribute("aria-describedby") == "tip"
        page.keyboard.press("ArrowRight")
        assert "HTTP" in page.locator("#tip").inner_text()
        page.keyboard.press("End")
        assert "crashed" in page.locator("#tip").inner_text()
        page.keyboard.press("Escape")
        assert page.locator("#tip").is_hidden()


def test_all_can_be_reached_by_key_and_the_focus_is_seen(browser: "Browser", built: Path) -> None:
    focused = """() => {
      const at = document.activeElement;
      return [at.dataset.focus || at.id || at.textContent, getComputedStyle(at).outlineStyle];
    }"""

    def press(page: "Page", key: str) -> str:
        page.keyboard.press(key)
        name, outline = page.evaluate(focused)
        assert outline in {"solid", "auto"}, name
        return str(name)

    with opened(browser, built) as page:
        sections = ["Headline", "Scenarios", "Adapters", "Behaviours", "No figure", "This run"]
        controls = ["baseline", "group", "family", "filter"]
        reached = [press(page, "Tab") for _stop in range(12)]
        assert reached == ["Skip to the content", *sections, *controls, "sort:adapter"]
        # The grid is one stop; arrows lead to all of it.
        assert [press(page, "ArrowRight") for _each in range(2)] == ["sort:tcp-echo", "sort:http"]
        first = adapters_shown(page)[0]
        assert press(page, "ArrowDown") == f"{first}\nhttp"
        assert press(page, "End") == f"{first}\ntimers"
        page.keyboard.press("Enter")
        page.locator("h1", has_text="Timers").wait_for()


def test_a_scenario_shows_figures_and_why_others_have_none(browser: "Browser", built: Path) -> None:
    with opened(browser, built, "#/scenario/timers") as page:
        text = page.locator("main").inner_text()
        assert "connection 3: expected sequence 41, got 42" in text
        assert "no answer within 20 s; ended" in text
        assert page.locator(".bars li").count() == 2
        go(page, "#/scenario/tcp-echo")
        row = page.locator("table.listing").first.locator("tbody tr", has_text="gevent-libuv")
        assert "28.5 (27.9–29.1)" in row.inner_text()
        assert "†" in row.inner_text()
        assert "server-bound (0.98 / 0.61)" in row.inner_text()
        page.locator("thead button", has_text="p99 µs").first.click()
        lines = [line.split("\t") for line in page.locator("table.listing tr").all_inner_texts()]
        place = next(place for place, title in enumerate(lines[0]) if title.startswith("p99 µs"))
        p99 = [cells[place] for cells in lines[1 : len(journals.ADAPTERS) + 2]]
        numbers = as_numbers(p99[:-1])
        assert len(numbers) == len(journals.ADAPTERS)
        assert numbers == sorted(numbers)
        assert p99[-1] == "–"  # asyncio (streams) has no figure at the common rate


def test_behaviours_show_what_differs_and_filter(browser: "Browser", built: Path) -> None:
    with opened(browser, built, "#/behaviours") as page:
        assert page.locator(".behaviour .ask").all_inner_texts() == ["Is a timer never early?"]
        page.get_by_label("also where all answer alike").check()
        assert page.locator(".behaviour").count() == 2
        page.get_by_label("also where all answer alike").uncheck()
        page.get_by_label("Where not as asyncio").select_option("uvloop")
        assert page.locator(".behaviour").count() == 1
        assert "uvloop: no: up to 2 ms early" in page.locator(".behaviour summary").inner_text()
        page.get_by_label("Question or answer with").fill("hangs")
        assert page.locator(".behaviour").count() == 0
        go(page, "#/adapter/uvloop")
        assert "up to 2 ms early" in page.locator("main").inner_text()
        go(page, "#/missing?q=cargo")
        assert "no wheel for CPython 3.13" in page.locator(".reasons").inner_text()
        assert page.locator(".reasons dt").count() == 1


def test_nothing_of_a_hostile_journal_runs(browser: "Browser", tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.write_bytes(html_page(document_of(hostile_run())))
    with opened(browser, file) as page:
        views = page.evaluate("[...document.querySelectorAll('a[href^=\"#/\"]')].map((each) => each.hash)")
        for view in [*views, "#/behaviours?alike=yes", f"#/{HOSTILE}", f"#/?q={HOSTILE}&baseline={HOSTILE}"]:
            go(page, view)
            page.evaluate(
                "() => { for (const each of document.querySelectorAll('details')) each.open = true; }"
            )
            assert page.evaluate("window.ran === undefined")
            assert page.locator("img, iframe, main script, body > script:nth-of-type(3)").count() == 0
            text = page.locator("body").inner_text()
            assert not set("\u202e\u2066\x1b") & set(text)
        go(page, "#/run")
        assert '<img src=x onerror="window.ran=1"> </script>' in page.locator("main").inner_text()


def test_ratios_are_those_of_the_markdown_report_for_every_pair(browser: "Browser", built: Path) -> None:
    run = Run.of(whole_run())
    with opened(browser, built) as page:
        pairs = page.evaluate(
            """() => report.scenarios.flatMap((scenario) => scenario.sets.flatMap((set, place) =>
              set.rows.flatMap((row) => set.rows.map((base) => [
                scenario.id, set.key, row.label, base.label, ratioOf(row, base, report.paired_with)]))))"""
        )
    expected = {
        (measured.scenario, ",".join(f"{name}={value}" for name, value in measured.parameters.items()),
         row.label, base.label): ratio_of(row, base)
        for measured in run.all_sets
        for row in measured.rows
        for base in measured.rows
    }  # fmt: skip
    assert len(pairs) == len(expected)
    assert {True, False} == {ratio["paired"] for *_key, ratio in pairs}
    for *key, ratio in pairs:
        wanted = expected[tuple(key)]
        assert wanted is not None
        estimate = wanted.estimate
        assert ratio["paired"] == wanted.paired, key
        assert [ratio["value"], ratio["low"], ratio["high"]] == pytest.approx(
            [estimate.value, estimate.low, estimate.high], rel=1e-5
        ), key
        assert (ratio["slices"], ratio["generations"]) == (estimate.slices, estimate.generations)


def test_the_headline_is_that_of_the_markdown_report_for_every_divisor(
    browser: "Browser", built: Path
) -> None:
    run = Run.of(whole_run())
    adapters = headline_of(run, ABOUT).adapters
    with opened(browser, built) as page:
        shown = page.evaluate(
            """(baselines) => Object.fromEntries(baselines.map((baseline) => [baseline,
              headline(report, baseline).flatMap(({ column, divisor, byBaseline, cellOf }) =>
                report.order.map((adapter) => [adapter, column.id, divisor.label, byBaseline, cellOf(adapter)]))]))""",
            ["", *adapters],
        )
    for baseline in ("", *adapters):
        wanted = headline_of(run, ABOUT, baseline)
        columns = {column.id: column for column in wanted.columns}
        assert len(shown[baseline]) == len(wanted.cells)
        for adapter, place, divisor, by_baseline, cell in shown[baseline]:
            expected, column = wanted.cells[adapter, place], columns[place]
            assert (divisor, by_baseline) == (
                wanted.divisor(column).label,
                wanted.divided_by_baseline(column),
            )
            assert (cell["row"] or {}).get("label") == (expected.row and expected.row.label)
            assert cell.get("leads", False) == expected.leads
            assert cell.get("word", "") == expected.word
            if expected.ratio is not None:
                assert cell["ratio"]["value"] == pytest.approx(expected.ratio.estimate.value, rel=1e-5)


def test_the_run_says_what_to_doubt(browser: "Browser", built: Path) -> None:
    with opened(browser, built, "#/run") as page:
        said = page.locator(".doubts li").all_inner_texts()
        written = render(whole_run(), ABOUT, pictures=False).files["doubts.md"].decode()
        listed = re.findall(r"^- (.+)$", written.partition("\n## ")[0], re.MULTILINE)
        assert len(said) == len(listed) > 5
        assert any("slices of one cell differ by 34 %" in doubt for doubt in said)
        assert not any("](" in doubt or "**" in doubt for doubt in said)
        page.locator(".doubts a", has_text="pyev").click()
        page.locator("h1", has_text="pyev").wait_for()
        assert "half-close" in page.locator("main").inner_text()


def test_a_sentence_keeps_its_marks_and_links_to_views_alone() -> None:
    markdown = Markdown(
        r"**Wide** `a*b` of [a\]b](adapters/a.md) and [other](http://x/) 1 \* 2 &lt;img&gt; *so* <code>c\|d</code> <b>"
    )
    assert sentence_of(markdown, {"adapters/a.md": "/adapter/a"}) == (
        ("strong", "Wide", ""),
        ("", " ", ""),
        ("code", "a*b", ""),
        ("", " of ", ""),
        ("view", "a]b", "/adapter/a"),
        ("", " and other 1 * 2 <img> ", ""),
        ("em", "so", ""),
        ("", " ", ""),
        ("code", "c|d", ""),
        ("", " <b>", ""),
    )


@given(st.text(max_size=80))
def test_a_text_that_was_escaped_comes_back_as_it_was_shown(text: str) -> None:
    spans = sentence_of(inline(text), {})
    assert "".join(part for _kind, part, _address in spans) == one_line(text)
    assert {kind for kind, _part, _address in spans} <= {""}


def test_numbers_are_written_as_everywhere(browser: "Browser", built: Path) -> None:
    chance = random.Random(5)
    values = [0.0, 1.0, 0.5, 12.0, 999.4, 999.6, 1234567.0, 4e-7, 6e14, -3.21, -0.004]
    values += [chance.uniform(1, 10) * 10.0 ** chance.randrange(-4, 9) for _each in range(300)]
    intervals = [
        (value, value * chance.uniform(0.7, 1), value * chance.uniform(1, 1.4))
        for value in values
        if value > 0
    ]
    with opened(browser, built) as page:
        numbers = page.evaluate("(values) => values.map((value) => number(value))", values)
        estimates = page.evaluate("(all) => all.map((parts) => estimate(parts, 0.001))", intervals)
        ratios = page.evaluate(
            "(all) => all.map(([value, low, high]) => ratioText({ value, low, high }))", intervals
        )
        percents = page.evaluate("(values) => values.map(percent)", values)
    figures = [Estimate(*parts, 1, 1) for parts in intervals]
    assert numbers == [digits.number(value) for value in values]
    assert estimates == [digits.estimate(figure, 0.001) for figure in figures]
    assert ratios == [digits.ratio(figure) for figure in figures]
    assert percents == [digits.percent(value) for value in values]


CONTRAST = """() => {
  const parsed = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([red, green, blue]) => [red, green, blue]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour[3] !== 0) throw new Error('a half-transparent background');
    }
    throw new Error('no background');
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    const parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility({ visibilityProperty: true }) || parent.closest('.unseen, .skip')) continue;
    const style = getComputedStyle(parent);
    const size = parseFloat(style.fontSize);
    const [first, second] = [light(parsed(style.color)), light(behind(parent))];
    const contrast = (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
    texts.push([text.slice(0, 40), size, size >= 24 || (size >= 18.66 && style.fontWeight >= 700), contrast]);
  }
  return texts;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_every_view_can_be_read_at_every_width_in_light_and_dark(
    browser: "Browser", committed: Path, scheme: str, width: int
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with opened(browser, committed, "#/", **options) as page:
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) > 3 * 128) == (scheme == "light")
        for view in VIEWS:
            go(page, view)
            if view == "#/":
                page.locator("table.headline tbody td a").first.focus()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
            texts = page.evaluate(CONTRAST)
            assert len(texts) > 20
            faint = [each for each in texts if each[3] < (AA_LARGE if each[2] else AA)]
            assert faint == [], view
            assert min(size for _text, size, _large, _contrast in texts) >= 11, view


def test_paper_gets_tables_without_choices_and_all_columns(browser: "Browser", committed: Path) -> None:
    # A4 landscape less the margins of the style sheet, in CSS pixels.
    with opened(
        browser, committed, "#/", viewport={"width": round((297 - 22) / 25.4 * 96), "height": 700}
    ) as page:
        page.emulate_media(media="print")
        assert page.locator("nav").is_hidden()
        assert page.locator(".controls").is_hidden()
        width = page.evaluate("document.documentElement.clientWidth")
        assert (
            page.evaluate("document.querySelector('table.headline').getBoundingClientRect().right")
            <= width + 1
        )
        go(page, "#/behaviours")
        page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details:not([open])").count() == 0
        page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0
        assert page.pdf().startswith(b"%PDF")


def test_the_committed_run_is_less_than_a_megabyte(committed: Path) -> None:
    assert committed.stat().st_size < 1_000_000
