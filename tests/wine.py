"""`python -m tests.wine [ADAPTER…]`: `check` and the tests by Windows' CPython under Wine; see docs/wine.md.

WINEPYTHON is the command that runs it, for instance `wine /opt/python/python.exe`; crossloop and its `test` extra are
installed there. Without it this says so in one line and ends with 0. One command runs at a time, each within a limit:
a Wine prefix serves one, and Wine's server may hang. Each file of tests has a process of its own, since a test
that hangs on Windows ends its process (pytest-timeout has no signals there).
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECK_LIMIT_S = 900
FILE_LIMIT_S = 900
ADAPTERS = (
    *("asyncio", "asyncio-proactor", "asyncio-select", "gevent-libev", "gevent-libuv", "iocp"),
    *("select", "spin", "threads", "tornado", "winloop"),
)
"""What there is on Windows; each has a run of its own, for Wine's server may end with one."""


def main(chosen: Sequence[str]) -> int:
    """Status 0 when all is as expected, else 1."""
    python = shlex.split(os.environ.get("WINEPYTHON", ""))
    if not python:
        print("skipped: WINEPYTHON names no interpreter of Windows, as in WINEPYTHON='wine python.exe'")
        return 0
    failed = [
        adapter
        for adapter in chosen or ADAPTERS
        if _ended_badly([*python, "-m", "crossloop", "check", "--adapters", adapter], CHECK_LIMIT_S)
    ]
    tests = [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not network"]
    failed += [
        file.name
        for file in (() if chosen else sorted((ROOT / "tests").rglob("test_*.py")))
        if _ended_badly([*tests, str(file.relative_to(ROOT))], FILE_LIMIT_S)
    ]
    print(f"not as expected: {', '.join(failed)}" if failed else "all as expected, under Wine")
    return 1 if failed else 0


def _ended_badly(command: Sequence[str], limit_s: float) -> bool:
    print("$", shlex.join(command), flush=True)
    try:
        status = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=limit_s, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"no end within {limit_s} s")
        return True
    return status not in (0, 5)  # 5: pytest found nothing to run in this file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
