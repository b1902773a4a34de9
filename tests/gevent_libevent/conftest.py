"""A loop for each test, and programs that run on one; all is skipped where gevent or libevent is missing."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from os import environ
from pathlib import Path
from typing import Any

import pytest

LOOP = "crossloop.bindings.gevent_libevent.loop"
LIMIT_S = 60.0


def _missing() -> str:
    try:
        from crossloop.bindings import gevent_libevent  # imports gevent

        gevent_libevent.get_version()
    except ImportError as error:  # no gevent, one of another release, no cffi, or no library
        return str(error)
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    reason = _missing() if ours else ""
    if reason:
        for item in ours:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(params=["calls-in-c", "calls-by-cffi"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A loop that is nobody's hub's: with libevent's calls of Python made by the part in C, and by cffi."""
    from crossloop.bindings import gevent_libevent, libevent

    library = libevent.load()
    if request.param == "calls-by-cffi":
        monkeypatch.setattr(libevent.library, "_loaded", [replace(library, calls=None)])
    elif library.calls is None:
        pytest.skip("libevent-calls is not built; `crossloop setup libevent-calls` makes it")
    made = gevent_libevent.loop(default=False)
    yield made
    made.destroy()


@pytest.fixture
def program() -> Callable[..., str]:
    """Runs Python text on the loop and returns what it printed; whatever else it says to stderr is a failure."""

    def run(text: str, *, stderr: str = "", loop: str = LOOP) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(text)],
            env={**environ, "GEVENT_LOOP": loop},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert (stderr in done.stderr) if stderr else not done.stderr, done.stderr
        assert done.returncode == 0, (done.returncode, done.stderr)
        return done.stdout.strip()

    return run
