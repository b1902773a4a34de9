"""What becomes of a server whose accept fails: for one peer, for want of room, or for good."""

import asyncio
import errno
import importlib
import os
import socket
import sys
import threading
from typing import Any

import pytest

from crossloop.api import Echo, UnsupportedError
from crossloop.contract.peer import Server, echo, serve
from crossloop.contract.promise import Subject
from crossloop.idioms.accepting import AcceptFailure, accept_failure, must_rest
from crossloop.idioms.asyncio_ import StandardLoop
from crossloop.worker.channel import stop_pair
from crossloop.worker.serving import open_listener, tell

OURS = (
    *((name, "native") for name in ("spin", "select_", "poll_", "epoll_", "kqueue_", "sigio", "iouring")),
    *((name, "native") for name in ("threads", "processes", "pyev_", "libevent_")),
    *((name, "sockets") for name in ("asyncio_", "asyncio_select")),
)
"""Accept loops that are written here, not in a library."""


class WindowsError(OSError):
    """An OSError as Windows has them, on every system."""

    def __init__(self, number: int):
        super().__init__(errno.EINVAL, f"[WinError {number}]")
        self.winerror = number


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionAbortedError(errno.ECONNABORTED, ""), AcceptFailure.PEER),
        (OSError(errno.EPROTO, ""), AcceptFailure.PEER),
        (OSError(errno.ENETDOWN, ""), AcceptFailure.PEER),
        (WindowsError(64), AcceptFailure.PEER),
        (WindowsError(10054), AcceptFailure.PEER),
        (OSError(errno.EMFILE, ""), AcceptFailure.ROOM),
        (OSError(errno.ENOMEM, ""), AcceptFailure.ROOM),
        (WindowsError(10024), AcceptFailure.ROOM),
        (WindowsError(10055), AcceptFailure.ROOM),
        (OSError(errno.EINVAL, ""), AcceptFailure.LISTENER),
        (OSError(errno.EBADF, ""), AcceptFailure.LISTENER),
        (WindowsError(10022), AcceptFailure.LISTENER),
        (OSError("without a number"), AcceptFailure.LISTENER),
    ],
    ids=str,
)
def test_each_failure_has_its_place(error: OSError, failure: AcceptFailure) -> None:
    assert accept_failure(error) is failure


def test_only_the_listeners_own_failure_is_raised() -> None:
    assert must_rest(WindowsError(10024)) is True
    assert must_rest(WindowsError(64)) is False
    with pytest.raises(WindowsError, match="10022"):
        must_rest(WindowsError(10022))


class FailingLoop(asyncio.SelectorEventLoop):
    """A loop whose accepts fail as the Proactor's do: with an OSError that is no ConnectionError."""

    numbers = (64, 1236, 10054)

    def __init__(self) -> None:
        super().__init__()
        self._left = list(self.numbers)

    async def sock_accept(self, sock: socket.socket) -> Any:
        if self._left:
            raise WindowsError(self._left.pop())
        return await super().sock_accept(sock)


def test_resets_as_windows_reports_them_end_no_server_on_bare_sockets() -> None:
    adapter = StandardLoop(FailingLoop())

    def client(server: Server) -> None:
        for _ in range(3):
            echo(server.connect(), b"accepted")

    try:
        serve(Subject(adapter, "sockets"), client)
    finally:
        adapter.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere shutdown leaves a listener listening")
@pytest.mark.parametrize(("module", "style"), OURS, ids=lambda word: word)
def test_a_listener_that_is_of_no_use_ends_the_server(module: str, style: str) -> None:
    """accept fails with EINVAL once the listener was shut down (accept(2)), and would for ever."""
    try:
        adapter = importlib.import_module(f"adapters.{module}").Adapter()
    except (ImportError, UnsupportedError) as error:
        pytest.skip(f"{module}: {error}")
    listener = open_listener("127.0.0.1", 0)
    readable, writing = stop_pair()
    late = threading.Timer(5, tell, (writing,))
    with listener, readable, writing:
        listener.shutdown(socket.SHUT_RD)
        late.start()
        try:
            with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
                adapter.serve_streams(listener, Echo, style, readable)
        finally:
            late.cancel()
            adapter.close()
