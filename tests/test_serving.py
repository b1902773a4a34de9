"""The worker's server by level and transport: what is opened, what is announced, what is refused, what is left."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme

from crossloop.api import HttpSite, UnsupportedError
from crossloop.idioms.foreign_loop import ForeignLoop
from crossloop.supervise.answers import Serving
from crossloop.supervise.child import Child, ChildError, suite_paths, worker
from crossloop.worker.serving import rows_on
from crossloop.worker.slowing import busy
from tests.documents import ROOT
from tests.own_suite import SUITE
from tests.serving_scenario import Scenario

LIMIT_S = 20.0
ADAPTER = "select"
"""It is on every platform."""
POSIX = pytest.mark.skipif(os.name != "posix", reason="Python has no unix sockets on Windows")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and its chain; the authority's is beside it, `ca.pem`."""
    authority = trustme.CA()
    file = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(file))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return file


def request(level: str, adapter: str = ADAPTER, **place: Any) -> dict[str, Any]:
    return {
        "do": "serve", "module": SUITE.adapters[adapter].module, "scenario": "tests.serving_scenario",
        "style": "native", "paths": [*suite_paths(SUITE.paths), str(ROOT)], "cpu": None,
        "parameters": {"level": level}, "levels": [level], **place,
    }  # fmt: skip


def answered(ready: Serving) -> bytes:
    with socket.create_connection((ready.host, ready.port), LIMIT_S) as client:
        client.sendall(b"tcp")
        return client.recv(10)


def over_unix(ready: Serving) -> bytes:
    if sys.platform == "win32":  # see `POSIX`
        raise NotImplementedError
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT_S)
        client.connect(ready.path)
        client.sendall(b"unix")
        return client.recv(10)


@pytest.mark.parametrize("level", ["StreamServer", "PushServer"])
def test_over_tcp(level: str) -> None:
    with worker("served") as child:
        ready = child.ask(request(level), Serving, LIMIT_S)
        assert (ready.host, ready.path) == ("127.0.0.1", "")
        assert answered(ready) == b"TCP"


@POSIX
@pytest.mark.parametrize("level", ["StreamServer", "PushServer"])
def test_over_a_unix_socket_whose_path_goes_with_the_server(level: str, tmp_path: Path) -> None:
    path = tmp_path / "served"
    with worker("served") as child:
        ready = child.ask(request(level, transport="unix", path=str(path)), Serving, LIMIT_S)
        assert (ready.host, ready.port, ready.path) == ("", 0, str(path))
        assert over_unix(ready) == b"UNIX"
        child.end()
        assert not path.exists()


def test_over_tls_with_tickets(certificate: Path, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with worker("served") as child:
        serve_request = request("TlsServer", transport="tls", certificate=str(certificate))
        ready = child.ask(serve_request, Serving, LIMIT_S)
        with (
            socket.create_connection((ready.host, ready.port), LIMIT_S) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            client.sendall(b"tls")
            assert client.recv(10) == b"TLS"
            assert client.version() == "TLSv1.3"
            assert client.session is not None
            assert client.session.has_ticket


def test_over_udp() -> None:
    with worker("served") as child, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        ready = child.ask(request("Datagrams", transport="udp"), Serving, LIMIT_S)
        client.settimeout(LIMIT_S)
        client.connect((ready.host, ready.port))
        client.send(b"udp")
        assert client.recv(10) == b"UDP"


@pytest.mark.parametrize(
    ("serve_request", "reason"),
    [
        (request("StreamServer", transport="udp"), "StreamServer is served over tcp and unix, not udp"),
        (request("Readiness"), "Readiness is served over nothing, not tcp"),
        (request("Tasks"), "adapters.select_ offers no Tasks"),
        ({**request("Datagrams", transport="udp"), "style": "odd"}, "style 'odd' is not one of native"),
        (
            request("PushServer", "processes"),
            "adapters.processes offers no PushServer: a connection's process shares no memory with the others",
        ),
    ],
)
def test_what_cannot_be_served_is_unsupported_with_the_adapters_reason(
    serve_request: dict[str, Any], reason: str
) -> None:
    with worker("served") as child, pytest.raises(ChildError) as refused:
        child.ask(serve_request, Serving, LIMIT_S)
    assert reason in refused.value.outcome.reason  # type: ignore[union-attr]  # of an Unsupported
    assert type(refused.value.outcome).__name__ == "Unsupported"


def test_a_row_is_of_the_level_that_has_its_style() -> None:
    class Twice(ForeignLoop):
        styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
            "StreamServer": ("protocol",),
            "HttpServer": ("uvicorn", "protocol"),
        }

    levels = ("StreamServer", "HttpServer", "Datagrams")
    assert rows_on(ForeignLoop, levels[:2])["uvicorn"] == "HttpServer"
    assert rows_on(ForeignLoop, levels[:2])["protocol"] == "StreamServer"
    with pytest.raises(ValueError, match="StreamServer and HttpServer both have a style 'protocol'"):
        rows_on(Twice, levels)


def test_a_server_that_makes_its_own_answers_cannot_be_slowed() -> None:
    with pytest.raises(UnsupportedError, match="needs an application to slow"):
        busy(HttpSite({}), 3, "HttpServer")


def test_a_page_is_found_by_its_path() -> None:
    site = HttpSite({"one": (b"!",), "body-2": (b"a", b"b")})
    id_ = "0123456789abcdef" * 2
    assert site.at("/one") == (b"0" * 24 + b"!",)
    assert site.at(f"/body-2/{id_[:24]}") == (id_[:24].encode() + b"a", b"b")
    assert [site.at(path) for path in ("", "/", "/on", "/one/", f"/one/{id_}", "/one/" + "x" * 24)] == [
        None
    ] * 6


@pytest.mark.parametrize("level", ["StreamServer", "PushServer", "Datagrams"])
def test_an_application_of_any_level_can_be_slowed(level: str) -> None:
    application: Any = busy(Scenario({"level": level}).application(), 3, level)
    seen: list[bytes] = []
    receives: dict[str, Callable[[], bytes]] = {
        "StreamServer": lambda: application()(b"slow"),
        "PushServer": lambda: application(seen.append)(b"slow") or seen[0],
        "Datagrams": lambda: application(b"slow"),
    }
    assert receives[level]() == b"SLOW"


def test_a_worker_that_serves_no_tls_does_not_load_it() -> None:
    """It would be in the cost of importing an adapter, and in its memory."""
    code = (
        "import sys; before = set(sys.modules); import adapters.epoll_, adapters.threads, crossloop.worker.serving\n"
        "print('ssl' in set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


# Alone


def standalone(level: str, **place: Any) -> Child:
    import json

    serve_request = {**request(level, **place), "adapter": ADAPTER}
    return Child(["-m", "crossloop.worker.standalone", json.dumps(serve_request)], name="standalone")


def test_alone_over_udp_and_refused_with_a_next_step(tmp_path: Path) -> None:
    with (
        standalone("Datagrams", transport="udp") as child,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        ready = child.receive(Serving, LIMIT_S)
        client.settimeout(LIMIT_S)
        client.sendto(b"alone", (ready.host, ready.port))
        assert client.recv(10) == b"ALONE"


@POSIX
def test_alone_a_path_that_cannot_be_bound_is_said(tmp_path: Path) -> None:
    with standalone("StreamServer", transport="unix", path=str(tmp_path / "no" / "such")) as child:
        with pytest.raises(ChildError):
            child.receive(Serving, LIMIT_S)
        assert "cannot listen on " in child.tail()
        assert "choose a path that is free" in child.tail()
