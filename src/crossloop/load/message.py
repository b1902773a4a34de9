"""The message: what goes out, what must come back, and what to say when it does not.

offset  bytes  content, integers in the byte order of the machine (nobody else reads them)
0       4      b"CLM" and the layout's version
4       4      connection id
8       8      sequence: counted over all connections of a target, so no two messages are alike
16      ...    filler: the pattern of the target, from a place that depends on connection and sequence

The filler makes all of a message differ from every other, not its header alone: an answer of which only the header is
new (a buffer that was not filled anew, the tail of the message before) shows. The pattern is random, so two
places of it are as different as two random fillers; it is one for all connections, so that making a message costs one
copy, or none (`engine.c` sends from the pattern itself).
"""

import random
import struct

MAGIC = b"CLM\x02"
HEADER = struct.Struct("=4sIQ")
MIN_SIZE = HEADER.size
MAX_SIZE = 64 * 1024 * 1024
EXCERPT = 16
"""Bytes shown of either side of a mismatch."""
PLACES = 32_749
"""Places in the pattern at which a message may begin. A prime: a filler comes again after as many messages, and no
round number of connections, served in turn, gives a connection the same one twice. So many bytes lie in a cache."""
CONNECTION_STEP = 13_565
SEQUENCE_STEP = 20_240
"""Parts of `PLACES` near √2 − 1 and the golden section: what is near in number is far in the pattern."""


def new_pattern(size: int, seed: int) -> bytes:
    """What the fillers of all messages of *size* bytes are cut from; the same for the same *seed*."""
    return random.Random(seed).randbytes(PLACES + size)  # noqa: S311  (not secret)


def place_of(connection: int, sequence: int) -> int:
    """Place in the pattern at which a message begins; its first 16 bytes are the header instead."""
    return (connection * CONNECTION_STEP + sequence * SEQUENCE_STEP) % PLACES


def message_of(connection: int, sequence: int, size: int, pattern: bytes) -> bytes:
    """A whole message."""
    place = place_of(connection, sequence)
    return HEADER.pack(MAGIC, connection, sequence) + pattern[place + HEADER.size : place + size]


def sequence_of(message: bytes | bytearray | memoryview) -> int:
    """Sequence in a message's header."""
    return int(HEADER.unpack_from(message)[2])


def mismatch(expected: bytes | bytearray, actual: bytes | bytearray, start: int, before: bytes) -> str:
    """Sentence on the first byte where *actual*, which arrived at offset *start*, is not as *expected*.

    Says when the answer is that of another connection or of another message, and when it goes on as *before*, the
    message that its connection sent before this one.
    """
    _magic, connection, sequence = HEADER.unpack_from(expected)
    rest = expected[start:]
    shared = min(len(rest), len(actual))
    offset = start + next((at for at in range(shared) if actual[at] != rest[at]), shared)
    if offset >= len(expected):
        what, wanted = "the answer goes on", "nothing more"
    else:
        what, wanted = "a wrong answer", f"{bytes(expected[offset : offset + EXCERPT]).hex(' ')}"
    shown = bytes(actual[offset - start : offset - start + EXCERPT]).hex(" ")
    whose = _owner(actual, start, connection, sequence)
    if (
        not whose
        and offset < len(expected)
        and actual[offset - start :] == before[offset : start + len(actual)]
    ):
        whose = f" (as in the message before it, sequence {sequence_of(before)})"
    return (
        f"connection {connection}, sequence {sequence}: {what} at offset {offset}: "
        f"expected {wanted}, got {shown}{whose}"
    )


def _owner(actual: bytes | bytearray, start: int, connection: int, sequence: int) -> str:
    """Whose answer it is, where a whole header of ours is there."""
    if start or len(actual) < HEADER.size or actual[:4] != MAGIC:
        return ""
    _magic, other, number = HEADER.unpack_from(actual)
    if (other, number) == (connection, sequence):
        return ""
    return f" (the message of connection {other}, sequence {number})"
