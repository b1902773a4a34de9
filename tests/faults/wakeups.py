"""Faults of the group `wakeups`."""

import asyncio
from collections.abc import Callable
from typing import Any

Loop = asyncio.SelectorEventLoop


class Sleepy(Loop):
    """Does not wake up for what is handed over."""

    def _write_to_self(self) -> None:
        """Nothing."""


def each_call_runs() -> asyncio.AbstractEventLoop:
    class OncePerTurn(Loop):
        """Calls that are handed over before the loop looks are one call, the last."""

        waiting: Callable[[], object] | None = None

        def call_soon_threadsafe(
            self, callback: Callable[..., object], *args: Any, **keywords: Any
        ) -> asyncio.Handle:
            first, self.waiting = self.waiting is None, callback
            return super().call_soon_threadsafe(self.look if first else (lambda: None))

        def look(self) -> None:
            callback, self.waiting = self.waiting, None
            if callback is not None:
                callback()

    return OncePerTurn()


def wakes_an_idle_loop() -> asyncio.AbstractEventLoop:
    return Sleepy()


def from_a_signal_handler() -> asyncio.AbstractEventLoop:
    return Sleepy()


def calls_before_the_run() -> asyncio.AbstractEventLoop:
    class Blocks(Loop):
        """Writes a byte for each call, and waits for room."""

        def __init__(self) -> None:
            super().__init__()
            self._csock.setblocking(True)  # type: ignore[attr-defined]

    return Blocks()
