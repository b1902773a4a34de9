"""The standard streams of the command line: what is written can be encoded, and is only text to a terminal.

Reasons and facts hold whatever a library, a journal or a file's name says. All that goes to `sys.stdout` and
`sys.stderr` passes through one place, which shows control characters as escapes. What draws on a terminal
(colours, a bar) writes to a `canvas` of the stream, and makes the texts that it is given `printable` itself.
"""

import codecs
import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

from crossloop.plain_text import printable

_PLAINER = {
    "→": "->", "–": "-", "−": "-", "…": "...", "µ": "u", "×": "x", "÷": "/", "≥": ">=", "≤": "<=", "±": "+-",
}  # fmt: skip
"""What crossloop's own texts use, in the letters of a console that has no more."""
_LAYOUT = "\n\t"


class PlainStream(io.TextIOBase):
    """A text stream that shows control characters as escapes, and that may lose its reader.

    A reader that went away (`crossloop list | head -1`) costs the output alone: the command goes on, and its
    status says what was found. The same holds for whatever becomes of an *expendable* stream. What else fails (a full
    disk below standard output) is raised as OSError once, since a result is lost.
    There is no `buffer`: click would write into it and pass by all this.
    """

    def __init__(self, stream: TextIO, *, expendable: bool, drawn: bool = False):
        """*drawn*: control characters pass."""
        self._stream = stream
        self._expendable = expendable
        self._drawn = drawn

    def canvas(self) -> "PlainStream":
        """The same stream, for what draws."""
        return PlainStream(self._stream, expendable=self._expendable, drawn=True)

    def write(self, text: str) -> int:
        """Write *text* without what a terminal would obey, but for line ends and tabs."""
        if not isinstance(text, str):  # click asks by a write of bytes whether it may
            raise TypeError(f"{text!r} is no text")
        if text:
            with self._may_lose_reader():
                self._stream.write(text if self._drawn else printable(text, kept=_LAYOUT))
        return len(text)

    def flush(self) -> None:
        """As of any stream."""
        with self._may_lose_reader():
            self._stream.flush()

    @contextlib.contextmanager
    def _may_lose_reader(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _discard(self._stream)
            # Windows has no EPIPE for a pipe without a reader: it says EINVAL.
            gone = error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL)
            if not (gone or self._expendable):
                raise

    def writable(self) -> bool:
        """For writing only."""
        return True

    def isatty(self) -> bool:
        """Whether a terminal shows it."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor below."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute in typeshed, a property here as in CPython
        """How its text is encoded."""
        return self._stream.encoding


def set_up() -> None:
    """Make both output streams fit for any text. Call it before anything is written or opened."""
    _occupy_closed()
    codecs.register_error("crossloop-plainer", _plainer)
    # Only the interpreter's own streams: what somebody else has put there is theirs.
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = cast(TextIO, PlainStream(_encoding_all(sys.stdout), expendable=False))
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = cast(TextIO, PlainStream(_encoding_all(sys.stderr), expendable=True))


def print_document(document: object, *, indent: int | None = None) -> None:
    """One JSON document (RFC 8259) on stdout. All but ASCII is escaped in JSON's way, and so is DEL."""
    print(json.dumps(document, indent=indent).replace("\x7f", "\\u007f"), flush=True)


def canvas(stream: TextIO) -> TextIO:
    """*stream* for what writes sequences that a terminal shall obey."""
    return cast(TextIO, stream.canvas()) if isinstance(stream, PlainStream) else stream


def _occupy_closed() -> None:
    """Open os.devnull where a standard descriptor is closed: a journal would get its number, and what is said there."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def _encoding_all(stream: TextIO | None) -> TextIO:
    """*stream* so that no text is refused: in UTF-8 where that is right, else with escapes for what has no code.

    A locale, PYTHONIOENCODING and a console say what their reader expects, and that is kept. A file or pipe on
    Windows has a code page that nobody chose for it: it gets UTF-8, as all files of crossloop.
    """
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        chosen = bool(os.environ.get("PYTHONIOENCODING")) or stream.isatty()
        encoding = "utf-8" if os.name == "nt" and not chosen else stream.encoding
        stream.reconfigure(encoding=encoding, errors="crossloop-plainer")
    return stream


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    """A codec's error handler: our own signs in plain letters, all else as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    end = error.start + 1
    plain = _PLAINER.get(error.object[error.start : end])
    if plain is not None:
        return plain, end
    error.end = end
    return codecs.backslashreplace_errors(error)


def _discard(stream: TextIO) -> None:
    """Let what is still to be written to *stream* go nowhere: Python's own flush at its end would fail again."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
