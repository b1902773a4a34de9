"""What every file in adapters/ has in the same place: the headings of its essay, the members of its class.

Two files that are opened side by side can be compared from top to bottom. `tests/test_adapter_files.py` holds each
to it, and docs/make_adapters.py takes the page of all of them from the headings. Files are read, not run.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADAPTERS = ROOT / "adapters"
LEVELS = ROOT / "src" / "crossloop" / "api" / "levels.py"

HEADINGS = ("Waiting", "Reading", "Writing", "Timers", "Waking", "Signals", "Closing", "Limits")
"""Bold at the beginning of a paragraph, `**Waiting.** …`; what belongs to it goes on until the next one."""
LONGEST_SENTENCE = 160
"""Characters of a heading's first sentence: it stands for the whole in a table."""

_HEAD = re.compile(r"^\*\*(.+?)\*\*", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


class AdapterFileError(Exception):
    """A file in adapters/ is not as the others are; the message says where and what is expected."""


def adapter_files() -> list[Path]:
    """The adapters of this repository; what begins with `_` is something else."""
    return sorted(path for path in ADAPTERS.glob("*.py") if not path.name.startswith("_"))


def essay_of(source: str, name: str) -> dict[str, str]:
    """Heading → what stands below it, in one line a paragraph. Raises AdapterFileError."""
    text = ast.get_docstring(ast.parse(source)) or ""
    paragraphs = text.split("\n\n")
    heads = [match[1].rstrip(".") if (match := _HEAD.match(each)) else "" for each in paragraphs]
    wanted = [head for head in heads if head]
    first = wanted.index(HEADINGS[0]) if HEADINGS[0] in wanted else len(wanted)
    if tuple(wanted[first : first + len(HEADINGS)]) != HEADINGS or set(wanted[:first]) & set(HEADINGS):
        raise AdapterFileError(
            f"{name}: its docstring has the headings {', '.join(wanted) or 'none'}; expected are, in this order and "
            f"with none between them, {', '.join(f'**{each}.**' for each in HEADINGS)}; others stand before or after"
        )
    essay: dict[str, str] = {}
    current = ""
    for head, paragraph in zip(heads, paragraphs, strict=True):
        current = head or current
        if current in HEADINGS:
            body = paragraph.removeprefix(f"**{head}.**") if head else paragraph
            essay[current] = f"{essay[current]}\n\n{_one_line(body)}" if current in essay else _one_line(body)
    for head, body in essay.items():
        if not 0 < len(first_sentence(body)) <= LONGEST_SENTENCE:
            raise AdapterFileError(
                f"{name}: the first sentence below **{head}.** has {len(first_sentence(body))} characters; expected "
                f"are 1 to {LONGEST_SENTENCE}, since it stands in a table: {first_sentence(body)!r}"
            )
    return essay


def first_sentence(body: str) -> str:
    """Up to the first full stop outside of code, the stop included; empty where there is none."""
    shown = re.sub(r"`[^`]*`", lambda code: "x" * len(code[0]), body.partition("\n\n")[0])
    end = _SENTENCE_END.search(shown)
    return body[: end.end()] if end else ""


def _one_line(paragraph: str) -> str:
    return " ".join(paragraph.split())


def member_order() -> list[str]:
    """Names in the order that a class Adapter has them: that of api/levels.py, `__init__` behind the class's data."""
    order: list[str] = []
    for node in ast.parse(LEVELS.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            members = [name for name in _members(node) if not name.startswith("_")]
            if not order:  # the class Adapter itself: data first, then how it is made
                methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
                members = [*(name for name in members if name not in methods), "__init__", *methods]
            order += members
    return order


def check_members(source: str, name: str) -> None:
    """Raises AdapterFileError unless the class Adapter has its members in the common order, private ones last."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    adapter = next((node for node in classes if node.name == "Adapter"), None)
    if adapter is None:
        raise AdapterFileError(f"{name}: it has no class Adapter")
    places: Mapping[str, int] = {member: place for place, member in enumerate(member_order())}
    members = list(dict.fromkeys(_members(adapter)))

    def place(member: str) -> tuple[int, int]:
        if member in places:
            return 0, places[member]
        return (2 if member.startswith("_") else 1), 0

    expected = sorted(members, key=place)
    if members != expected:
        raise AdapterFileError(
            f"{name}: class Adapter has {', '.join(members)}; expected, as in api/levels.py and private ones last: "
            f"{', '.join(expected)}"
        )


def _members(node: ast.ClassDef) -> Iterator[str]:
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each.name
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id
        elif isinstance(each, ast.Assign):
            yield from (target.id for target in each.targets if isinstance(target, ast.Name))
