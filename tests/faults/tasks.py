"""Faults of the group `tasks`."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any


def cancel_reaches_every_wait() -> asyncio.AbstractEventLoop:
    class Shields(asyncio.SelectorEventLoop):
        async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    return await super().sock_accept(sock)

    return Shields()


def cancelled_receive_keeps_data() -> asyncio.AbstractEventLoop:
    class Takes(asyncio.SelectorEventLoop):
        async def sock_recv(self, sock: socket.socket, nbytes: int) -> bytes:
            try:
                return await super().sock_recv(sock, nbytes)
            except asyncio.CancelledError:
                with contextlib.suppress(BlockingIOError):
                    sock.recv(nbytes)
                raise

    return Takes()


def cancelled_connect_leaves_nothing() -> asyncio.AbstractEventLoop:
    class Complains(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *arguments: Any, **keywords: Any) -> Any:
            looking_up = asyncio.ensure_future(super().getaddrinfo(*arguments, **keywords))
            return await asyncio.shield(looking_up)

    return Complains()


def cancellation_not_swallowed() -> asyncio.AbstractEventLoop:
    class Deaf(asyncio.Task[Any]):
        def cancel(self, msg: Any | None = None) -> bool:
            raise RuntimeError("a task cannot be cancelled")

    loop = asyncio.SelectorEventLoop()
    loop.set_task_factory(lambda loop, coro, **keywords: Deaf(coro, loop=loop, **keywords))
    return loop


def unheeded_error_reported() -> asyncio.AbstractEventLoop:
    class Silent(asyncio.SelectorEventLoop):
        def call_exception_handler(self, context: dict[str, Any]) -> None:
            """Nobody is told."""

    return Silent()


def timeout_cuts_a_wait() -> asyncio.AbstractEventLoop:
    class Hasty(asyncio.SelectorEventLoop):
        def call_at(
            self, when: float, callback: Callable[..., object], *args: Any, **keywords: Any
        ) -> asyncio.TimerHandle:
            return super().call_at(when - 0.02, callback, *args, **keywords)

    return Hasty()


def eager_tasks() -> asyncio.AbstractEventLoop:
    class Lazy(asyncio.SelectorEventLoop):
        def set_task_factory(self, factory: Any) -> None:
            """Every task is one of asyncio's own."""

    return Lazy()


def generators_are_closed() -> asyncio.AbstractEventLoop:
    class Forgets(asyncio.SelectorEventLoop):
        def run_until_complete(self, future: Any) -> Any:
            hooks = sys.get_asyncgen_hooks()
            try:
                return super().run_until_complete(future)
            finally:
                sys.set_asyncgen_hooks(*hooks)

        def _asyncgen_firstiter_hook(self, generator: AsyncGenerator[Any, Any]) -> None:
            """It is not kept."""

    return Forgets()


def work_in_threads() -> asyncio.AbstractEventLoop:
    class WorksItself(asyncio.SelectorEventLoop):
        def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
            done = self.create_future()
            try:
                done.set_result(func(*args))
            except Exception as error:
                done.set_exception(error)
            return done

    return WorksItself()
