"""What goes out and what must come back: contents, made from a connection's id and a sequence.

A content is `before | stamp | own filler | fixed filler | after` (`crossloop.api.exchange`). The sequence is counted
over all connections of a target, so no two stamped contents are alike.

The own filler is cut from the target's pattern, from a place that depends on connection and sequence. So all of a
message differs from every other, not its stamp alone: an answer of which only the stamp is new (a buffer that was not
filled anew, the tail of the message before) shows. The pattern is random, so two places of it are as different as two
random fillers; it is one for all connections, so that making a message costs one copy, or none (`engine.c` sends from
the pattern itself, of which its copy has room for a header in front).
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from crossloop.api import Content, Exchange, fixed_filler
from crossloop.api.exchange import STAMP_BYTES, as_letters

Compose: TypeAlias = Callable[[int], bytearray]
"""Makes a content of one connection from a sequence."""
MAGIC = b"CLM\x02"
HEADER = struct.Struct("=4sIQ")
"""A binary stamp."""
MAX_SIZE = 64 * 1024 * 1024
EXCERPT = 16
"""Bytes shown of either side of a mismatch."""
PLACES = 32_749
"""Places in the pattern at which a filler may begin. A prime: a filler comes again after as many messages, and no
round number of connections, served in turn, gives a connection the same one twice. So many bytes lie in a cache."""
CONNECTION_STEP = 13_565
SEQUENCE_STEP = 20_240
"""Parts of `PLACES` near √2 − 1 and the golden section: what is near in number is far in the pattern."""


@dataclass
class Composer:
    """Makes one content for any connection and sequence."""

    content: Content
    pattern: bytes
    after: bytes = field(init=False)
    """With the fixed filler at its beginning."""
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.after = fixed_filler(self.content.fixed_filler) + self.content.after
        self.size = self.content.size

    def __call__(self, connection: int, sequence: int) -> bytes:
        """The content's bytes."""
        return bytes(self.of(connection)(sequence))

    def of(self, connection: int) -> Compose:
        """What makes the content for one connection, in one place: each call writes over what the one before made."""
        content, pattern = self.content, memoryview(self.pattern)
        place, filler_bytes = len(content.before), content.own_filler
        made = bytearray(content.size)
        view = memoryview(made)
        view[:place] = content.before
        numbers = digits = None
        if content.stamp == "binary":
            HEADER.pack_into(made, place, MAGIC, connection, 0)
            numbers = view[place + 8 : place + HEADER.size].cast("Q")
        elif content.stamp == "hex":
            view[place : place + 8] = b"%08x" % connection
            digits = view[place + 8 : place + 24]
        place += STAMP_BYTES[content.stamp]
        filler = view[place : place + filler_bytes]
        view[place + filler_bytes :] = self.after
        first = connection * CONNECTION_STEP

        def compose(sequence: int) -> bytearray:
            if numbers is not None:
                numbers[0] = sequence
            elif digits is not None:
                digits[:] = b"%016x" % sequence
            place = (first + sequence * SEQUENCE_STEP) % PLACES
            filler[:] = pattern[place : place + filler_bytes]
            return made

        return compose

    def stamp_in(self, content: bytes) -> tuple[int, int] | None:
        """Connection and sequence in a content's stamp; None where it is not all there, or is none."""
        start = len(self.content.before)
        stamp = content[start : start + STAMP_BYTES[self.content.stamp]]
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
        """The same *seed* makes the same fillers."""
        self.exchange = exchange
        self.sent = 0
        """Sequence of the last request."""
        longest = max(exchange.request.own_filler, exchange.answer.own_filler)
        pattern = random.Random(seed).randbytes(PLACES + longest)  # noqa: S311  (not secret)
        self.pattern = as_letters(pattern) if exchange.letters else pattern
        """What all own fillers are cut from."""
        self.request = Composer(exchange.request, self.pattern)
        self.answer = self.request
        if exchange.answer != exchange.request:
            self.answer = Composer(exchange.answer, self.pattern)
