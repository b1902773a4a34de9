"""What the programs of this group share: lookups that need no network, and what Python itself answers."""

import socket
from typing import Any

Found = list[tuple[Any, ...]]


def plainly(*question: Any, **options: Any) -> Found | int | None:
    """What `socket.getaddrinfo` answers: addresses, in any order, or the number of its error."""
    try:
        return sorted(socket.getaddrinfo(*question, **options))
    except socket.gaierror as error:
        return error.errno


def known(infos: Any) -> Found:
    """*infos* with plain numbers for enumerations, in the order of `plainly`."""
    return sorted(
        (int(family), int(kind), proto, name, address) for family, kind, proto, name, address in infos
    )
