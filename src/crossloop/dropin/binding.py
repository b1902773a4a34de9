"""CPython's tests of loops, bound to any loop. Runs in the test's process: nothing of the engine is imported.

CPython writes these tests as mixins, and binds each to its own loops in a few lines (`EPollEventLoopTests` in
test_events.py). The same is done here with another factory. A mixin asks for its loop in one of these ways:

- it calls `create_event_loop()` or `new_loop()`, which a class beside it has to give;
- it has `self.loop` made by whoever derives from it (`SubprocessMixin`);
- it calls `asyncio.new_event_loop()`, itself or through `asyncio.Runner`. That name is replaced in this process.

Two things of the test package are otherwise than CPython's own classes have them. `TestCase.close_loop` reads
`loop._default_executor` at the end of every test, which is private; here it is `shutdown_default_executor`, the public
way to the same end. And no child watcher is set: programs have not needed to since 3.8, and 3.14 has none.

An id is the module and the name of a test, as in `test_events.test_call_soon`: it is the same in each Python version
and for each loop, whichever class has the test.
"""

import asyncio
import contextlib
import importlib
import unittest
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
PACKAGE = "test.test_asyncio"


@dataclass(frozen=True)
class Source:
    """Classes of one module of tests, which together make one class that can be run."""

    module: str
    mixins: tuple[str, ...]
    """Those that the running Python lacks are left out."""
    makes_loop: bool = False
    """False: the mixin makes its loop itself, by one of the names that `Bound` has."""


SOURCES: Sequence[Source] = (
    Source("test_events", ("EventLoopTestsMixin", "SubprocessTestsMixin")),
    Source("test_subprocess", ("SubprocessMixin",), makes_loop=True),
    Source("test_sock_lowlevel", ("BaseSockTestsMixin",)),
    Source("test_buffered_proto", ("BaseTestBufferedProtocol",)),
    Source("test_sendfile", ("SendfileTestsBase",)),
    Source("test_sslproto", ("BaseStartTLS",)),
    Source("test_ssl", ("TestSSL",)),
    Source("test_server", ("SelectorStartServerTests",)),
    Source("test_server", ("TestServer2",)),
    Source("test_server", ("UnixServerCleanupTests",)),
)
"""All classes of `test.test_asyncio` that are written for any loop. The others are about a class of asyncio's own, its
futures and tasks, or about policies."""


def test_ids() -> list[str]:
    """Every test that this Python has. Raises ImportError where it has no `test.test_asyncio`."""
    importlib.import_module(PACKAGE)
    ids: dict[str, None] = {}
    for source in SOURCES:
        with contextlib.suppress(unittest.SkipTest):  # the whole module says that it is not for this machine
            if mixins := _mixins(source):
                names = unittest.TestLoader().getTestCaseNames(_class(source, mixins, _no_loop))
                ids.update(dict.fromkeys(f"{source.module}.{name}" for name in names))
    return list(ids)


def bound_test(test: str, new_loop: NewLoop) -> unittest.TestCase:
    """The test with this id, bound to *new_loop*. Raises ImportError, KeyError for a test that is not there."""
    module, _dot, name = test.partition(".")
    for source in SOURCES:
        if source.module == module and (mixins := _mixins(source)):
            bound = _class(source, mixins, new_loop)
            if hasattr(bound, name):
                return bound(name)
    raise KeyError(test)


def take_over(new_loop: NewLoop) -> None:
    """Have `asyncio.new_event_loop` and `asyncio.Runner` make loops by *new_loop* in this process.

    And give the tests a name that their `run_until` raises when nothing comes, and that asyncio has no more.
    """
    setattr(asyncio.futures, "TimeoutError", TimeoutError)  # noqa: B010  (typeshed knows that it is not there)
    asyncio.new_event_loop = asyncio.events.new_event_loop = new_loop


def set_waits(longest_s: float) -> None:
    """Bound what the tests wait for, as CPython's own `regrtest --timeout` does; before a test's module is imported."""
    support: Any = importlib.import_module("test.support")
    for name in ("LOOPBACK_TIMEOUT", "INTERNET_TIMEOUT", "SHORT_TIMEOUT", "LONG_TIMEOUT"):
        setattr(support, name, min(getattr(support, name), longest_s))


def _no_loop() -> asyncio.AbstractEventLoop:
    raise AssertionError("a test that is only listed makes no loop")


def _mixins(source: Source) -> list[type]:
    module = _module(source.module)
    return [getattr(module, name) for name in source.mixins if hasattr(module, name)]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


def _class(source: Source, mixins: Sequence[type], new_loop: NewLoop) -> type[unittest.TestCase]:
    """A class that can be run: *mixins* on a test case, with what they take their loop from."""
    utils: Any = _module("utils")
    functional: Any = _module("functional")

    class Bound(*mixins):  # type: ignore[misc]  # which classes these are is known only when it runs
        """The tests of the mixins, on the loop of the process."""

        def create_event_loop(self) -> asyncio.AbstractEventLoop:
            return new_loop()

        def new_loop(self) -> asyncio.AbstractEventLoop:
            return new_loop()

        @staticmethod
        def close_loop(loop: asyncio.AbstractEventLoop) -> None:
            _close(loop)

        if source.makes_loop:

            def setUp(self) -> None:
                super().setUp()
                self.loop = new_loop()
                self.set_event_loop(self.loop)

    bases: Iterator[type] = iter((Bound,))
    if not issubclass(Bound, unittest.TestCase):
        functional_ = issubclass(Bound, functional.FunctionalTestCaseMixin)
        bases = iter((Bound, unittest.TestCase if functional_ else utils.TestCase))
    # unittest finds `tearDownModule` by the name of the module.
    return type("DropIn", tuple(bases), {"__module__": f"{PACKAGE}.{source.module}"})


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop and the threads of its executor, by what is public."""
    if not loop.is_closed():
        with contextlib.suppress(NotImplementedError):
            loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
