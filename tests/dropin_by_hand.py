"""CPython's tests of loops bound to another loop by hand, as its maintainer writes it, and run by unittest.

This is what `crossloop dropin uvloop` is held against; it shares no code with it. `python -m tests.dropin_by_hand` runs
every test once by hand and once by `crossloop dropin`, on asyncio, uvloop and rloop, and prints where verdicts differ.
"""

import asyncio
import functools
import importlib
import json
import os
import subprocess
import sys
import unittest
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from test import support  # type: ignore[import-not-found]  # typeshed has no package test

WAIT_S = 10.0
"""Longest wait within a test, where CPython has up to 300 s. What never comes fails a test then, and hangs none."""
for wait in ("LOOPBACK_TIMEOUT", "INTERNET_TIMEOUT", "SHORT_TIMEOUT", "LONG_TIMEOUT"):
    setattr(support, wait, min(getattr(support, wait), WAIT_S))

from test.test_asyncio import (  # type: ignore[import-not-found]  # noqa: E402  (they read the waits at their import)
    test_buffered_proto,
    test_events,
    test_sendfile,
    test_server,
    test_sock_lowlevel,
    test_ssl,
    test_sslproto,
    test_subprocess,
    utils,
)

LOOPS = ("asyncio", "uvloop", "rloop")
BOUND = "DROPIN_BY_HAND"
"""Environment variable with the package whose loop the classes below have."""
package = importlib.import_module(os.environ.get(BOUND, "uvloop"))
AT_A_TIME = 3
LIMIT_S = 60.0
"""A test that takes longer has hung: it waits without a bound, or for several things one after the other."""


def close(loop: asyncio.AbstractEventLoop) -> None:
    """In place of a method of CPython's that reads `loop._default_executor`."""
    if not loop.is_closed():
        loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


class Binding:
    """What CPython's mixins take their loop from. It stands first: some mixins have a method that only raises."""

    create_event_loop = new_loop = staticmethod(package.new_event_loop)
    close_loop = staticmethod(close)


class Events(Binding, test_events.EventLoopTestsMixin, test_events.SubprocessTestsMixin, utils.TestCase):
    """test_events."""


class Subprocess(Binding, test_subprocess.SubprocessMixin, utils.TestCase):
    """test_subprocess."""

    def setUp(self) -> None:
        super().setUp()
        self.loop = package.new_event_loop()
        self.set_event_loop(self.loop)


class Sockets(Binding, test_sock_lowlevel.BaseSockTestsMixin, utils.TestCase):
    """test_sock_lowlevel."""


class Sendfile(Binding, test_sendfile.SendfileTestsBase, utils.TestCase):
    """test_sendfile."""


class Buffered(Binding, test_buffered_proto.BaseTestBufferedProtocol, unittest.TestCase):
    """test_buffered_proto."""


class StartTls(test_sslproto.BaseStartTLS, unittest.TestCase):
    """test_sslproto."""

    new_loop = staticmethod(package.new_event_loop)


class Tls(test_ssl.TestSSL):
    """test_ssl."""

    close_loop = staticmethod(close)

    def setUp(self) -> None:
        asyncio.set_event_loop_policy(package.EventLoopPolicy())
        super().setUp()


class Server(test_server.SelectorStartServerTests):
    """test_server."""

    new_loop = staticmethod(package.new_event_loop)


BY_HAND = {
    "test_events": Events,
    "test_subprocess": Subprocess,
    "test_sock_lowlevel": Sockets,
    "test_sendfile": Sendfile,
    "test_buffered_proto": Buffered,
    "test_sslproto": StartTls,
    "test_ssl": Tls,
    "test_server": Server,
}
OWN = {
    "test_events": "EPollEventLoopTests",
    "test_subprocess": "SubprocessThreadedWatcherTests",
    "test_sock_lowlevel": "EPollEventLoopTests",
    "test_sendfile": "EPollEventLoopTests",
    "test_buffered_proto": "BufferedProtocolSelectorTests",
    "test_sslproto": "SelectorStartTLSTests",
    "test_ssl": "TestSSL",
    "test_server": "SelectorStartServerTests",
}
"""Classes of CPython that bind the tests to its own loop on Linux."""


def verdict(loop: str, test: str) -> str:
    """`passed`, `failed`, `skipped` or `hung`, by `python -m unittest` in a process of its own."""
    module, name = test.split(".")
    if loop == "asyncio":
        path = f"test.test_asyncio.{module}.{OWN[module]}.{name}"
    else:
        path = f"tests.dropin_by_hand.{BY_HAND[module].__name__}.{name}"
    try:
        command, environment = [sys.executable, "-m", "unittest", path], {**os.environ, BOUND: loop}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return "hung"
    if done.returncode == 5 or "OK (skipped" in done.stderr:  # 5: nothing was run, from 3.12 on
        return "skipped"
    return "passed" if done.returncode == 0 else "failed"


def by_command(loops: Sequence[str], tests: Sequence[str] = ("test_",)) -> dict[str, dict[str, str]]:
    """Loop → test → outcome, by `crossloop dropin`; *tests*: ids or prefixes."""
    command = [sys.executable, "-m", "crossloop", "dropin", *loops, "--tests", ",".join(tests), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return {
        loop["loop"]: {test["id"]: test["outcome"] for test in loop["tests"]} for loop in document["loops"]
    }


def main() -> int:
    """Compare everything, or what the first argument begins with; the status is 1 where a verdict differs."""
    differing = 0
    for loop, outcomes in by_command(LOOPS, sys.argv[1:] or ("test_",)).items():
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            by_hand = list(pool.map(functools.partial(verdict, loop), outcomes))
        for (test, outcome), hand in zip(outcomes.items(), by_hand, strict=True):
            if hand != outcome:
                differing += 1
                print(f"{loop} {test}: by hand {hand}, by crossloop {outcome}", flush=True)
        print(f"{loop}: {len(outcomes)} tests compared", flush=True)
    return min(differing, 1)


if __name__ == "__main__":
    sys.exit(main())
