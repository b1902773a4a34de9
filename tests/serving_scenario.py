"""A served scenario of any level, for the tests of the worker's server: everything comes back in upper case."""

from crossloop.api import (
    DatagramApplication,
    Exchange,
    PushApplication,
    Receive,
    Send,
    ServedScenario,
    StreamApplication,
    echo,
)


class Scenario(ServedScenario):
    """Its parameters name the level."""

    def application(self) -> StreamApplication | PushApplication | DatagramApplication:
        match self.parameters["level"]:
            case "Datagrams":
                return bytes.upper
            case "PushServer":
                return pushing
            case _:
                return lambda: bytes.upper

    def exchange(self) -> Exchange:
        return echo(16)


def pushing(send: Send) -> Receive:
    """Pushes what it received, and answers nothing."""

    def receive(data: bytes) -> bytes:
        send(data.upper())
        return b""

    return receive
