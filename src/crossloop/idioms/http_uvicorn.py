"""uvicorn: an ASGI server, and what people run below FastAPI, Starlette and Django on asyncio.

`uvicorn.Server.serve` is the documented way to run it inside a loop that is there already. Its program is an ASGI
application as uvicorn's first page has it, a coroutine that sends two events or more; a framework does more than that
for each request. Two parsers exist: httptools (llhttp, in C), asked for here, and h11, in Python, which `http="auto"`
takes in silence where httptools is missing and which takes several times as long.

uvicorn handles SIGTERM and SIGINT while it serves, by handlers of its own that it takes away again, and then raises the
signal once more for those that were there before. Its main loop looks every 0.1 s whether it is to end. A shutdown
waits until each connection has taken its answer, without a bound; so what is open then is aborted first.
"""

import asyncio
import contextlib
import socket
import sys

import uvicorn
from uvicorn.protocols.http import httptools_impl

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.idioms.asyncio_http import end_connections
from crossloop.idioms.asyncio_streams import readable
from crossloop.idioms.http_asgi import application
from crossloop.worker.serving import BACKLOG

PARSER = "httptools"


def config_of(site: HttpSite) -> uvicorn.Config:
    """The loop is there already. There are no logs and no websockets, and the application hears of no start and end."""
    return uvicorn.Config(
        application(site),
        http=PARSER,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        backlog=BACKLOG,
    )


async def serve(listener: socket.socket, site: HttpSite, stop: socket.socket) -> None:
    """As `crossloop.api.HttpServer.serve_http`."""
    server = uvicorn.Server(config_of(site))
    with listener.dup() as duplicate:
        serving = asyncio.ensure_future(server.serve([duplicate]))
        stopping = asyncio.ensure_future(readable(stop))
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            for listening in server.servers:
                listening.close()
            while connections := list(server.server_state.connections):
                await end_connections(connection.transport for connection in connections)
            await serving
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await stopping


def facts() -> HttpFacts:
    """The parser is that of the protocol which the configuration gives each connection."""
    config = config_of(HttpSite({}))
    config.load()
    module = sys.modules[config.http_protocol_class.__module__]
    parser = module.httptools.HttpRequestParser if module is httptools_impl else module.h11.Connection
    return facts_with_parser("uvicorn", uvicorn.__version__, parser)
