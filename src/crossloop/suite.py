"""The suite: which adapters and scenarios there are, found by file name and read without being run.

A suite folder holds `adapters/` and `scenarios/`; the file `adapters/gevent_libev.py` is the adapter
`gevent-libev`, `adapters/uvloop_.py` is `uvloop` (a module is never named as the library it wraps). What
a file declares is taken from its syntax tree as literals, so that neither a binding nor a stranger's
code runs in the supervisor. Sources, in order: the suite that came with crossloop, each `--suite DIR`,
the entry-point groups `crossloop.adapters` and `crossloop.scenarios`. The first of an id wins; whatever
is left out for that, or because it cannot be read, is listed with its reason in `Suite.problems`. What is known
not to work of a folder's adapters is in `adapters/_expectations.py`, and the group `crossloop.expectations`.
"""

import ast
import difflib
import keyword
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from crossloop.api.about import AdapterAbout, ScenarioAbout
from crossloop.declarations import ID, MAX_ID, refuse_odd
from crossloop.plain_text import printable, shown

About = TypeVar("About", AdapterAbout, ScenarioAbout)
Entry = TypeVar("Entry")

MAX_BYTES = 1024 * 1024
"""No file of content is larger; one that is, is not read."""


class SuiteError(Exception):
    """A suite folder, file or selection is wrong; the message names it and what was expected."""


@dataclass(frozen=True)
class Content(Generic[About]):
    """One adapter or scenario: its id, how a worker imports it, and what it declares."""

    id: str
    module: str
    path: Path
    about: About


AdapterEntry: TypeAlias = Content[AdapterAbout]
ScenarioEntry: TypeAlias = Content[ScenarioAbout]


@dataclass(frozen=True)
class Suite:
    """Everything that can be run, in the order of the listing, and what could not be read."""

    paths: tuple[Path, ...]
    """Folders that go on `sys.path` of the processes that are started."""
    adapters: Mapping[str, AdapterEntry]
    scenarios: Mapping[str, ScenarioEntry]
    problems: tuple[str, ...]
    expectations: tuple[Path, ...] = ()
    """Files of known limits (`crossloop.contract.known_limits`), not read yet."""


def own_folder() -> Path:
    """The suite that came with crossloop: `_suite` in an installed wheel, the repository's root otherwise."""
    package = Path(__file__).resolve().parent
    installed = package / "_suite"
    return installed if installed.is_dir() else package.parents[1]


def with_loops(suite: Suite, loops: Mapping[str, str]) -> Suite:
    """*suite* with an adapter for each of *loops* (name → `module:factory`): asyncio's API, without a file.

    Raises `SuiteError` for a name that is there already.
    """
    adapters = dict(suite.adapters)
    for name, factory in loops.items():
        if name in adapters:
            raise SuiteError(
                f"--loop {name}={factory}: there is an adapter {name!r} already; choose another name"
            )
        about = AdapterAbout(
            family="asyncio",
            library="none",
            binding=factory.partition(".")[0].partition(":")[0],
            summary=f"{factory}, named on the command line.",
            requires=(factory.partition(".")[0].partition(":")[0],),
            asked_as="asyncio",
            loop=factory,
        )
        adapters[name] = AdapterEntry(name, factory, Path(), about)
    return replace(suite, adapters=adapters)


