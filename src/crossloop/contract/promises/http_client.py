"""Promises of `HttpClient`, run for each style that an adapter offers, against the companion of `http-client`."""

import contextlib
from collections.abc import Iterator

from crossloop.api import CheckFailedError, HttpClient, HttpSite
from crossloop.companions.http_server import WebServer
from crossloop.contract.peer import compare, pattern
from crossloop.contract.promise import (
    Aside,
    NotInstalledError,
    Promises,
    Subject,
    ViolationError,
    require,
    require_equal,
)
from crossloop.worker.channel import stop_pair
from crossloop.worker.serving import tell

HTTP_CLIENT: Promises[Subject] = Promises(lambda subject: subject)
SITE = HttpSite({"small": (b"a small page",), "large": (pattern(100_000),)})
IN_FLIGHT = 5
_BODIES = "the bodies of all paths, in their order"


@contextlib.contextmanager
def _serving() -> Iterator[WebServer]:
    """A web server in another thread."""
    server = WebServer(SITE)
    readable, writing = stop_pair()
    with readable, writing:
        aside = Aside(lambda: server.serve(readable), "web server")
        aside.start()
        try:
            yield server
        finally:
            tell(writing)
            aside.join()


def _get(subject: Subject, server: WebServer, paths: list[str], in_flight: int = IN_FLIGHT) -> list[bytes]:
    assert isinstance(subject.adapter, HttpClient)
    try:
        return list(subject.adapter.get_pages(subject.style, server.address, paths, in_flight))
    except ImportError as error:
        raise NotInstalledError(f"{type(error).__name__}: {error}") from error


def _paths(page: str, numbers: range) -> list[str]:
    return [f"/{page}/{number:024x}" for number in numbers]


def _compare(bodies: list[bytes], page: str, numbers: range) -> None:
    require_equal(len(bodies), len(numbers), "bodies")
    for number, body in zip(numbers, bodies, strict=True):
        compare(body, b"".join(SITE.pieces(page, b"%024x" % number)))


@HTTP_CLIENT.promise("http-client-pages", "200 small pages and 20 large ones", _BODIES)
def pages(subject: Subject) -> None:
    with _serving() as server:
        for page, numbers in (("small", range(200)), ("large", range(20))):
            _compare(_get(subject, server, _paths(page, numbers)), page, numbers)


@HTTP_CLIENT.promise(
    "http-client-in-flight",
    f"60 pages three times, {IN_FLIGHT} in flight; look at the connections",
    "at most *in_flight* at a time, on connections that are kept from call to call",
)
def in_flight(subject: Subject) -> None:
    with _serving() as server:
        for turn in range(3):
            numbers = range(60 * turn, 60 * turn + 60)
            _compare(_get(subject, server, _paths("small", numbers)), "small", numbers)
        require_equal(server.most_open, IN_FLIGHT, "most connections open at a time")
        require_equal(server.accepted, IN_FLIGHT, "connections in all")
        _get(subject, server, _paths("small", range(3)), in_flight=1)
        require(server.accepted <= IN_FLIGHT + 1, "one connection more for another number", server.accepted)


@HTTP_CLIENT.promise("http-client-404", "a path where no page is", "any other answer than 200 is raised")
def missing(subject: Subject) -> None:
    with _serving() as server:
        try:
            bodies = _get(subject, server, ["/small", "/nowhere"])
        except CheckFailedError as error:
            require("/nowhere" in str(error) and "404" in str(error), "path and status", str(error))
        else:
            raise ViolationError("CheckFailedError", bodies)
        _compare(_get(subject, server, _paths("small", range(10))), "small", range(10))
