"""The load process: `python -m crossloop.load.server [native|python]`, JSON lines in, JSON lines out.

What it is told stands in `commands`. A target has one set of connections. What goes wrong is
{"error": text, "kind": …} and ends that set alone: `open` makes it anew. The process lives until its
standard input ends. Without a word for it, the engine is the native one where that is built. No command
takes longer than its limit: a slice run-in + duration + stall + 4 s, an open `timeout_s`. Between slices the server
may be stopped (SIGSTOP): nothing is sent then.
"""

import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, assert_never

import msgspec

from crossloop.api import Exchange
from crossloop.load import turns
from crossloop.load.commands import Close, Command, Engine, Open, Pin, Slice
from crossloop.load.connecting import connect_proven
from crossloop.load.engines import Chosen, choose_engine
from crossloop.load.errors import ConnectionLostError, LoadError, LoadUsageError
from crossloop.load.loops import PYTHON, Hooks, Stretch, closed_loop, open_loop
from crossloop.load.target import Target
from crossloop.measure import clocks
from crossloop.native import NotBuiltError
from crossloop.supervise.answers import SliceAnswer
from crossloop.worker import pinning

PR_SET_PDEATHSIG = 1  # linux/prctl.h
MAX_LINE_BYTES = 1024 * 1024
"""More than four contents of 64 KiB in base 64."""


class _Readings(Hooks):
    """Clocks of the server's process tree at both ends of the measured part."""

    def __init__(self, pid: int, left: "_Left | None" = None):
        self.pid = pid
        self.pids = clocks.tree(pid)
        self._left = left
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
        if self._left is not None:
            self._left.begin(self.pids)
        self.sleeps = clocks.sleeps(self.pids)
        self.steal_ns = clocks.steal_ns()
        self.user_system_ns = clocks.user_system_ns(self.pids)
        self._start = {pid: self._cpu_ns(pid, 0) for pid in self.pids}
        self.load_cpu_ns = clocks.own_cpu_ns()

    def at_end(self) -> None:
        """The load's own clock, before it takes in what is in flight."""
        self.load_cpu_ns = clocks.own_cpu_ns() - self.load_cpu_ns

    def at_rest(self) -> None:
        """What is exact is read first."""
        self.cpu_ns = sum(self._cpu_ns(pid, before) - before for pid, before in self._start.items())
        later = clocks.tree(self.pid)
        # Processes that were born meanwhile: all of their time lies within.
        self.cpu_ns += sum(self._cpu_ns(pid, 0) for pid in later if pid not in self._start)
        self.sleeps = _difference(clocks.sleeps(later), self.sleeps)
        self.steal_ns = _difference(clocks.steal_ns(), self.steal_ns)
        after, before = clocks.user_system_ns(later), self.user_system_ns
        if after is not None and before is not None:
            self.user_system_ns = (max(0, after[0] - before[0]), max(0, after[1] - before[1]))
        self.pids = later

    def after_rest(self) -> None:
        """No connection is open."""
        if self._left is not None:
            self.memory |= self._left.look(clocks.tree(self.pid))

    def answer(self, *, counters: dict[str, float], **figures: Any) -> SliceAnswer:
        """What is answered; to *counters* come `rss_peak_bytes`, where the system keeps it, and the memory of a stall:
        `rss_before_bytes`, with nothing in flight, and `rss_stalled_bytes`, with all of it and nothing read."""
        peak = clocks.peak_rss_bytes(self.pids)
        return SliceAnswer(
            sleeps=self.sleeps,
            steal_ns=self.steal_ns,
            user_ns=self.user_system_ns[0] if self.user_system_ns else None,
            system_ns=self.user_system_ns[1] if self.user_system_ns else None,
            rss_bytes=clocks.rss_bytes(self.pids),
            counters=counters | self.memory | ({} if peak is None else {"rss_peak_bytes": peak}),
            **figures,
        )

    def _cpu_ns(self, pid: int, unknown: int) -> int:
        """CPU time of one process of the tree; *unknown* for a child that ended, whose time is lost."""
        try:
            return clocks.process_cpu_ns(pid)
        except ProcessLookupError as error:
            if pid == self.pid:
                raise ConnectionLostError(f"the server ended: {error}") from error
            return unknown


