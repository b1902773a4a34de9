"""`setup.json`: how each adapter and part came into this environment, kept in the environment itself.

`<sys.prefix>/lib/crossloop/setup.json`, so that it goes when the environment goes, and `list` and the report
can say `wheel` or `built from source in 14 s` months later. It is validated when it is read; what does
not fit is as if it were not there, because `crossloop setup` writes it again.
"""

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from crossloop.installing.results import AlreadyThere, InstallName, InstallResult
from crossloop.replacing import replace_file

SCHEMA = 1
MAX_BYTES = 1024 * 1024


class RecordError(Exception):
    """This environment cannot be written to; the message names the file and what to do."""


class Entry(Struct, frozen=True):
    """One adapter's, scenario's or part's outcome."""

    outcome: InstallName
    text: Annotated[str, Meta(max_length=1000)]
    """As people read it; what `recorded_setup` returns."""
    detail: Annotated[str, Meta(max_length=400)] = ""
    """Names and versions; tells whether what is there now is what was brought then."""


class Document(Struct, frozen=True):
    """The whole file."""

    schema: int
    python: Annotated[str, Meta(max_length=40)]
    """Of the interpreter that ran setup; another one's entries say nothing about this one."""
    things: dict[Annotated[str, Meta(min_length=1, max_length=80)], Entry]


def record_path() -> Path:
    """Where the record of this environment is."""
    return Path(sys.prefix) / "lib" / "crossloop" / "setup.json"


def recorded_setup() -> Mapping[str, str]:
    """Id → how it came (`wheel`, `built from source in 14 s`, …), as the last setup wrote it."""
    return {id_: entry.text for id_, entry in _read(record_path()).items()}


class SetupRecord:
    """The record while setup runs. Entries of earlier runs stay until their adapter is set up again."""

    def __init__(self, path: Path | None = None):
        self._path = record_path() if path is None else path
        self._things = _read(self._path)

    def keep(self, id_: str, result: InstallResult) -> None:
        """Add one outcome and write the file. Raises RecordError where that cannot be done."""
        entry = Entry(result.name, str(result)[:1000], getattr(result, "detail", "")[:400])
        earlier = self._things.get(id_)
        if (
            isinstance(result, AlreadyThere)
            and earlier is not None
            and earlier.outcome in ("wheel", "system-package", "built")
            and earlier.detail == entry.detail
        ):
            return  # how it came here once says more than that it is here
        self._things[id_] = entry
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all. Raises RecordError where the environment is not ours."""
        document = Document(SCHEMA, platform.python_version(), self._things)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        except OSError as error:
            raise RecordError(
                f"{self._path}: {error.strerror}; setup installs into the environment of {sys.executable}: "
                "use one that you own (python -m venv .venv)"
            ) from error


def _read(path: Path) -> dict[str, Entry]:
    """Entries of a valid record of this Python's feature version; empty otherwise."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return {}
        document = msgspec.json.decode(path.read_bytes(), type=Document)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    feature = document.python.split(".")[:2]
    if document.schema != SCHEMA or feature != platform.python_version().split(".")[:2]:
        return {}
    return dict(document.things)
