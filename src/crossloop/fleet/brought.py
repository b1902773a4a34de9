"""What comes back from hosts, and its place here: OUT/HOST/run.jsonl, and beside it fleet.json with what it answers.

A journal from a host is somebody else's file. It arrives in a folder of its own, within a limit, and is read as every
journal is before it gets its place.
"""

import hashlib
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

import msgspec
from msgspec import Meta, Struct

from crossloop.fleet.hosts import FleetError
from crossloop.fleet.protocol import FileBegins, Part, Whole
from crossloop.fleet.question import KINDS
from crossloop.journal import JournalError, Run, read_journal
from crossloop.journal.files import MAX_BYTES
from crossloop.replacing import replace_file

_Record = TypeVar("_Record", bound=Struct)
RECORD = "fleet.json"
JOURNALS = frozenset(name for kind in KINDS.values() for name in kind.journals)
_MAX_RECORD_BYTES = 1024 * 1024


class UnfitError(Exception):
    """What a host sent has no place here; the message says why."""


class _Fleet(Struct):
    """OUT/fleet.json."""

    fleet: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]


class Answer(Struct):
    """OUT/HOST/fleet.json: what the journals beside it answer."""

    question: str
    arguments: list[str]
    status: int | None
    """Of the command; None: none was brought."""
    complete: bool


@dataclass(frozen=True)
class Journal:
    """A journal that was brought and read."""

    path: Path
    ended: bool
    """Whether its command came to its end."""
    records: int


def fleet_id(out: Path) -> str:
    """The name of the fleet that brings into *out*, which is made at the first time. Raises `FleetError`, OSError."""
    known = _read(out / RECORD, _Fleet)
    if known is None:
        known = _Fleet(secrets.token_hex(16))
        out.mkdir(parents=True, exist_ok=True)
        replace_file(out / RECORD, msgspec.json.encode(known) + b"\n")
    return known.fleet


def answer_in(folder: Path) -> Answer | None:
    """What the journals in a host's folder answer; None where there are none. Raises `FleetError`."""
    answer = _read(folder / RECORD, Answer)
    if answer is None and has_journals(folder):
        raise FleetError(f"{folder} holds journals that no fleet brought; choose another --out")
    return answer


def has_journals(folder: Path) -> bool:
    """Whether anything was brought there."""
    return any((folder / name).exists() for name in JOURNALS)


def keep_answer(folder: Path, answer: Answer) -> None:
    """Write OUT/HOST/fleet.json. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / RECORD, msgspec.json.encode(answer) + b"\n")


def _read(path: Path, kind: type[_Record]) -> _Record | None:
    """A record of ours; None where there is none. Raises `FleetError`."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_RECORD_BYTES)
        return msgspec.json.decode(content, type=kind)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FleetError(f"{path}: {error.strerror}; choose another --out") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FleetError(f"{path}: {error}; expected what a fleet wrote, choose another --out") from error


class Arriving:
    """Files as they come from one host, in a folder of their own; a context manager, which removes it."""

    def __init__(self, out: Path, names: Sequence[str]):
        self._names = names
        self._stack = ExitStack()
        self._out = out
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._whole: dict[str, Path] = {}

    def __enter__(self) -> "Arriving":
        folder = tempfile.TemporaryDirectory(prefix=".arriving-", dir=self._out, ignore_cleanup_errors=True)
        self._folder = Path(self._stack.enter_context(folder))
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            self._file.close()
        self._stack.close()

    def take(self, message: FileBegins | Part | Whole) -> None:
        """The next message of a file. Raises `UnfitError`, OSError."""
        match message:
            case FileBegins(name=name):
                if self._file is not None or name not in self._names or name in self._whole:
                    raise UnfitError(f"sent {name!r}; expected each of {', '.join(self._names)} once")
                self._file = (self._folder / name).open("xb")
                self._name, self._hash, self._bytes = name, hashlib.sha256(), 0
            case Part(content=content):
                file = self._open_file()
                self._bytes += len(content)
                if self._bytes > MAX_BYTES:
                    raise UnfitError(f"sent more than {MAX_BYTES:,} bytes of {self._name}")
                self._hash.update(content)
                file.write(content)
            case Whole(sha256=sha256):
                self._open_file().close()
                self._file = None
                if self._hash.hexdigest() != sha256:
                    raise UnfitError(f"{self._name} arrived with another SHA-256 than it was sent with")
                self._whole[self._name] = self._folder / self._name

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise UnfitError("sent a part of no file")
        return self._file

    def journals(self) -> list[Journal]:
        """All that arrived, read. Raises `UnfitError` for what is no journal."""
        journals = []
        for name, path in self._whole.items():
            try:
                records = read_journal(path)
                run = Run.of(records)
            except (JournalError, ValueError) as error:
                raise UnfitError(f"its {name} is refused: {str(error).replace(str(path), name)}") from error
            journals.append(Journal(path, run.end is not None, len(records)))
        return journals


def put(journals: Sequence[Journal], folder: Path) -> None:
    """Move journals to their place, each whole, and remove those that they replace. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for journal in journals:
        journal.path.replace(folder / journal.path.name)
    for name in JOURNALS - {journal.path.name for journal in journals}:
        (folder / name).unlink(missing_ok=True)
