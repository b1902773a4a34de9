"""What the platform says about a process: CPU time, sleeps, memory, descendants.

Linux: CPU time comes from the process-wide CPU clock of *another* process, whose id is made from the pid as
`clock_getcpuclockid(3)` does: `~pid << 3 | CPUCLOCK_SCHED`. It is one system call, counts in nanoseconds
and takes in all threads, finished ones too. (`/proc/PID/schedstat` knows the main thread only; `utime` and
`stime` in `/proc/PID/stat` are split by a tick's sampling and shown in ticks of 10 ms, enough over a run
and not for one slice.) But the kernel adds up a process's time when a thread of it leaves the CPU or a tick finds
it there: read from another CPU, the clock of one that runs stands still for 4 ms at 250 Hz, longer in a virtual
machine (kernel/sched/cputime.c, thread_group_cputime; steps of 4 to 24 ms were seen). So it is read while the process
sleeps (`await_sleep`), when it is exact. On macOS psutil asks mach's task_info. On Windows cycles are counted
(`crossloop.worker.cycles`), because GetProcessTimes counts in ticks of 15.6 ms. Where they are not, under Wine,
`cpu_step_ns` says so, and slices are made long enough for the ticks.

A process that is gone has no clock: `process_cpu_ns` raises ProcessLookupError; the functions that sum over
several processes leave the dead out.
"""

import contextlib
import functools
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from crossloop.worker.cycles import cycles, cycles_per_ns, own_cpu_clock

_CPUCLOCK_SCHED = 2
TICK_NS = 15_625_000
"""Windows' clock tick, 64 a second ("GetProcessTimes function", learn.microsoft.com)."""
_NS = 1_000_000_000
AWAIT_SLEEP_S = 0.003
"""Longer than a server takes that shares its CPU with a neighbour, and short beside a slice."""
AWAIT_THREADS = 64


def process_cpu_ns(pid: int) -> int:
    """CPU time of a process in ns, user and system, all threads.

    Raises ProcessLookupError when it is gone.
    """
    if sys.platform == "linux":
        try:
            return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
        except OSError as error:
            raise ProcessLookupError(f"process {pid} is gone: it has no CPU clock") from error
    else:
        if (rate := cycles_per_ns()) is not None:
            try:
                return int(cycles(pid) / rate)
            except OSError as error:
                raise ProcessLookupError(f"process {pid} is gone: {error}") from error
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error as error:
            raise ProcessLookupError(f"process {pid} is gone: {error}") from error
        return int((times.user + times.system) * _NS)


def await_sleep(pids: Iterable[int], limit_s: float = AWAIT_SLEEP_S) -> bool:
    """Wait until no thread of *pids* runs or wants to, looking again and again; False when *limit_s* passed before.

    A server that has answered everything gets there within some 10 µs; one that polls never does. Of many threads
    the first `AWAIT_THREADS` of each process are looked at. Linux only: elsewhere it returns at once.
    """
    if sys.platform != "linux":
        return True
    end = time.perf_counter() + limit_s
    files = [f"{task}/stat" for pid in pids for task in _tasks(pid)[:AWAIT_THREADS]]
    while any(map(_runs, files)):
        if time.perf_counter() >= end:
            return False
    return True


def _runs(stat: str) -> bool:
    """Whether a thread is on a CPU or waits for one, by its state in /proc (proc_pid_stat(5))."""
    try:
        with open(stat, "rb", buffering=0) as file:  # noqa: PTH123  (Path costs twice the call)
            return file.read(256).rpartition(b")")[2][1:2] == b"R"
    except OSError:  # it ended
        return False


def own_cpu_ns() -> int:
    """CPU time of this process in ns, user and system, all threads."""
    return own_cpu_clock()()


def cpu_step_ns() -> int:
    """What the clock of another process's CPU time counts in; 1 where it is as good as exact."""
    return TICK_NS if sys.platform == "win32" and cycles_per_ns() is None else 1


def tree(pid: int) -> list[int]:
    """*pid* and its descendants; *pid* alone when it has none or is gone."""
    pids = [pid]
    if _kernel_lists_children():
        for parent in pids:  # grows while it is walked
            pids.extend(_listed_children(_tasks(parent)))
        return pids
    return pids + _children_in_table(pid, recursive=True)


def adopted() -> list[int]:
    """Processes that this one may have been given when they lost their parent, beside what its main thread started.

    Linux gives a subreaper's main thread what is orphaned below it, as long as that thread runs (kernel/exit.c,
    find_new_reaper); the lists of the others, of which there are many, need not be read.
    """
    pid = os.getpid()
    if _kernel_lists_children():
        return _listed_children([f"/proc/{pid}/task/{pid}"])
    return _children_in_table(pid, recursive=False)


def _listed_children(tasks: Iterable[str]) -> list[int]:
    children: list[int] = []
    for task in tasks:
        with contextlib.suppress(OSError):
            children.extend(int(child) for child in Path(task, "children").read_bytes().split())
    return children


