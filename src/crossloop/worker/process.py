"""What a child does to its own process before it works: CPU, descriptors, dying with its supervisor."""

import contextlib
import faulthandler
import os
import signal
import sys


def settle(cpu: int | None) -> None:
    """Pin to *cpu* where the platform can, raise the descriptor limit, die with the parent, trace crashes."""
    faulthandler.enable()
    die_with_parent()
    if cpu is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpu})
    raise_descriptor_limit()


def die_with_parent() -> None:
    """Linux: have the kernel kill this process when its parent ends, even a stopped one (prctl(2)).

    Elsewhere the end of the channel does it, and a process group of one's own: POSIX sends SIGHUP and
    SIGCONT to a group that becomes orphaned with a stopped member.
    """
    if sys.platform == "linux":
        import ctypes  # (Linux only, and not at import)

        pr_set_pdeathsig = 1  # <linux/prctl.h>
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it went before the kernel knew
            os._exit(0)


def allow_tracing() -> None:
    """Linux: let any process of this user attach to this one, where the Yama module lets ancestors alone.

    PR_SET_PTRACER (prctl(2)); strace is a sibling of the worker. Kernels without Yama refuse, and need nothing.
    """
    if sys.platform == "linux":
        import ctypes  # (Linux only, and not at import)

        pr_set_ptracer, any_process = 0x59616D61, ctypes.c_ulong(-1)  # <linux/prctl.h>
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_ptracer, any_process, 0, 0, 0)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors to the hard one; returns it (0: the platform has none)."""
    if sys.platform == "win32":
        return 0
    import resource  # (POSIX only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = 10240 if sys.platform == "darwin" and hard == resource.RLIM_INFINITY else hard  # OPEN_MAX
    if soft != ceiling:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def bound_descriptors(most: int) -> None:
    """Let this process open no descriptor numbered *most* or higher, where the platform has such a limit."""
    if sys.platform == "win32":
        return
    import resource  # (POSIX only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
