"""Probes of what the machine has to give: interpreter, CPUs, memory, limits, clocks, quiet."""

import contextlib
import errno
import sys
import time
from pathlib import Path

import psutil

from crossloop.api.facts import gil_enabled
from crossloop.machine.diagnosis import Diagnosis
from crossloop.machine.facts import cpus_usable, descriptor_limits, file_text, virtualization
from crossloop.worker.pinning import pinnable

DESCRIPTORS_WANTED = 4096
"""A thousand connections, with room for pipes, lookups and what the libraries open."""
MEMORY_WANTED_BYTES = 1 << 30
NOISE_S = 0.25
GAP_NS = 100_000
"""Longest time that a step of a spinning loop may take on a CPU of its own: interrupts are shorter."""
COARSE_CLOCK_S = 0.001
SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies")


def python_version() -> Diagnosis:
    """Interpreter, which may be built so that its speed is not its users'."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    detail = f"{sys.implementation.name} {version}, GIL {'on' if gil_enabled() else 'off'}"
    if hasattr(sys, "gettotalrefcount"):
        return Diagnosis("warning", f"{detail}, a debug build: slow", "a release build")
    return Diagnosis("ok", detail)


def cpus() -> Diagnosis:
    """CPUs this process may use, and a quota on them (cgroup v2, cpu.max)."""
    usable = cpus_usable()
    quota = _quota_cpus()
    if quota is not None and quota < usable:
        return Diagnosis(
            "warning",
            f"{usable} usable, throttled to {quota:.2g} by the container's quota",
            "raise the quota (docker: --cpus), or leave it out and choose CPUs instead (--cpuset-cpus)",
        )
    if usable < 2:
        return Diagnosis(
            "warning", "1 usable: server and load share it", "allow a second (taskset, --cpuset-cpus)"
        )
    return Diagnosis("ok", f"{usable} usable")


def _quota_cpus() -> float | None:
    """The quota of our control group in CPUs; None without one."""
    fields = file_text("/sys/fs/cgroup/cpu.max").split()
    if len(fields) != 2 or fields[0] == "max":
        return None
    return int(fields[0]) / int(fields[1])


def pinning() -> Diagnosis:
    """Whether a process can be tied to one CPU, tried on this very process and undone."""
    try:
        pinnable()
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return Diagnosis("warning", "this system has none; expect wider intervals", "more rounds")
        return Diagnosis("warning", f"refused: {error.strerror}", "allow it in the sandbox (seccomp)")
    return Diagnosis("ok", "possible")


def memory() -> Diagnosis:
    """Memory that can be had without swapping."""
    available = psutil.virtual_memory().available
    detail = f"{available / 2**30:.1f} GiB available"
    if available < MEMORY_WANTED_BYTES:
        return Diagnosis("warning", detail, "close programs; a full run wants 1 GiB")
    return Diagnosis("ok", detail)


def descriptors() -> Diagnosis:
    """Open files per process (RLIMIT_NOFILE), for a thousand connections and what stands around them."""
    soft, hard = descriptor_limits()
    if hard == 0:
        return Diagnosis("ok", "not limited on this system")
    detail = f"soft limit {_count(soft)}, hard limit {_count(hard)}"
    if soft >= DESCRIPTORS_WANTED:
        return Diagnosis("ok", detail)
    command = f"ulimit -n {DESCRIPTORS_WANTED}"
    if hard < DESCRIPTORS_WANTED:
        command += f", once root raised the hard limit (docker: --ulimit nofile={DESCRIPTORS_WANTED})"
    return Diagnosis("warning", detail, command)


def _count(limit: int) -> str:
    return "none" if limit >= 2**63 - 1 else str(limit)


def clock() -> Diagnosis:
    """Step of the monotonic clock, and on Linux whether reading it needs a system call."""
    step_s = time.get_clock_info("monotonic").resolution
    if step_s > COARSE_CLOCK_S:
        return Diagnosis(
            "warning", f"monotonic clock in steps of {step_s * 1e3:.1f} ms", "Python 3.13 or newer"
        )
    source = file_text("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip()
    detail = f"steps of {step_s * 1e9:.0f} ns" + (f", source {source}" if source else "")
    if source in SLOW_CLOCKS:
        return Diagnosis("warning", f"{detail}: slow to read", "boot with clocksource=tsc")
    return Diagnosis("ok", detail)


def noise() -> Diagnosis:
    """What a spinning loop loses to others in a quarter of a second, and what the hypervisor steals."""
    steal_before, total_before = _stolen_s()
    lost_ns, longest_ns, elapsed_ns = spin(NOISE_S)
    steal, total = _stolen_s()
    share = lost_ns / elapsed_ns
    stolen = (steal - steal_before) / (total - total_before) if total > total_before else 0.0
    since_boot = steal / total if total else 0.0
    detail = f"{share:.1%} of {NOISE_S * 1e3:.0f} ms lost, longest gap {longest_ns / 1e6:.2f} ms"
    if total:
        detail += f"; stolen {stolen:.1%} meanwhile, {since_boot:.1%} since boot"
    if share > 0.02 or stolen > 0.02:
        return Diagnosis("warning", detail, "stop other programs; on a shared machine take more rounds")
    return Diagnosis("ok", detail)


def spin(duration_s: float) -> tuple[int, int, int]:
    """Read the clock without pause: (ns lost in gaps over `GAP_NS`, longest gap, elapsed), all in ns."""
    read = time.perf_counter_ns
    lost = longest = 0
    started = previous = read()
    end = started + int(duration_s * 1e9)
    while previous < end:
        now = read()
        gap = now - previous
        previous = now
        if gap > GAP_NS:
            lost += gap
            longest = max(longest, gap)
    return lost, longest, previous - started


def _stolen_s() -> tuple[float, float]:
    """(stolen, all) CPU time in seconds since boot, over all CPUs; zeros but on Linux."""
    times = psutil.cpu_times()
    # Guest time is contained in user and nice.
    return (times.steal, sum(times[:8])) if sys.platform == "linux" else (0.0, 0.0)


def governor() -> Diagnosis:
    """Frequency scaling, where the kernel shows it: a clock that follows the load makes figures drift."""
    governors = set()
    for path in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"):
        with contextlib.suppress(OSError):
            governors.add(path.read_text(encoding="ascii").strip())
    if not governors:
        return Diagnosis("ok", "not shown here; the system or the hypervisor decides")
    detail = ", ".join(sorted(governors))
    if governors == {"performance"}:
        return Diagnosis("ok", detail)
    return Diagnosis("warning", detail, "sudo cpupower frequency-set -g performance")


def virtual() -> Diagnosis:
    """Hypervisor, container, emulation."""
    seen = virtualization()
    if seen == "Wine":
        return Diagnosis("warning", "Wine: not figures of Windows", "run on Windows")
    return Diagnosis("ok", seen or "none seen")