@functools.cache
def _kernel_lists_children() -> bool:
    """Whether the kernel has CONFIG_PROC_CHILDREN (proc_pid_task(5)), which distributions set and some kernels lack."""
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _children_in_table(pid: int, *, recursive: bool) -> list[int]:
    """By a look at every process of the machine: some milliseconds of work."""
    with contextlib.suppress(psutil.Error):
        return [child.pid for child in psutil.Process(pid).children(recursive)]
    return []


def sleeps(pids: Iterable[int]) -> int | None:
    """Voluntary context switches of all threads of *pids* so far; None where the platform does not count.

    Threads that ended are not counted (Linux keeps the figure per task).
    """
    total: int | None
    if sys.platform == "linux":
        total = sum(_voluntary_switches(task) for pid in pids for task in _tasks(pid))
    elif sys.platform in ("darwin", "win32"):
        # psutil counts a process's switches there without telling voluntary ones apart: all are said to be such on
        # macOS (pti_csw of proc_taskinfo). No figure is better than one of something else.
        total = None
    else:
        total = 0
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                total += int(psutil.Process(pid).num_ctx_switches().voluntary)
    return total


def user_system_ns(pids: Iterable[int]) -> tuple[int, int]:
    """User and system time of *pids* in ns, by the kernel's own split (Linux: in steps of one tick)."""
    user = system = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            user += round(times.user * _NS)
            system += round(times.system * _NS)
    return user, system


def steal_ns() -> int | None:
    """CPU time in ns, over all CPUs, that the hypervisor gave to others; None where it is not shown."""
    steal_s = getattr(psutil.cpu_times(), "steal", None)
    return None if steal_s is None else round(steal_s * _NS)


def rss_bytes(pids: Iterable[int]) -> int:
    """Resident memory of *pids* in bytes, together.

    Of several processes on Linux each page counts once, shared out among those that have it mapped (PSS,
    `/proc/PID/smaps_rollup`): forked children share most of theirs, and a plain sum would count it once for
    each. Elsewhere it is that plain sum.
    """
    several = list(pids)
    shared_out = sys.platform == "linux" and len(several) > 1
    return sum(map(_proportional_bytes if shared_out else _resident_bytes, several))


def peak_rss_bytes(pids: Iterable[int]) -> int | None:
    """Most resident memory that each of *pids* has had, together; None where the system does not keep it.

    Linux: VmHWM of `/proc/PID/status` (proc_pid_status(5)). What forked processes share counts once for each.
    """
    peaks = []
    for pid in pids:
        with contextlib.suppress(OSError):
            peak = _line(f"/proc/{pid}/status", "VmHWM")
            peaks += [] if peak is None else [peak * 1024]
    return sum(peaks) if peaks else None


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _proportional_bytes(pid: int) -> int:
    """Proportional set size; resident memory where the kernel has no smaps_rollup (before 4.14)."""
    try:
        pss = _line(f"/proc/{pid}/smaps_rollup", "Pss")
    except ProcessLookupError:
        return 0
    except OSError:
        pss = None
    return _resident_bytes(pid) if pss is None else pss * 1024


def descriptors(pid: int) -> tuple[int, int] | None:
    """(open descriptors, soft limit) of a process; None where it is gone, or the platform does not show it."""
    if sys.platform != "linux":
        return None
    try:
        process = psutil.Process(pid)
        soft, _hard = process.rlimit(psutil.RLIMIT_NOFILE)
        return process.num_fds(), sys.maxsize if soft == psutil.RLIM_INFINITY else soft
    except psutil.Error:
        return None


def threads(pids: Iterable[int]) -> int:
    """Threads of *pids* together, their first ones included; those that are gone have none."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).num_threads()
    return total


def kernel_bytes() -> int | None:
    """Memory that the kernel itself holds, on the whole machine; None where it is not shown.

    Linux: `Slab`, `KernelStack` and `PageTables` of `/proc/meminfo` (proc_meminfo(5)), and the buffers of TCP
    sockets (`mem` of `/proc/net/sockstat`, in pages). In the slabs lie sockets, their inodes, entries and file
    structures, and what epoll keeps for each; a thread has a stack, a process page tables. A difference of
    two readings holds both ends of each connection that was made in between, and what else the machine did.
    """
    if sys.platform != "linux":
        return None
    try:
        memory = Path("/proc/meminfo").read_text()
        sockets = Path("/proc/net/sockstat").read_text()
    except OSError:
        return None
    kilobytes = {
        name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in memory.splitlines())
    }
    total = sum(kilobytes.get(name, 0) for name in ("Slab", "KernelStack", "PageTables")) * 1024
    for line in sockets.splitlines():
        if line.startswith("TCP:"):
            total += int(line.split()[-1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def _tasks(pid: int) -> list[str]:
    folder = f"/proc/{pid}/task"
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]  # noqa: PTH208  (Path costs twice the call)
    except OSError:
        return []


def _voluntary_switches(task: str) -> int:
    with contextlib.suppress(OSError):
        return _line(f"{task}/status", "voluntary_ctxt_switches") or 0
    return 0


def _line(file: str, name: str) -> int | None:
    """The number behind `name:` in a file of /proc; None where it has no such line. Raises OSError."""
    _head, separator, tail = Path(file).read_bytes().partition(f"\n{name}:".encode())
    return int(tail.split(None, 1)[0]) if separator else None
