"""A worker that drives itself: repetitions of a workload, timed from within, a slice at a time."""

import json
import sys
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossloop.api.errors import UnsupportedError
from crossloop.api.levels import Adapter, lacks_of, styles_of
from crossloop.api.workload import Workload
from crossloop.worker.buckets import pairs_of
from crossloop.worker.cycles import own_cpu_clock

MAX_SLICE_S = 20.0
"""A slice whose repetitions take longer than this in all ends with the repetition under way."""
LONG_REPETITION = 8
"""A repetition that takes as long as so many run-ins needs none. After a stop the first one cost up to 5 % more than
those that followed where it took some 20 ms, and no more than they vary by where it took 50 ms and more."""


@dataclass
class Usage:
    """User and system CPU time and voluntary context switches of this process so far (getrusage(2))."""

    user_ns: int = 0
    system_ns: int = 0
    sleeps: int = 0


def _no_usage() -> Usage | None:
    return None


def _usage_reader() -> Callable[[], Usage | None]:
    if sys.platform == "win32":
        return _no_usage
    import resource  # (POSIX only)

    def read() -> Usage | None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Usage(int(used.ru_utime * 1e9), int(used.ru_stime * 1e9), used.ru_nvcsw)

    return read


def with_children(clock: Callable[[], int]) -> Callable[[], int]:
    """A clock that adds the CPU time of children which were waited for, in ns (getrusage(2), RUSAGE_CHILDREN).

    On Windows a process does not know that of its children; what is returned there is *clock* itself.
    """
    if sys.platform == "win32":
        return clock
    import resource  # (POSIX only)

    def read() -> int:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return clock() + int((used.ru_utime + used.ru_stime) * 1e9)

    return read


@dataclass
class Timed:
    """Sums over the timed regions of one slice."""

    repetitions: int = 0
    operations: int = 0
    elapsed_ns: int = 0
    cpu_ns: int = 0
    longest_ns: int = 0
    """The longest repetition."""
    samples_ns: "array[int]" = field(default_factory=lambda: array("q"))
    counters: dict[str, float] = field(default_factory=dict)


def refuse_levels(adapter: type[Adapter], wanted: Sequence[str]) -> None:
    """Raise UnsupportedError unless a workload for one of the levels *wanted* can be repeated on *adapter*."""
    offered = styles_of(adapter)
    usable = [level for level in wanted if level in offered]
    if not usable:
        whys = lacks_of(adapter)
        lacked = [f"{level}: {whys[level]}" for level in wanted if level in whys]
        reason = "; ".join(lacked) or f"the adapter offers {', '.join(offered)}"
        raise UnsupportedError(f"this needs {' or '.join(wanted)}; {reason}")
    once = [adapter.entered_once[level] for level in usable if level in adapter.entered_once]
    if len(once) == len(usable):
        raise UnsupportedError(
            f"{' and '.join(usable)} can be entered once in a process, and a workload is repeated: {once[0]}"
        )


class WorkRoom:
    """The workloads of one worker, one for each set of parameters that was asked for."""

    def __init__(self, adapter: Adapter, kind: type[Workload], style: str, server: tuple[str, int] | None):
        self._adapter = adapter
        self._kind = kind
        self._style = style
        self._server = server
        self._workloads: dict[str, Workload] = {}
        self._repetition_s: dict[str, float] = {}
        """How long a repetition took in the last slice, by parameters."""
        self._usage = _usage_reader()

    def slice(self, parameters: Mapping[str, Any], run_in_s: float, duration_s: float) -> dict[str, Any]:
        """One slice: an unmeasured run-in, then repetitions until their timed parts fill *duration_s*.

        The run-in is whole repetitions too, and none where one is known to be long (`LONG_REPETITION`).
        """
        key = json.dumps(parameters, sort_keys=True)
        workload = self._workload(key, parameters)
        is_long = self._repetition_s.get(key, 0.0) >= LONG_REPETITION * run_in_s
        run_in = self._repeat(workload, 0.0 if is_long else run_in_s)
        before = self._usage()
        timed = self._repeat(workload, duration_s)
        after = self._usage()
        self._repetition_s[key] = timed.elapsed_ns / 1e9 / timed.repetitions
        answer: dict[str, Any] = {
            "operations": timed.operations,
            "elapsed_ns": timed.elapsed_ns,
            "cpu_ns": timed.cpu_ns,
            "latency": pairs_of(timed.samples_ns),
            "counters": timed.counters,
            "run_in_wait_ns": max(0, run_in.longest_ns - timed.longest_ns),
        }
        if before is not None and after is not None:
            answer["user_ns"] = after.user_ns - before.user_ns
            answer["system_ns"] = after.system_ns - before.system_ns
            answer["sleeps"] = after.sleeps - before.sleeps
        return answer

    def close(self) -> None:
        """Close all workloads."""
        for workload in self._workloads.values():
            workload.close()

    def _workload(self, key: str, parameters: Mapping[str, Any]) -> Workload:
        if key not in self._workloads:
            # One set of parameters at a time: what another one watches would be in this one's way.
            self.close()
            self._workloads = {key: self._kind(self._adapter, self._style, parameters, self._server)}
        return self._workloads[key]

    @staticmethod
    def _repeat(workload: Workload, duration_s: float) -> Timed:
        timed = Timed()
        enough_ns = int(duration_s * 1e9)
        give_up_ns = time.perf_counter_ns() + int(MAX_SLICE_S * 1e9)
        clock = time.perf_counter_ns
        cpu_clock = with_children(own_cpu_clock()) if workload.counts_children else own_cpu_clock()
        while timed.elapsed_ns < enough_ns:
            workload.prepare()
            cpu_start, start = cpu_clock(), clock()
            done = workload.run()
            end, cpu_end = clock(), cpu_clock()
            workload.verify()
            timed.repetitions += 1
            timed.operations += _operations(done)
            timed.elapsed_ns += end - start
            timed.cpu_ns += cpu_end - cpu_start
            timed.longest_ns = max(timed.longest_ns, end - start)
            if end > give_up_ns:
                break
        timed.samples_ns.extend(workload.samples_ns)
        del workload.samples_ns[:]
        if not isinstance(workload.counters, dict):
            raise TypeError(f"counters is {workload.counters!r}, expected a dict of numbers")
        timed.counters.update(workload.counters)
        workload.counters.clear()
        return timed


def _operations(done: object) -> int:
    """*done* itself. Raises TypeError: a sum would hide that one of its parts is none."""
    if type(done) is not int or done < 0:
        raise TypeError(f"run() returned {done!r}, expected a number of operations: an int, 0 or more")
    return done
