"""eventlet's two resolvers, each pointed at one DNS server: greendns, and threads.

- `eventlet-greendns`: what `eventlet.green.socket` resolves by where dnspython is installed: dnspython, imported anew
  on green sockets (`eventlet.support.greendns`), with a UDP socket for each query. greendns reads /etc/hosts and
  /etc/resolv.conf around it; here dnspython itself is asked, without its cache.
- `getaddrinfo-threads`: `getaddrinfo` of the C library in `eventlet.tpool`, which has 20 threads, and here as many as
  names are in flight where these are more. They are pointed at the server by `crossloop.idioms.glibc_resolver`, hence
  on glibc alone.

Both wait `RETRANS_S` for an answer and ask `TRIES` times, which is what glibc can be given.
"""

import functools
from collections.abc import Callable
from typing import Final

import eventlet
from eventlet import tpool

from crossloop.api import UnsupportedError
from crossloop.idioms.dnspython_names import Ask, Server, asking_dnspython
from crossloop.idioms.glibc_resolver import answer_in_this_thread, point_this_thread_at

THREADS: Final = 20
"""Of the pool, unless EVENTLET_THREADPOOL_SIZE says otherwise."""


def _by_greendns(server: Server, _in_flight: int) -> Ask:
    try:
        from eventlet.support.greendns import dns
    except ImportError as error:
        raise UnsupportedError(
            f"greendns of eventlet {eventlet.__version__} needs dnspython: {error}"
        ) from error
    return asking_dnspython(dns, dns.resolver.Resolver(configure=False), server)


def _in_threads(server: Server, in_flight: int) -> Ask:
    if in_flight > THREADS:
        tpool.killall()  # the number is that of the next ones
        tpool.set_num_threads(in_flight)
    tpool.execute(point_this_thread_at, *server)
    return functools.partial(tpool.execute, answer_in_this_thread, server)


RESOLVERS: dict[str, Callable[[Server, int], Ask]] = {
    "eventlet-greendns": _by_greendns,
    "getaddrinfo-threads": _in_threads,
}
"""Style → what makes its resolver, eventlet's own choice first.

Raises UnsupportedError where it cannot be pointed at the server, or is not there."""
