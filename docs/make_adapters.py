"""Writes docs/adapters.md: what the libraries do, side by side, out of the files in adapters/ and benchmarks/controls.

    python docs/make_adapters.py            write it
    python docs/make_adapters.py --check    exit 1 when what stands there is something else

Everything is read, and nothing is run or imported of an adapter, so the page is the same on every machine. Sentences
are the first below each heading of an adapter's essay (docs/adapter_files.py). Servers by hand are shown word for word.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from benchmarks.adapter_tax import CONTROLS, control_of  # noqa: E402  (found by the line above)
from crossloop.api.levels import LEVEL_NAMES  # noqa: E402
from crossloop.suite import AdapterEntry, load_suite  # noqa: E402
from docs.adapter_files import essay_of, first_sentence  # noqa: E402

PAGE = ROOT / "docs" / "adapters.md"
SOURCES = {"adapters": ROOT, "crossloop": ROOT / "src"}
"""Where a package's modules lie."""
API = "crossloop.api"
"""Hands on the levels, which are those of the module below it."""
FAMILIES = ("model", "asyncio", "libuv", "tornado", "libev", "libevent")
"""Order of the tables; other families follow by name."""
LEVEL_WORDS = {
    "StreamServer": "streams",
    "TlsServer": "tls",
    "PushServer": "push",
    "HttpServer": "http",
    "HttpClient": "http client",
    "NameResolution": "names",
}
"""Words of README.md's table; any other level has its own name, `FileReads` as "file reads"."""
SIDE_BY_SIDE = (("Reading", "Writing"), ("Timers", "Waking"), ("Signals", "Closing"), ("Limits",))
HEAD = """\
# The adapters, side by side

How does each library wait, read, write, keep time, wake up, take signals and end? This page is made by
`python docs/make_adapters.py`. Each sentence is the first of a paragraph in the adapter's own file, which says more
and why; the name in the first column leads there. All those files have the same headings and the same order of
members, so two of them can be opened side by side.

- [All adapters](#all-adapters)
{contents}
- [The shortest server of each library](#the-shortest-server-of-each-library)

## All adapters

*Waiting* names the kernel's mechanism on each platform; `crossloop list` asks the library for the one in use. *Levels*
is what an adapter offers somewhere ([what they promise](adding.md#which-level-and-what-it-promises)); on one platform,
or in one style, it may be less.
"""
SERVERS = """\
## The shortest server of each library

Echo servers by hand, after each library's own documentation and without crossloop's adapters. They are the controls
that adapters are measured against, in CPU time per message (`python benchmarks/adapter_tax.py`). Imports and the
command line are left out here. An adapter that is named with none of them has no such server; that of a raw I/O model
is in the adapter's file.
{contents}
"""


def page() -> str:
    """The whole page. Raises `docs.adapter_files.AdapterFileError` for a file without its headings."""
    adapters = in_order(load_suite().adapters.values())
    essays = {each.id: essay_of(each.path.read_text("utf-8"), each.path.name) for each in adapters}
    sentences = {
        name: {head: first_sentence(body) for head, body in essay.items()} for name, essay in essays.items()
    }
    contents = "\n".join(
        f"- [{' and '.join(heads)}](#{'-and-'.join(heads).lower()})" for heads in SIDE_BY_SIDE
    )
    rows = [
        (
            link(each),
            each.about.family,
            {"none": "–"}.get(each.about.library, each.about.library),
            f"`{each.about.binding}`",
            sentences[each.id]["Waiting"],
            ", ".join(LEVEL_WORDS.get(level, apart(level)) for level in levels_of(each.path)),
        )
        for each in adapters
    ]
    parts = [
        HEAD.format(contents=contents),
        table(("Adapter", "Family", "C library", "Binding", "Waiting", "Levels"), rows),
    ]
    for heads in SIDE_BY_SIDE:
        parts += [
            f"## {' and '.join(heads)}\n",
            table(
                ("Adapter", *heads),
                [(link(each), *(sentences[each.id][head] for head in heads)) for each in adapters],
            ),
        ]
    controls = controls_of(adapters)
    parts.append(
        SERVERS.format(contents="".join(f"\n- [{title(name)}](#{title(name)})" for name in controls))
    )
    return "\n".join([*parts, *(server(name, served) for name, served in controls.items())])


