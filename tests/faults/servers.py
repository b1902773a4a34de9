"""Faults of the group `servers`."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any


class Wrapped(asyncio.SelectorEventLoop):
    """A loop with a fault in the server that `create_server` returns."""

    def __init__(self, make: Callable[[asyncio.Server], object]) -> None:
        super().__init__()
        self._make = make

    async def create_server(self, *args: Any, **keywords: Any) -> Any:
        return self._make(await super().create_server(*args, **keywords))


class Passes:
    """A server that passes everything on."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


def close_keeps_clients() -> asyncio.AbstractEventLoop:
    class StaysOpen(Passes):
        def close(self) -> None:
            pass

    return Wrapped(StaysOpen)


def wait_closed_waits() -> asyncio.AbstractEventLoop:
    class NeverReturns(Passes):
        async def wait_closed(self) -> None:
            await asyncio.get_running_loop().create_future()

    return Wrapped(NeverReturns)


def close_frees_the_port() -> asyncio.AbstractEventLoop:
    class ClosesLater(Passes):
        def close(self) -> None:
            asyncio.get_running_loop().call_later(0.1, self._server.close)

    return Wrapped(ClosesLater)


def given_listener_closed_once() -> asyncio.AbstractEventLoop:
    class ClosesTheNumber(Passes):
        def close(self) -> None:
            for sock in self._server.sockets:
                self._server.get_loop().remove_reader(sock.fileno())
                os.close(sock.fileno())

        async def wait_closed(self) -> None:
            pass

    return Wrapped(ClosesTheNumber)


served_before = set[object]()
"""Addresses that a loop of this process has served."""


def listener_serves_again() -> asyncio.AbstractEventLoop:
    class ServesOnce(asyncio.SelectorEventLoop):
        async def create_server(self, factory: Any, *args: Any, sock: Any = None, **keywords: Any) -> Any:
            again = sock.getsockname() in served_before
            served_before.add(sock.getsockname())
            return await super().create_server(factory, sock=sock, start_serving=not again, **keywords)

    return ServesOnce()


def backlog_as_asked() -> asyncio.AbstractEventLoop:
    class ShortQueue(asyncio.SelectorEventLoop):
        async def create_unix_server(self, *args: Any, backlog: int = 0, **keywords: Any) -> Any:
            return await super().create_unix_server(*args, backlog=backlog // 2, **keywords)

    return ShortQueue()


def out_of_descriptors() -> asyncio.AbstractEventLoop:
    class Spins(asyncio.SelectorEventLoop):
        def call_later(self, delay: float, callback: Any, *args: Any, **keywords: Any) -> Any:
            return super().call_later(0.0 if delay == 1 else delay, callback, *args, **keywords)

    return Spins()


def reset_in_the_queue() -> asyncio.AbstractEventLoop:
    class Talks(asyncio.SelectorEventLoop):
        def _make_socket_transport(self, sock: socket.socket, *args: Any, **keywords: Any) -> object:
            try:
                sock.getpeername()
            except OSError as error:
                self.call_exception_handler({"message": "a client without an address", "exception": error})
            return super()._make_socket_transport(sock, *args, **keywords)  # type: ignore[misc]

    return Talks()


def failing_handler_costs_one() -> asyncio.AbstractEventLoop:
    class Keeps(asyncio.SelectorEventLoop):
        async def _accept_connection2(self, factory: Any, sock: socket.socket, *args: Any) -> None:
            self.kept = sock.dup()
            await super()._accept_connection2(factory, sock, *args)  # type: ignore[misc]

    return Keeps()


def accepted_stay_in_this_process() -> asyncio.AbstractEventLoop:
    class Shares(asyncio.SelectorEventLoop):
        def _make_socket_transport(self, sock: socket.socket, *args: Any, **keywords: Any) -> object:
            sock.set_inheritable(True)
            return super()._make_socket_transport(sock, *args, **keywords)  # type: ignore[misc]

    return Shares()


def left_over_path_is_taken() -> asyncio.AbstractEventLoop:
    class Strict(asyncio.SelectorEventLoop):
        async def create_unix_server(self, protocol_factory: Any, path: Any, **keywords: Any) -> Any:
            sock = socket.socket(socket.AF_UNIX)  # type: ignore[attr-defined,unused-ignore]  # not on Windows
            sock.bind(str(path))
            return await super().create_unix_server(protocol_factory, sock=sock, **keywords)

    return Strict()
