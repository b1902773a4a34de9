"""Reading and writing journals. A journal from elsewhere is untrusted: sizes are bounded, types checked."""

import os
from pathlib import Path
from types import TracebackType

import msgspec

from crossloop.journal.records import SCHEMA_VERSION, CellRecord, Record, RunRecord

MAX_BYTES = 512 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024

_decoder = msgspec.json.Decoder(Record)
_encoder = msgspec.json.Encoder()


class JournalError(Exception):
    """A journal cannot be read or written; the message names file, line, what is wrong and what to do."""


class JournalWriter:
    """Appends records; each is on disk when `write` returns (RFC 8259 objects, one a line)."""

    def __init__(self, path: Path, *, append: bool = False):
        self.path = path
        if append:
            _cut_torn_line(path)
        self._file = path.open("ab" if append else "xb")

    def write(self, record: Record, *, sync: bool = True) -> None:
        """Append one record. `sync=False` leaves it to the kernel: enough to outlive this process."""
        self._file.write(_encoder.encode(record) + b"\n")
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())

    def __enter__(self) -> "JournalWriter":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._file.close()


def _cut_torn_line(path: Path) -> None:
    """Cut what follows the last newline: the line that was being written when the power, or we, went."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - MAX_LINE_BYTES)
        file.seek(start)
        tail = file.read()
        keep = tail.rfind(b"\n") + 1
        if start + keep != size:
            file.truncate(start + keep)


def read_journal(path: Path) -> list[Record]:
    """All records of a journal, in order.

    A torn last line (no newline) is dropped: the writer was interrupted. Raises `JournalError` for a file
    that is missing, too large, not a journal, of another schema, or wrong in any line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise JournalError(f"{path}: larger than {MAX_BYTES} bytes; not read")
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(
            f"{path}: {error.strerror}; expected a journal that `crossloop bench --out DIR` wrote"
        ) from error
    lines = data.split(b"\n")
    lines.pop()  # what follows the last newline: nothing, or a torn line
    records: list[Record] = []
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE_BYTES:
            raise JournalError(f"{path}: line {number} is longer than {MAX_LINE_BYTES} bytes; not a journal")
        records.append(_decode(path, number, line))
    if not records or not isinstance(records[0], RunRecord):
        raise JournalError(f"{path}: does not begin with a record of kind 'run'; not a crossloop journal")
    return records


def _decode(path: Path, number: int, line: bytes) -> Record:
    try:
        record = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(f"{path}: line {number}: {error}; expected schema {SCHEMA_VERSION}") from error
    match record:
        case RunRecord(schema=schema) if schema != SCHEMA_VERSION:
            raise JournalError(
                f"{path}: schema {schema}, this crossloop reads {SCHEMA_VERSION}; render it with the version that wrote it"
            )
        case CellRecord(outcome=outcome, figures=figures) if (outcome == "measured") != (figures is not None):
            raise JournalError(f"{path}: line {number}: outcome {outcome!r} and figures {figures!r} disagree")
        case _:
            return record
