"""hypercorn: an ASGI server for trio; it parses by h11, in Python.

`hypercorn.trio.serve` is the documented way to run it inside a run of trio. It opens its sockets by itself, so it is
told the number of a descriptor (`fd://`), and takes that over. It serves until its `shutdown_trigger` returns, and
cancels what is open then after `graceful_timeout` seconds. Its sends are shielded from that, so a peer that does not
read holds it up, and nothing leads to its connections from outside.
"""

import importlib.metadata
import os
import socket
from typing import Any

import h11
import hypercorn.trio
from hypercorn import Config

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.idioms.http_asgi import application
from crossloop.worker.serving import BACKLOG


async def serve(listener: socket.socket, site: HttpSite, trigger: Any) -> None:
    """Serve until the coroutine function *trigger* returns."""
    config = Config()
    config.bind = [f"fd://{os.dup(listener.fileno())}"]
    config.backlog = BACKLOG
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 0.0
    await hypercorn.trio.serve(application(site), config, shutdown_trigger=trigger, mode="asgi")


def facts() -> HttpFacts:
    """The parser of HTTP/1.1, which is all that a client gets that asks for no other."""
    return facts_with_parser("hypercorn", importlib.metadata.version("hypercorn"), h11.Connection)
