"""A numeric host: what does it cost to look up a host that is already an address?

Configuration says `127.0.0.1`, and a connection asks `getaddrinfo` for it, every time. No server is asked. But the call
may block for other names, so most libraries pass it to a thread, and that hand-over is most of the price. Others first
check whether there is anything to resolve (uvloop does). `threads` calls it in the calling thread.

Timed region: from entering the loop until the last of 100 lookups, one after another.

Check: each lookup gave exactly that address and port.

What this does not say: what a name costs (`dns`). asyncio's own `create_connection` looks for numeric hosts before it
asks `loop.getaddrinfo`; this is the price of the call by a program.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from crossloop.api import (
    Adapter,
    AddressLookups,
    CheckFailedError,
    Parameters,
    ScenarioAbout,
    UnsupportedError,
    Workload,
)

ABOUT = ScenarioAbout(
    levels=("AddressLookups",),
    drive="work",
    title="Numeric host",
    short_title="Numeric",
    question="What does it cost to look up a host that is already an address?",
    group="clients",
    unit="lookup",
    sets=(
        ("smoke", {"family": "ipv4"}),
        ("full", {"family": "ipv6"}),
    ),
    brief=True,
)

_LOOKUPS = 100
"""In one repetition."""
_PORT = 4711
_HOSTS: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "ipv4": ("127.0.0.1", ("127.0.0.1", _PORT)),
    "ipv6": ("::1", ("::1", _PORT, 0, 0)),
}


class Scenario(Workload):
    """One host, many times."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Raises `UnsupportedError` for a family that there is not."""
        super().__init__(adapter, style, parameters, server)
        self._lookups = cast(AddressLookups, adapter)
        family: str = parameters["family"]
        if family not in _HOSTS:
            raise UnsupportedError(f"getaddrinfo has no family {family!r}, but {', '.join(_HOSTS)}")
        self._host, self._address = _HOSTS[family]
        self._infos: Sequence[Sequence[tuple[Any, ...]]] = ()

    def prepare(self) -> None:
        """Forget the repetition before."""
        self._infos = ()

    def run(self) -> int:
        """One repetition; returns the lookups that were made."""
        self._infos = self._lookups.look_up(self._host, _PORT, _LOOKUPS)
        return len(self._infos)

    def verify(self) -> None:
        """Each gave that address, and no other."""
        if len(self._infos) != _LOOKUPS:
            raise CheckFailedError(f"{len(self._infos)} of {_LOOKUPS} lookups were made")
        for number, infos in enumerate(self._infos):
            if [tuple(address) for address in infos] != [self._address]:
                raise CheckFailedError(f"lookup {number} gave {list(infos)!r}, expected {[self._address]!r}")

    def close(self) -> None:
        """Nothing stays open."""
