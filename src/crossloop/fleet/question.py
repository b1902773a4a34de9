"""What a fleet is asked: what stands after `--`, a command that writes journals."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crossloop.fleet.hosts import FleetError, Host
from crossloop.journal import behaviours_path, checks_path, dropin_path, journal_path
from crossloop.plain_text import shown

DIGITS = 16
"""Of a digest that names a folder on a host."""
_OURS = ("--out", "--resume", "--dry-run")
"""Options that the fleet gives, or that leave no journal."""


@dataclass(frozen=True)
class Kind:
    """A command that a fleet runs."""

    journals: tuple[str, ...]
    """Files that it writes into `--out`, of which it may leave some out."""
    resumable: bool
    """Whether it goes on with what was interrupted, by `--resume`."""


_HERE = Path()
KINDS = {
    "bench": Kind((journal_path(_HERE).name,), resumable=True),
    "check": Kind((checks_path(_HERE).name, behaviours_path(_HERE).name), resumable=False),
    "dropin": Kind((dropin_path(_HERE).name,), resumable=False),
}


@dataclass(frozen=True)
class Question:
    """One command for all hosts."""

    command: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """Of its command."""
        return KINDS[self.command[0]]

    def arguments(self, host: Host) -> list[str]:
        """The command on one host, without `crossloop`."""
        return [*self.command, *host.arguments]

    def digest(self, host: Host) -> str:
        """Of everything that its answer depends on, as far as the file and the command say it."""
        return _digest([self.arguments(host), host.destination, host.python, environment_digest(host)])


def environment_digest(host: Host) -> str:
    """Of what its environment is made of; empty where it has none of its own."""
    environment = host.environment
    if environment is None:
        return ""
    wheels = [[wheel.path.name, wheel.sha256] for wheel in environment.wheels]
    return _digest([host.python, wheels, environment.requirements, environment.setup])


def question_of(command: Sequence[str], hosts: Sequence[Host]) -> Question:
    """The question that was typed. Raises `FleetError`."""
    commands = ", ".join(KINDS)
    if not command:
        raise FleetError(
            f"expected a command of {commands} after --, as in `crossloop fleet hosts.toml -- bench --profile quick`"
        )
    if command[0] not in KINDS:
        raise FleetError(f"{shown(command[0])} is nothing for a fleet; expected one of {commands} after --")
    question = Question(tuple(command))
    for host in hosts:
        for word in question.arguments(host):
            if word.partition("=")[0] in _OURS:
                raise FleetError(
                    f"{word.partition('=')[0]} is the fleet's to give or without use here; leave it out, and give "
                    "`crossloop fleet` itself --out"
                )
    return question


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:DIGITS]
