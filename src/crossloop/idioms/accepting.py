"""What a failed accept means: this peer has gone, there is no room for another, or the listener is unusable.

A server goes on after the first, rests after the second, and ends with the third:

*The peer has gone.* Its connection was complete, waited in the queue and was reset, or the network failed it. On most
systems accept then fails once (ECONNABORTED by POSIX, EPROTO in older ones), and Linux passes on any pending error of
the new socket (accept(2), "Error handling": ENETDOWN to ENETUNREACH; EPERM comes from a firewall). Windows' `accept`
says WSAECONNRESET. `AcceptEx` completes with an error of files instead, ERROR_NETNAME_DELETED, which is no
ConnectionError, and whose errno is EINVAL: only `winerror` shows it (cpython 93821); Wine: ERROR_UNEXP_NET_ERR.

*No room.* The process has no descriptor left or the system no memory. Waiting clients still wait, and the listener
stays readable: without a rest a loop would spin. Connections that end meanwhile make room. A library's own server rests
by the library's rule: asyncio's for a second, gevent's for 10 ms at first and up to a second.

*The listener.* EBADF, EINVAL, ENOTSOCK and all unknown errors: trying again would never end.
"""

import enum
import errno

ACCEPTS_PER_WAKE = 128
"""A storm of new connections must not keep those waiting that are there already, nor the word to stop."""
ACCEPTS_UNDER_WAY = 32
"""On completion ports, which have no such burst, so many accepts wait at a time (AcceptEx): each needs a socket that
is made beforehand, and a burst of connections finds that many ready."""
ACCEPT_PAUSE_S = 0.1
"""Rest after there was no room."""
ASYNCIO_PAUSE_S = 1.0
"""The same for servers that we write on asyncio's API: what asyncio's own servers rest (`ACCEPT_RETRY_DELAY`)."""


class AcceptFailure(enum.Enum):
    """Whose failure it is that nobody was accepted."""

    PEER = enum.auto()
    ROOM = enum.auto()
    LISTENER = enum.auto()


def _errnos(*names: str) -> dict[int, AcceptFailure]:
    """Those that the platform has; on Windows the errno module names the numbers of Winsock."""
    return {getattr(errno, name): AcceptFailure.PEER for name in names if hasattr(errno, name)}


_BY_ERRNO = {
    **_errnos("ECONNABORTED", "ECONNRESET", "EPROTO", "ENOPROTOOPT", "EOPNOTSUPP", "EPERM", "ETIMEDOUT"),
    **_errnos("ENETDOWN", "ENETUNREACH", "ENETRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENONET"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM), AcceptFailure.ROOM),
}

_BY_WINERROR = {
    59: AcceptFailure.PEER,  # ERROR_UNEXP_NET_ERR
    64: AcceptFailure.PEER,  # ERROR_NETNAME_DELETED
    121: AcceptFailure.PEER,  # ERROR_SEM_TIMEOUT: the handshake's end did not come
    1225: AcceptFailure.PEER,  # ERROR_CONNECTION_REFUSED
    1236: AcceptFailure.PEER,  # ERROR_CONNECTION_ABORTED
    10053: AcceptFailure.PEER,  # WSAECONNABORTED
    10054: AcceptFailure.PEER,  # WSAECONNRESET
    8: AcceptFailure.ROOM,  # ERROR_NOT_ENOUGH_MEMORY
    14: AcceptFailure.ROOM,  # ERROR_OUTOFMEMORY
    1450: AcceptFailure.ROOM,  # ERROR_NO_SYSTEM_RESOURCES
    1455: AcceptFailure.ROOM,  # ERROR_COMMITMENT_LIMIT
    10024: AcceptFailure.ROOM,  # WSAEMFILE
    10055: AcceptFailure.ROOM,  # WSAENOBUFS
}
"""By "System Error Codes" and "Windows Sockets Error Codes" (learn.microsoft.com)."""


def accept_failure(error: OSError) -> AcceptFailure:
    """Whose failure *error* is, which an accept raised."""
    number = getattr(error, "winerror", None) or 0
    failure = _BY_WINERROR.get(number) or _BY_ERRNO.get(error.errno or 0)
    return failure or AcceptFailure.LISTENER


def must_rest(error: OSError) -> bool:
    """Whether accepting has to pause (no room); False when one peer has gone. Raises *error* for the listener's."""
    failure = accept_failure(error)
    if failure is AcceptFailure.LISTENER:
        raise error
    return failure is AcceptFailure.ROOM
