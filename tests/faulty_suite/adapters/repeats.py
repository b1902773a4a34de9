"""Sends the hundredth datagram twice."""

import itertools
import socket
from typing import Any

from adapters.select_ import Adapter as SelectAdapter
from crossloop.api import AdapterAbout, DatagramApplication

ABOUT = AdapterAbout(family="faulty", library="none", binding="select", summary="Repeats a datagram.")


class Adapter(SelectAdapter):
    """The adapter on select with this one fault."""

    def serve_datagrams(
        self, endpoint: socket.socket, application: DatagramApplication, style: str, stop: socket.socket
    ) -> None:
        """Serve by a socket that repeats itself."""
        repeating = _Repeating(endpoint.family, endpoint.type, endpoint.proto, endpoint.detach())
        super().serve_datagrams(repeating, application, style, stop)


class _Repeating(socket.socket):
    """Says the hundredth thing twice."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.setblocking(False)
        self._turns = itertools.count(1)

    def sendto(self, data: Any, *address: Any) -> int:
        if next(self._turns) == 100:
            super().sendto(data, *address)
        return super().sendto(data, *address)
