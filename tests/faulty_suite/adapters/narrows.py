"""Says that it holds one connection at a time; no second one may be tried."""

import asyncio

from crossloop.api import AdapterAbout
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Holds one connection.")


class Adapter(StandardLoop):
    """asyncio, said to be narrow."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())

    def most_connections(self) -> tuple[int, str]:
        return 1, "a door for one"
