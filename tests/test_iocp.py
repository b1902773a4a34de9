"""Completion ports: the adapter's own logic over a stand-in for the port, and what is said elsewhere.

On Windows the the contract tests run it on the real module.
"""

import contextlib
import importlib
import socket
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from adapters.asyncio_proactor import Adapter as ProactorAdapter
from crossloop.api import Echo, Receive, UnsupportedError
from crossloop.bindings.io_uring import Ring
from crossloop.contract.observing import descriptors
from crossloop.contract.peer import Server, echo, expect_end, serve
from crossloop.contract.promise import Promise, Subject
from crossloop.contract.promises.datagrams import DATAGRAMS
from crossloop.contract.promises.push_server import PUSH_SERVER
from crossloop.contract.promises.stream_endurance import STREAM_ENDURANCE
from crossloop.contract.promises.stream_server import STREAM_SERVER
from crossloop.contract.promises.tls_server import TLS_SERVER
from crossloop.supervise.certificates import certificates
from tests import completion_port


def _no_ring() -> str:
    try:
        Ring(1, 2).close()
    except OSError as error:
        return f"the stand-in needs io_uring, which is not to be had here: {error}"
    return ""


needs_io_uring = pytest.mark.skipif(bool(_no_ring()), reason=_no_ring() or "io_uring")
elsewhere = pytest.mark.skipif(sys.platform == "win32", reason="this is where it is at home")


@pytest.fixture
def iocp(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """`adapters.iocp` on the stand-in."""
    monkeypatch.setitem(sys.modules, "_overlapped", completion_port)
    monkeypatch.setitem(sys.modules, "_winapi", completion_port)
    monkeypatch.delitem(sys.modules, "adapters.iocp", raising=False)
    yield importlib.import_module("adapters.iocp")
    sys.modules.pop("adapters.iocp", None)
    completion_port.accept_failures.clear()


@pytest.fixture
def adapter(iocp: ModuleType) -> Iterator[Any]:
    before = set(descriptors() or ())
    adapter = iocp.Adapter()
    yield adapter
    adapter.close()
    assert not set(descriptors() or ()) - before


@pytest.fixture(scope="module")
def files() -> Iterator[tuple[str, str]]:
    """A server's certificate and that of its authority."""
    with certificates() as made:
        yield str(made.server), str(made.ca)


@needs_io_uring
@pytest.mark.parametrize(
    "promise",
    [*STREAM_SERVER, *STREAM_ENDURANCE, *TLS_SERVER, *PUSH_SERVER, *DATAGRAMS],
    ids=lambda promise: promise.id,
)
def test_it_behaves_as_a_server(adapter: Any, promise: Promise, files: tuple[str, str]) -> None:
    promise.run(Subject(adapter, "native", *files))


@needs_io_uring
@pytest.mark.parametrize("error", [1234, 10054])
def test_a_peer_that_is_gone_costs_no_other_datagram(adapter: Any, error: int) -> None:
    """Windows says with a later receive that an answer found nobody."""

    def client(server: Server) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(10)
            for message in (b"lost with the error", b"answered"):
                peer.sendto(message, server.address)
            assert peer.recv(100) == b"ANSWERED"

    completion_port.datagram_failures.append(error)
    DATAGRAMS.serve(Subject(adapter, "native"), client)
    assert not completion_port.datagram_failures


@needs_io_uring
def test_another_error_of_a_receive_is_raised(adapter: Any) -> None:
    def client(server: Server) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"anything", server.address)
        server.returned.wait(10)

    completion_port.datagram_failures.append(10022)
    with pytest.raises(OSError, match="10022"):
        DATAGRAMS.serve(Subject(adapter, "native"), client)


@needs_io_uring
@pytest.mark.parametrize("when", [1, -1], ids=["at completion", "at the call"])
def test_a_reset_before_the_accept_ends_that_accept_alone(adapter: Any, when: int) -> None:
    def client(server: Server) -> None:
        if when > 0:
            completion_port.accept_failures.extend([64, 10054, 64])
            for _ in range(3):
                expect_end(server.connect(), reset_allowed=True)
        for _ in range(3):
            echo(server.connect(), b"accepted")

    if when < 0:
        completion_port.accept_failures.extend([-64, -10054, -64])
    serve(Subject(adapter, "native"), client)
    assert not completion_port.accept_failures


@needs_io_uring
def test_another_error_of_the_accept_is_raised(adapter: Any) -> None:
    completion_port.accept_failures.append(-10022)
    with pytest.raises(OSError, match="10022"):
        serve(Subject(adapter, "native"), lambda _server: None)


@needs_io_uring
def test_accepting_pauses_while_no_socket_is_to_be_had(
    adapter: Any, iocp: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = iocp.socket.socket
    refusals = [completion_port.windows_error(10024), completion_port.windows_error(10055)]  # no room

    def sometimes(*arguments: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return real(*arguments)

    def client(server: Server) -> None:
        echo(server.connect(), b"after a pause")

    monkeypatch.setattr(iocp, "ACCEPT_PAUSE_MS", 1)
    monkeypatch.setattr(iocp.socket, "socket", _Callable(sometimes, real))
    serve(Subject(adapter, "native"), client)
    assert not refusals


class _Callable:
    """Stands where the class `socket.socket` stood, for the adapter's calls alone."""

    def __init__(self, call: Callable[..., Any], kind: Any) -> None:
        self._call, self._kind = call, kind

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        called_by = sys._getframe(1).f_globals["__name__"]
        return (self._call if called_by == "adapters.iocp" else self._kind)(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)


@needs_io_uring
def test_an_exception_of_the_application_is_raised_and_leaves_nothing(adapter: Any) -> None:
    def failing() -> Receive:
        def receive(data: bytes) -> bytes:
            raise KeyError("of the application")

        return receive

    def client(server: Server) -> None:
        peers = [server.connect() for _ in range(20)]
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(b"x")
        for peer in peers:
            expect_end(peer, reset_allowed=True)

    with pytest.raises(KeyError, match="of the application"):
        serve(Subject(adapter, "native"), client, failing)
    serve(Subject(adapter, "native"), lambda server: echo(server.connect(), b"again"), Echo)


@needs_io_uring
def test_it_states_its_mechanism(adapter: Any) -> None:
    facts = adapter.facts()
    assert (facts.mechanism, facts.binding) == ("iocp", "_overlapped")


@elsewhere
def test_elsewhere_the_module_is_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match="_overlapped"):
        importlib.import_module("adapters.iocp")


@elsewhere
def test_elsewhere_the_proactor_says_what_to_use() -> None:
    with pytest.raises(UnsupportedError, match="asyncio takes epoll or kqueue elsewhere"):
        ProactorAdapter()


@pytest.mark.skipif(sys.platform != "win32", reason="the Proactor is part of Windows")
def test_the_proactor_states_its_mechanism() -> None:
    adapter = ProactorAdapter()
    try:
        assert adapter.facts().mechanism == "iocp"
        with pytest.raises(UnsupportedError, match="no add_reader"):
            adapter.watch(0, print)
    finally:
        adapter.close()
