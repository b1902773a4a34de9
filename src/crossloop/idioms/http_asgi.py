"""The ASGI application (ASGI 3.0, "HTTP & WebSocket ASGI Message Format") that the servers of coroutines are given."""

from typing import Any

from crossloop.api import HttpSite

TEXT = (b"content-type", b"text/plain")


def application(site: HttpSite) -> Any:
    """A body of one piece comes with its length; of several the server learns no length, and sends chunks."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pieces, status, headers = site.at(scope["path"]), 200, [TEXT]
        if pieces is None:
            pieces, status = (b"",), 404
        if len(pieces) == 1:
            headers = [TEXT, (b"content-length", b"%d" % len(pieces[0]))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in pieces[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": pieces[-1]})

    return app
