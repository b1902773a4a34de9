"""Twisted's two resolvers, each pointed at one DNS server: `twisted.names`, and threads.

- `twisted-names`: `twisted.names.client.Resolver`, DNS in Python. Each query has a UDP port of its own, with a random
  number, which is closed when the answer is there. It reads no /etc/hosts and keeps no answers.
- `getaddrinfo-threads`: `getaddrinfo` of the C library in the reactor's pool of threads, which is how the reactor
  resolves names by itself (`reactor.nameResolver`). The pool has at most 10 threads, and here as many as names are in
  flight. They are pointed at the server by `crossloop.idioms.glibc_resolver`, hence on glibc alone.

Both wait `RETRANS_S` for an answer and ask `TRIES` times, which is what glibc can be given.
"""

import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.threads import deferToThreadPool

from crossloop.idioms.glibc_resolver import RETRANS_S, TRIES, answer_in_this_thread, point_this_thread_at

Answer: TypeAlias = Sequence[str] | int
Ask: TypeAlias = Callable[[str], Awaitable[Answer]]
Server: TypeAlias = tuple[str, int]

_NO_ADDRESS: Final[int] = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)
"""The name exists and has no address of this family; not all platforms tell it from EAI_NONAME."""


async def _by_names(reactor: Any, server: Server, _in_flight: int) -> Ask:
    from twisted.names import client, dns, error

    new_resolver: Callable[..., Any] = client.Resolver
    resolver = new_resolver(servers=[server], timeout=(RETRANS_S,) * TRIES, reactor=reactor)

    async def ask(name: str) -> Answer:
        try:
            answers, _authority, _additional = await resolver.lookupAddress(name)
        except error.DNSNameError:
            return socket.EAI_NONAME
        except (error.DomainError, DeferredTimeoutError):  # the server fails, or says nothing
            return socket.EAI_AGAIN
        addresses = [record.payload.dottedQuad() for record in answers if record.type == dns.A]
        return addresses or _NO_ADDRESS

    return ask


async def _in_threads(reactor: Any, server: Server, in_flight: int) -> Ask:
    pool = reactor.getThreadPool()
    if in_flight > pool.max:
        reactor.suggestThreadPoolSize(in_flight)
    defer: Callable[..., Awaitable[Any]] = deferToThreadPool
    in_a_thread = functools.partial(defer, reactor, pool)
    await in_a_thread(point_this_thread_at, *server)
    return functools.partial(in_a_thread, answer_in_this_thread, server)


RESOLVERS: dict[str, Callable[[Any, Server, int], Awaitable[Ask]]] = {
    "getaddrinfo-threads": _in_threads,
    "twisted-names": _by_names,
}
"""Style → what makes its resolver on a reactor that runs, Twisted's own choice first.

Raises UnsupportedError where it cannot be pointed at the server."""
