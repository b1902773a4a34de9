"""What goes out and what must come back: contents, made from a connection's id and a sequence.

A content is `before | stamp | own filler | fixed filler | after` (`crossloop.api.exchange`). The sequence is counted
over all connections of a target, so no two stamped contents are alike.

The own filler is cut from the target's pattern, from a place that depends on connection and sequence. So all of a
message differs from every other, not its stamp alone: an answer of which only the stamp is new (a buffer that was not
filled anew, the tail of the message before) shows. The pattern is random, so two places of it are as different as two
random fillers; it is one for all connections, so that making a message costs one copy, or none (`engine.c` sends from
the pattern itself, where a header's room lies before each filler).
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from crossloop.api import Content, Exchange, fixed_filler
from crossloop.api.exchange import STAMP_BYTES, as_letters

MAGIC = b"CLM\x02"
HEADER = struct.Struct("=4sIQ")
"""A binary stamp."""
_pack = HEADER.pack
MAX_SIZE = 64 * 1024 * 1024
EXCERPT = 16
"""Bytes shown of either side of a mismatch."""
PLACES = 32_749
"""Places in the pattern at which a filler may begin. A prime: a filler comes again after as many messages, and no
round number of connections, served in turn, gives a connection the same one twice. So many bytes lie in a cache."""
CONNECTION_STEP = 13_565
SEQUENCE_STEP = 20_240
"""Parts of `PLACES` near √2 − 1 and the golden section: what is near in number is far in the pattern."""


def new_pattern(size: int, seed: int) -> bytes:
    """What all own fillers of at most *size* bytes are cut from; the same for the same *seed*."""
    return random.Random(seed).randbytes(PLACES + HEADER.size + size)  # noqa: S311  (not secret)


def place_of(connection: int, sequence: int) -> int:
    """Place in the pattern of the header's room, behind which an own filler begins."""
    return (connection * CONNECTION_STEP + sequence * SEQUENCE_STEP) % PLACES


@dataclass
class Composer:
    """Makes one content for any connection and sequence."""

    content: Content
    pattern: bytes
    after: bytes = field(init=False)
    """With the fixed filler at its beginning."""
    size: int = field(init=False)

    def __post_init__(self) -> None:
        content = self.content
        self.after = fixed_filler(content.fixed_filler) + content.after
        self.size = content.size
        self._before, self._own = content.before, content.own_filler
        self._is_message = content.stamp == "binary" and not (self._before or self.after)
        """A binary stamp and its filler alone, as an echo's; it is made at half the price."""
        self._stamp: Callable[[int, int], bytes] = {
            "none": lambda _connection, _sequence: b"",
            "binary": lambda connection, sequence: _pack(MAGIC, connection, sequence),
            "hex": lambda connection, sequence: b"%08x%016x" % (connection, sequence),
        }[content.stamp]

    def __call__(self, connection: int, sequence: int) -> bytes:
        """The content's bytes."""
        place = (connection * CONNECTION_STEP + sequence * SEQUENCE_STEP) % PLACES + HEADER.size
        filler = self.pattern[place : place + self._own]
        if self._is_message:
            return _pack(MAGIC, connection, sequence) + filler
        return b"".join((self._before, self._stamp(connection, sequence), filler, self.after))

    def stamp_in(self, content: bytes | bytearray) -> tuple[int, int] | None:
        """Connection and sequence in a content's stamp; None where it is not all there, or is none."""
        stamp = content[len(self._before) : len(self._before) + STAMP_BYTES[self.content.stamp]]
        if self.content.stamp == "binary" and len(stamp) == HEADER.size and stamp[:4] == MAGIC:
            return HEADER.unpack(stamp)[1:]
        if self.content.stamp == "hex" and len(stamp) == STAMP_BYTES["hex"]:
            try:
                return int(stamp[:8], 16), int(stamp[8:], 16)
            except ValueError:
                return None
        return None


class Script:
    """What all connections of a target send and must receive."""

    def __init__(self, exchange: Exchange, seed: int):
        self.exchange = exchange
        pattern = new_pattern(max(exchange.request.own_filler, exchange.answer.own_filler), seed)
        self.pattern = as_letters(pattern) if exchange.letters else pattern
        self.request = Composer(exchange.request, self.pattern)
        self.answer = self.request
        if exchange.answer != exchange.request:
            self.answer = Composer(exchange.answer, self.pattern)
