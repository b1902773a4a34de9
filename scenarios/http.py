"""HTTP/1.1 (RFC 9112): what does a GET cost, from a small body to ten kibibytes, whole or in two chunks?

A web server reads a request, parses it and answers. Two kinds of rows do so.

- Rows with a style of `StreamServer` (`protocol`, `streamserver`, …) serve the application of this file. Its parser is
  llhttp (by httptools) and the answers are made here, in Python, so all adapters have the same work: two such rows
  differ by the library's part.
- Rows named after a server (`uvicorn`, `aiohttp.web`, …) are the servers that people run on the library, each with a
  program as its documentation shows it, and with its own parser. Between one server's rows the loop's part differs.
  Between two servers nearly everything differs: a bare ASGI application does less for a request than a framework with
  routes. The parser is a fact of the row: a parser in Python takes several times as long.

The pages are the same, and the load compares each byte of every body.

Connections are kept alive, with one request in flight on each. Three resources (`resource`):

- `plaintext`: a body of 32 bytes. One small read, one small write: the least that a web server can do.
- `body-10k`: a body of 10 KiB, framed by Content-Length.
- `pieces`: the same 10 KiB in two chunks (Transfer-Encoding), as a framework sends a body that it makes in two pieces.
  This file's application returns its answer as one piece, so both chunks go to the library together: beside `body-10k`
  its row shows the cost of chunks, and not of two writes. The other servers get two pieces, one after the other.

Each request names the body that it wants, `/plaintext/ID`. The ID is the stamp of the exchange in 24 hexadecimal
digits, 8 of the connection and 16 of the sequence, and the body begins with it. So an answer to another request is
found. The status must be 200, and the body is compared byte by byte. A path without an ID (`/plaintext`) has 24 zeros
in its place, so that `wrk` and `curl` can ask too.

What this file's application does not do: it speaks HTTP/1.1 alone, reads no query and no body, and cannot close a
connection, because a sans-I/O application only returns bytes. A request that it cannot parse is answered by 400 and
`Connection: close`, and so is every answer to a client that asked to close; after that it reads no further, and the
client closes.
"""

import re
from collections.abc import Mapping

import httptools

from crossloop.api import (
    Content,
    Exchange,
    HttpSite,
    Receive,
    ScenarioAbout,
    ServedScenario,
    StreamApplication,
    UnsupportedError,
    fixed_filler,
)

ABOUT = ScenarioAbout(
    levels=("StreamServer", "HttpServer"),
    drive="exchange",
    title="HTTP",
    question="What does a GET over a kept connection cost, with a small body, a large body, and a body in two chunks?",
    group="messages",
    place=20,
    unit="request",
    sets=(
        ("smoke", {"resource": "plaintext", "connections": 10}),
        ("standard", {"resource": "body-10k", "connections": 10}),
        ("standard", {"resource": "pieces", "connections": 10}),
        ("standard", {"resource": "plaintext", "connections": 100}),
        ("full", {"resource": "plaintext", "connections": 1}),
        ("full", {"resource": "body-10k", "connections": 100}),
        ("full", {"resource": "pieces", "connections": 100}),
    ),
    limits={"connections": (1, 10000)},
    requires=("httptools>=0.6",),
    style_requires={
        "uvicorn": ("uvicorn>=0.30", "httptools>=0.6"),
        "aiohttp.web": ("aiohttp>=3.10",),
        "tornado.httpserver": ("tornado>=6.4",),
        "gevent.pywsgi": ("gevent>=24.10",),
        "hypercorn": ("hypercorn>=0.17", "trio>=0.27"),
        "eventlet.wsgi": ("eventlet>=0.40",),
        "twisted.web": ("twisted>=24.7",),
    },
    brief_first_styles=("StreamServer",),
    primary_styles_only_beyond=1,
    brief=True,
)

