"""dnspython as gevent and eventlet bring it, on their own sockets: pointed at one DNS server, and asked for a name."""

import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from crossloop.idioms.glibc_resolver import RETRANS_S, TRIES

Answer: TypeAlias = Sequence[str] | int
Ask: TypeAlias = Callable[[str], Answer]
Server: TypeAlias = tuple[str, int]

NO_ADDRESS: Final[int] = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)
"""The name exists and has no address of this family; not all platforms tell it from EAI_NONAME."""


def asking_dnspython(dns: Any, names: Any, server: Server) -> Ask:
    """What asks *names*, a resolver of the module *dns*, at *server* alone and without a cache."""
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
            return NO_ADDRESS
        except dns.exception.DNSException:  # no answer in time, or none that could be used
            return socket.EAI_AGAIN

    return ask
