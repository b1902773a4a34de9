"""The site: what all processes of a run have in common, and what is made once for them and removed at its end."""

import contextlib
import itertools
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from crossloop.api import Transport
from crossloop.load.commands import Address
from crossloop.outcomes import Outcome
from crossloop.suite import Suite
from crossloop.supervise.answers import Serving
from crossloop.supervise.certificates import Certificates, certificates
from crossloop.supervise.child import MEMORY_BYTES, Child, suite_paths
from crossloop.supervise.hosts import LoadHost

LOOPBACK = "127.0.0.1"
SLICE_LIMIT_S = 40.0
"""Longest a slice may take, unless `--limit` says otherwise; a worker that needs longer hangs."""


@dataclass(frozen=True)
class Conditions:
    """CPUs of the measured processes and of the load (None: no pinning), and what a worker may take."""

    server_cpu: int | None
    load_cpu: int | None
    limit_s: float = SLICE_LIMIT_S
    limit_bytes: int = MEMORY_BYTES
    engine: str = ""
    """Of the load generator: `native`, `python`, or empty for the best there is."""
    load_hosts: tuple[LoadHost, ...] = ()
    """Where the load comes from; none: from a process of this machine, on `load_cpu`."""
    ssh_config: str = ""
    """File that ssh reads instead of the user's; empty: the user's."""
    listen: str = LOOPBACK
    """Address that servers listen on."""
    process_cpus: tuple[int, ...] = ()
    """CPUs of a server in several processes, in their order; without any they are not pinned."""

    def places(self, processes: int) -> list[int | None]:
        """The CPU of each process of a server; of more processes than CPUs the later ones begin again."""
        if processes == 1:
            return [self.server_cpu]
        cpus = self.process_cpus or (None,)
        return [cpus[number % len(cpus)] for number in range(processes)]


class Site:
    """Content, conditions, a private folder for unix sockets, certificates; a context manager."""

    def __init__(self, suite: Suite, conditions: Conditions):
        self.suite = suite
        self.conditions = conditions
        self.lost_hosts: dict[str, Outcome] = {}
        """Load hosts that were lost, by name: nothing is asked of them again in this run."""
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count()
        self._leaving: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self.await_leaving()
        finally:
            self._stack.close()

    @property
    def paths(self) -> list[str]:
        """Folders of the suite for a worker's `sys.path`."""
        return suite_paths(self.suite.paths)

    def socket_path(self) -> str:
        """A path for a unix socket, where nothing is yet. sun_path holds some 100 bytes: see unix(7)."""
        return str(self._folder / str(next(self._numbers)))

    def certificate(self) -> str:
        """File of a TLS server's key and certificate."""
        return str(self._certificates.server)

    def address(self, transport: Transport, server: Serving) -> Address:
        """Where a load finds a server, and by what it knows it."""
        ca = str(self._certificates.ca) if transport == "tls" else ""
        return Address(transport, server.host, server.port, server.path, ca)

    def dismiss(self, children: Iterable[Child]) -> None:
        """Have processes end by themselves, side by side, while others are started."""
        for child in children:
            child.leave()
            self._leaving.append(child)

    def await_leaving(self) -> None:
        """Nothing of those that were dismissed is left on return."""
        while self._leaving:
            self._leaving.pop().end()

    @cached_property
    def _folder(self) -> Path:
        folder = tempfile.TemporaryDirectory(prefix="crossloop-", ignore_cleanup_errors=True)
        return Path(self._stack.enter_context(folder))

    @cached_property
    def _certificates(self) -> Certificates:
        return self._stack.enter_context(certificates())
