"""The message: what goes out, what must come back, and what to say when it does not.

offset  bytes  content, integers in the byte order of the machine (nobody else reads them)
0       4      b"CLM" and the layout's version
4       4      connection id
8       8      sequence: counted over all connections of a target, so no two messages are alike
16      ...    filler, different for each connection, so that crossed or shifted answers show
"""

import random
import struct

MAGIC = b"CLM\x01"
HEADER = struct.Struct("=4sIQ")
MIN_SIZE = HEADER.size
MAX_SIZE = 64 * 1024 * 1024
EXCERPT = 16
"""Bytes shown of either side of a mismatch."""


def new_message(connection: int, size: int, seed: int) -> bytearray:
    """Message of *size* bytes with sequence 0. The filler depends on *seed* and *connection*."""
    filler = random.Random((seed << 32) | connection).randbytes(size - HEADER.size)  # noqa: S311  (not secret)
    return bytearray(HEADER.pack(MAGIC, connection, 0) + filler)


def sequence_of(message: bytes | bytearray | memoryview) -> int:
    """Sequence in a message's header."""
    return int(HEADER.unpack_from(message)[2])


def mismatch(expected: bytes | bytearray, actual: bytes | bytearray, start: int) -> str:
    """Sentence on the first byte where *actual*, which arrived at offset *start*, is not as *expected*.

    Says when the answer is that of another connection or of another message.
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
    return (
        f"connection {connection}, sequence {sequence}: {what} at offset {offset}: "
        f"expected {wanted}, got {shown}{_owner(actual, start, connection, sequence)}"
    )


def _owner(actual: bytes | bytearray, start: int, connection: int, sequence: int) -> str:
    """Whose answer it is, where a whole header of ours is there."""
    if start or len(actual) < HEADER.size or actual[:4] != MAGIC:
        return ""
    _magic, other, number = HEADER.unpack_from(actual)
    if (other, number) == (connection, sequence):
        return ""
    return f" (the message of connection {other}, sequence {number})"
