"""evhttp through the binding: requests as they arrive, answers as a client of the standard library reads them."""

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from crossloop.api.facts import mapped_files
from crossloop.bindings import libevent
from crossloop.bindings.libevent import EventBase, HttpRequest, HttpServer, LibeventError, Wakeup, locate
from crossloop.cli.exits import NOTHING_MEASURED
from crossloop.installing.recipes.libevent_library import bring_libevent
from crossloop.installing.results import AlreadyThere
from crossloop.machine import probes_surroundings
from tests.libevent_binding.callbacks import LIMIT_S, DeliberateError, fail


def _missing() -> str:
    try:
        libevent.load_http()
    except ImportError as error:
        return str(error)
    return ""


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.setblocking(False)
        yield made


def serve(
    base: EventBase,
    listener: socket.socket,
    on_request: Callable[[HttpRequest], object],
    client: Callable[[HTTPConnection], object],
) -> None:
    """Serve until *client*, in a thread of its own, is done; raises what it raised."""
    host, port = listener.getsockname()
    wakeup = Wakeup(base)
    errors = []

    def converse() -> None:
        try:
            with contextlib.closing(HTTPConnection(host, port, timeout=LIMIT_S)) as connection:
                client(connection)
        except BaseException as error:
            errors.append(error)
        wakeup.wake(base.loopbreak)

    thread = threading.Thread(target=converse)
    with contextlib.closing(HttpServer(base, on_request)) as server:
        server.accept(listener)
        thread.start()
        try:
            base.run()
        finally:
            server.close()  # the client's wait ends with its connection
            thread.join()
    for error in errors:
        raise error


def test_answers_are_what_the_program_made(base: EventBase, listener: socket.socket) -> None:
    paths = []

    def answer(request: HttpRequest) -> None:
        paths.append((request.path, request.is_head))
        request.add_header(b"X-Color", b"blue")
        if request.path == b"/pieces":
            request.begin_reply(200, b"OK")
            for piece in (b"one ", b"two ", b"three"):
                request.send_piece(piece)
            request.end_reply()
        elif request.path == b"/whole":
            request.reply(200, b"OK", b"" if request.is_head else b"a body\0 of bytes")
        else:
            request.reply(404, b"Nowhere")

    def client(connection: HTTPConnection) -> None:
        seen = []
        for method, target in (
            ("GET", "/whole?of=it"),
            ("GET", "/pieces"),
            ("HEAD", "/whole"),
            ("GET", "/%41"),
        ):
            connection.request(method, target)
            response = connection.getresponse()
            chunked = response.getheader("Transfer-Encoding") == "chunked"
            assert response.getheader("X-Color") == "blue"
            seen.append((response.status, response.reason, chunked, response.read()))
        assert seen == [
            (200, "OK", False, b"a body\0 of bytes"),
            (200, "OK", True, b"one two three"),
            (200, "OK", False, b""),
            (404, "Nowhere", False, b""),
        ]

    serve(base, listener, answer, client)
    assert paths == [(b"/whole", False), (b"/pieces", False), (b"/whole", True), (b"/%41", False)]


def test_an_exception_of_the_program_comes_out_of_the_loop(base: EventBase, listener: socket.socket) -> None:
    def client(connection: HTTPConnection) -> None:
        connection.request("GET", "/")
        with contextlib.suppress(ConnectionError):
            connection.getresponse()

    with pytest.raises(DeliberateError):
        serve(base, listener, fail, client)


def test_a_field_of_two_lines_is_refused(base: EventBase, listener: socket.socket) -> None:
    refused = []

    def answer(request: HttpRequest) -> None:
        try:
            request.add_header(b"X-Color", b"blue\r\nX-More: red")
        except LibeventError as error:
            refused.append(str(error))
        request.reply(200, b"OK", b"plain")

    def client(connection: HTTPConnection) -> None:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"plain"

    serve(base, listener, answer, client)
    assert len(refused) == 1
    assert "is no field of HTTP" in refused[0]


def test_a_head_of_any_length_has_an_end(base: EventBase, listener: socket.socket) -> None:
    """Longer than what a connection reads ahead: were it not refused, it would wait for the rest for ever."""
    requests = []

    def answer(request: HttpRequest) -> None:
        requests.append(request.path)
        request.reply(200, b"OK")

    def client(connection: HTTPConnection) -> None:
        connection.connect()
        with contextlib.suppress(ConnectionError):  # it may be closed before all is sent
            connection.sock.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 500_000)
            assert connection.sock.recv(12) in (b"", b"HTTP/1.1 400", b"HTTP/1.1 413")

    serve(base, listener, answer, client)
    assert requests == []


def test_a_closed_server_accepts_nothing(base: EventBase, listener: socket.socket) -> None:
    server = HttpServer(base, fail)
    server.close()
    server.close()
    with pytest.raises(LibeventError, match="closed"):
        server.accept(listener)


@pytest.fixture
def core_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on libevent is a core without anything beside it."""
    core = next((path for path in mapped_files() if "libevent_core" in path.name), None)
    if core is None:
        pytest.skip("the library's file cannot be seen here")
    alone = shutil.copy(core, tmp_path / "libevent_core-2.1.so.7")
    monkeypatch.setenv(locate.ENVIRONMENT_VARIABLE, str(alone))


@pytest.mark.usefixtures("core_alone")
def test_a_core_without_extra_says_what_to_do() -> None:
    code = "from crossloop.bindings import libevent; print(libevent.load().version); libevent.load_http()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.stdout.strip() == libevent.load().version
    assert "LibraryNotFoundError: libevent_extra: no evhttp beside" in run.stderr
    assert run.stderr.rstrip().endswith("Next: crossloop setup libevent")


@pytest.mark.usefixtures("core_alone")
def test_setup_and_doctor_say_that_evhttp_is_missing() -> None:
    result, diagnosis = bring_libevent(), probes_surroundings.libevent()
    assert isinstance(result, AlreadyThere)
    for said in (result.detail, diagnosis.detail):
        assert said.startswith(("libevent 2.", "2."))
        assert said.endswith("no evhttp: libevent_extra-2.1.so.7 is not there, or has none")
    assert (diagnosis.status, diagnosis.remedy) == ("warning", "crossloop setup libevent")


@pytest.mark.usefixtures("core_alone")
def test_a_row_without_evhttp_is_not_installed() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "crossloop", "serve", "libevent", "http", "--style", "evhttp"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (run.returncode, run.stdout) == (NOTHING_MEASURED, "")
    assert run.stderr.startswith("crossloop: libevent: not-installed: LibraryNotFoundError: libevent_extra: ")
