"""An application that is slower by a known amount, so that a measurement can be tried on it."""

from typing import Any

from crossloop.api.errors import UnsupportedError
from crossloop.api.streams import Receive


def busy(application: Any, iterations: int, level: str) -> Any:
    """*application*, of the kind that *level* takes, with *iterations* turns of an empty loop for each piece.

    Raises UnsupportedError for a web site, of which a server makes the answers by itself.
    """
    if level == "HttpServer":
        raise UnsupportedError("a slowed variant needs an application to slow, and this server has its own")
    if level == "Datagrams":
        return _slowed(application, iterations)
    return lambda *send: _slowed(application(*send), iterations)


def _slowed(receive: Receive, iterations: int) -> Receive:
    turns = (None,) * iterations

    def slowly(data: bytes) -> bytes:
        for _ in turns:
            pass
        return receive(data)

    return slowly
