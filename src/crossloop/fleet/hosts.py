"""The file that names the hosts of a fleet: TOML from a person, validated whole before any host is reached.

install = "dist/crossloop-0.1.0-py3-none-any.whl"     # keys at the top are of every host that does not say otherwise

[hosts.big]
ssh = "bench@big.example"
arguments = ["--adapters", "asyncio,uvloop"]

[hosts.here]
ssh = "localhost"                                      # this machine, without ssh
python = "python3.13"
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from crossloop.declarations import ID
from crossloop.plain_text import shown
from crossloop.supervise.hosts import LOCAL

MAX_FILE_BYTES = 1024 * 1024
MAX_WHEEL_BYTES = 64 * 1024 * 1024
MAX_NAME = 40
_REPORTS_FOLDERS = frozenset({"adapters", "behaviours", "libraries", "scenarios"})
"""Folders of the joined report, beside which the hosts' lie."""
_PYTHON = re.compile(r"[A-Za-z0-9_./\\:~+][A-Za-z0-9_./\\:~+-]*( -[0-9.]+)?")
"""A command that every shell takes as it is, sh as cmd.exe: no quoting is the same in all of them."""
_DESTINATION = re.compile(r"[^\s-]\S*")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_WHEEL = re.compile(r"[A-Za-z0-9_.+!-]+\.whl")

_Line = Annotated[str, Meta(min_length=1, max_length=1000)]
_Lines = Annotated[list[_Line], Meta(max_length=100)]


class FleetError(Exception):
    """A file that names no fleet; the message says where, what is wrong and what was expected."""


class _Host(Struct, forbid_unknown_fields=True):
    """A table `[hosts.NAME]`, with what stands at the top of the file."""

    install: Literal[False] | _Line | _Lines
    ssh: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    python: Annotated[str, Meta(min_length=1, max_length=200)] = "python3"
    folder: Annotated[str, Meta(min_length=1, max_length=400)] = "crossloop-fleet"
    arguments: _Lines = []
    setup: bool | _Lines | None = None


