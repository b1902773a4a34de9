"""Pushing on readiness: what is pushed is sent at once, and what the kernel does not take waits until there is room.

Standing beside the class of a connection that only answers, `Pushing` takes the place of its reading and sends answers
as everything else is sent, so that nothing overtakes.
"""

from collections.abc import Callable
from typing import Any

from crossloop.idioms.sizes import READ_BYTES


class Pushing:
    """What a connection has more whose application sends when it likes. Its class sets `queue` and `ended` first."""

    __slots__ = ()

    ended: bool
    queue: list[bytes]
    """What waits behind `unsent`."""
    receive: Any
    recv: Any
    send: Any
    unsent: memoryview
    close: Callable[[], object]

    def readable(self, *_: object) -> None:
        """Read once, and push what the application answers; close at the end of the stream."""
        try:
            data = self.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # reset by the peer
            data = b""
        if data:
            self.push(self.receive(data))
        else:
            self.close()

    def push(self, data: bytes) -> None:
        """Send *data* behind what waits; nothing once the connection has ended."""
        if self.ended or not data:
            return
        if self.unsent:
            self.queue.append(data)
            return
        try:
            sent = self.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # reset by the peer, which the next receive says
            return
        if sent < len(data):
            self.hold(memoryview(data)[sent:])

    def push_queue(self) -> None:
        """Go on with what waits behind `unsent`, once that is gone."""
        if self.queue and not self.unsent:
            data = b"".join(self.queue)
            self.queue.clear()
            self.push(data)

    def hold(self, left: memoryview) -> None:
        """Keep *left* as `unsent`, and have it sent when there is room."""
        raise NotImplementedError


def without_application(_data: bytes) -> bytes:
    """What a connection receives with before it has an application, and that never had one."""
    return b""
