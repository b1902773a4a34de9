"""Pushes: what one connection sends, the server sends to all. The next goes out when all have received it."""

from dataclasses import dataclass

from crossloop.load.connection import Connection
from crossloop.load.message import Script
from crossloop.load.polling import Poller


@dataclass
class Audience:
    """The connections of a target that its server pushes to."""

    script: Script
    listeners: list[Connection]
    awaited: int = 0
    """Answers that are to come."""

    def broadcast(self, now: int, place: int = 0) -> None:
        """The connection at *place* sends, and all are to receive."""
        self.script.sent += 1
        self.awaited = len(self.listeners)
        sender, sequence = self.listeners[place], self.script.sent
        answer = self.script.answer(sender.sender, sequence)
        for listener in self.listeners:
            listener.expect(sequence, answer, now)
        sender.take_composers()
        sender.write(sender.ask(sequence))


class Listener(Connection):
    """One of them. Its messages are stamped as those of the first."""

    __slots__ = ("audience",)

    def __init__(self, number: int, script: Script, poller: Poller, audience: Audience, first_id: int):
        super().__init__(number, script, poller, 1, first_id)
        self.audience = audience

    def request(self, now: int, _count: int = 1) -> None:
        """Have all receive something, if none of them still waits."""
        if not self.audience.awaited:
            self.audience.broadcast(now)

    turn = Connection.step

    def finish(self) -> int:
        """As `Connection.finish`."""
        self.audience.awaited -= 1
        return super().finish()