class _Left:
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


def _held(pids: Sequence[int]) -> dict[str, float]:
    counts = [held[0] for pid in pids if (held := clocks.descriptors(pid)) is not None]
    descriptors: dict[str, float] = {"descriptors_more": sum(counts)} if counts else {}
    return {**descriptors, "threads_more": clocks.threads(pids), "rss_more_bytes": clocks.rss_bytes(pids)}


def _difference(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else max(0, after - before)


@dataclass(frozen=True)
class _Set:
    """The connections of a target, the engine that carries its load, and the process whose time counts."""

    target: Target
    engine: turns.Engine
    pid: int


class Sets:
    """All connection sets of this process, by target."""

    def __init__(self, chosen: Chosen | None = None) -> None:
        self.chosen = chosen if chosen is not None else choose_engine()
        self._sets: dict[str, _Set] = {}
        self._left: dict[int, _Left] = {}
        """By server, of exchanges that rest after each measured part."""
        self._next_id = 0

    def open(self, command: Open) -> dict[str, int | str] | SliceAnswer:
        """Connect, replacing the target's set. Connection ids are never used twice."""
        self.close(Close(command.target))
        engine, reason, secure = self.chosen.engine, "", None
        if command.address.transport == "tls":
            try:
                secure = engine.secure(command.address.ca)
            except NotBuiltError as error:
                engine, reason = PYTHON, str(error)
        target = Target(
            command.address,
            command.connections,
            msgspec.convert(command.exchange, Exchange, from_attributes=True),
            command.drive,
            seed=command.seed,
            first_id=self._next_id,
            secure=secure,
        )
        self._next_id = (self._next_id + command.connections) % 2**31
        made = _Set(target, engine, command.pid)
        if command.proven:
            figures = _proven(target, command)
            self._sets[command.target] = made
            return figures
        target.connect(command.timeout_s)
        self._sets[command.target] = made
        assert target.poller is not None
        carried = {"engine": engine.name, "reason": reason} if reason else {}
        return {
            "connections": command.connections,
            "mechanism": target.poller.mechanism,
            **carried,
        }

    def run(self, command: Slice) -> SliceAnswer:
        """One slice."""
        if command.target not in self._sets:
            raise LoadUsageError(
                f"target {command.target!r} is not open; open: {', '.join(self._sets) or 'none'}"
            )
        known = self._sets[command.target]
        target, pid = known.target, known.pid
        left = self._left.setdefault(pid, _Left()) if target.script.exchange.rest_ms else None
        readings = _Readings(pid, left)
        sent = target.answers
        try:
            stretch = _stretch(target, command, readings, known.engine)
        finally:
            if target.poller is None:  # it was closed by its error
                del self._sets[command.target]
        if left is not None:
            left.connections += stretch.sent
            stretch.counters["connections_so_far"] = left.connections
        return readings.answer(
            operations=stretch.operations,
            elapsed_ns=stretch.elapsed_ns,
            # The clock was read around more messages than came in within the time: it is shared out evenly.
            cpu_ns=round(readings.cpu_ns * stretch.operations / stretch.sent) if stretch.sent else 0,
            # A load that spins is always busy: what it spent on looking in vain is not work.
            load_cpu_ns=min(readings.load_cpu_ns, stretch.elapsed_ns - stretch.looking_ns),
            latency=stretch.latency,
            offered_per_s=command.rate if command.phase == "rate" else 0.0,
            unanswered=stretch.unanswered,
            run_in_wait_ns=stretch.run_in_wait_ns,
            answered=target.answers - sent,
            counters=stretch.counters,
        )

    def close(self, command: Close) -> dict[str, int]:
        """Close a target's set; an unknown target has none."""
        closing = self._sets.pop(command.target, None)
        if closing is not None:
            closing.target.close(reset=command.reset)
        return {"closed": int(closing is not None)}


def _proven(target: Target, command: Open) -> SliceAnswer:
    readings = _Readings(command.pid)
    rss, kernel = clocks.rss_bytes(readings.pids), clocks.kernel_bytes()
    proven = connect_proven(
        target,
        command.timeout_s,
        readings,
        exhausted=lambda: _exhausted(clocks.tree(command.pid)),
    )
    counters: dict[str, float] = {"rss_before_bytes": rss}
    later = clocks.kernel_bytes()
    if kernel is not None and later is not None:
        counters |= {"kernel_before_bytes": kernel, "kernel_bytes": later}
    return readings.answer(
        operations=proven.operations,
        elapsed_ns=proven.elapsed_ns,
        cpu_ns=readings.cpu_ns,
        load_cpu_ns=max(0, readings.load_cpu_ns - proven.looking_ns),
        latency=proven.latency,
        counters=counters,
    )


def _exhausted(pids: Sequence[int]) -> str:
    """That one of a server's processes has no descriptor left, with both numbers; empty when none is so."""
    for pid in pids:
        held, limit = clocks.descriptors(pid) or (0, 1)
        if held >= limit:
            return f"the server is out of descriptors: it holds {held:,}, and its limit is {limit:,}"
    return ""


def _stretch(target: Target, command: Slice, hooks: Hooks, engine: turns.Engine) -> Stretch:
    run_in_s, duration_s = command.run_in_ms / 1000, command.duration_ms / 1000
    if command.phase == "capacity":
        return closed_loop(target, run_in_s, duration_s, hooks, spin=command.spin, engine=engine)
    return open_loop(
        target,
        command.rate,
        command.arrivals,
        command.choice,
        run_in_s=run_in_s,
        duration_s=duration_s,
        drain_s=command.drain_ms / 1000,
        seed=command.seed,
        hooks=hooks,
        spin=command.spin,
        engine=engine,
    )


def pin(cpu: int) -> dict[str, int]:
    """Keep this process on *cpu*. Raises `LoadUsageError` where the platform or the machine cannot."""
    try:
        pinning.pin(cpu)
    except (OSError, ValueError) as error:
        raise LoadUsageError(f"cpu {cpu}: cannot pin to it: {error}") from error
    return {"cpu": cpu}


def obey(sets: Sets, command: Command) -> object:
    """Do what one command says."""
    match command:
        case Open():
            return sets.open(command)
        case Slice():
            return sets.run(command)
        case Close():
            return sets.close(command)
        case Pin(cpu=cpu):
            return pin(cpu)
        case Engine():
            return {"engine": sets.chosen.engine.name, "reason": sets.chosen.reason}
        case _:
            assert_never(command)


def answer(sets: Sets, line: bytes, decoder: "msgspec.json.Decoder[Command]") -> object:
    """What to answer to one line. Every error of the load becomes a document; defects pass through."""
    try:
        command = decoder.decode(line)
        return obey(sets, command)
    except LoadError as error:
        return {"error": str(error), "kind": error.kind}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return {"error": f"bad command {line[:80]!r}: {error}", "kind": "usage"}
    except (OSError, MemoryError, OverflowError) as error:
        return {"error": f"{type(error).__name__}: {error}", "kind": "system"}


def private_stdout() -> BinaryIO:
    """The real standard output for answers alone: what anything else prints goes to standard error."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def end_with_parent() -> None:
    """Linux: be killed when the thread that started this process ends. Elsewhere end of input must do."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> None:
    """Answer commands until standard input ends."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's; it closes our input
    answers = private_stdout()
    try:
        sets = Sets(choose_engine(*sys.argv[1:2]))
    except LoadUsageError as error:
        sys.exit(f"crossloop.load.server: {error}")
    encoder = msgspec.json.Encoder()
    decoder = msgspec.json.Decoder(Command)
    gc.collect()
    gc.freeze()
    while line := sys.stdin.buffer.readline(MAX_LINE_BYTES):
        if not line.strip():
            continue
        end = line
        while len(end) == MAX_LINE_BYTES and not end.endswith(b"\n"):  # too long: its rest is no command
            end = sys.stdin.buffer.readline(MAX_LINE_BYTES)
        document = encoder.encode(answer(sets, line, decoder)) + b"\n"
        try:
            while document:
                document = document[answers.write(document) :]
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
