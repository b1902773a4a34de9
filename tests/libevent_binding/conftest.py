"""A base and a socket pair for each test; everything here is skipped where there is no libevent.

Each test is run twice: with libevent's calls of Python made by the part in C, and by cffi.
"""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crossloop.bindings import libevent
from crossloop.bindings.libevent import EventBase
from tests.libevent_binding.callbacks import LIMIT_S, later


def _missing() -> str:
    try:
        libevent.load()
    except ImportError as error:  # no cffi, or no library
        return str(error)
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _missing()
    if reason:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "method" in metafunc.fixturenames:
        metafunc.parametrize("method", () if _missing() else libevent.load().methods)


@pytest.fixture(params=["calls-in-c", "calls-by-cffi"], autouse=True)
def calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls Python in bases that the test makes."""
    library = libevent.load()
    if request.param == "calls-by-cffi":
        monkeypatch.setattr(libevent.library, "_loaded", [replace(library, calls=None)])
    elif library.calls is None:
        pytest.skip("libevent-calls is not built; `crossloop setup libevent-calls` makes it")


@pytest.fixture
def base() -> Iterator[EventBase]:
    """A base that gives up after `LIMIT_S` instead of hanging the run."""
    with EventBase() as made:

        def give_up(*_: object) -> None:
            raise TimeoutError(f"the loop still ran after {LIMIT_S} s")

        later(made, give_up, LIMIT_S)
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right
