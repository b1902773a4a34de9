"""Promises of `AddressLookups`: no name server is asked, but for a name that there is none of."""

import socket
from typing import cast

from crossloop.api import AddressLookups
from crossloop.contract.promise import Promises, ViolationError, require_equal

ADDRESS_LOOKUPS = Promises(lambda subject: cast(AddressLookups, subject.adapter))
_ADDRESSES = "the addresses that a socket takes, for streams"


@ADDRESS_LOOKUPS.promise("addresses-numeric", "numeric hosts of IPv4 and IPv6, three times each", _ADDRESSES)
def numeric(lookups: AddressLookups) -> None:
    for host, address in (("127.0.0.1", ("127.0.0.1", 4711)), ("::1", ("::1", 4711, 0, 0))):
        answers = lookups.look_up(host, 4711, 3)
        require_equal([list(map(tuple, infos)) for infos in answers], [[address]] * 3, f"addresses of {host}")


@ADDRESS_LOOKUPS.promise(
    "addresses-none",
    "a name of the domain that holds none (RFC 6761)",
    "socket.gaierror for a name that has none",
)
def none_there(lookups: AddressLookups) -> None:
    try:
        infos = lookups.look_up("crossloop.invalid", 4711, 1)
    except socket.gaierror:
        pass
    else:
        raise ViolationError("look_up raises socket.gaierror", f"it returned {infos}")
    numeric(lookups)
