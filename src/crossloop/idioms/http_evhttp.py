"""evhttp: libevent's own web server, in C, with a program that is one callback, as in its `sample/http-server.c`.

It parses a request, and calls back once it has it whole; the callback answers by `evhttp_send_reply`, or in pieces by
`evhttp_send_reply_chunk`. evhttp adds date and length, and reads the next request when the answer has been sent. What
is no HTTP it answers by 400 itself. It has no log. An answer to HEAD is sent with the body that it is given.
"""

import socket

from crossloop.api import HttpFacts, HttpSite
from crossloop.bindings.libevent import EventBase, HttpRequest, HttpServer, libevent_version, load_http
from crossloop.bindings.libevent.http import PARSER


def serve(base: EventBase, listener: socket.socket, site: HttpSite) -> HttpServer:
    """A server of *site* that accepts from *listener* while *base* runs."""

    def answer(request: HttpRequest) -> None:
        pieces = site.at(request.path.decode("latin-1"))
        request.add_header(b"Content-Type", b"text/plain")
        if pieces is None:
            request.reply(404, b"Not Found")
        elif request.is_head:
            request.reply(200, b"OK")
        elif len(pieces) == 1:
            request.reply(200, b"OK", pieces[0])
        else:
            request.begin_reply(200, b"OK")
            for piece in pieces:
                request.send_piece(piece)
            request.end_reply()

    server = HttpServer(base, answer)
    server.accept(listener)
    return server


def facts() -> HttpFacts:
    """The function that begins to parse a request, and the library that it is in."""
    return HttpFacts(
        server="libevent",
        server_version=libevent_version(),
        parser=PARSER,
        compiled=True,
        library=load_http().file,
    )
