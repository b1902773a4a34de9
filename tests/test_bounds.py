"""What a server does with more connections than it can hold: it serves its number, and closes the others."""

import importlib
import sys
from typing import Any

import pytest

from crossloop.api import styles_of
from crossloop.contract.peer import Server, echo, serve
from crossloop.contract.promise import Subject

FEW = 5
BOUNDED = ("tornado_", "gevent_libev")
"""Adapters that know a bound on Windows alone."""


def _adapter(module: str) -> Any:
    try:
        return importlib.import_module(f"adapters.{module}").Adapter
    except ImportError as error:
        pytest.skip(f"{module}: {error}")


def _served(server: Server) -> bool:
    peer = server.connect()
    try:
        peer.sendall(b"here")
        return peer.recv(4) == b"here"
    except ConnectionError:  # closed with our message unread
        return False


def _hold_to(adapter: Any, style: str, most: int) -> None:
    """Connect until it refuses, twenty times more, and once when there is room again."""

    def client(server: Server) -> None:
        first = server.connect()
        echo(first, b"first")
        assert [_served(server) for _ in range(most - 1)] == [True] * (most - 1)
        assert [_served(server) for _ in range(20)] == [False] * 20
        echo(first, b"still served")
        first.close()
        while not _served(server):  # until the server has seen that end
            pass

    serve(Subject(adapter, style), client)


@pytest.mark.parametrize("module", BOUNDED)
def test_what_comes_beyond_the_bound_is_closed_and_room_is_given_out_again(module: str) -> None:
    kind = _adapter(module)
    adapter = type("Bounded", (kind,), {"most_connections": lambda _self: (FEW, "few")})()
    try:
        _hold_to(adapter, styles_of(kind)["StreamServer"][0], FEW)
    finally:
        adapter.close()


@pytest.mark.parametrize("module", BOUNDED)
def test_only_windows_bounds_them(module: str) -> None:
    adapter = _adapter(module)()
    try:
        assert (adapter.most_connections() is not None) == (sys.platform == "win32")
    finally:
        adapter.close()


@pytest.mark.skipif(sys.platform != "win32", reason="select() has such a bound on Windows alone")
@pytest.mark.parametrize("module", BOUNDED)
def test_the_bound_on_windows_is_the_one_that_is_said(module: str) -> None:
    adapter = _adapter(module)()
    try:
        _hold_to(adapter, styles_of(type(adapter))["StreamServer"][0], adapter.most_connections()[0])
    finally:
        adapter.close()
