"""A raw model's server at work, for the programs that ask one: it has this thread, its client another."""

import socket
from collections.abc import Callable
from typing import TypeVar

from crossloop.api import StreamApplication, StreamServer
from crossloop.behaviours.frames import WAIT_S, aside

_Result = TypeVar("_Result")


def served(
    adapter: StreamServer, application: StreamApplication, client: Callable[[tuple[str, int]], _Result]
) -> _Result:
    """What *client* returns, called with the address of a server of *application* by *adapter*.

    Raises what either of the two raises.
    """
    stop, stopper = socket.socketpair()
    stop.setblocking(False)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    address = listener.getsockname()

    def body() -> _Result:
        try:
            return client(address)
        finally:
            stopper.close()

    with stop, listener:
        result = aside(body)
        adapter.serve_streams(listener, application, adapter.styles.get("StreamServer", ("native",))[0], stop)
        return result.result(WAIT_S)
