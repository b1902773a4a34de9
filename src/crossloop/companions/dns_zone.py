"""The zone that the DNS server serves and the client side verifies: every answer follows from its name.

A name is `LABEL.BEHAVIOUR.test.`: the top-level domain is the one that RFC 6761 reserves for tests, the label
makes it unique, so that no cache can answer, and the behaviour says what the server does with it:

| behaviour | what happens |
| --- | --- |
| `plain` | the address, at once |
| `nx` | the name does not exist (NXDOMAIN, RFC 1035, with an SOA as RFC 2308 wants it) |
| `tc` | over UDP an empty answer that is truncated (RFC 2181, 9; RFC 7766), over TCP the address |
| `dropN` | the first N datagrams that ask for the name are lost, then the address |
| `delayN` | the address, N milliseconds later |

Standard library only: the measured process imports this, and not the server.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast
from zlib import crc32

Kind: TypeAlias = Literal["plain", "nx", "tc", "drop", "delay"]

TOP = "test"
_BEHAVIOUR = re.compile(r"(plain|nx|tc)|(drop|delay)([0-9]{1,4})")


@dataclass(frozen=True)
class Behaviour:
    """What the server does with a name: the kind, and how many times or milliseconds."""

    kind: Kind
    amount: int = 0


def name_of(label: str, behaviour: str) -> str:
    """The name, absolute: with its final dot no resolver tries a search list (resolv.conf(5))."""
    return f"{label}.{behaviour}.{TOP}."


def behaviour_of(name: str) -> Behaviour | None:
    """What the server does with *name*, in any case, with or without final dot; None: not in the zone."""
    labels = name.lower().rstrip(".").split(".")
    if len(labels) != 3 or labels[2] != TOP:
        return None
    match = _BEHAVIOUR.fullmatch(labels[1])
    if match is None:
        return None
    simple, counted, amount = match.groups()
    return Behaviour(cast(Kind, simple)) if simple else Behaviour(cast(Kind, counted), int(amount))


def address_bytes(name: bytes) -> bytes:
    """The four bytes of the address of *name*: lower case, ASCII, no final dot.

    10.0.0.0/8 (RFC 1918) with the low 24 bits of the name's CRC-32: an answer that belongs to another
    name is taken for the right one once in 16 million times.
    """
    return b"\x0a" + (crc32(name) & 0xFFFFFF).to_bytes(3, "big")


def address_of(name: str) -> str:
    """Address of *name* as text."""
    return ".".join(map(str, address_bytes(name.lower().rstrip(".").encode("ascii"))))
