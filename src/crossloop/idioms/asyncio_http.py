"""Web servers on asyncio's API, for every loop that has that API: which there are, and what they have in common.

Each stands in a module of its own, and is imported when it is asked for: one that is not installed costs its own rows
alone. The loop is the adapter's; no server makes one. Logs of requests are off. Signals stay with whoever has them.

A server is handed a duplicate of the listener, as in `crossloop.idioms.asyncio_streams`, and asked for the backlog that
the listener has.
"""

import asyncio
import importlib
import socket
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from crossloop.api import HttpFacts, HttpSite
from crossloop.idioms.asyncio_streams import Spawn

STYLES = {"uvicorn": "http_uvicorn", "aiohttp.web": "http_aiohttp"}
"""Style → module, which has `serve(listener, site, stop)` and `facts()`; the one that most people run first."""
CLIENTS = {"aiohttp": "http_aiohttp_client"}
"""Style of `HttpClient` → module, which has a class `Client`."""


def module_of(name: str) -> ModuleType:
    """One of the modules above. Raises ImportError where what it is about is not installed."""
    return importlib.import_module(f"crossloop.idioms.{name}")


async def serve_http(
    style: str, listener: socket.socket, site: HttpSite, stop: socket.socket, _spawn: Spawn
) -> None:
    """Serve by the server of *style*."""
    await module_of(STYLES[style]).serve(listener, site, stop)


def http_facts(style: str) -> HttpFacts:
    """Facts of the server of *style*."""
    facts: HttpFacts = module_of(STYLES[style]).facts()
    return facts


def new_client(style: str, server: tuple[str, int], in_flight: int) -> Any:
    """A client of *style*, not connected yet."""
    return module_of(CLIENTS[style]).Client(server, in_flight)


async def end_connections(transports: Iterable[asyncio.Transport | None]) -> None:
    """Abort *transports*, whatever their peers have not read, and have the loop tell their protocols."""
    for transport in transports:
        if transport is not None:
            transport.abort()
    await asyncio.sleep(0)
