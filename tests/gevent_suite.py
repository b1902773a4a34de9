"""gevent's own test modules, on a loop of one's choice, against what is known to fail.

    python -m tests.gevent_suite [--loop libevent|libev-cext|libev-cffi|libuv-cffi] [--modules A,B] [--times N]
                                 [--limit SECONDS]

The modules are those of the installed gevent (`gevent.tests`, in its wheel). Each runs as a program of its
own, bounded in time. Standard output gets a markdown table of the modules with a word on each, progress goes
to stderr. A module that fails where it should not is run once more, because many of gevent's tests measure
time; the table says so.

Exit 0: as expected; 1: something failed that should not, or passed that should not; 2: bad usage.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.gevent_known_failures import KNOWN_FAILURES, NOT_RUN, KnownFailure

LOOPS = {
    "libevent": "crossloop.bindings.gevent_libevent.loop",
    "libev-cext": "libev-cext",
    "libev-cffi": "libev-cffi",
    "libuv-cffi": "libuv-cffi",
}
WHOLE_MODULE = "*"
LIMIT_S = 120.0
FAILED_TEST = re.compile(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)", re.MULTILINE)
COUNTED = re.compile(r"^Ran (\d+) tests?", re.MULTILINE)
LOGGED_CHARACTERS = 4000
NO_TESTS_RAN = 5
"""unittest's exit status since Python 3.12 for a module without a test that applies here."""


@dataclass(frozen=True)
class ModuleRun:
    """One module, run once."""

    module: str
    failed: frozenset[str]
    """`Class.method`, or `*` when the module as a whole came to no good end."""
    how: str
    """What there is to say of the end: `exit status 1`, `no end after 120 s`."""
    tests: int
    elapsed_s: float
    log: str


@dataclass(frozen=True)
class Verdict:
    """A run against what is known."""

    run: ModuleRun
    unexpected: frozenset[str]
    missed: frozenset[str]
    """Known failures that passed."""
    known: frozenset[str]

    @property
    def good(self) -> bool:
        return not self.unexpected and not self.missed

    def text(self) -> str:
        """For the table."""
        parts = []
        if self.unexpected:
            parts.append(f"FAILED: {', '.join(sorted(self.unexpected))} ({self.run.how})")
        if self.missed:
            parts.append(f"PASSED, known to fail: {', '.join(sorted(self.missed))}")
        if self.known:
            parts.append(f"known to fail: {', '.join(sorted(self.known))}")
        return "; ".join(parts) or "passed"


def folder() -> Path:
    """Where gevent's tests are. Raises ImportError without gevent."""
    import gevent.tests  # looked for at run time: this module is imported without gevent, too

    return Path(gevent.tests.__path__[0])


def modules() -> tuple[str, ...]:
    """All that gevent brings, without those of `NOT_RUN`."""
    stems = sorted(path.stem for path in folder().glob("test__*.py"))
    return tuple(name for name in stems if name not in NOT_RUN)


def run_module(module: str, loop: str, limit_s: float) -> ModuleRun:
    """Run *module* on *loop* (a value for GEVENT_LOOP)."""
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-u", "-m", f"gevent.tests.{module}"],
        cwd=folder(),  # some import their neighbours by bare names
        env={**os.environ, "GEVENT_LOOP": loop},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            log, _ = process.communicate(timeout=limit_s)
            how = f"exit status {process.returncode}"
        except subprocess.TimeoutExpired:
            if sys.platform == "win32":
                process.kill()
            else:  # its children, too: a test that hangs mostly waits for one
                os.killpg(process.pid, signal.SIGKILL)
            log, _ = process.communicate()
            how = f"no end after {limit_s:g} s"
    failed = failures_in(log)
    nothing_to_run = process.returncode == NO_TESTS_RAN and "NO TESTS RAN" in log
    if process.returncode and not nothing_to_run and (not failed or process.returncode < 0):
        failed |= {WHOLE_MODULE}
    counted = sum(map(int, COUNTED.findall(log)))
    return ModuleRun(module, failed, how, counted, time.monotonic() - started, log)


def failures_in(log: str) -> frozenset[str]:
    """`Class.method` of what unittest reports; since Python 3.11 it repeats the method after the class."""
    return frozenset(
        f"{where.removesuffix(f'.{name}').rpartition('.')[2]}.{name}"
        for name, where in FAILED_TEST.findall(log)
    )


def judge(run: ModuleRun, loop: str, known: Sequence[KnownFailure] = KNOWN_FAILURES) -> Verdict:
    """Compare *run* with what *known* says of its module on *loop* in the installed gevent."""
    of_module = [failure for failure in known if failure.holds(run.module, loop, version("gevent"))]
    expected = {failure.test for failure in of_module}
    must = {failure.test for failure in of_module if not failure.sometimes}
    if WHOLE_MODULE in expected:  # how it comes to no good end is not told apart
        return Verdict(
            run, frozenset(), frozenset() if run.failed else frozenset(must), run.failed & {WHOLE_MODULE}
        )
    return Verdict(run, run.failed - expected, frozenset(must - run.failed), frozenset(run.failed & expected))


def row(verdict: Verdict, tries: int) -> str:
    again = " (second try)" if tries > 1 else ""
    run = verdict.run
    return f"| {run.module} | {run.tests} | {run.elapsed_s:.1f} | {verdict.text()}{again} |"


def run_all(names: Sequence[str], loop: str, limit_s: float) -> list[Verdict]:
    """Run *names* and print the table."""
    print("| module | tests | s | |\n| --- | ---: | ---: | --- |", flush=True)
    verdicts = []
    for name in names:
        print(f"gevent_suite: {name}", file=sys.stderr, flush=True)
        for tries in (1, 2):  # noqa: B007  (it is in the table)
            verdict = judge(run_module(name, LOOPS[loop], limit_s), loop)
            if verdict.good:
                break
            print(verdict.run.log[-LOGGED_CHARACTERS:], file=sys.stderr, flush=True)
        print(row(verdict, tries), flush=True)
        verdicts.append(verdict)
    return verdicts


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loop", choices=LOOPS, default="libevent")
    parser.add_argument("--modules", help="names, separated by commas; all without it")
    parser.add_argument("--times", type=int, default=1, help="go through them so often")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for one module")
    options = parser.parse_args(arguments)
    known = modules()
    options.names = options.modules.split(",") if options.modules else list(known)
    for name in options.names:
        if name not in known:
            parser.error(f"--modules: gevent has no test module {name!r} that is run; see {folder()}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; returns the exit status."""
    options = parse(arguments)
    # A test interrupts its child; where this runs in the background, children would ignore that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"gevent {version('gevent')} on {options.loop}, Python {sys.version.split()[0]}\n")
    verdicts = []
    for _ in range(options.times):
        verdicts += run_all(options.names, options.loop, options.limit)
    bad = sorted({verdict.run.module for verdict in verdicts if not verdict.good})
    tests = sum(verdict.run.tests for verdict in verdicts)
    print(f"\n{len(verdicts)} modules, {tests} tests; not as expected: {', '.join(bad) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
