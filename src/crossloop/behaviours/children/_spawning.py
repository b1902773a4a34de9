"""A child of a Twisted program, and what it is told of it."""

from collections.abc import Sequence
from typing import Any


def spawned(reactor: Any, command: Sequence[str], **options: Any) -> Any:
    """A started child's protocol: `output` and `errors` grow, and `ended` fires with the reason of its end."""
    from twisted.internet.defer import Deferred
    from twisted.internet.protocol import ProcessProtocol

    class Child(ProcessProtocol):
        def __init__(self) -> None:
            self.output, self.errors = bytearray(), bytearray()
            self.ended = Deferred[Any]()

        def outReceived(self, data: bytes) -> None:  # noqa: N802  (here and below: Twisted's names)
            self.output += data

        def errReceived(self, data: bytes) -> None:  # noqa: N802
            self.errors += data

        def processEnded(self, reason: Any) -> None:  # noqa: N802
            self.ended.callback(reason.value)

    child = Child()
    reactor.spawnProcess(child, command[0], command, env=None, **options)
    return child
