"""The load process: `python -m crossloop.load.server [native|python] [--idle SECONDS]`, JSON lines in and out.

What it is told stands in `commands`. A target has one set of connections. What goes wrong is
{"error": text, "kind": …} and ends that set alone: `open` makes it anew. The process lives until its standard input
ends, or until nothing was asked for so many seconds. Without a word for it, the engine is the native one where that is
built. No command takes longer than its limit: a slice run-in + wait for its start + duration + stall + 4 s, an open
`timeout_s`. Between slices the server may be stopped (SIGSTOP): nothing is sent then.
"""

import contextlib
import ctypes
import gc
import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, assert_never

import msgspec

import crossloop
from crossloop.api import Exchange
from crossloop.load import turns
from crossloop.load.commands import Clock, Close, Command, Engine, Open, Pin, Slice, Trust
from crossloop.load.connecting import connect_proven
from crossloop.load.engines import Chosen, choose_engine
from crossloop.load.errors import LoadError, LoadUsageError
from crossloop.load.loops import PYTHON, Hooks, Stretch, closed_loop, open_loop
from crossloop.load.readings import Left, MemoryOfConnecting, Readings, trees
from crossloop.load.target import Target
from crossloop.machine import machine
from crossloop.measure import clocks
from crossloop.native import NotBuiltError
from crossloop.supervise.answers import SliceAnswer
from crossloop.worker import pinning

PR_SET_PDEATHSIG = 1  # linux/prctl.h
MAX_LINE_BYTES = 1024 * 1024
"""More than four contents of 64 KiB in base 64."""


@dataclass(frozen=True)
class _Set:
    """The connections of a target, the engine that carries its load, and the processes whose time counts."""

    target: Target
    engine: turns.Engine
    servers: tuple[int, ...]


class Sets:
    """All connection sets of this process, by target."""

    def __init__(self, chosen: Chosen | None = None) -> None:
        self.chosen = chosen if chosen is not None else choose_engine()
        self._sets: dict[str, _Set] = {}
        self._left: dict[tuple[int, ...], Left] = {}
        """By server, of exchanges that rest after each measured part."""
        self._next_id = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

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
            first_id=self._next_id if command.first_id is None else command.first_id,
            secure=secure,
        )
        self._next_id = (self._next_id + command.connections) % 2**31
        made = _Set(target, engine, tuple(command.pids))
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

    def described(self) -> dict[str, Any]:
        """What carries the load here, and where that is."""
        here = machine()
        return {
            "engine": self.chosen.engine.name,
            "reason": self.chosen.reason,
            "crossloop": crossloop.__version__,
            "system": f"{here.system} {here.architecture}",
            "python": here.python,
            "cpus": pinning.allowed(),
        }

    def trusted(self, pem: str) -> str:
        """The file that *pem* is kept in."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="crossloop-load-")
        path = Path(self._folder.name, "ca.pem")
        path.write_text(pem, "ascii")
        return str(path)

    def run(self, command: Slice) -> SliceAnswer:
        """One slice."""
        if command.target not in self._sets:
            raise LoadUsageError(
                f"target {command.target!r} is not open; open: {', '.join(self._sets) or 'none'}"
            )
        known = self._sets[command.target]
        target = known.target
        left = self._left.setdefault(known.servers, Left()) if target.script.exchange.rest_ms else None
        readings = Readings(known.servers, left, target.address.port)
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
            sent=stretch.sent,
            start_late_ns=stretch.start_late_ns,
            counters=stretch.counters,
        )

    def close(self, command: Close) -> dict[str, int]:
        """Close a target's set; an unknown target has none."""
        closing = self._sets.pop(command.target, None)
        if closing is not None:
            closing.target.close(reset=command.reset)
        return {"closed": int(closing is not None)}


def _proven(target: Target, command: Open) -> SliceAnswer:
    readings = Readings(command.pids, port=command.address.port)
    memory = MemoryOfConnecting(readings.pids)
    proven = connect_proven(
        target,
        command.timeout_s,
        readings,
        at_once=command.at_once,
        exhausted=lambda: _exhausted(trees(command.pids)),
    )
    counters = memory.counters()
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
        return closed_loop(
            target, run_in_s, duration_s, hooks, start_ns=command.start_ns, spin=command.spin, engine=engine
        )
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
        start_ns=command.start_ns,
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
    answered: object
    match command:
        case Open():
            answered = sets.open(command)
        case Slice():
            answered = sets.run(command)
        case Close():
            answered = sets.close(command)
        case Pin(cpu=cpu):
            answered = pin(cpu)
        case Engine():
            answered = sets.described()
        case Clock():
            answered = {"now_ns": time.perf_counter_ns()}
        case Trust(pem=pem):
            answered = {"ca": sets.trusted(pem)}
        case _:
            assert_never(command)
    return answered


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


class _Idle:
    """Ends this process when nothing was asked for *limit_s*: a connection may end without anybody being told."""

    def __init__(self, limit_s: float):
        self._limit_s = limit_s
        self._event = threading.Event()
        threading.Thread(target=self._watch, name="idle", daemon=True).start()

    def reset(self) -> None:
        """Something was asked: the time begins anew."""
        self._event.set()

    def _watch(self) -> None:
        while self._event.wait(self._limit_s):
            self._event.clear()
        os._exit(1)


def _arguments() -> tuple[list[str], float]:
    """The engine that was asked for, if any, and the limit of `--idle`. Raises `LoadUsageError`."""
    arguments = sys.argv[1:]
    if "--idle" not in arguments:
        return arguments[:1], math.inf
    place = arguments.index("--idle")
    try:
        limit_s = float(arguments[place + 1])
    except (IndexError, ValueError):
        raise LoadUsageError("--idle: expected a number of seconds behind it") from None
    return (arguments[:place] + arguments[place + 2 :])[:1], limit_s


def main() -> None:
    """Answer commands until standard input ends."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's; it closes our input
    answers = private_stdout()
    try:
        engine, idle_s = _arguments()
        sets = Sets(choose_engine(*engine))
    except LoadUsageError as error:
        sys.exit(f"crossloop.load.server: {error}")
    idle = _Idle(idle_s) if math.isfinite(idle_s) else None
    encoder = msgspec.json.Encoder()
    decoder = msgspec.json.Decoder(Command)
    gc.collect()
    gc.freeze()
    while line := sys.stdin.buffer.readline(MAX_LINE_BYTES):
        if idle is not None:
            idle.reset()
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
