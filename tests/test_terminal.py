"""Tables on a terminal: whole ones, at several widths; markdown by its meaning, a stranger's text as it is."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.markup.terminal import Paper, terminal_list, terminal_table, terminal_text

PLAIN = Paper()
STYLED = Paper(styled=True)


def printed(shown: Table, width: int | None) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width or 1000, markup=False, emoji=False, highlight=False)
    console.print(terminal_table(shown, Paper(width)))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def wide() -> Table:
    columns = [
        Column("Adapter"),
        Column("÷ leanest", "right"),
        Column("messages per sleep", "right"),
        Column("Why"),
    ]
    rows = [
        ("uvloop", Markdown("**1.00**"), "12.1", "it reads until the kernel has nothing more to give"),
        ("asyncio", "1.22 (1.20–1.37)", "4.5", Markdown("one read<br>for each [report](page.md)")),
    ]
    return table(columns, rows, "CPU µs, median", ["≥: a lower bound", "≈: a quotient"])


def test_a_pipe_has_whole_lines() -> None:
    assert printed(wide(), None) == [
        "CPU µs, median",
        "",
        "Adapter         ÷ leanest  messages per sleep  Why",
        "uvloop             *1.00*                12.1  it reads until the kernel has nothing more to give",
        "asyncio  1.22 (1.20–1.37)                 4.5  one read",
        "                                               for each report",
        "",
        "≥: a lower bound",
        "≈: a quotient",
    ]


def test_words_are_wrapped_before_a_table_is_cut() -> None:
    assert printed(wide(), 63) == [
        "CPU µs, median",
        "",
        "                             messages per",
        "Adapter         ÷ leanest           sleep  Why",
        "uvloop             *1.00*            12.1  it reads until the",
        "                                           kernel has nothing",
        "                                           more to give",
        "asyncio  1.22 (1.20–1.37)             4.5  one read",
        "                                           for each report",
        "",
        "≥: a lower bound",
        "≈: a quotient",
    ]


def test_a_table_is_cut_between_columns_and_each_part_has_the_first() -> None:
    assert printed(wide(), 36) == [
        "CPU µs, median",
        "",
        "                            messages",
        "Adapter         ÷ leanest  per sleep",
        "uvloop             *1.00*       12.1",
        "asyncio  1.22 (1.20–1.37)        4.5",
        "",
        "Adapter  Why",
        "uvloop   it reads until the kernel",
        "         has nothing more to give",
        "asyncio  one read",
        "         for each report",
        "",
        "≥: a lower bound",
        "≈: a quotient",
    ]


def test_a_number_before_the_first_words_stands_in_each_part_too() -> None:
    columns = [
        Column("Tier", "right"),
        Column("Adapter"),
        Column("CPU µs", "right"),
        Column("p50 µs", "right"),
    ]
    assert printed(table(columns, [("1", "uvloop", "6.84 (6.31–8.47)", "38.0")]), 34) == [
        "Tier  Adapter            CPU µs",
        "   1  uvloop   6.84 (6.31–8.47)",
        "",
        "Tier  Adapter  p50 µs",
        "   1  uvloop     38.0",
    ]


def test_points_of_a_list_stand_to_the_right_of_their_dashes() -> None:
    file = io.StringIO()
    points = [Markdown("**Noise floor:** two per cent of all that was measured"), "short"]
    Console(file=file, width=30).print(terminal_list(points, Paper(30)))
    assert [line.rstrip() for line in file.getvalue().splitlines()] == [
        "- *Noise floor:* two per cent",
        "  of all that was measured",
        "- short",
    ]


@pytest.mark.parametrize("width", [1, 5, 12, 20, 33, 80])
def test_no_line_is_longer_than_the_paper_and_no_character_is_lost(width: int) -> None:
    shown = table([Column("A"), Column("B"), Column("C", "right")], [("name", "word " * 9, "123.4")])
    lines = printed(shown, width)
    assert max(map(len, lines)) <= width
    assert "".join("".join(lines).split()).count("word") == 9 or width < 12


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        (Markdown("**1.00**"), "*1.00*"),
        (Markdown("[TCP echo](scenarios/tcp-echo.md)"), "TCP echo"),
        (Markdown("one<br>two"), "one\ntwo"),
        (Markdown("failed <sup>1, 2</sup>"), "failed [1, 2]"),
        (code("crossloop bench --adapters 'a b'"), "crossloop bench --adapters 'a b'"),
        (code("a | b"), "a | b"),
        (Markdown("*Remedy:* none"), "Remedy: none"),
        (Markdown("a &#27;[31m"), "a \ufffd[31m"),
    ],
)
def test_markdown_has_its_meaning(markdown: Markdown, plain: str) -> None:
    assert terminal_text(markdown, PLAIN).plain == plain


def test_bold_letters_need_no_asterisks_where_they_can_be_seen() -> None:
    text = terminal_text(Markdown("**1.00** of all"), STYLED)
    assert text.plain == "1.00 of all"
    assert [(span.start, span.end, span.style) for span in text.spans] == [(0, 4, "bold")]


@given(st.text(max_size=60))
def test_a_strangers_text_is_shown_as_it_is(text: str) -> None:
    literal = terminal_text(text, PLAIN).plain
    assert literal == terminal_text(inline(text), PLAIN).plain
    assert literal.isprintable()


def test_richs_own_markup_in_a_strangers_text_says_nothing() -> None:
    shown = table([Column("[bold]A[/bold]")], [("[red]x[/red] :smile: \x1b[31m",), ("[/]",)])
    assert printed(shown, None) == ["[bold]A[/bold]", "[red]x[/red] :smile: \\x1b[31m", "[/]"]
