"""Faults of the group `timers`."""

import asyncio
from collections.abc import Callable
from typing import Any


def never_early() -> asyncio.AbstractEventLoop:
    class Early(asyncio.SelectorEventLoop):
        def call_at(
            self, when: float, callback: Callable[..., object], *args: Any, **keywords: Any
        ) -> asyncio.TimerHandle:
            return super().call_at(when - 0.0015, callback, *args, **keywords)

    return Early()
