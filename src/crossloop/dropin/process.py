"""Entry of a test's process: `python -m crossloop.dropin.process`, spoken to over `Channel`.

One request, one answer, then the process ends at once, whatever the loop left behind.

| request | answer |
| --- | --- |
| `{"do": "list"}` | `{"tests": [id, …], "why"}`: every test that this Python has, or why there is none |
| `{"do": "open", "loop", "paths"}` | `{"version"}`, or `{"outcome", "reason"}`: a loop is made and closed |
| `{"do": "run", "test", "loop", "paths", "folder", "limit_s"}` | `{"verdict", "reason", "elapsed_ms"}` |

`loop` is `module:factory`. The test runs in `folder`, and its temporary files lie there. A test that hangs has its
threads' stacks written to standard error when `limit_s` are over; the supervisor ends the process.
"""

import asyncio
import faulthandler
import importlib
import os
import platform
import sys
import tempfile
import time
import unittest
import warnings
from pathlib import Path
from typing import Any

from crossloop.dropin.binding import NewLoop, bound_test, set_waits, take_over, test_ids
from crossloop.worker.channel import Channel
from crossloop.worker.process import die_with_parent

WAIT_SHARE = 0.5
"""Longest wait of a test, as a share of its limit: what never comes is then said in the test's own words."""


def main() -> None:
    """Do what the one request asks for."""
    channel = Channel()
    request = channel.first()
    if request is not None:
        die_with_parent()
        try:
            answer = {"list": listed, "open": opened, "run": run}[request["do"]](request)
        except BaseException as error:  # a loop may raise anything, SystemExit included
            from crossloop.worker.opening import refusal_of  # (in one process of a hundred)

            answer = refusal_of(error).as_dict()
        channel.answer(answer)
    sys.stderr.flush()
    os._exit(0)


def listed(_request: dict[str, Any]) -> dict[str, Any]:
    """Every test of this Python."""
    try:
        return {"tests": test_ids(), "why": ""}
    except ImportError as error:
        return {"tests": [], "why": str(error)}


def opened(request: dict[str, Any]) -> dict[str, Any]:
    """Make a loop, close it, and say which version it is of."""
    new_loop = factory(request)
    loop = new_loop()
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(
            f"{request['loop']} made {type(loop).__name__}, expected an asyncio.AbstractEventLoop"
        )
    loop.close()
    return {"version": version(type(loop).__module__.partition(".")[0])}


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run one test; what it raises is its verdict."""
    faulthandler.enable()
    faulthandler.dump_traceback_later(request["limit_s"])
    new_loop = factory(request)
    os.chdir(request["folder"])
    tempfile.tempdir = request["folder"]
    set_waits(request["limit_s"] * WAIT_SHARE)
    take_over(new_loop)
    result = unittest.TestResult()
    begun = time.monotonic()
    try:
        suite = unittest.TestSuite([bound_test(request["test"], new_loop)])
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # as `python -m unittest` has it
            suite.run(result)
    except unittest.SkipTest as skipped:  # of the whole module
        return _answer("skipped", str(skipped), begun)
    if wrong := [*result.errors, *result.failures]:
        return _answer("failed", "\n".join(text for _test, text in wrong), begun)
    if result.unexpectedSuccesses:
        return _answer("failed", "it passes where CPython expects a failure", begun)
    if result.skipped:
        return _answer("skipped", result.skipped[0][1], begun)
    return _answer("passed", "", begun)


def factory(request: dict[str, Any]) -> NewLoop:
    """What makes the loops of this process. Raises ImportError, AttributeError, TypeError."""
    importlib.import_module("test")  # before other folders are looked into: `test` is a common name
    sys.path[:0] = request["paths"]
    sys.path.append(str(Path.cwd()))  # where one stands comes last, for loops that are not installed
    module, _colon, names = request["loop"].partition(":")
    made: Any = importlib.import_module(module)
    for name in names.split("."):
        made = getattr(made, name)
    if not callable(made):
        raise TypeError(f"{request['loop']} is {type(made).__name__}, expected something to be called")
    new_loop: NewLoop = made
    return new_loop


def version(top: str) -> str:
    """Version of the package that a loop's class is of; that of Python for its own, empty where none is known."""
    from importlib import metadata  # (a third of what a test's process imports)

    if top in sys.stdlib_module_names:
        return platform.python_version()
    for distribution in metadata.packages_distributions().get(top, ()):
        return metadata.version(distribution)
    return str(getattr(sys.modules.get(top), "__version__", ""))


def _answer(verdict: str, text: str, begun: float) -> dict[str, Any]:
    elapsed_ms = round((time.monotonic() - begun) * 1000)
    return {"verdict": verdict, "reason": text.strip(), "elapsed_ms": elapsed_ms}


if __name__ == "__main__":
    main()
