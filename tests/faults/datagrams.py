"""Faults of the group `datagrams`."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any


class Endpoints(asyncio.SelectorEventLoop):
    """asyncio's loop, with what its endpoints' protocols are told and do handed to the methods below."""

    async def create_datagram_endpoint(self, factory: Callable[[], Any], **options: Any) -> Any:
        def made() -> Any:
            protocol = factory()
            received, report = protocol.datagram_received, protocol.error_received
            protocol.datagram_received = lambda data, addr: self.on_datagram(received, data, addr)
            protocol.error_received = lambda error: self.on_error(report, error, transports[0])
            return protocol

        transports = list[Any]()
        transport, protocol = await super().create_datagram_endpoint(made, **options)
        transports.append(transport)
        send = transport.sendto
        transport.sendto = lambda data, addr=None: self.on_send(send, data, addr)  # type: ignore[method-assign, arg-type]
        return transport, protocol

    def on_datagram(self, received: Any, data: bytes, addr: Any) -> None:
        received(data, addr)

    def on_error(self, report: Any, error: Exception, transport: Any) -> None:
        report(error)

    def on_send(self, send: Any, data: bytes, addr: Any) -> None:
        send(data, addr)


def failing_send_goes_on() -> asyncio.AbstractEventLoop:
    class Closes(Endpoints):
        def on_error(self, report: Any, error: Exception, transport: Any) -> None:
            report(error)
            transport.abort()

    return Closes()


def dead_port_is_told() -> asyncio.AbstractEventLoop:
    return failing_send_goes_on()


def failing_send_is_told() -> asyncio.AbstractEventLoop:
    class Silent(Endpoints):
        def on_error(self, report: Any, error: Exception, transport: Any) -> None:
            pass

    return Silent()


def oversize_is_refused() -> asyncio.AbstractEventLoop:
    return failing_send_is_told()


def largest_arrives_whole() -> asyncio.AbstractEventLoop:
    class Cuts(Endpoints):
        def on_datagram(self, received: Any, data: bytes, addr: Any) -> None:
            received(data[:8192], addr)

    return Cuts()


def empty_arrives() -> asyncio.AbstractEventLoop:
    class Drops(Endpoints):
        def on_datagram(self, received: Any, data: bytes, addr: Any) -> None:
            if data:
                received(data, addr)

    return Drops()


def empty_is_sent() -> asyncio.AbstractEventLoop:
    class SendsTwo(Endpoints):
        def on_send(self, send: Any, data: bytes, addr: Any) -> None:
            send(data or b"\0\0", addr)

    return SendsTwo()


def bare_sockets() -> asyncio.AbstractEventLoop:
    class HasNone(asyncio.SelectorEventLoop):
        async def sock_sendto(self, *_: Any) -> int:
            raise NotImplementedError

    return HasNone()


def each_to_its_sender() -> asyncio.AbstractEventLoop:
    class Crosses(Endpoints):
        numbers = itertools.count()

        def on_send(self, send: Any, data: bytes, addr: Any) -> None:
            send(b"another" if next(self.numbers) == 50 else data, addr)

    return Crosses()
