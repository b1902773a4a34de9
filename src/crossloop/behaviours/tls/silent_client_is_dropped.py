"""A client that never shakes hands is dropped when its time is over."""

import asyncio
import socket
import time

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, run
from crossloop.behaviours.tls._contexts import serving

ABOUT = Behaviour(
    question="Is a client that connects and sends nothing dropped after ssl_handshake_timeout?",
    rule="The handshake has ssl_handshake_timeout seconds; then the connection is aborted.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_server",
)
LIMIT_S = 0.1
PATIENCE_S = 1.5


def silent(address: tuple[str, int]) -> float:
    """After how long a silent client is dropped; `PATIENCE_S` where it is not."""
    begun = time.monotonic()
    with socket.create_connection(address, PATIENCE_S) as client:
        try:
            client.recv(1)
        except ConnectionError:
            pass
        except TimeoutError:
            return PATIENCE_S
    return time.monotonic() - begun


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        _server, address = await serving(ssl_handshake_timeout=LIMIT_S)
        took_s = await asyncio.wrap_future(aside(lambda: silent(address)))
        return answered(took_s < PATIENCE_S, "it stays", f"after {1000 * took_s:.0f} ms")

    return run(new_loop, main)
