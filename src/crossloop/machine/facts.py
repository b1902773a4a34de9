"""The machine in general terms, for the head of a journal: what figures depend on, nothing that tells whose.

No host name, no address, no serial number, no path. Linux tells through /proc and /sys, macOS through sysctl,
Windows through its registry; what cannot be found stays empty.
"""

import contextlib
import os
import platform
import shutil
import sys
from pathlib import Path

import psutil

from crossloop.installing.commands import run_command
from crossloop.journal import Machine
from crossloop.worker.pinning import allowed

ASK_LIMIT_S = 5.0


def machine() -> Machine:
    """This machine. Takes some milliseconds; never raises."""
    return Machine(
        system=_system(),
        platform=sys.platform,
        release=platform.release(),
        architecture=platform.machine(),
        cpu=_cpu(),
        cpus=cpus_usable(),
        memory_bytes=psutil.virtual_memory().total,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libc=" ".join(platform.libc_ver()).strip(),
        virtual=virtualization(),
        descriptors=descriptor_limits()[0],
    )


def cpus_usable() -> int:
    """CPUs that this process may run on: affinity, which a container or taskset may have narrowed."""
    return len(allowed()) or os.cpu_count() or 1


def descriptor_limits() -> tuple[int, int]:
    """Open files a process may have, soft and hard (RLIMIT_NOFILE); (0, 0) on Windows, which has no limit
    below memory. An unlimited hard limit is given as the highest number the kernel's type holds."""
    if sys.platform == "win32":
        return (0, 0)
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = 2**63 - 1
    return (
        unlimited if soft == resource.RLIM_INFINITY else soft,
        unlimited if hard == resource.RLIM_INFINITY else hard,
    )


def virtualization() -> str:
    """Hypervisor, container or emulation, where it shows; empty if nothing does. `Wine` is always said."""
    if sys.platform == "win32":
        return "Wine" if under_wine() else ""
    if sys.platform == "darwin":
        return "virtual machine" if command_output("sysctl", "-n", "kern.hv_vmm_present") == "1" else ""
    seen = []
    if shutil.which("systemd-detect-virt"):
        answer = command_output("systemd-detect-virt", "--vm")
        if answer and answer != "none":
            seen.append(answer)
    if not seen and " hypervisor" in file_text("/proc/cpuinfo"):
        seen.append("virtual machine")  # CPUID leaf 1, ECX bit 31, as the kernel shows it
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        seen.append("container")
    if "microsoft" in platform.release().lower():
        seen.append("WSL")
    return ", ".join(seen)


def command_output(*command: str) -> str:
    """First line of a short program's output; empty if it is missing, fails or takes too long."""
    run = run_command(command, limit_s=ASK_LIMIT_S)
    return run.output.strip().partition("\n")[0] if run.succeeded else ""


def under_wine() -> bool:
    """Wine's ntdll exports a function that Windows' does not have (Wine's developers' FAQ)."""
    if sys.platform != "win32":
        return False
    import ctypes

    return hasattr(ctypes.windll.ntdll, "wine_get_version")


def _system() -> str:
    """`Debian GNU/Linux 12 (bookworm)`, `macOS 15.1`, `Windows 11`."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
        return "Linux"
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.version() if sys.platform != 'win32' else platform.release()}"


def _cpu() -> str:
    """The processor's model name, as the kernel gives it."""
    if sys.platform == "linux":
        for line in file_text("/proc/cpuinfo").splitlines():
            key, _colon, value = line.partition(":")
            if key.strip() in ("model name", "Model", "cpu model") and value.strip():
                return value.strip()
    elif sys.platform == "darwin":
        return command_output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return platform.processor() or platform.machine()


def file_text(path: str) -> str:
    """A small file of /proc or /sys; empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
