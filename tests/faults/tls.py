"""Faults of the group `tls`."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any


class Servers(asyncio.SelectorEventLoop):
    """asyncio's loop, whose TLS servers' protocols are changed by the method below."""

    async def create_server(
        self, factory: Callable[[], Any], *arguments: Any, **options: Any
    ) -> asyncio.Server:
        def made() -> Any:
            protocol = factory()
            self.change(protocol)
            return protocol

        return await super().create_server(made, *arguments, **self.changed(options))

    def change(self, protocol: Any) -> None:
        pass

    def changed(self, options: dict[str, Any]) -> dict[str, Any]:
        return options


def round_trip() -> asyncio.AbstractEventLoop:
    class LosesAByte(Servers):
        def change(self, protocol: Any) -> None:
            receive = protocol.data_received
            protocol.data_received = lambda data: receive(data[1:])

    return LosesAByte()


def goes_on_after_garbage() -> asyncio.AbstractEventLoop:
    class ServesOne(asyncio.SelectorEventLoop):
        served = 0

        def _make_ssl_transport(self, *arguments: Any, **options: Any) -> Any:
            self.served += 1
            if self.served > 1:
                raise OSError("one is enough")
            return super()._make_ssl_transport(*arguments, **options)  # type: ignore[misc]  # private

    return ServesOne()


def close_notify_is_sent() -> asyncio.AbstractEventLoop:
    class Aborts(Servers):
        def change(self, protocol: Any) -> None:
            made = protocol.connection_made

            def connection_made(transport: Any) -> None:
                made(_AbortsAtClose(transport))

            protocol.connection_made = connection_made

    class _AbortsAtClose:
        def __init__(self, transport: Any) -> None:
            self.write = transport.write
            self.close = lambda: asyncio.get_running_loop().call_later(0.05, transport.abort)

    return Aborts()


def answers_after_close_notify() -> asyncio.AbstractEventLoop:
    class ClosesAtEnd(Servers):
        def change(self, protocol: Any) -> None:
            protocol.eof_received = lambda: [protocol.transport.abort()]

    return ClosesAtEnd()


def silent_client_is_dropped() -> asyncio.AbstractEventLoop:
    class Waits(Servers):
        def changed(self, options: dict[str, Any]) -> dict[str, Any]:
            return {**options, "ssl_handshake_timeout": 60.0}

    return Waits()


def untrusted_is_refused() -> asyncio.AbstractEventLoop:
    class TrustsAll(asyncio.SelectorEventLoop):
        async def create_connection(self, *arguments: Any, ssl: Any = None, **options: Any) -> Any:
            return await super().create_connection(*arguments, ssl=trusting(ssl), **options)

    def trusting(context: Any) -> Any:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    return TrustsAll()


def upgrade() -> asyncio.AbstractEventLoop:
    class HasNone(asyncio.SelectorEventLoop):
        async def start_tls(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    return HasNone()
