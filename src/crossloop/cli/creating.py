"""`crossloop new`: a first version of an adapter or a scenario, with its test, into files that are not there yet."""

import contextlib
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from crossloop.cli.choosing import parse_factory, suite_or_stop
from crossloop.cli.exits import DONE, StopError
from crossloop.cli.refusing import unwritable
from crossloop.declarations import MAX_ID
from crossloop.drafts import Draft, adapter_draft, is_name, scenario_draft
from crossloop.suite import own_folder

DEFAULT_FOLDER = Path("mine")


def new_adapter(suites: Sequence[Path], name: str, loop: str | None, out: Path | None) -> int:
    """Write an adapter; *loop*: `module:factory` of a loop with asyncio's API. Raises `StopError`."""
    _refuse_name(name)
    draft = adapter_draft(name, parse_factory(loop) if loop is not None else None)
    folder = _write("adapter", draft, suites, out)
    commands = [f"check --adapters {name}", _bench(f"asyncio,{name}", "tcp-echo", name)]
    _say_next(folder, commands)
    if folder == own_folder():
        click.echo("crossloop: next: python docs/make_adapters.py  # the page of all adapters", err=True)
    return DONE


def new_scenario(
    suites: Sequence[Path], name: str, drive: Literal["exchange", "work"], out: Path | None
) -> int:
    """Write a scenario, whose operations come from *drive*. Raises `StopError`."""
    _refuse_name(name)
    folder = _write("scenario", scenario_draft(name, drive), suites, out)
    _say_next(folder, [_bench("asyncio", name, name)])
    return DONE


def _refuse_name(name: str) -> None:
    if not is_name(name):
        raise StopError(
            f"{name!r} cannot be the id of something new; expected at most {MAX_ID} small letters, digits and single "
            "hyphens, a letter first, as in my-loop"
        )


def _write(kind: str, draft: Draft, suites: Sequence[Path], out: Path | None) -> Path:
    """Write the files of *draft*, and print their paths; returns the suite's folder. Raises `StopError`."""
    folder = _folder(suites, out)
    _refuse_taken(kind, draft, folder, suites)
    paths = {folder / name: text for name, text in draft.files.items()}
    for path in paths:
        if path.exists() or path.is_symlink():
            raise _there_already(path)
    written: list[Path] = []
    try:
        for path, text in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:  # "x": not over what came meanwhile
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        if isinstance(error, FileExistsError) and error.filename is not None:
            raise _there_already(Path(error.filename)) from error
        raise unwritable(folder, error) from error
    here = Path.cwd()
    for path in paths:
        click.echo(path.relative_to(here) if path.is_relative_to(here) else path)
    return folder


def _folder(suites: Sequence[Path], out: Path | None) -> Path:
    """Where the files go: *out*, else the folder of `--suite`, else the checkout in which one stands, else `mine`."""
    if out is not None:
        return out
    if len(suites) > 1:
        raise StopError(
            f"--suite is given {len(suites)} times; expected once, or --out DIR for the new files"
        )
    return suites[0] if suites else _checkout() or DEFAULT_FOLDER


def _checkout() -> Path | None:
    """The repository whose code this is, where the working folder is it or lies in it; None elsewhere."""
    root, here = own_folder(), Path.cwd()
    in_checkout = (root / "pyproject.toml").is_file() and here.resolve().is_relative_to(root)
    return root if in_checkout else None


def _refuse_taken(kind: str, draft: Draft, folder: Path, suites: Sequence[Path]) -> None:
    """Raise `StopError` where there is an adapter, or a scenario, of this id already."""
    extra = [folder] if any((folder / part).is_dir() for part in ("adapters", "scenarios")) else []
    suite = suite_or_stop([*suites, *extra])
    known = suite.adapters if kind == "adapter" else suite.scenarios
    if draft.id in known:
        raise StopError(
            f"there is {'an' if kind == 'adapter' else 'a'} {kind} {draft.id!r} already, {known[draft.id].path}; "
            "choose another name"
        )


def _there_already(path: Path) -> StopError:
    return StopError(
        f"{path} is there already and is not overwritten; choose another name, or another folder with --out"
    )


def _bench(adapters: str, scenarios: str, name: str) -> str:
    report = shlex.quote(str(Path(tempfile.gettempdir(), f"crossloop-{name}")))
    return f"bench --profile smoke --adapters {adapters} --scenarios {scenarios} --out {report}"


def _say_next(folder: Path, commands: Sequence[str]) -> None:
    """Name the commands that try what was written into *folder*, with what they need to find it."""
    suite = "" if folder == own_folder() else f"--suite {shlex.quote(str(folder))} "
    for command in commands:
        click.echo(f"crossloop: next: crossloop {suite}{command}", err=True)
