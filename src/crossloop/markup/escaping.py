"""Text from a journal, made harmless for markdown, HTML and SVG.

A journal may come from anywhere, and reasons and error output hold whatever a library printed. So text is
`str` until it is escaped and `Markdown` afterwards, and only `Markdown` reaches a page unchanged; what is
escaped is decided by type, not by memory. Sources: the CommonMark specification 0.31, "Backslash escapes";
the GitHub Flavored Markdown specification, "Tables" and "Autolinks"; XML 1.0, production 2 (`Char`).
"""

import re

from crossloop.plain_text import printable

LIMIT = 500
"""Characters of one inline text that are shown; the journal keeps the rest."""

# An underscore between letters or digits is never emphasis, so that names stay readable in the source.
_ACTIVE = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_HTML_CHARACTER = re.compile(r"[&<>]")
# What would begin a heading, a list, a rule or an underlined heading, were the text to begin a line.
_LINE_START = re.compile(r"(?:[-+]|#{1,6}|\d{1,9}[.)])(?=\s|$)|[-=]{2,}$")
_HARMLESS = re.compile(r"(?!\d{1,9}[.)](?: |$))[A-Za-z0-9µ≥–÷†](?: ?[A-Za-z0-9.,:;/%()µ≥–÷†-]){0,60}")
_PLAIN_CODE = re.compile(r"[A-Za-z0-9 ,.:;=/+@%^#!?()'\"_*-]+")


class Markdown(str):
    """Text that is markdown already: written here, or escaped here."""

    __slots__ = ()


def one_line(text: str, limit: int = LIMIT) -> str:
    """*text* on one line: runs of white space become a space, what exceeds *limit* is cut and counted."""
    joined = printable(" ".join(text[: 4 * limit].split()))
    left_out = len(text) - 4 * limit if len(text) > 4 * limit else 0
    if len(joined) > limit:
        left_out += len(joined) - limit
        joined = joined[:limit]
    return f"{joined} … ({left_out} more characters)" if left_out else joined


def _html(text: str) -> str:
    return _HTML_CHARACTER.sub(lambda match: _HTML[match[0]], text)


def inline(text: str) -> Markdown:
    """*text* as inline markdown that shows it literally, also inside a table; `Markdown` stays as it is."""
    if isinstance(text, Markdown):
        return text
    if _HARMLESS.fullmatch(text):  # nearly every cell of a table
        return Markdown(text)
    escaped = _ACTIVE.sub(lambda match: "\\" + match[0], _html(one_line(text)))
    if start := _LINE_START.match(escaped):
        end = start.end()
        escaped = f"{escaped[: end - 1]}\\{escaped[end - 1 :]}"
    return Markdown(escaped)


def code(text: str) -> Markdown:
    """*text* as inline code: backticks where nothing in it is active, escaped `<code>` otherwise."""
    shown = one_line(text)
    if _PLAIN_CODE.fullmatch(shown):
        return Markdown(f"`{shown}`")
    return Markdown(f"<code>{inline(text)}</code>") if shown else Markdown("")


def block(text: str, lines: int = 20) -> Markdown:
    """The last *lines* of *text* as a block of its own: `<pre>` ends at its closing tag and nowhere else."""
    kept = text.replace("\r\n", "\n").strip("\n").split("\n")[-lines:]
    return Markdown("<pre>\n" + "\n".join(_html(printable(line.expandtabs())) for line in kept) + "\n</pre>")


def program_block(text: str) -> Markdown:
    """*text*, a program of this package, as a block of Python. Not for a stranger's text: nothing is escaped."""
    return Markdown(f"````python\n{text.rstrip()}\n````")


def plot_text(text: str, limit: int = 60) -> str:
    """*text* as a label of a plot: one line, only characters that XML allows."""
    shown = printable(" ".join(text[: 4 * limit].split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def file_stem(text: str) -> str:
    """*text* as part of a file name on every platform: lower-case ASCII letters, digits, `-`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:60].strip("-") or "scenario"