@dataclass(frozen=True)
class Wheel:
    """A file on this machine that is sent to hosts."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Environment:
    """What is installed for crossloop on a host, in an environment of its own."""

    wheels: tuple[Wheel, ...]
    requirements: tuple[str, ...]
    setup: bool | tuple[str, ...]
    """Whether `crossloop setup` runs, or of which parts."""


@dataclass(frozen=True)
class Host:
    """One host of a fleet."""

    name: str
    destination: str
    python: str
    folder: str
    environment: Environment | None
    """None: its Python has crossloop already."""
    arguments: tuple[str, ...]
    """Further words of the command there."""

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        return self.destination == LOCAL


def read_fleet(path: Path) -> dict[str, Host]:
    """The hosts that a file names, in its order. Raises `FleetError`."""
    document = _document(path)
    tables = document.pop("hosts", None)
    if not isinstance(tables, dict) or not tables:
        raise FleetError(f"{path}: names no host; expected a table [hosts.NAME] for each")
    if "ssh" in document:
        raise FleetError(f"{path}: ssh at the top; expected it in a table [hosts.NAME], for each has its own")
    hosts = {name: _host(path, name, document, table) for name, table in tables.items()}
    _refuse_twins(path, list(hosts.values()))
    return hosts


def _document(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FleetError(f"{path}: {error.strerror}; expected a file that names hosts") from error
    if len(content) > MAX_FILE_BYTES:
        raise FleetError(f"{path}: {len(content):,} bytes; expected at most {MAX_FILE_BYTES:,}")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FleetError(f"{path}: {error}; expected TOML") from error


def _host(path: Path, name: str, common: Mapping[str, Any], table: object) -> Host:
    where = f"{path}: [hosts.{name}]" if name.isprintable() else f"{path}: host {shown(name)}"
    if not ID.fullmatch(name) or len(name) > MAX_NAME or name.lower() in _REPORTS_FOLDERS:
        raise FleetError(
            f"{where}: the name becomes a folder's; expected at most {MAX_NAME} letters, digits and hyphens, and "
            f"none of {', '.join(sorted(_REPORTS_FOLDERS))}"
        )
    if not isinstance(table, dict):
        raise FleetError(f"{where}: {shown(table)}; expected a table")
    if "install" not in table and "install" not in common:
        raise FleetError(
            f"{where}: no install; expected a wheel, requirements, or false for a python that has crossloop"
        )
    try:
        host = msgspec.convert({**common, **table}, _Host)
    except msgspec.ValidationError as error:
        keys = ", ".join(field for field in _Host.__struct_fields__)
        raise FleetError(f"{where}: {error}; the keys are {keys}") from error
    destination = name if host.ssh is None else host.ssh
    for key, value, pattern in (("ssh", destination, _DESTINATION), ("python", host.python, _PYTHON)):
        if not (pattern.fullmatch(value) and value.isprintable()):
            raise FleetError(f"{where}: {key} {shown(value)}; {_EXPECTED[key]}")
    for key, texts in (("folder", [host.folder]), ("arguments", host.arguments)):
        for text in texts:
            if not text.isprintable():
                raise FleetError(f"{where}: {key} {shown(text)}; expected printable characters")
    environment = _environment(where, path.parent, host)
    return Host(name, destination, host.python, host.folder, environment, tuple(host.arguments))


_EXPECTED = {
    "ssh": "expected a destination as ssh takes it, without blanks, and no option",
    "python": "expected a command of letters, digits and ./\\:~+_-, which no shell reads otherwise",
}


def _environment(where: str, folder: Path, host: _Host) -> Environment | None:
    if host.install is False:
        if host.setup:
            raise FleetError(
                f"{where}: install = false takes that Python as it is; setup goes with something to install"
            )
        return None
    entries = [host.install] if isinstance(host.install, str) else host.install
    if not entries:
        raise FleetError(f"{where}: install = []; expected something to install, or false")
    wheels = [_wheel(where, folder / entry) for entry in entries if entry.endswith(".whl")]
    requirements = [entry for entry in entries if not entry.endswith(".whl")]
    for requirement in requirements:
        if not requirement.isprintable() or requirement.startswith("-"):
            raise FleetError(
                f"{where}: install {shown(requirement)}; expected a wheel here, or a requirement"
            )
    setup = True if host.setup is None else host.setup
    if isinstance(setup, list):
        for part in setup:
            if not _PART.fullmatch(part):
                raise FleetError(
                    f"{where}: setup {shown(part)}; expected adapters or parts of `crossloop setup`"
                )
    return Environment(tuple(wheels), tuple(requirements), setup if isinstance(setup, bool) else tuple(setup))


def _wheel(where: str, path: Path) -> Wheel:
    if not _WHEEL.fullmatch(path.name):
        raise FleetError(f"{where}: install {shown(str(path))}; expected the name of a wheel")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FleetError(f"{where}: install {shown(str(path))}: {error.strerror}") from error
    if len(content) > MAX_WHEEL_BYTES:
        raise FleetError(f"{where}: {path} has {len(content):,} bytes; at most {MAX_WHEEL_BYTES:,} are sent")
    return Wheel(path, hashlib.sha256(content).hexdigest())


def _refuse_twins(path: Path, hosts: Sequence[Host]) -> None:
    """Two commands at a time on one machine would disturb each other, and two names would share a folder."""
    for at, host in enumerate(hosts):
        for other in hosts[:at]:
            if host.name.lower() == other.name.lower():
                raise FleetError(
                    f"{path}: {other.name!r} and {host.name!r} differ in case alone, as no folders may"
                )
            if host.destination.lower() == other.destination.lower():
                raise FleetError(
                    f"{path}: {other.name!r} and {host.name!r} are both {shown(host.destination)}; "
                    "expected one host a machine, because two runs at a time would disturb each other"
                )
