"""Faults of the group `names`."""

import asyncio
import itertools
import socket
import time
from typing import Any


def numeric_as_python() -> asyncio.AbstractEventLoop:
    class KnowsNoServices(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
            return await super().getaddrinfo(host, 0 if port == "http" else port, **options)

    return KnowsNoServices()


def error_by_number() -> asyncio.AbstractEventLoop:
    class RaisesAnother(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *question: Any, **options: Any) -> Any:
            try:
                return await super().getaddrinfo(*question, **options)
            except socket.gaierror as error:
                raise socket.gaierror(12345, "another number") from error

    return RaisesAnother()


def zone_ids() -> asyncio.AbstractEventLoop:
    class DropsZones(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host: Any, *question: Any, **options: Any) -> Any:
            return await super().getaddrinfo(host.partition("%")[0], *question, **options)

    return DropsZones()


def loop_goes_on() -> asyncio.AbstractEventLoop:
    class Blocks(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *question: Any, **options: Any) -> Any:
            time.sleep(0.15)
            return socket.getaddrinfo(*question, **options)

    return Blocks()


def cancelled_lookup() -> asyncio.AbstractEventLoop:
    class WaitsAllTheSame(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *question: Any, **options: Any) -> Any:
            looking = asyncio.ensure_future(super().getaddrinfo(*question, **options))
            try:
                return await asyncio.shield(looking)
            except asyncio.CancelledError:
                await looking
                raise

    return WaitsAllTheSame()


def many_at_once() -> asyncio.AbstractEventLoop:
    class MixesUp(asyncio.SelectorEventLoop):
        numbers = itertools.count()

        async def getaddrinfo(self, host: Any, *question: Any, **options: Any) -> Any:
            wrong = next(self.numbers) == 100
            return await super().getaddrinfo("127.0.0.99" if wrong else host, *question, **options)

    return MixesUp()


def names_of_addresses() -> asyncio.AbstractEventLoop:
    class NamesThem(asyncio.SelectorEventLoop):
        async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
            return await super().getnameinfo(sockaddr, socket.NI_NUMERICHOST)

    return NamesThem()


def cares_sockets() -> asyncio.AbstractEventLoop:
    """pycares with a channel of its own, and so a socket, for each query."""
    import pycares

    channel: Any = pycares.Channel

    class ChannelEach:
        def __init__(self, **options: Any) -> None:
            self.options = options
            self.kept = list[Any]()

        def query(self, *question: Any, **options: Any) -> None:
            self.kept.append(channel(**self.options))
            self.kept[-1].query(*question, **options)

    pycares.Channel = ChannelEach  # type: ignore[assignment, misc]
    return asyncio.SelectorEventLoop()
