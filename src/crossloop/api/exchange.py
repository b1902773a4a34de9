"""Exchanges: what the load sends, and what must come back for it, as data that both of its engines speak.

A *content* is a run of bytes of which a part depends on who sends it and when:

    before | stamp | own filler | fixed filler | after

The stamp holds the connection's id and a sequence that is counted over all connections, so that no two contents are
alike. The own filler is cut from a random pattern at a place that depends on both (`crossloop.load.message`); a server
can only send it back. The fixed filler is the same always (`fixed_filler`), so that a server can make it. An *exchange*
is the content of a request, that of its answer, and how the answer is framed. Every answer is compared byte by byte.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

Stamp: TypeAlias = Literal["none", "binary", "hex"]
"""`binary`: the four bytes b"CLM\\x02", the connection id in four bytes and the sequence in eight, in the byte order of
the machine. `hex`: both as lower-case hexadecimal digits, 8 and 16 of them."""
Framing: TypeAlias = Literal["bytes", "line", "http"]
"""How the end of an answer is found. `bytes`: it has as many as its content. `line`: at b"\\n", which the content has
at its end and nowhere else. `http`: an HTTP/1.1 response (RFC 9112) of status 200 with any headers, framed by
Content-Length or chunked; its body is the content."""
STAMP_BYTES: Mapping[Stamp, int] = {"none": 0, "binary": 16, "hex": 24}
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True, kw_only=True)
class Content:
    """Bytes of a request or of an answer, see the module's head; sizes in bytes."""

    before: bytes = b""
    stamp: Stamp = "none"
    own_filler: int = 0
    fixed_filler: int = 0
    after: bytes = b""

    @property
    def size(self) -> int:
        """Bytes in all."""
        fillers = self.own_filler + self.fixed_filler
        return len(self.before) + STAMP_BYTES[self.stamp] + fillers + len(self.after)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer, and how many of them a connection has under way."""

    request: Content
    answer: Content
    framing: Framing = "bytes"
    letters: bool = False
    """The own filler consists of letters, digits, `-` and `_`, as text protocols need it."""
    in_flight: int = 1
    """Requests that a connection has sent and that are not answered yet (pipelining); answers come in order."""
    greedy: int = 0
    """So many of the connections, the last ones, keep `greedy_in_flight` requests in flight instead."""
    greedy_in_flight: int = 1
    stall_ms: float = 0.0
    """Before each measured part the load writes what is to be in flight and reads nothing for so long."""
    rest_ms: float = 0.0
    """After each measured part nothing is sent for so long; then what the server holds is looked at, and counted."""
    resumed: bool = False
    """Over TLS: each connection resumes the session of one before it."""

    @property
    def most_in_flight(self) -> int:
        """Of any connection."""
        return max(self.in_flight, self.greedy_in_flight if self.greedy else 1)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form; bytes in base 64."""
        form = asdict(self)
        for part in ("request", "answer"):
            for name in ("before", "after"):
                form[part][name] = b64encode(form[part][name]).decode()
        return form


def echo(size: int, in_flight: int = 1) -> Exchange:
    """*size* bytes, 16 or more, go out and come back as they are (RFC 862)."""
    message = Content(stamp="binary", own_filler=size - STAMP_BYTES["binary"])
    return Exchange(request=message, answer=message, in_flight=in_flight)


@cache
def fixed_filler(size: int) -> bytes:
    """*size* letters, digits, `-` and `_` that are the same in every process (SHAKE256 of nothing, FIPS 202)."""
    from hashlib import shake_256  # 5 ms and OpenSSL, which a server that echoes need not load

    return as_letters(shake_256().digest(size))


def as_letters(data: bytes) -> bytes:
    """*data* with each byte as one of 64 characters that a line, an URL and a header can hold."""
    return data.translate(4 * _LETTERS)
