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
import socket
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import eventlet
from eventlet import tpool

from crossloop.api import UnsupportedError
from crossloop.idioms.glibc_resolver import RETRANS_S, TRIES, answer_in_this_thread, point_this_thread_at

Answer: TypeAlias = Sequence[str] | int
Ask: TypeAlias = Callable[[str], Answer]
Server: TypeAlias = tuple[str, int]

_NO_ADDRESS: Final[int] = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)
"""The name exists and has no address of this family; not all platforms tell it from EAI_NONAME."""
THREADS: Final = 20
"""Of the pool, unless EVENTLET_THREADPOOL_SIZE says otherwise."""


def _by_greendns(server: Server, _in_flight: int) -> Ask:
    try:
        from eventlet.support.greendns import dns
    except ImportError as error:
        raise UnsupportedError(
            f"greendns of eventlet {eventlet.__version__} needs dnspython: {error}"
        ) from error
    names = dns.resolver.Resolver(configure=False)
    names.port = server[1]  # before `nameservers`, which takes it from here
    names.nameservers = [server[0]]
    names.timeout = RETRANS_S
    names.lifetime = RETRANS_S * TRIES
    names.cache = None

    def ask(name: str) -> Answer:
        try:
            return [record.address for record in names.resolve(name, "A", search=False)]
        except dns.resolver.NXDOMAIN:
            return socket.EAI_NONAME
        except dns.resolver.NoAnswer:
            return _NO_ADDRESS
        except dns.exception.DNSException:  # no answer in time, or none that could be used
            return socket.EAI_AGAIN

    return ask


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
