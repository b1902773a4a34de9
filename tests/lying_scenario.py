"""A scenario whose application lies once: the worker serves it as any other, and the load must not believe it.

`of` among the parameters names the module of the honest one, `level` its level, `lie` what becomes of the 20th thing
that it sends; of pushes the 1,000th, for the load first pushes until every connection has joined.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from crossloop.api import (
    DatagramApplication,
    Exchange,
    Parameters,
    PushApplication,
    Receive,
    Send,
    ServedScenario,
    StreamApplication,
)
from tests.workloads import nth

Lie: TypeAlias = Callable[[bytes], bytes]

PLACE = -12
"""A byte of the body in every answer here: a stamp, a filler, and neither a line's end nor a chunk's."""


def _byte(data: bytes) -> bytes:
    harmed = bytearray(data)
    harmed[PLACE] ^= 1
    return bytes(harmed)


def _without_second_chunk(data: bytes) -> bytes:
    return data[: data.rindex(b"\r\n1400\r\n")] + b"\r\n0\r\n\r\n"


LIES: Mapping[str, Lie] = {
    "none": bytes,
    "byte": _byte,
    "status": lambda data: data.replace(b" 200 OK", b" 500 No"),
    "chunk": _without_second_chunk,
    "cut": lambda data: data[:PLACE] + data[PLACE + 1 :],
    "lost": lambda _data: b"",
    "repeated": lambda data: data + data,
    "swapped": lambda data: data[64:128] + data[:64] + data[128:],
}


class Scenario(ServedScenario):
    """The honest scenario's exchange, and its application with one lie."""

    def __init__(self, parameters: Parameters):
        super().__init__(parameters)
        self._honest: ServedScenario = importlib.import_module(parameters["of"]).Scenario(parameters)
        self._is_it = nth(1000 if parameters["level"] == "PushServer" else 20)

    def application(self) -> StreamApplication | PushApplication | DatagramApplication:
        honest: Any = self._honest.application()
        match self.parameters["level"]:
            case "PushServer":
                return lambda send: honest(self._pushing(send))
            case "Datagrams":
                return lambda data: self._altered(honest(data))
            case _:
                return lambda: self._answering(honest())

    def exchange(self) -> Exchange:
        return self._honest.exchange()

    def _answering(self, receive: Receive) -> Receive:
        return lambda data: self._altered(receive(data))

    def _pushing(self, send: Send) -> Send:
        def altered(data: bytes) -> None:
            if lie := self._altered(data):
                send(lie)

        return altered

    def _altered(self, data: bytes) -> bytes:
        return LIES[self.parameters["lie"]](data) if data and self._is_it() else data
