"""The suite: which adapters and scenarios there are, found by file name and read without being run.

A suite folder holds `adapters/` and `scenarios/`; the file `adapters/gevent_libev.py` is the adapter
`gevent-libev`, `adapters/uvloop_.py` is `uvloop` (a module is never named as the library it wraps). What
a file declares is taken from its syntax tree as literals, so that neither a binding nor a stranger's
code runs in the supervisor. Sources, in order: the suite that came with crossloop, each `--suite DIR`,
the entry-point groups `crossloop.adapters` and `crossloop.scenarios`. The first of an id wins.
"""

import ast
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from crossloop.api.about import AdapterAbout, ScenarioAbout

About = TypeVar("About", AdapterAbout, ScenarioAbout)
Entry = TypeVar("Entry", "AdapterEntry", "ScenarioEntry")


class SuiteError(Exception):
    """A suite folder, file or selection is wrong; the message names it and what was expected."""


@dataclass(frozen=True)
class AdapterEntry:
    """One adapter: its id, how a worker imports it, and what it declares."""

    id: str
    module: str
    path: Path
    about: AdapterAbout


@dataclass(frozen=True)
class ScenarioEntry:
    """One scenario: its id, how a worker imports it, and what it declares."""

    id: str
    module: str
    path: Path
    about: ScenarioAbout


@dataclass(frozen=True)
class Suite:
    """Everything that can be run, in the order of the listing, and what could not be read."""

    paths: tuple[Path, ...]
    """Folders that go on `sys.path` of the processes that are started."""
    adapters: Mapping[str, AdapterEntry]
    scenarios: Mapping[str, ScenarioEntry]
    problems: tuple[str, ...]


def own_folder() -> Path:
    """The suite that came with crossloop: `_suite` in an installed wheel, the repository's root otherwise."""
    package = Path(__file__).resolve().parent
    installed = package / "_suite"
    return installed if installed.is_dir() else package.parents[1]


def content_id(stem: str) -> str:
    """Id of a content file: `uvloop_` → `uvloop`, `gevent_libev` → `gevent-libev`."""
    return stem.rstrip("_").replace("_", "-")


def load_suite(extra: Sequence[Path] = ()) -> Suite:
    """Read all declarations. Raises `SuiteError` for an *extra* folder without content."""
    for folder in extra:
        if not ((folder / "adapters").is_dir() or (folder / "scenarios").is_dir()):
            raise SuiteError(f"--suite {str(folder)!r}: expected a folder that holds adapters/ or scenarios/")
    paths = (own_folder(), *(folder.resolve() for folder in extra))
    problems: list[str] = []
    adapters = {
        id_: AdapterEntry(id_, module, path, about)
        for id_, module, path, about in _declared("adapters", paths, AdapterAbout, problems)
    }
    scenarios = {
        id_: ScenarioEntry(id_, module, path, about)
        for id_, module, path, about in _declared("scenarios", paths, ScenarioAbout, problems)
    }
    return Suite(paths, adapters, scenarios, tuple(problems))


def _declared(
    kind: Literal["adapters", "scenarios"], paths: Sequence[Path], about: type[About], problems: list[str]
) -> Iterator[tuple[str, str, Path, About]]:
    seen: set[str] = set()
    for id_, module, path in (*_files(kind, paths), *_entry_points(kind, problems)):
        if id_ in seen:
            continue
        seen.add(id_)
        try:
            yield id_, module, path, read_declaration(path, about)
        except SuiteError as error:
            problems.append(str(error))


def _files(kind: str, paths: Sequence[Path]) -> Iterator[tuple[str, str, Path]]:
    for root in paths:
        for path in sorted((root / kind).glob("[!_]*.py"), key=lambda path: content_id(path.stem)):
            yield content_id(path.stem), f"{kind}.{path.stem}", path


def _entry_points(kind: str, problems: list[str]) -> Iterator[tuple[str, str, Path]]:
    """Modules that other distributions announce; located through their file list, not by an import."""
    for point in entry_points(group=f"crossloop.{kind}"):
        path = (
            Path(str(point.dist.locate_file(point.module.replace(".", "/") + ".py"))) if point.dist else None
        )
        if path is None or not path.is_file():
            problems.append(f"entry point {point.name!r} of crossloop.{kind}: no file for {point.module!r}")
        else:
            yield content_id(point.name), point.module, path


def read_declaration(path: Path, about: type[About]) -> About:
    """The `ABOUT = …(…)` of a content file, from its syntax tree; literals only. Raises `SuiteError`."""
    wanted = about.__name__
    try:
        tree = ast.parse(path.read_text("utf-8"), str(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise SuiteError(f"{path}: cannot be read as Python: {error}") from error
    for node in tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id="ABOUT")],
                value=ast.Call(func=ast.Name(id=name), args=[], keywords=words),
            ) if name == wanted:
                return _literal(path, words, about)
    raise SuiteError(f"{path}: expected `ABOUT = {wanted}(…)` at the top level; see docs/adding.md")


def _literal(path: Path, words: Iterable[ast.keyword], about: type[About]) -> About:
    values = {}
    for word in words:
        try:
            values[str(word.arg)] = ast.literal_eval(word.value)
        except ValueError as error:
            raise SuiteError(
                f"{path}: line {word.value.lineno}: {word.arg} of ABOUT must be a literal (it is read, not run)"
            ) from error
    try:
        return msgspec.convert(values, about)
    except msgspec.ValidationError as error:
        raise SuiteError(f"{path}: ABOUT: {error}") from error


def select(kind: str, known: Mapping[str, Entry], wanted: str | None) -> dict[str, Entry]:
    """Entries chosen by a comma-separated list of ids or prefixes; all of them for None.

    An exact id wins over a prefix. Raises `SuiteError` that suggests the nearest id.
    """
    if wanted is None:
        return dict(known)
    chosen: dict[str, Entry] = {}
    for word in (part.strip() for part in wanted.split(",")):
        found = [word] if word in known else [id_ for id_ in known if word and id_.startswith(word)]
        if not found:
            near = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise SuiteError(f"unknown {kind} {word!r}; {hint} `crossloop list` shows them all")
        chosen.update((id_, known[id_]) for id_ in found)
    return {id_: entry for id_, entry in known.items() if id_ in chosen}