_ID_DIGITS = 24
_NO_ID = b"0" * _ID_DIGITS
_SMALL, _LARGE = fixed_filler(32 - _ID_DIGITS), fixed_filler(10240 - _ID_DIGITS)
_HALF = 5120 - _ID_DIGITS
SITE = HttpSite({"plaintext": (_SMALL,), "body-10k": (_LARGE,), "pieces": (_LARGE[:_HALF], _LARGE[_HALF:])})
"""What follows the ID in the body of each resource."""
_BODY_BYTES: Mapping[str, int] = {
    name: _ID_DIGITS + sum(map(len, pieces)) for name, pieces in SITE.pages.items()
}
"""Resource → bytes of its body, the ID included."""
_PATH = re.compile(rb"/(%s)(?:/([0-9a-f]{24}))?" % "|".join(_BODY_BYTES).encode())
_MOST_URL_BYTES = 200
"""Of a longer target the rest is dropped: it names nothing here."""
_FIELDS = b"Server: crossloop\r\nContent-Type: text/plain\r\n"
_CLOSE = b"Connection: close\r\n"


class Scenario(ServedScenario):
    """GET of one resource, from the application below or from a server of the library's."""

    def served_on(self, level: str) -> StreamApplication | HttpSite:
        """The site where the adapter has a web server, else the application."""
        return SITE if level == "HttpServer" else self.application()

    def application(self) -> StreamApplication:
        """The web server: one for all resources."""
        return _Connection.begun

    def exchange(self) -> Exchange:
        """A request for `resource`, and its body. Raises `UnsupportedError` for a resource that there is not."""
        resource: str = self.parameters["resource"]
        if resource not in _BODY_BYTES:
            raise UnsupportedError(f"http has no resource {resource!r}, but {', '.join(_BODY_BYTES)}")
        return Exchange(
            request=Content(
                before=f"GET /{resource}/".encode(),
                stamp="hex",
                after=b" HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\nUser-Agent: crossloop\r\n\r\n",
            ),
            answer=Content(stamp="hex", fixed_filler=_BODY_BYTES[resource] - _ID_DIGITS),
            framing="http",
        )


def _around_id(first: bytes, *others: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the ID in an answer: Content-Length, or a chunk a piece (RFC 9112, section 7.1)."""
    size = _ID_DIGITS + len(first)
    if not others:
        return b"Content-Length: %d\r\n\r\n" % size, first
    chunks = first + b"".join(b"\r\n%x\r\n%b" % (len(chunk), chunk) for chunk in others) + b"\r\n0\r\n\r\n"
    return b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size, chunks


_BODIES: Mapping[bytes, tuple[bytes, bytes]] = {
    name.encode(): _around_id(*pieces) for name, pieces in SITE.pages.items()
}


def _answered(status: bytes, close: bytes, before: bytes, body: bytes = b"") -> bytes:
    return b"".join((b"HTTP/1.1 ", status, b"\r\n", _FIELDS, close, before, body))


class _Connection:
    """One connection's parser and the answers that it has ready; llhttp calls the methods `on_…`."""

    __slots__ = ("_answers", "_ended", "_parser", "_url")

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._answers: list[bytes] = []
        self._ended = False

    @classmethod
    def begun(cls) -> Receive:
        """What receives a new connection's bytes."""
        return cls().receive

    def receive(self, data: bytes) -> bytes:
        """Answers to the requests that end within *data*, in their order."""
        while data and not self._ended:
            try:
                self._parser.feed_data(data)
                data = b""
            except httptools.HttpParserUpgrade as upgrade:
                # The offer of another protocol may be ignored (RFC 9110, section 7.8); llhttp stops there.
                data = data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError:
                if not self._ended:
                    self._refuse(b"400 Bad Request", close=True)
        answer = b"".join(self._answers)
        self._answers.clear()
        return answer

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._url = (self._url + url)[:_MOST_URL_BYTES]

    def on_message_complete(self) -> None:
        """Answer the request that ends here."""
        url, self._url = self._url, b""
        close = not self._parser.should_keep_alive()
        path = _PATH.fullmatch(url)
        if self._ended:
            return
        if path is None:
            self._refuse(b"404 Not Found", close)
        elif self._parser.get_method() != b"GET":
            self._refuse(b"405 Method Not Allowed", close)
        else:
            before, after = _BODIES[path[1]]
            body = (path[2] or _NO_ID) + after
            self._answers.append(_answered(b"200 OK", _CLOSE if close else b"", before, body))
            self._ended = close

    def _refuse(self, status: bytes, close: bool) -> None:
        self._answers.append(_answered(status, _CLOSE if close else b"", b"Content-Length: 0\r\n\r\n"))
        self._ended = close