def _expectations(paths: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    """Files of known limits: one beside the adapters of each folder, then those that distributions announce."""
    yield from (file for root in paths if (file := root / "adapters" / "_expectations.py").is_file())
    yield from (file for _id, _module, file in _entry_points("expectations", problems))


def content_id(stem: str) -> str:
    """Id of a content file: `uvloop_` → `uvloop`, `gevent_libev` → `gevent-libev`."""
    return stem.rstrip("_").replace("_", "-")


def load_suite(extra: Sequence[Path] = ()) -> Suite:
    """Read all declarations. Raises `SuiteError` for an *extra* folder without content."""
    for folder in extra:
        if not ((folder / "adapters").is_dir() or (folder / "scenarios").is_dir()):
            raise SuiteError(f"--suite {str(folder)!r}: expected a folder that holds adapters/ or scenarios/")
    paths = tuple(dict.fromkeys((own_folder(), *(folder.resolve() for folder in extra))))
    problems: list[str] = []
    adapters = {entry.id: entry for entry in _declared("adapters", paths, AdapterAbout, problems)}
    scenarios = {entry.id: entry for entry in _declared("scenarios", paths, ScenarioAbout, problems)}
    return Suite(paths, adapters, scenarios, tuple(problems), tuple(_expectations(paths, problems)))


def _declared(
    kind: Literal["adapters", "scenarios"], paths: Sequence[Path], about: type[About], problems: list[str]
) -> Iterator[Content[About]]:
    seen: dict[str, Path] = {}
    for id_, module, path in (*_files(kind, paths), *_entry_points(kind, problems)):
        try:
            _refuse_id(id_, module, path, seen)
            seen[id_] = path
            yield Content(id_, module, path, read_declaration(path, about))
        except SuiteError as error:
            problems.append(_one_line(str(error)))


def _refuse_id(id_: str, module: str, path: Path, seen: Mapping[str, Path]) -> None:
    if not ID.fullmatch(id_) or not _importable(module):
        raise SuiteError(
            f"{path}: {id_!r} cannot be an id; expected a module name of letters, digits and underscores"
        )
    if len(id_) > MAX_ID:
        raise SuiteError(f"{path}: the id {id_!r} has {len(id_)} characters; expected at most {MAX_ID}")
    if id_ in seen:
        raise SuiteError(f"{path}: the id {id_!r} is that of {seen[id_]}; rename one of the two")


def _importable(module: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in module.split("."))


def _one_line(text: str) -> str:
    """*text* on one line, with what a terminal would obey written out: a file's name may hold anything."""
    return printable(" ".join(text.split()))


def _files(kind: str, paths: Sequence[Path]) -> Iterator[tuple[str, str, Path]]:
    for root in paths:
        for path in sorted(
            (root / kind).glob("[!_]*.py"), key=lambda path: (content_id(path.stem), path.stem)
        ):
            yield content_id(path.stem), f"{kind}.{path.stem}", path


def _entry_points(kind: str, problems: list[str]) -> Iterator[tuple[str, str, Path]]:
    """Modules that other distributions announce; located without importing their packages."""
    for point in sorted(entry_points(group=f"crossloop.{kind}"), key=lambda point: (point.name, point.value)):
        path = _located(point)
        if path is None:
            problems.append(
                _one_line(f"entry point {point.name!r} of crossloop.{kind}: no file for {point.value!r}")
            )
        else:
            yield content_id(point.name), point.value, path


def _located(point: EntryPoint) -> Path | None:
    """The file of the module that *point* names, by way of the folders of its packages; None for none."""
    if not _importable(point.value):
        return None
    places, name = None, ""
    spec = None
    for part in point.value.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def read_declaration(path: Path, about: type[About]) -> About:
    """The `ABOUT = …(…)` of a content file, from its syntax tree; literals only. Raises `SuiteError`."""
    wanted = about.__name__
    for node in parsed_file(path).body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id="ABOUT")],
                value=ast.Call(func=ast.Name(id=name), args=[], keywords=keywords),
            ) if name == wanted:
                declared = _literal(path, keywords, about)
                try:
                    refuse_odd(declared)
                except ValueError as error:
                    raise SuiteError(f"{path}: ABOUT: {error}") from error
                return declared
    raise SuiteError(f"{path}: expected `ABOUT = {wanted}(…)` at the top level; see docs/adding.md")


def parsed_file(path: Path) -> ast.Module:
    """Syntax tree of a file. A stranger's file may be huge, a device, or too deep for the parser.

    Raises `SuiteError`.
    """
    try:
        if not path.is_file():
            raise SuiteError(f"{path}: expected a file")
        if path.stat().st_size > MAX_BYTES:
            raise SuiteError(f"{path}: larger than {MAX_BYTES:,} bytes; not read")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its author's matter, and shown when the worker imports it
            return ast.parse(path.read_text("utf-8"), str(path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = str(error) or type(error).__name__
        raise SuiteError(f"{path}: cannot be read as Python: {why}") from error


def _literal(path: Path, arguments: Iterable[ast.keyword], about: type[About]) -> About:
    known = [field.name for field in fields(about)]
    values = {}
    for argument in arguments:
        where = f"{path}: line {argument.value.lineno}"
        if argument.arg not in known:
            raise SuiteError(f"{where}: {argument.arg or '**'!r} of ABOUT is not one of {', '.join(known)}")
        try:
            values[argument.arg] = ast.literal_eval(argument.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise SuiteError(
                f"{where}: {argument.arg} of ABOUT must be a literal (it is read, not run)"
            ) from error
    kinds = get_type_hints(about)
    try:
        for name, value in values.items():
            _refuse_type(path, name, value, kinds[name])
        return msgspec.convert(values, about)
    except (msgspec.ValidationError, RecursionError) as error:
        raise SuiteError(f"{path}: ABOUT: {error}") from error


def _refuse_type(path: Path, name: str, value: object, kind: Any) -> None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        literal = get_origin(kind) is Literal
        expected = f"expected one of {', '.join(map(repr, get_args(kind)))}" if literal else str(error)
        raise SuiteError(f"{path}: ABOUT: {name} is {shown(value)}: {expected}") from error


def select(kind: str, known: Mapping[str, Entry], wanted: str | None) -> dict[str, Entry]:
    """Entries chosen by a comma-separated list of ids or prefixes; all of them for None.

    An exact id wins over a prefix. Raises `SuiteError` that suggests the nearest id.
    """
    if wanted is None:
        return dict(known)
    chosen: dict[str, Entry] = {}
    for word in (part.strip() for part in wanted.split(",")):
        matching = [word] if word in known else [id_ for id_ in known if word and id_.startswith(word)]
        if not matching:
            near = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)};"
            raise SuiteError(f"unknown {kind} {word!r}; {hint} `crossloop list` shows them all")
        chosen.update((id_, known[id_]) for id_ in matching)
    return {id_: entry for id_, entry in known.items() if id_ in chosen}
