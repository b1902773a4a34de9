"""A web server by hand on asyncio's streams, and what can be wrong with one.

It parses so much of HTTP/1.1 as the promises of `HttpServer` send, and needs no package.
"""

import asyncio
import contextlib
import itertools
import socket
import sys
from dataclasses import dataclass

from crossloop.api import HttpFacts, HttpSite, facts_with_parser
from crossloop.idioms.asyncio_streams import readable

STYLE = "by-hand"
LIMIT = 1 << 16


@dataclass
class Faults:
    """What is wrong; as it is made, nothing."""

    changed_every: int = 0
    """One body in so many has its last byte changed."""
    closes: bool = False
    """It closes each connection after its first answer."""
    swaps: bool = False
    """It answers requests that came together in the reverse order."""
    wrong_status: int = 404
    """For a path without a page."""
    body_for_head: bool = False
    noisy: bool = False
    """It writes to stderr what is no HTTP."""
    hoards: bool = False
    """It keeps its end of each connection open."""
    reads_on: bool = False
    """It takes requests in from a peer that does not read."""
    lingers: bool = False
    """At its end it waits for peers to read what they were sent."""
    parser: str = ""
    """It states this type."""
    library: str = ""
    """It states that its parser is a function of this library."""


class Parser:
    """Cuts requests from a stream."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def next(self) -> tuple[str, str]:
        """Method and path. Raises EOFError at the end, ValueError for what is no HTTP."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise EOFError from error
        method, path, version = head.partition(b"\r\n")[0].decode("ascii").split(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(f"{version!r} is no version of HTTP/1")
        return method, path

    async def end(self) -> None:
        """Wait for the end. Raises EOFError then."""
        await self._reader.read()
        raise EOFError


class WebServer:
    """One server, while it serves."""

    def __init__(self, site: HttpSite, faults: Faults) -> None:
        self._site = site
        self._faults = faults
        self._bodies = itertools.count(1)
        self._writers: set[asyncio.StreamWriter] = set()
        self._kept: list[socket.socket] = []

    async def serve(self, listener: socket.socket, stop: socket.socket) -> None:
        """Until *stop* is readable."""
        server = await asyncio.start_server(self._converse, sock=listener.dup(), limit=LIMIT)
        with contextlib.ExitStack() as kept:
            try:
                await readable(stop)
            finally:
                server.close()
                while self._writers:
                    for writer in tuple(self._writers):
                        writer.close() if self._faults.lingers else writer.transport.abort()
                    await asyncio.sleep(0.01 if self._faults.lingers else 0)
                for sock in self._kept:
                    kept.enter_context(sock)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        kept = writer.get_extra_info("socket").dup() if self._faults.hoards else None
        try:
            await self._answer_all(Parser(reader), writer)
        except (OSError, EOFError):
            pass
        except (ValueError, asyncio.LimitOverrunError) as error:
            if self._faults.noisy:
                print(error, file=sys.stderr)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        finally:
            if kept is not None:
                self._kept.append(kept)
                with contextlib.suppress(OSError):
                    kept.shutdown(socket.SHUT_RDWR)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._writers.discard(writer)

    async def _answer_all(self, parser: Parser, writer: asyncio.StreamWriter) -> None:
        while True:
            answer = self._answer(*await parser.next())
            if self._faults.swaps:
                with contextlib.suppress(TimeoutError):
                    answer = self._answer(*await asyncio.wait_for(parser.next(), 0.05)) + answer
            writer.write(answer)
            if self._faults.closes:
                writer.write_eof()
                await parser.end()
            if not self._faults.reads_on:
                await writer.drain()

    def _answer(self, method: str, path: str) -> bytes:
        pieces, status = self._site.at(path), 200
        if pieces is None:
            pieces, status = (b"",), self._faults.wrong_status
        elif self._faults.changed_every and not next(self._bodies) % self._faults.changed_every:
            pieces = (*pieces[:-1], pieces[-1][:-1] + b"?")
        head = b"HTTP/1.1 %d Whatever\r\n" % status
        if len(pieces) == 1:
            head += b"Content-Length: %d\r\n\r\n" % len(pieces[0])
            body = pieces[0]
        else:
            head += b"Transfer-Encoding: chunked\r\n\r\n"
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
        return head if method == "HEAD" and not self._faults.body_for_head else head + body


def facts(faults: Faults) -> HttpFacts:
    """What is so, but for a parser that is none."""
    true = facts_with_parser("by-hand", "1", Parser)
    return HttpFacts(**{**true.as_dict(), "parser": faults.parser or true.parser, "library": faults.library})
