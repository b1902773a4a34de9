"""Faults of the group `loops`."""

import asyncio


def stop_ends_this_run() -> asyncio.AbstractEventLoop:
    class StopsLate(asyncio.SelectorEventLoop):
        def stop(self) -> None:
            self.call_soon(super().stop)

    return StopsLate()
