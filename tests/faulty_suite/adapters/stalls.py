"""Stops for 50 ms each second, which a benchmark that stops its processes between slices sees in run-ins alone."""

import asyncio
import time

from crossloop.api import AdapterAbout
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Stops each second.")


class Adapter(StandardLoop):
    """asyncio's adapter with this one fault."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self.loop.call_later(1.0, self._stall)

    def _stall(self) -> None:
        time.sleep(0.05)
        self.loop.call_later(1.0, self._stall)
