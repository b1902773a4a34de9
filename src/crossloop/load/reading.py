"""Where an answer ends, and whether it is right: the words of what is not, for both engines.

A reader takes a piece of the stream step by step and stays as it was when a step fails. The native engine does the same
(`http.h`), and has its last step taken again here, so that a mistake has one wording.
"""

from dataclasses import dataclass

from crossloop.api import Framing
from crossloop.load.message import EXCERPT

STATUS, HEADERS, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILERS = range(7)
"""Parts of an HTTP/1.1 response (RFC 9112), as in engine.h."""
LINE_ROOM = 8192
"""Most bytes of a line of a response, and of all lines before its body; servers allow clients as much."""


class WrongBytesError(Exception):
    """The first byte that is not as it must be; the text says what it is, where, and both values."""

    def __init__(self, text: str, start: int = -1, actual: bytes = b""):
        super().__init__(text)
        self.start = start
        """Offset in the content of what was compared; -1: none of the content was."""
        self.actual = actual


@dataclass(slots=True)
class ContentReader:
    """`bytes` and `line`: an answer is as long as its content, which ends a line nowhere but at its end."""

    noun: str
    filled: int = 0
    """Bytes of the content that came, and were right."""

    def take(self, data: bytes, at: int, expected: bytes | bytearray) -> tuple[int, bool]:
        """Take a step in *data* from *at*; returns where the next one begins, and whether the answer is whole.

        Raises `WrongBytesError`.
        """
        count = min(len(data) - at, len(expected) - self.filled)
        compare(self.noun, expected, self.filled, data[at:], count)
        self.filled += count
        return at + count, self.filled == len(expected)

    def reset(self) -> None:
        """Before the next answer."""
        self.filled = 0


@dataclass(slots=True)
class HttpReader:
    """`http`: the body of a response of status 200 is the content."""

    filled: int = 0
    part: int = STATUS
    line: bytes = b""
    """Beginning of a line whose end has not come."""
    head_length: int = 0
    """Bytes of whole lines before the body."""
    chunked: bool = False
    length: int = -1
    """Content-Length; -1: none."""
    left: int = 0
    """Bytes of the chunk that are to come."""

    def take(self, data: bytes, at: int, expected: bytes | bytearray) -> tuple[int, bool]:
        """As `ContentReader.take`."""
        if self.part in {BODY, CHUNK}:
            return self._take_body(data, at, expected)
        end = data.find(b"\n", at) + 1
        line = self.line + (data[at:end] if end else data[at:])
        if self.head_length + len(line) > LINE_ROOM:
            raise WrongBytesError(
                f"a response's head of more than {LINE_ROOM} bytes: got {line[:EXCERPT].hex(' ')}"
            )
        if not end:
            self.line = line
            return len(data), False
        in_head = self.part in {STATUS, HEADERS, TRAILERS}
        whole = self._take_line(line, expected)
        self.head_length += len(line) if in_head else 0
        self.line = b""
        return end, whole

    def _take_body(self, data: bytes, at: int, expected: bytes | bytearray) -> tuple[int, bool]:
        missing = len(expected) - self.filled
        count = min(len(data) - at, missing if self.part == BODY else self.left)
        compare("body", expected, self.filled, data[at:], count)
        self.filled += count
        if self.part == BODY:
            return at + count, self.filled == len(expected)
        self.left -= count
        if not self.left:
            self.part = CHUNK_END
        return at + count, False

    def _take_line(self, line: bytes, expected: bytes | bytearray) -> bool:
        """Take a line with its end; returns whether it ends the answer."""
        names = {STATUS: "status line", CHUNK_SIZE: "chunk size", CHUNK_END: "end of a chunk"}
        noun = names.get(self.part, "header")
        if not line.endswith(b"\r\n"):
            raise self._wrong(noun, "CR before LF", line)
        line = line[:-2]
        match self.part:
            case 0:  # STATUS
                if line[:12] != b"HTTP/1.1 200" or line[12:13] not in {b"", b" "}:
                    raise self._wrong(noun, "HTTP/1.1 200", line)
                self.part, self.length, self.chunked, self.filled = HEADERS, -1, False, 0
            case 1:  # HEADERS
                return self._take_header(line, len(expected))
            case 3:  # CHUNK_SIZE
                self._take_chunk_size(line, len(expected))
            case 5:  # CHUNK_END
                if line:
                    raise self._wrong(noun, "an empty line", line)
                self.part = CHUNK_SIZE
            case _:  # TRAILERS
                return not line
        return False

    def _take_header(self, line: bytes, size: int) -> bool:
        framed = self.length >= 0 or self.chunked
        if not line:
            if not framed:
                raise self._wrong("header", "Content-Length or Transfer-Encoding before the body", line)
            self.part = CHUNK_SIZE if self.chunked else BODY
            return not self.chunked and not size
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if not name or not colon:
            raise self._wrong("header", "name: value", line)
        if name == b"content-length":
            if framed or _number(value, 10) != size:
                raise self._wrong("header", f"Content-Length: {size}, once", line)
            self.length = size
        elif name == b"transfer-encoding":
            if framed or value.lower() != b"chunked":
                raise self._wrong("header", "Transfer-Encoding: chunked, once", line)
            self.chunked = True
        return False

    def _take_chunk_size(self, line: bytes, size: int) -> None:
        count = _number(line.replace(b"\t", b" ").split(b";")[0].split(b" ")[0], 16)
        missing = size - self.filled
        if not 0 <= count <= missing or (missing and not count):
            wanted = f"1 to {missing:x} (hexadecimal)" if missing else "0, as the body is whole"
            raise self._wrong("chunk size", wanted, line)
        self.left = count
        self.part = CHUNK if count else TRAILERS

    def _wrong(self, noun: str, wanted: str, line: bytes) -> WrongBytesError:
        where = self.head_length if self.part in {STATUS, HEADERS, TRAILERS} else self.filled
        of = "the head" if self.part in {STATUS, HEADERS, TRAILERS} else "the body"
        return WrongBytesError(
            f"a wrong {noun} at offset {where} of {of}: expected {wanted}, got {line[:80].decode('latin-1')!r}"
        )

    def reset(self) -> None:
        """As `ContentReader.reset`."""
        self.filled = self.head_length = 0
        self.part = STATUS


Reader = ContentReader | HttpReader


def new_reader(framing: Framing) -> Reader:
    """What reads the answers of one connection."""
    return HttpReader() if framing == "http" else ContentReader("line" if framing == "line" else "answer")


def compare(noun: str, expected: bytes | bytearray, start: int, data: bytes, count: int) -> None:
    """Raise unless the first *count* bytes of *data* are those of *expected* from *start* on."""
    rest = expected[start : start + count]
    if data[:count] != rest:
        offset = next(at for at in range(count) if data[at] != rest[at])
        wanted = expected[start + offset : start + offset + EXCERPT].hex(" ")
        shown = data[offset : offset + EXCERPT].hex(" ")
        raise WrongBytesError(
            f"a wrong {noun} at offset {start + offset}: expected {wanted}, got {shown}", start, data
        )


def _number(text: bytes, base: int) -> int:
    """Value of a whole number; -1: it is none."""
    digits = b"0123456789abcdefABCDEF"[: 10 if base == 10 else None]
    return int(text, base) if text and len(text) < 16 and not text.strip(digits) else -1
