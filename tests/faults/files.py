"""Faults of the group `files`."""

import asyncio
from collections.abc import Callable
from typing import Any


def sendfile_whole() -> asyncio.AbstractEventLoop:
    class ForgetsOffset(asyncio.SelectorEventLoop):
        async def sendfile(
            self, transport: Any, file: Any, offset: int = 0, *more: Any, **options: Any
        ) -> int:
            return await super().sendfile(transport, file, 0, *more, **options)

    return ForgetsOffset()


def sock_sendfile_whole() -> asyncio.AbstractEventLoop:
    class ForgetsCount(asyncio.SelectorEventLoop):
        async def sock_sendfile(self, sock: Any, file: Any, offset: int = 0, *_: Any, **options: Any) -> int:
            return await super().sock_sendfile(sock, file, offset, **options)

    return ForgetsCount()


def pipe_to_its_end() -> asyncio.AbstractEventLoop:
    class ForgetsEnd(asyncio.SelectorEventLoop):
        async def connect_read_pipe(self, factory: Callable[[], Any], pipe: Any) -> Any:
            def made() -> Any:
                protocol = factory()
                protocol.eof_received = lambda: None
                return protocol

            return await super().connect_read_pipe(made, pipe)

    return ForgetsEnd()


def regular_file_as_pipe() -> asyncio.AbstractEventLoop:
    class TakesAnything(asyncio.SelectorEventLoop):
        async def connect_read_pipe(self, factory: Callable[[], Any], pipe: Any) -> Any:
            return None, factory()

    return TakesAnything()


def write_pipe_backpressure() -> asyncio.AbstractEventLoop:
    class NeverPauses(asyncio.SelectorEventLoop):
        async def connect_write_pipe(self, factory: Callable[[], Any], pipe: Any) -> Any:
            transport, protocol = await super().connect_write_pipe(factory, pipe)
            transport.set_write_buffer_limits(high=64 << 20)
            return transport, protocol

    return NeverPauses()
