"""What a child does to its own process before it works: CPU, descriptors, dying with its supervisor."""

import contextlib
import faulthandler
import os
import signal
import sys

from crossloop.worker.pinning import pin

ENOUGH_DESCRIPTORS = 1 << 20
"""What is asked for where the hard limit is infinite: Linux' own bound (`fs.nr_open`)."""
AGED_BYTES = 1 << 20
"""Larger than any block that a binding takes for a message; asyncio's are the largest, 256 KiB for each receive."""


def settle(cpu: int | None, *, fresh: bool = False, descriptors: int = 0) -> None:
    """Pin to *cpu* where the platform can, raise the descriptor limit, die with the parent, trace crashes.

    And age the allocator, or keep it *fresh* for good. *descriptors*: how many are needed, if more than the hard limit
    allows.
    """
    faulthandler.enable()
    if fresh:
        keep_allocator_fresh()
    else:
        age_allocator()
    die_with_parent()
    if cpu is not None:
        pin(cpu)
    if raise_descriptor_limit() < descriptors:
        raise_descriptor_limit(descriptors)


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


def age_allocator() -> None:
    """Free one large block, as any process does sooner or later: what it costs to take the next is then settled.

    glibc gives a block of 128 KiB or more a mapping of its own, and raises that threshold to the size of the largest
    such block that was freed (mallopt(3), M_MMAP_THRESHOLD). A process that has freed none yet makes three
    system calls and a page fault of every such block for as long as it lives; asyncio does so on every message, and
    whether it does would depend on what was imported before. See docs/method.md. Elsewhere nothing comes of it.
    """
    bytes(AGED_BYTES)


def keep_allocator_fresh() -> None:
    """glibc: hold that threshold where it starts, as if nothing larger were ever freed; importing may free a lot."""
    if sys.platform == "linux":
        import ctypes  # (Linux only, and not at import)

        m_mmap_threshold = -3  # <malloc.h>
        with contextlib.suppress(AttributeError):  # musl has no such thing, and its threshold does not move
            ctypes.CDLL(None).mallopt(m_mmap_threshold, 128 << 10)


def allow_tracing() -> None:
    """Linux: let any process of this user attach to this one, where the Yama module lets ancestors alone.

    PR_SET_PTRACER (prctl(2)); strace is a sibling of the worker. Kernels without Yama refuse, and need nothing.
    """
    if sys.platform == "linux":
        import ctypes  # (Linux only, and not at import)

        pr_set_ptracer, any_process = 0x59616D61, ctypes.c_ulong(-1)  # <linux/prctl.h>
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_ptracer, any_process, 0, 0, 0)


def raise_descriptor_limit(wanted: int | None = None) -> int:
    """Raise the soft limit of open descriptors to *wanted*, or as near to it as the system lets.

    None: as high as it gets below the hard limit. That is raised for a larger *wanted* alone, where this user may
    (CAP_SYS_RESOURCE, setrlimit(2)); what this process starts from then on inherits it. Returns the limit (0: the
    platform has none); it is never lowered. The hard limit does not say how far it goes: macOS refuses (EINVAL) what
    lies above `kern.maxfilesperproc`, be the hard limit infinite or only higher than that, and would leave 256. So the
    highest that is taken is searched for, by trying.
    """
    if sys.platform == "win32":
        return 0
    import resource  # (POSIX only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted or ENOUGH_DESCRIPTORS

    def taken(limit: int) -> bool:
        enough = hard == resource.RLIM_INFINITY or hard >= limit
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard if enough else limit))
        except (ValueError, OSError):
            return False
        return True

    bound = ENOUGH_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    if wanted is not None and wanted > bound and taken(wanted):
        return wanted
    aim = bound if wanted is None else min(wanted, bound)
    if soft >= aim or taken(aim):
        return max(soft, aim)
    while aim - soft > 1:
        middle = (soft + aim) // 2
        if taken(middle):
            soft = middle
        else:
            aim = middle
    return soft


def bound_descriptors(most: int) -> None:
    """Let this process open no descriptor numbered *most* or higher, where the platform has such a limit."""
    if sys.platform == "win32":
        return
    import resource  # (POSIX only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
