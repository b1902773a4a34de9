"""What the load reads of the servers beside its own counting: their clocks, sleeps, memory, and what they keep."""

from collections.abc import Sequence
from typing import Any

from crossloop.load.errors import ConnectionLostError
from crossloop.load.loops import Hooks, jain
from crossloop.measure import clocks
from crossloop.measure.connections import connections_held
from crossloop.supervise.answers import SliceAnswer


class Readings(Hooks):
    """Clocks of the servers' process trees at both ends of the measured part."""

    def __init__(self, servers: Sequence[int], left: "Left | None" = None, port: int = 0):
        """*servers* are the processes at the roots of the trees; none where they are on another machine.

        *port* is the one that they listen on together, where they are several.
        """
        self.servers = tuple(servers)
        self.pids = trees(servers)
        self._left = left
        self._port = port
        self._spent: dict[int, int] = {}
        """Of each process of the trees, CPU ns within the measured part."""
        self._start: dict[int, int] = {}
        self.memory: dict[str, float] = {}
        """Around a stall."""
        self.cpu_ns = self.load_cpu_ns = 0
        self.sleeps: int | None = None
        self.steal_ns: int | None = None
        self.user_system_ns: tuple[int, int] | None = None

    def before_stall(self) -> None:
        """Nothing is in flight."""
        self.memory["rss_before_bytes"] = clocks.rss_bytes(self.pids)

    def after_stall(self) -> None:
        """All is in flight that nobody reads."""
        self.memory["rss_stalled_bytes"] = clocks.rss_bytes(self.pids)

    def settle(self) -> None:
        """The clock of a process that sleeps is exact."""
        clocks.await_sleep(self.pids)

    def at_start(self) -> None:
        """What is exact is read last, next to the measured part."""
        self.look()
        self.begin()

    def look(self) -> None:
        """What takes long where there are many threads."""
        if self._left is not None:
            self._left.begin(self.pids)
        self.sleeps = clocks.sleeps(self.pids)
        self.steal_ns = clocks.steal_ns()
        self.user_system_ns = clocks.user_system_ns(self.pids)

    def begin(self) -> None:
        """What is exact."""
        self._start = {pid: self._cpu_ns(pid, 0) for pid in self.pids}
        self.load_cpu_ns = clocks.own_cpu_ns()

    def at_end(self) -> None:
        """The load's own clock, before it takes in what is in flight."""
        self.load_cpu_ns = clocks.own_cpu_ns() - self.load_cpu_ns

    def at_rest(self) -> None:
        """What is exact is read first."""
        self._spent = {pid: self._cpu_ns(pid, before) - before for pid, before in self._start.items()}
        later = trees(self.servers)
        # Processes that were born meanwhile: all of their time lies within.
        self._spent |= {pid: self._cpu_ns(pid, 0) for pid in later if pid not in self._start}
        self.cpu_ns = sum(self._spent.values())
        self.sleeps = _difference(clocks.sleeps(later), self.sleeps)
        self.steal_ns = _difference(clocks.steal_ns(), self.steal_ns)
        after, before = clocks.user_system_ns(later), self.user_system_ns
        if after is not None and before is not None:
            self.user_system_ns = (max(0, after[0] - before[0]), max(0, after[1] - before[1]))
        self.pids = later

    def after_rest(self) -> None:
        """No connection is open."""
        if self._left is not None:
            self.memory |= self._left.look(trees(self.servers))

    def answer(self, *, counters: dict[str, float], **figures: Any) -> SliceAnswer:
        """What is answered; to *counters* come `rss_peak_bytes`, where the system keeps it, and the memory of a stall:
        `rss_before_bytes`, with nothing in flight, and `rss_stalled_bytes`, with all of it and nothing read. Of several
        servers on one port also how CPU time and connections are shared out among them (`evenness`)."""
        peak = clocks.peak_rss_bytes(self.pids)
        if not self.servers:
            return SliceAnswer(counters=counters, **figures)
        return SliceAnswer(
            sleeps=self.sleeps,
            steal_ns=self.steal_ns,
            user_ns=self.user_system_ns[0] if self.user_system_ns else None,
            system_ns=self.user_system_ns[1] if self.user_system_ns else None,
            rss_bytes=clocks.rss_bytes(self.pids),
            counters=counters
            | self.memory
            | ({} if peak is None else {"rss_peak_bytes": peak})
            | (self._shares() if len(self.servers) > 1 else {}),
            **figures,
        )

    def _shares(self) -> dict[str, float]:
        members = [clocks.tree(server) for server in self.servers]
        spent = [sum(self._spent.get(pid, 0) for pid in pids) for pids in members]
        held = connections_held(members, self._port) if self._port else None
        return evenness("process_cpu", spent) | evenness("process_connections", held or [])

    def _cpu_ns(self, pid: int, unknown: int) -> int:
        """CPU time of one process of the tree; *unknown* for a child that ended, whose time is lost."""
        try:
            return clocks.process_cpu_ns(pid)
        except ProcessLookupError as error:
            if pid in self.servers:
                raise ConnectionLostError(f"the server ended: {error}") from error
            return unknown


class MemoryOfConnecting:
    """Memory of the servers' processes and of the kernel, before connections are made and when all are there."""

    def __init__(self, pids: Sequence[int]):
        """Nothing is connected yet."""
        self._rss = clocks.rss_bytes(pids)
        self._kernel = clocks.kernel_bytes()

    def counters(self) -> dict[str, float]:
        """Everything is: `rss_before_bytes`; `kernel_before_bytes` and `kernel_bytes` where the system shows them."""
        later = clocks.kernel_bytes()
        counters: dict[str, float] = {"rss_before_bytes": self._rss}
        if self._kernel is not None and later is not None:
            counters |= {"kernel_before_bytes": self._kernel, "kernel_bytes": later}
        return counters


class Left:
    """What a server holds between slices, when no connection is open, beside what it held before the first of them."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}
        self.connections = 0
        """That came and went in the slices so far."""

    def begin(self, pids: Sequence[int]) -> None:
        """A measured part begins; before the first one the server is looked at."""
        if not self._before:
            self._before = _held(pids)

    def look(self, pids: Sequence[int]) -> dict[str, float]:
        """Counters: how much more it holds than in the beginning."""
        now = _held(pids)
        return {name: now[name] - before for name, before in self._before.items() if name in now}


def evenness(name: str, values: Sequence[float]) -> dict[str, float]:
    """Counters `NAME_jain`, `NAME_least` and `NAME_most`: Jain's index of *values*, and the smallest and the largest as
    fractions of all; none where there is nothing to share out."""
    total = sum(values)
    if not total:
        return {}
    return {
        f"{name}_jain": jain(values),
        f"{name}_least": min(values) / total,
        f"{name}_most": max(values) / total,
    }


def trees(servers: Sequence[int]) -> list[int]:
    """The processes of *servers*, with their descendants."""
    return [pid for server in servers for pid in clocks.tree(server)]


def _held(pids: Sequence[int]) -> dict[str, float]:
    counts = [held[0] for pid in pids if (held := clocks.descriptors(pid)) is not None]
    descriptors: dict[str, float] = {"descriptors_more": sum(counts)} if counts else {}
    return {**descriptors, "threads_more": clocks.threads(pids), "rss_more_bytes": clocks.rss_bytes(pids)}


def _difference(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else max(0, after - before)
