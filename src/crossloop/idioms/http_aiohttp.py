"""aiohttp.web: a web server and framework for asyncio, with routes of its own.

`AppRunner` and `SockSite` are the documented way to serve inside a loop that is there already. The program is the one
of aiohttp's documentation: a handler for each route that returns a `Response`, or prepares a `StreamResponse` and
writes to it piece by piece. Two parsers exist: llhttp, compiled into aiohttp's wheels, and one in Python that aiohttp
takes in silence where the compiled one is missing (AIOHTTP_NO_EXTENSIONS, a build without a compiler).

A route for GET answers HEAD as well, which is left out for pages that are written piece by piece: a `StreamResponse`
sends its body even so (aiohttp 3.14), and the client would take it for the next answer. `AppRunner.cleanup` lets a
handler that runs finish, for `shutdown_timeout` seconds at most, and closes each connection when it has sent its
answer, without a bound; so what is open then is aborted first.
"""

import asyncio
import socket
from functools import partial

import aiohttp
from aiohttp import web
from aiohttp.http import HttpRequestParser

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.api.http import ID_DIGITS, NO_ID
from crossloop.idioms.asyncio_http import end_connections
from crossloop.idioms.asyncio_streams import readable
from crossloop.worker.serving import BACKLOG

STOP_S = 1.0
"""For handlers that run when the server is to end; none of ours waits for anything."""


def application(site: HttpSite) -> web.Application:
    """An application with two routes for each page."""
    app = web.Application()
    for name, pieces in site.pages.items():
        whole = len(pieces) == 1
        handler = partial(_whole if whole else _piecewise, site, name)
        for path in (f"/{name}", f"/{name}/{{id:[0-9a-f]{{{ID_DIGITS}}}}}"):
            app.router.add_get(path, handler, allow_head=whole)
    return app


async def _whole(site: HttpSite, name: str, request: web.Request) -> web.Response:
    (body,) = site.pieces(name, _id(request))
    return web.Response(body=body, content_type="text/plain")


async def _piecewise(site: HttpSite, name: str, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    for piece in site.pieces(name, _id(request)):
        await response.write(piece)
    await response.write_eof()
    return response


def _id(request: web.Request) -> bytes:
    id_ = request.match_info.get("id")
    return id_.encode() if id_ else NO_ID


async def serve(listener: socket.socket, site: HttpSite, stop: socket.socket) -> None:
    """As `crossloop.api.HttpServer.serve_http`."""
    runner = web.AppRunner(application(site), access_log=None, handle_signals=False, shutdown_timeout=STOP_S)
    await runner.setup()
    with listener.dup() as duplicate:
        try:
            await web.SockSite(runner, duplicate, backlog=BACKLOG).start()
            await readable(stop)
        finally:
            for started in tuple(runner.sites):
                await started.stop()
            while runner.server is not None and (connections := runner.server.connections):
                await end_connections(connection.transport for connection in connections)
            await runner.cleanup()
            await asyncio.sleep(0)


def facts() -> HttpFacts:
    """The parser is that which `aiohttp.web` gives each connection."""
    return facts_with_parser("aiohttp", aiohttp.__version__, HttpRequestParser)
