"""The other end of a connection: what of it is left when the server fails."""

import select
import socket
import threading

import pytest

from crossloop.api import Facts, StreamApplication, StreamServer
from crossloop.contract.peer import Server, expect_end, serve
from crossloop.contract.promise import WAIT_S, Subject


class Failing(StreamServer):
    """Accepts one connection, keeps it, and raises."""

    def __init__(self) -> None:
        self.kept: list[socket.socket] = []

    def serve_streams(
        self, listener: socket.socket, application: StreamApplication, style: str, stop: socket.socket
    ) -> None:
        select.select([listener], [], [], WAIT_S)
        self.kept.append(listener.accept()[0])
        raise KeyError("of the server")

    def facts(self) -> Facts:
        raise AssertionError("not asked here")

    def close(self) -> None:
        self.kept.pop().close()


def test_the_client_has_ended_when_the_servers_failure_is_raised() -> None:
    adapter = Failing()
    clients: list[socket.socket] = []

    def client(server: Server) -> None:
        clients.append(server.connect())
        expect_end(
            clients[0], reset_allowed=True
        )  # nobody closes the other end: this would wait its full time

    with pytest.raises(KeyError, match="of the server"):
        serve(Subject(adapter, "native"), client)
    try:
        assert "client" not in [thread.name for thread in threading.enumerate()]
        assert [sock.fileno() for sock in clients] == [-1]
    finally:
        adapter.close()
