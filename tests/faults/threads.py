"""Faults of the group `threads`."""

import asyncio
import atexit
import os
import sys
import threading
from typing import Any

TURN = threading.Lock()


def two_loops_at_once() -> asyncio.AbstractEventLoop:
    class OneOnly(asyncio.SelectorEventLoop):
        def run_forever(self) -> None:
            if not TURN.acquire(blocking=False):
                raise RuntimeError("another loop runs")
            try:
                super().run_forever()
            finally:
                TURN.release()

    return OneOnly()


def made_here_run_there() -> asyncio.AbstractEventLoop:
    class Bound(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            super().__init__()
            self.maker = threading.get_ident()

        def run_forever(self) -> None:
            if threading.get_ident() != self.maker:
                raise RuntimeError("in the thread that made it, please")
            super().run_forever()

    return Bound()


def foreign_call_refused() -> asyncio.AbstractEventLoop:
    class TakesAll(asyncio.SelectorEventLoop):
        def _check_thread(self) -> None:
            """Any thread will do."""

    return TakesAll()


def coroutine_from_a_thread() -> asyncio.AbstractEventLoop:
    class Swaps(asyncio.SelectorEventLoop):
        def create_task(self, coro: Any, **keywords: Any) -> asyncio.Task[Any]:
            async def nothing() -> None:
                coro.close()

            return super().create_task(nothing() if coro.__name__ == "double" else coro, **keywords)

    return Swaps()


def thread_leaves_nothing() -> asyncio.AbstractEventLoop:
    class Leaks(asyncio.SelectorEventLoop):
        def close(self) -> None:
            os.pipe()
            super().close()

    return Leaks()


def exit_while_a_thread_runs() -> asyncio.AbstractEventLoop:
    class Speaks(asyncio.SelectorEventLoop):
        def run_forever(self) -> None:
            atexit.register(print, "a loop still runs", file=sys.stderr)
            super().run_forever()

    return Speaks()
