"""Faults of the group `loops`."""

import asyncio
import atexit
import contextlib
import contextvars
import os
import selectors
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any


class Inner(asyncio.SelectorEventLoop):
    """asyncio's loop, with those of its private parts named that a fault is made in."""

    _ready: deque[asyncio.Handle]
    _selector: selectors.BaseSelector
    _stopping: bool
    _thread_id: int | None

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]  # typeshed has no private parts


def stop_ends_this_run() -> asyncio.AbstractEventLoop:
    class StopsLate(asyncio.SelectorEventLoop):
        def stop(self) -> None:
            self.call_soon(super().stop)

    return StopsLate()


def stop_before_run() -> asyncio.AbstractEventLoop:
    class ForgetsStop(Inner):
        def run_forever(self) -> None:
            self._stopping = False
            super().run_forever()

    return ForgetsStop()


def runs_again() -> asyncio.AbstractEventLoop:
    class ForgetsReaders(Inner):
        def run_forever(self) -> None:
            super().run_forever()
            for fd in list(self._selector.get_map()):
                self.remove_reader(fd)
            self.call_later(0.1, self.stop)

    return ForgetsReaders()


def closed_refuses() -> asyncio.AbstractEventLoop:
    class TakesAll(asyncio.SelectorEventLoop):
        def call_soon(self, *arguments: Any, **keywords: Any) -> asyncio.Handle:
            if self.is_closed():
                return asyncio.Handle(lambda: None, (), self)
            return super().call_soon(*arguments, **keywords)

    return TakesAll()


def nothing_left_open() -> asyncio.AbstractEventLoop:
    class Leaks(asyncio.SelectorEventLoop):
        def close(self) -> None:
            os.pipe()
            super().close()

    return Leaks()


def nothing_left_to_the_collector() -> asyncio.AbstractEventLoop:
    class Drops(asyncio.SelectorEventLoop):
        def close(self) -> None:
            socket.socket()
            super().close()

    return Drops()


def idle_sleeps() -> asyncio.AbstractEventLoop:
    class NeverSleeping(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            return super().select(0)

    return asyncio.SelectorEventLoop(NeverSleeping())


def soon_in_order() -> asyncio.AbstractEventLoop:
    class LastComesFirst(Inner):
        def call_soon(self, *arguments: Any, **keywords: Any) -> asyncio.Handle:
            handle = super().call_soon(*arguments, **keywords)
            self._ready.rotate(1)
            return handle

    return LastComesFirst()


def lets_others_in() -> asyncio.AbstractEventLoop:
    class CallbacksFirst(Inner):
        def _run_once(self) -> None:
            while self._ready and not self._stopping:
                handle = self._ready.popleft()
                handle._run()
            super()._run_once()

    return CallbacksFirst()


def error_is_reported() -> asyncio.AbstractEventLoop:
    class Silent(asyncio.SelectorEventLoop):
        def call_exception_handler(self, context: dict[str, Any]) -> None:
            """Nobody is told."""

    return Silent()


def exit_comes_out() -> asyncio.AbstractEventLoop:
    class Swallows(asyncio.SelectorEventLoop):
        def call_soon(self, callback: Callable[..., object], *args: Any, **keywords: Any) -> asyncio.Handle:
            def quietly(*args: Any) -> None:
                with contextlib.suppress(SystemExit):
                    callback(*args)

            return super().call_soon(quietly, *args, **keywords)

    return Swallows()


def nested_run_refused() -> asyncio.AbstractEventLoop:
    class Nests(Inner):
        def run_forever(self) -> None:
            outer = asyncio._get_running_loop()
            asyncio._set_running_loop(None)
            thread, self._thread_id = self._thread_id, None
            try:
                super().run_forever()
            finally:
                self._thread_id = thread
                asyncio._set_running_loop(outer)

    return Nests()


def time_moves_on() -> asyncio.AbstractEventLoop:
    class CachesTime(Inner):
        seen = 0.0

        def time(self) -> float:
            return self.seen or super().time()

        def _run_once(self) -> None:
            self.seen = 0.0
            self.seen = self.time()
            super()._run_once()
            self.seen = 0.0

    return CachesTime()


def exit_with_open_loop() -> asyncio.AbstractEventLoop:
    class Speaks(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            super().__init__()
            atexit.register(lambda: print("loop left open", file=sys.stderr))

    return Speaks()


def context_kept() -> asyncio.AbstractEventLoop:
    class Forgets(asyncio.SelectorEventLoop):
        def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            contextvars.Context().run(super().add_reader, fd, callback, *args)

    return Forgets()


def slow_callback_named() -> asyncio.AbstractEventLoop:
    class Nameless(asyncio.SelectorEventLoop):
        def call_soon(self, callback: Callable[..., object], *args: Any, **keywords: Any) -> asyncio.Handle:
            def nameless(*args: Any) -> None:
                callback(*args)

            return super().call_soon(nameless, *args, **keywords)

    return Nameless()
