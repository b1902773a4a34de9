"""What a report says about a scenario or a behaviour, which a journal does not carry."""

from collections.abc import Mapping
from dataclasses import dataclass

from crossloop.api import Drive, Group, Transport

_DRIVES: Mapping[Drive, str] = {
    "work": "The measured process drives itself.",
    "exchange": "Driven from another process over {}: requests and their answers on connections that stay.",
    "connect": "Driven from another process over {}: each operation is a connection of its own with one exchange.",
    "push": "Driven from another process over {}: a message goes in on one connection and comes out on all.",
}
_TRANSPORTS: Mapping[Transport, str] = {"tcp": "TCP", "unix": "unix sockets", "tls": "TLS", "udp": "UDP"}


@dataclass(frozen=True)
class ScenarioTexts:
    """Words about one scenario."""

    title: str
    question: str = ""
    unit: str = "operation"
    ladder: str = ""
    """The parameter that its sets climb (`ScenarioAbout.ladder`)."""
    drive: Drive | None = None
    transport: Transport = "tcp"
    declared_group: Group | None = None
    place: int = 50
    """Where it stands among its group (`ScenarioAbout.place`)."""
    short_title: str = ""
    """What heads its column (`ScenarioAbout.short_title`)."""

    @property
    def group(self) -> Group:
        """The table that it stands in."""
        return self.declared_group or ("loop" if self.drive == "work" else "messages")

    @property
    def head(self) -> str:
        """What heads its column: the short title, or the title where there is none."""
        return self.short_title or self.title

    @property
    def driven(self) -> str:
        """How it is driven, in a sentence; empty where that is not known."""
        return "" if self.drive is None else _DRIVES[self.drive].format(_TRANSPORTS[self.transport])

    @property
    def units(self) -> str:
        """The unit in the plural."""
        if self.unit.endswith("y") and self.unit[-2:-1] not in set("aeiou"):
            return self.unit[:-1] + "ies"
        return self.unit + "s"


@dataclass(frozen=True)
class BehaviourTexts:
    """Words about one behaviour."""

    question: str
    rule: str
    source: str
    """Address of who says so."""
    reports: tuple[str, ...]
    group: str
    """Heading of its group."""
    programs: Mapping[str, str]
    """Family → source text of the program that asks it."""
