"""Fixtures of several test modules."""

import signal
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import hypothesis
import pytest

from crossloop.installing.compiling import bring_native, c_compiler
from crossloop.installing.results import InstallFailed, NotForThisPlatform
from crossloop.load.loops import PYTHON
from crossloop.load.native import NativeEngine, native_engine
from crossloop.load.turns import Engine
from crossloop.native import LOAD_ENGINE

# Without a bound on an example's time (200 ms otherwise): how busy the machine is says nothing of a property.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")


LONGEST_FIRST = (
    "serve", "adapters", "contract", "cli", "bench", "scenarios", "wheel", "report", "ladder", "load", "behaviours",
    "installing", "streams", "odd_content", "lost_processes", "dropin", "suite", "load_exchanges", "claims", "adding",
    "length", "family", "one_writer", "tax", "compare_builds", "statuses",
)  # fmt: skip
"""Files of 15 s and more, from the longest on. Begun last, one of them would be alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files in the order in which workers take them; the order within a file stays."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_sessionstart() -> None:
    """A shell starts what it puts into the background with SIGINT ignored, and children inherit that."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@cache
def _native() -> Engine:
    """The native engine as `crossloop setup load-engine` builds it; skips with the reason where it cannot."""
    result = bring_native(LOAD_ENGINE)
    if isinstance(result, InstallFailed | NotForThisPlatform):
        pytest.skip(f"no native load engine: {result}")
    return native_engine()


@cache
def _native_on_poll(folder: Path) -> Engine:
    """The native engine on poll(2), which systems without epoll and kqueue get."""
    if sys.platform == "win32" or not c_compiler():
        pytest.skip("no native load engine: no compiler for it here")
    library = folder / "engine.so"
    command = [*c_compiler(), "-O2", "-std=gnu11", "-DCROSSLOOP_LOAD_POLL", "-shared", "-fPIC"]
    subprocess.run([*command, LOAD_ENGINE.folder / "engine.c", "-o", library], check=True, timeout=120)
    return NativeEngine(library)


@pytest.fixture(scope="session")
def poll_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the engine on poll(2) is built."""
    return tmp_path_factory.mktemp("native-poll")


@pytest.fixture
def native() -> Engine:
    """The native engine, built in this environment."""
    return _native()


@pytest.fixture(params=["python", "native"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine of the load, in turn: they are held to the same tests."""
    return PYTHON if request.param == "python" else _native()


@pytest.fixture(params=["python", "native", "native-poll"])
def every_engine(request: pytest.FixtureRequest, poll_folder: Path) -> Engine:
    """As `engine`, and the native one as other systems have it."""
    if request.param == "native-poll":
        return _native_on_poll(poll_folder)
    return PYTHON if request.param == "python" else _native()
