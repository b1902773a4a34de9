"""The command line. Each command imports what it needs when it runs, so that `--help` is quick."""

import sys

__all__ = ["main"]

LEAST_ADDRESS_SPACE_MIB = 512
"""With less, threads, shared libraries and numpy fail in ways of their own: OpenBLAS ends the process with status 1."""


def main() -> int:
    """Run the command line; returns the exit status."""
    allowed = _address_space_mib()
    if allowed is not None and allowed < LEAST_ADDRESS_SPACE_MIB:
        line = (
            f"crossloop: `ulimit -v` allows {allowed} MiB of address space, {LEAST_ADDRESS_SPACE_MIB} are needed; "
            f"`ulimit -v {LEAST_ADDRESS_SPACE_MIB << 10}` or more, and better none"
        )
        print(line, file=sys.stderr)
        return 2
    from crossloop.cli.commands import main as run  # (what it imports may not fit)

    return run()


def _address_space_mib() -> int | None:
    """The limit of this process (RLIMIT_AS); None without one."""
    if sys.platform == "win32":
        return None
    import resource  # (POSIX only)

    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft >> 20