def in_order(adapters: Iterable[AdapterEntry]) -> list[AdapterEntry]:
    """By family, and within one by how README.md and `crossloop list` have them."""

    def place(adapter: AdapterEntry) -> tuple[int, str]:
        family = adapter.about.family
        return (FAMILIES.index(family), "") if family in FAMILIES else (len(FAMILIES), family)

    return sorted(adapters, key=place)


def link(adapter: AdapterEntry) -> str:
    return f"[`{adapter.id}`](../adapters/{adapter.path.name})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a `|` within a cell is escaped."""
    lines = [head, [":---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def apart(name: str) -> str:
    """`FileReads` → `file reads`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def levels_of(path: Path) -> list[str]:
    """The levels that the class Adapter of a file derives from, through whatever it derives from; in their order.

    Without those that it lacks.
    """
    offered = set(_bases(path, "Adapter")) - _lacked(path)
    return [level for level in LEVEL_NAMES if level in offered]


def _lacked(path: Path) -> set[str]:
    """The levels under `lacks` in the class Adapter of a file."""
    body = ast.parse(path.read_text("utf-8")).body
    adapter = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == "Adapter")
    return {
        key.value
        for node in adapter.body
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.target) == "lacks"
        and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _bases(path: Path, name: str) -> Iterator[str]:
    """Names of the classes that class *name* of a file derives from, those of other files of this repository too."""
    body = ast.parse(path.read_text("utf-8")).body
    modules = {
        imported.asname or imported.name: (node.module, imported.name)
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module
        for imported in node.names
    }
    here = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    for base in here[name].bases if name in here else ():
        if not isinstance(base, ast.Name):
            continue
        module, original = modules.get(base.id, ("", base.id))
        yield original
        if base.id in here:
            yield from _bases(path, base.id)
        elif module.partition(".")[0] in SOURCES:
            module = f"{API}.levels" if module == API else module
            file = SOURCES[module.partition(".")[0]] / module.replace(".", "/")
            yield from _bases(file.with_suffix(".py"), original)


def controls_of(adapters: Sequence[AdapterEntry]) -> dict[str, list[AdapterEntry]]:
    """File of a hand-written server → the adapters that it is the control of."""
    files: dict[str, list[AdapterEntry]] = {}
    for adapter in adapters:
        if control := control_of(adapter.id, ""):
            files.setdefault(control.style.split()[0], []).append(adapter)
    return files


def title(name: str) -> str:
    """`asyncio_echo.py` → `asyncio`."""
    return name.removesuffix(".py").removesuffix("_echo")


def server(name: str, served: Sequence[AdapterEntry]) -> str:
    """The section of a hand-written server."""
    code = server_in((CONTROLS / name).read_text("utf-8"))
    return (
        f"### {title(name)}\n\n[`{name}`](../benchmarks/controls/{name}), the control of "
        f"{', '.join(map(link, served))}.\n\n```python\n{code}```\n"
    )


def server_in(source: str) -> str:
    """From the first definition of a hand-written server up to its command line."""
    body = ast.parse(source).body
    lines = source.splitlines(keepends=True)
    first = next(
        node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )
    end = next(
        (node for node in body if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)), None
    )
    start = min([first.lineno, *(each.lineno for each in first.decorator_list)])
    return "".join(lines[start - 1 : end.lineno - 1 if end else len(lines)]).rstrip() + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is another")
    options = parser.parse_args(argv)
    made = page()
    if options.check:
        if PAGE.is_file() and PAGE.read_text("utf-8") == made:
            return 0
        print(
            f"{PAGE.relative_to(ROOT)} is not what the files say: python docs/make_adapters.py",
            file=sys.stderr,
        )
        return 1
    PAGE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
