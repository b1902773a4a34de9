"""Reading and writing journals. A journal from elsewhere is untrusted: sizes are bounded, types checked."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from crossloop.journal.bounds import contradiction, fitted, one_line
from crossloop.journal.errors import JournalError, UnfitRecordError
from crossloop.journal.records import SCHEMA_VERSION, Record, RunRecord

MAX_BYTES = 512 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024

_BLOCK = 64 * 1024
_SLICE = b'{"kind":"slice",'
"""How the writer begins a slice; another program's journal may not, and is then decoded in full."""

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_encoder = msgspec.json.Encoder()


class JournalWriter:
    """Appends records; each is on disk when `write` returns (RFC 8259 objects, one a line).

    Makes a new file; with `append=True` goes on after the last whole line of one that is there. Raises
    OSError: FileExistsError for a new one that exists, FileNotFoundError for an old one that does not.
    """

    def __init__(self, path: Path, *, append: bool = False):
        self.path = path
        self.written = 0
        """Records that this writer has appended."""
        if append:
            _cut_torn_line(path)
        self._file = path.open("ab" if append else "xb")
        self._size = self._file.tell()

    def write(self, record: Record, *, sync: bool = True) -> None:
        """Append one record, its texts cut to what a reader takes; what was written can be read.

        `sync=False` leaves it to the kernel: enough to outlive this process. Raises `UnfitRecordError` for a record
        that no reader would take, of which nothing is written; `JournalError` where the journal is full, or no longer
        at its path; OSError.
        """
        line = _line(record, first=self._size == 0)
        if self._size + len(line) > MAX_BYTES:
            raise JournalError(
                f"{self.path}: full, a journal holds {MAX_BYTES:,} bytes; render it with `crossloop report`, and "
                "begin another with fewer --scenarios or a smaller --budget"
            )
        self._require_path()
        self._file.write(line)
        self._file.flush()
        self._size += len(line)
        self.written += 1
        if sync:
            os.fsync(self._file.fileno())

    def _require_path(self) -> None:
        """Raises `JournalError` where what is written could not be found again."""
        try:
            there = os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            there = False
        if not there:
            raise JournalError(
                f"{self.path}: removed, moved or replaced while it was being written; "
                "what was measured is lost, begin anew"
            )

    def __enter__(self) -> "JournalWriter":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._file.close()


def journal_bytes(records: Iterable[Record]) -> bytes:
    """A whole journal, as `JournalWriter` writes it. Raises `UnfitRecordError`."""
    return b"".join(_line(record, first=number == 0) for number, record in enumerate(records))


def _line(record: Record, *, first: bool) -> bytes:
    """One record, its texts cut to what a reader takes. Raises `UnfitRecordError`."""
    if first != isinstance(record, RunRecord):
        kind = record.__struct_config__.tag
        raise UnfitRecordError(f"record of kind {kind!r}: expected kind 'run' first and only there")
    if isinstance(record, RunRecord) and record.schema != SCHEMA_VERSION:
        raise UnfitRecordError(f"schema {record.schema!r}: expected {SCHEMA_VERSION}")
    try:
        line = _encoder.encode(fitted(record)) + b"\n"
    except UnicodeEncodeError as error:
        raise UnfitRecordError(f"{error.object!a:.200}: UTF-8 cannot hold it") from error
    if len(line) > MAX_LINE_BYTES:
        raise UnfitRecordError(f"{len(line):,} bytes: a line holds {MAX_LINE_BYTES:,}")
    return line


def begin_journal(path: Path, first: RunRecord) -> JournalWriter:
    """A new journal with its *first* record, in place of what was at *path*.

    That goes only when the new one's first record is on disk: it is written beside, and renamed. Raises as
    `JournalWriter.write` does.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        with JournalWriter(beside) as journal:
            journal.write(first)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return JournalWriter(path, append=True)


def _cut_torn_line(path: Path) -> None:
    """Cut what follows the last newline: the line that was being written when the power, or we, went."""
    with path.open("rb+") as file:
        whole = end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < whole:  # a journal that nothing is the matter with stays untouched
            file.truncate(end)


def read_journal(path: Path, *, slices: bool = True) -> list[Record]:
    """All records of a journal, in order; without `slices`, all but those of kind `slice`.

    A torn last line (no newline) is dropped: the writer was interrupted. A report needs no slices, and they
    are nearly all of a journal: passing over them undecoded takes a tenth of the time and of the memory.
    Raises `JournalError` for a file that is missing, too large, not a journal, of another schema, or wrong in
    any line that is decoded.
    """
    records: list[Record] = []
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise JournalError(f"{path}: larger than {MAX_BYTES:,} bytes; not read")
            for number, line in enumerate(_lines(path, file), 1):
                if slices or number == 1 or not line.startswith(_SLICE):
                    records.append(_decode(path, number, line))
    except OSError as error:
        raise JournalError(
            f"{path}: {error.strerror}; expected a journal that `crossloop bench --out DIR` wrote"
        ) from error
    if not records:
        raise JournalError(f"{path}: holds no whole line; expected a journal that begins with kind 'run'")
    return records


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Whole lines, without their ends."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise JournalError(
                f"{path}: line {number} is longer than {MAX_LINE_BYTES:,} bytes; not a crossloop journal"
            )
        if line.endswith(b"\n"):
            yield line[:-1]


def _decode(path: Path, number: int, line: bytes) -> Record:
    try:
        record: Record = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise JournalError(_not_a_record(path, number, line, error)) from error
    if (number == 1) != isinstance(record, RunRecord):
        raise JournalError(
            f"{path}: line {number} is of kind {_kind(line)!r}; expected kind 'run' first and only there"
        )
    if isinstance(record, RunRecord) and record.schema != SCHEMA_VERSION:
        raise JournalError(_other_schema(path, record.schema))
    if (wrong := contradiction(record)) is not None:
        raise JournalError(f"{path}: line {number}: {wrong}")
    return record


def _not_a_record(path: Path, number: int, line: bytes, error: Exception) -> str:
    """Why a line could not be decoded; of a journal's first line that it is another schema, if so."""
    if number == 1:
        schema = _peek(line).get("schema")
        if schema is not None and schema != SCHEMA_VERSION:
            return _other_schema(path, schema)
        return f"{path}: {one_line(error)}; expected a crossloop journal, which begins with kind 'run'"
    return f"{path}: line {number}: {one_line(error)}; expected a record of schema {SCHEMA_VERSION}"


def _other_schema(path: Path, schema: object) -> str:
    return (
        f"{path}: schema {str(schema)[:40]!r}, this crossloop reads {SCHEMA_VERSION}; "
        "render it with the version that wrote it"
    )


def _kind(line: bytes) -> str:
    return str(_peek(line).get("kind"))[:40]


def _peek(line: bytes) -> dict[str, object]:
    """A line as plain JSON, empty when it is none, for messages only."""
    try:
        plain = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}
