"""Native references: one echo server in C for each library, which says what the library costs without Python.

Each is the shortest program that the library's own documentation would show, on what every adapter gets, too: a
listener with TCP_NODELAY, reads of 64 KiB, partial writes, resets, thousands of connections (`server.h` holds
what is not the library's). Of another service, and over TLS, there is none rather than a wrong one. They are built by
`crossloop setup references`, run as rows of their own in the same rounds as the adapters, and are ranked with nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crossloop.api import ScenarioAbout, Transport
from crossloop.native import NativePart

FAMILY = "reference"
"""Family of their adapter records, by which a report knows their rows."""
STYLE = "native"
MARKED_SHARE = 0.70
"""A row is marked whose rate exceeds this share of what the load reached against the native echo."""
REFERENCES_SETTING = "references"
"""Setting of a run: the references that could run, `none`, or false where they were left out. A run that goes on must
have the same ones."""
GROUP = "references"
"""What `crossloop setup` calls all of them together."""


@dataclass(frozen=True)
class Reference:
    """One server in C."""

    id: str
    library: str
    """`none`: straight on the kernel."""
    part: NativePart
    platforms: tuple[str, ...] = ("linux", "darwin")
    transports: tuple[Transport, ...] = ("tcp", "unix", "udp")
    """What it echoes over."""

    def serves(self, about: ScenarioAbout) -> bool:
        """Whether it can stand in the place of the servers of a scenario."""
        return about.serves == "echo" and about.transport in self.transports


def _reference(id_: str, library: str, platforms: tuple[str, ...] = ("linux", "darwin")) -> Reference:
    part = NativePart(
        id=id_,
        folder=Path(__file__).parent,
        files=(f"{id_.replace('-', '_')}.c", "server.h"),
        kind="program",
        elsewhere="the native references are written for POSIX, and not built for Windows",
    )
    return Reference(id_, library, part, platforms)


REFERENCES: Mapping[str, Reference] = {
    reference.id: reference
    for reference in (
        _reference("c-epoll", "none", ("linux",)),
        _reference("c-libevent", "libevent"),
        _reference("c-libev", "libev"),
        _reference("c-libuv", "libuv"),
    )
}
"""The first that is built is the native echo of the headroom certificate."""
