"""gevent's three resolvers, each pointed at one DNS server: threads, c-ares, dnspython.

- `gevent-thread`, the default: `getaddrinfo` of the C library in gevent's pool of native threads. The
  pool has 10 of them unless told otherwise; here as many as names are in flight. Each look-up costs an
  async watcher, made and closed, and two thread switches. The threads are pointed at the server by
  `crossloop.idioms.glibc_resolver`, hence on glibc only.
- `gevent-ares`: c-ares, compiled into gevent, its sockets watched by the loop. Since 1.31 a channel
  caches answers for as long as their TTL says, so each call here gets a channel of its own.
- `gevent-dnspython`: dnspython on gevent's sockets, one UDP socket a query. gevent 26.9 wraps a
  `_DualResolver` that lacks the `resolve_name` which `getaddrinfo` of a current dnspython calls: every
  look-up through GEVENT_RESOLVER=dnspython fails with EAI_AGAIN (compare gevent issue 1661). What works, and
  is documented, is the dnspython object itself, `resolver.resolver`; so that is asked. It passes
  /etc/hosts by. Its cache is switched off.

All three wait `RETRANS_S` for an answer and ask `TRIES` times, which is what glibc can be given.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import gevent
from gevent.pool import Pool

from crossloop.api import UnsupportedError
from crossloop.idioms.dnspython_names import Answer, Ask, Server, asking_dnspython
from crossloop.idioms.glibc_resolver import (
    RETRANS_S,
    TRIES,
    addresses_or_error,
    answer_in_this_thread,
    point_this_thread_at,
)

_ARES_FLAG_NOSEARCH: Final = 1 << 5
"""ares.h: ask for names as given, without the search list of resolv.conf."""


def resolve_all(
    hub: Any, style: str, server: Server, names: Sequence[str], in_flight: int
) -> dict[str, Answer]:
    """Resolve *names* at *server*, a greenlet for each, at most *in_flight* at a time.

    Raises UnsupportedError where the resolver of *style* cannot be pointed at *server* or is not there.
    """
    answers: dict[str, Answer] = {}
    pool = Pool(in_flight)

    with RESOLVERS[style](hub, server, in_flight) as ask:

        def resolve(name: str) -> None:
            answers[name] = ask(name)

        try:
            for name in names:
                pool.spawn(resolve, name)
            pool.join()
        finally:
            pool.kill()
    return answers


@contextmanager
def _in_threads(hub: Any, server: Server, in_flight: int) -> Iterator[Ask]:
    from gevent.resolver.thread import Resolver

    threads = Resolver(hub).pool
    threads.maxsize = in_flight
    if trouble := threads.apply(_trouble_with_pointing_at, (server,)):
        raise UnsupportedError(trouble)

    def ask(name: str) -> Answer:
        answer: Answer = threads.apply(answer_in_this_thread, (server, name))
        return answer

    yield ask


def _trouble_with_pointing_at(server: Server) -> str:
    """In a pool thread: why it cannot be pointed at *server*. Said, not raised: the hub would report that."""
    try:
        point_this_thread_at(*server)
    except UnsupportedError as error:
        return str(error)
    return ""


@contextmanager
def _by_ares(hub: Any, server: Server, in_flight: int) -> Iterator[Ask]:
    try:
        from gevent.resolver.ares import Resolver
    except ImportError as error:
        raise UnsupportedError(f"gevent {gevent.__version__} was built without c-ares: {error}") from error
    host, port = server
    loop = _LoopOfAres(hub.loop)

    class OwnedResolver(Resolver):  # type: ignore[misc]  # gevent ships no types
        @staticmethod
        def cares_class(_loop: Any, **options: Any) -> Any:
            return Resolver.cares_class(loop, **options)

    resolver = OwnedResolver(
        hub,
        use_environ=False,
        servers=[host],
        udp_port=port,
        tcp_port=port,
        timeout=RETRANS_S,
        tries=TRIES,
        flags=_ARES_FLAG_NOSEARCH,
    )
    try:
        yield lambda name: addresses_or_error(resolver.getaddrinfo, name)
    finally:
        resolver.close()
        gevent.sleep(0)  # the channel is destroyed in the loop's next turn
        resolver.fork_watcher.close()
        loop.close_timers()


class _LoopOfAres:
    """What gevent's c-ares channel uses of a loop; remembers the channel's timer, in order to close it.

    gevent 26.9 stops that timer, and the resolver's fork watcher, and closes neither. libev does not mind.
    libuv keeps a list of handles in which both stay when their memory is freed: after some resolvers have
    come and gone, the process ends with `free(): invalid pointer` or a segmentation fault.
    """

    def __init__(self, loop: Any) -> None:
        self.io = loop.io
        self.handle_error = loop.handle_error
        self._make_timer = loop.timer
        self._timers: list[Any] = []

    def timer(self, after: float, repeat: float) -> Any:
        timer = self._make_timer(after, repeat)
        self._timers.append(timer)
        return timer

    def close_timers(self) -> None:
        for timer in self._timers:
            timer.close()


@contextmanager
def _by_dnspython(hub: Any, server: Server, in_flight: int) -> Iterator[Ask]:
    try:
        from gevent.resolver.dnspython import Resolver, dns
    except ImportError as error:
        raise UnsupportedError(f"gevent's dnspython resolver needs dnspython: {error}") from error
    yield asking_dnspython(dns, Resolver(hub).resolver, server)


RESOLVERS: dict[str, Callable[[Any, Server, int], AbstractContextManager[Ask]]] = {
    "gevent-thread": _in_threads,
    "gevent-ares": _by_ares,
    "gevent-dnspython": _by_dnspython,
}
"""Style → what makes its resolver, the default of gevent first."""
