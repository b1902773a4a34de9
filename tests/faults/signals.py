"""Faults of the group `signals`."""

import asyncio
import selectors
import signal
import sys
from collections.abc import Callable
from typing import Any

Loop = asyncio.SelectorEventLoop


class WaitsOn(selectors.SelectSelector):
    """Waits by a C library that a signal does not interrupt: it is blocked meanwhile, for at most 0.3 s."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if sys.platform == "win32":
            raise NotImplementedError("nothing of this is asked there")
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGINT})
        try:
            return super().select(0.3 if timeout is None else min(timeout, 0.3))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)


class NeverLooks(Loop):
    """Takes a signal's handler and forgets it."""

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        signal.signal(sig, lambda *_: None)


def handler_runs_while_idle() -> asyncio.AbstractEventLoop:
    return Loop(WaitsOn())


def delivered_to_another_thread() -> asyncio.AbstractEventLoop:
    return Loop(selectors.SelectSelector())


def own_handler_while_idle() -> asyncio.AbstractEventLoop:
    return NeverLooks()


def flood_loses_none() -> asyncio.AbstractEventLoop:
    return NeverLooks()


def ctrl_c_while_idle() -> asyncio.AbstractEventLoop:
    return Loop(WaitsOn())


def ctrl_c_while_busy() -> asyncio.AbstractEventLoop:
    class PrintsIt(Loop):
        """Takes KeyboardInterrupt for an error of the callback."""

        def call_at(
            self, when: float, callback: Callable[..., object], *args: Any, **keywords: Any
        ) -> asyncio.TimerHandle:
            def guarded() -> None:
                try:
                    callback(*args)
                except KeyboardInterrupt as error:
                    self.call_exception_handler({"message": "in a callback", "exception": error})

            return super().call_at(when, guarded, **keywords)

    return PrintsIt()


def removed_handler_is_gone() -> asyncio.AbstractEventLoop:
    class Keeps(Loop):
        def remove_signal_handler(self, sig: int) -> bool:
            return True

    return Keeps()


def wakeup_descriptor_kept() -> asyncio.AbstractEventLoop:
    class Takes(Loop):
        def run_forever(self) -> None:
            signal.set_wakeup_fd(self._csock.fileno())  # type: ignore[attr-defined]
            super().run_forever()

    return Takes()
