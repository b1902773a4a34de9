"""Hosts that the load comes from: how one is written, and what starts a load process there.

A load process speaks over its standard input and output. OpenSSH carries these to another machine: no daemon, no open
port, no protocol beside. What ssh(1) reads of the user's own configuration holds: names, ports, users, keys. It is told
never to ask (BatchMode), and to notice within some seconds that a host is gone (ServerAliveInterval).
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

LOCAL = "localhost"
"""Such a host is this machine, which is reached without ssh."""
PYTHON = "python3"
"""Interpreter of another host, unless it is given."""
MODULE = "crossloop.load.server"
IDLE_S = 900
"""A load process on another host ends by itself when it was told nothing for so long: its supervisor is gone."""
CONNECT_LIMIT_S = 10
ALIVE_S, ALIVE_MISSED = 2, 3
"""A host that has answered nothing for `ALIVE_S` × `ALIVE_MISSED` seconds is gone."""
_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": CONNECT_LIMIT_S,
    "ServerAliveInterval": ALIVE_S,
    "ServerAliveCountMax": ALIVE_MISSED,
    "ControlPath": "none",
    "ClearAllForwardings": "yes",
    "EscapeChar": "none",
    "RequestTTY": "no",
    "LogLevel": "ERROR",
}
_HOST = re.compile(
    r"(?P<destination>[A-Za-z0-9_][A-Za-z0-9_.@:%\[\]-]*)(=(?P<python>[A-Za-z0-9_./\\:~+-]+))?(#(?P<cpu>[0-9]{1,4}))?"
)


@dataclass(frozen=True)
class LoadHost:
    """Where a load process is to run."""

    name: str
    """As reports have it: the destination without its user; numbered where it is given several times."""
    destination: str
    """As ssh(1) takes it; `localhost` is this machine, without ssh."""
    python: str = PYTHON
    cpu: int | None = None
    """CPU that it is to run on; None: one of its own, if the host has enough."""

    @property
    def plain(self) -> str:
        """The destination without its user: what a journal may have of it."""
        return self.destination.rpartition("@")[2]

    @property
    def local(self) -> bool:
        """Whether it is this machine."""
        return self.destination == LOCAL


def parse_hosts(text: str) -> tuple[LoadHost, ...]:
    """What `--load-from` says: `[USER@]HOST[=PYTHON][#CPU]`, several between commas. Raises ValueError."""
    hosts: list[LoadHost] = []
    names: list[str] = []
    for word in text.split(","):
        match = _HOST.fullmatch(word.strip())
        if match is None:
            raise ValueError(f"{word.strip()!r}: expected [USER@]HOST[=PYTHON][#CPU], several between commas")
        cpu = None if match["cpu"] is None else int(match["cpu"])
        host = LoadHost("", match["destination"], match["python"] or PYTHON, cpu)
        names.append(host.plain)
        times = names.count(host.plain)
        hosts.append(replace(host, name=host.plain if times == 1 else f"{host.plain} ({times})"))
    return tuple(hosts)


def ssh_words(destination: str, command: str, config: str = "", *, alive_s: int = ALIVE_S) -> list[str]:
    """The words behind `ssh` that run *command* on *destination*; *config* is a file of its own (`ssh -F`).

    A host is gone that was silent for *alive_s* seconds, and then did not answer three questions as far apart.
    """
    settings = {**_OPTIONS, "ServerAliveInterval": alive_s}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    return [*(["-F", config] if config else []), *options, "--", destination, command]


def load_command(host: LoadHost | None, engine: str, ssh_config: str = "") -> tuple[str, Sequence[str]]:
    """The program and its words that start a load process on *host*; None is this machine."""
    chosen = [engine] if engine else []
    if host is None or host.local:
        return sys.executable, ["-P", "-m", MODULE, *chosen]
    command = " ".join([host.python, "-P", "-m", MODULE, *chosen, "--idle", str(IDLE_S)])
    return "ssh", ssh_words(host.destination, command, ssh_config)
