"""Points the C library's resolver of one thread at one DNS server, port included.

`getaddrinfo` takes a name, never a server: it asks those of /etc/resolv.conf, always at port 53, and
that file belongs to the administrator. To compare resolvers against a server of one's own on
loopback, without root, the thread that calls `getaddrinfo` has to be told otherwise.

glibc keeps what it read from resolv.conf in a `struct __res_state` per thread: `_res` of
resolver(3) is a macro for `*__res_state()`, and <resolv.h> publishes the structure and lets programs
change it after `res_init()`. The servers in it are full `sockaddr_in`, so a port fits where the
configuration file has no place for one. What follows from glibc's resolv/res_send.c and
resolv/resolv_context.c, and was tried against real servers (tests/test_glibc_resolver.py):

- Only the calling thread changes. A pool of threads needs the call in each of its threads.
- A truncated answer is asked again over TCP at the same address and port. Not so one that is empty and
  has neither AA nor RA set: glibc takes that for a referral and sends the same datagram again, whatever
  its TC says, until EAI_AGAIN. A test's server sets RA, as every recursive server does.
- Waiting is in whole seconds (`retrans`), one at least: a lost datagram costs a second.
- Since 2.26 every look-up compares resolv.conf with what was loaded and loads it anew when the file
  has changed, but not into a state that the program has altered; `RES_NORELOAD` says so outright.
- /etc/hosts and the other sources of nsswitch.conf(5) come first, as their order says. A source that
  asks a daemon before `dns` is reached (systemd's `resolve`, or nscd) makes all of this moot: such a
  machine is refused, since figures from it would be those of the daemon.

musl reads resolv.conf at every look-up and has no state to change, macOS asks mDNSResponder, Windows
its DNS client service: refused, too.
"""

import ctypes
import re
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from crossloop.api.errors import UnsupportedError

_REFUSED: Final = "the platform's getaddrinfo asks only the servers that the system is set to"

# <resolv.h>. Bits of `options`:
_RES_DEFNAMES: Final = 0x00000080
"""Append the machine's own domain to a name without a dot."""
_RES_DNSRCH: Final = 0x00000200
"""Try the search list."""
_RES_NORELOAD: Final = 0x02000000
"""Do not read resolv.conf again when it changes (2.26)."""
_MAXNS: Final = 3

RETRANS_S: Final = 1
"""Shortest wait for an answer that glibc can be given."""
TRIES: Final = 5
"""Datagrams sent before EAI_AGAIN; the most that RES_MAXRETRY allows."""

_pointed = threading.local()
"""`.server`: where this thread was pointed last by `answer_in_this_thread`."""

_NSS_SOURCES_THAT_LET_DNS_ANSWER: Final = (
    "files",
    "myhostname",
    "mymachines",
    "mdns_minimal",
    "mdns4_minimal",
    "mdns6_minimal",
)
"""They answer for /etc/hosts, this machine, its containers and `.local`; other names go on to `dns`."""

_NSCD_SOCKET: Final = "/var/run/nscd/socket"


class _SocketAddress(ctypes.Structure):
    """`struct sockaddr_in` of Linux, port and address in network order."""

    _fields_ = (
        ("family", ctypes.c_ushort),
        ("port", ctypes.c_ubyte * 2),
        ("address", ctypes.c_ubyte * 4),
        ("padding", ctypes.c_ubyte * 8),
    )


class _ResolverState(ctypes.Structure):
    """The first members of `struct __res_state`; the rest stays as `__res_init` left it."""

    _fields_ = (
        ("retrans", ctypes.c_int),
        ("retry", ctypes.c_int),
        ("options", ctypes.c_ulong),
        ("nscount", ctypes.c_int),
        ("nsaddr_list", _SocketAddress * _MAXNS),
    )


def point_this_thread_at(host: str, port: int) -> None:
    """Have `getaddrinfo` in the calling thread ask only the DNS server at *host*, *port*.

    *host* is an IPv4 address as text (the list of the structure holds no other). Names are asked as
    given: no search list, no default domain. Repeat the call to move to another server.

    Raises UnsupportedError where `getaddrinfo` cannot be pointed at a server; ValueError for a *host*
    that is no IPv4 address or a *port* outside 1 to 65535; OSError when resolv.conf cannot be loaded.
    """
    try:
        address = socket.inet_pton(socket.AF_INET, host)
    except OSError:
        raise ValueError(f"DNS server {host!r}: expected an IPv4 address such as '127.0.0.1'") from None
    if not 0 < port < 65536:
        raise ValueError(f"DNS server port {port!r}: expected 1 to 65535")
    libc = _glibc()
    if libc.__res_init() != 0:
        raise OSError(ctypes.get_errno(), "res_init: the resolver's configuration cannot be loaded")
    state = libc.__res_state().contents
    state.retrans = RETRANS_S
    state.retry = TRIES
    state.options = (state.options | _RES_NORELOAD) & ~(_RES_DEFNAMES | _RES_DNSRCH)
    state.nsaddr_list[0].family = socket.AF_INET
    state.nsaddr_list[0].port[:] = port.to_bytes(2, "big")
    state.nsaddr_list[0].address[:] = address
    state.nscount = 1


def answer_in_this_thread(server: tuple[str, int], name: str) -> Sequence[str] | int:
    """The addresses of *name* by *server*, or the number of its error: for threads that have no initializer.

    Points the thread there the first time, and when *server* is another one. Raises as `point_this_thread_at`.
    """
    if getattr(_pointed, "server", None) != server:
        point_this_thread_at(*server)
        _pointed.server = server
    return addresses_or_error(socket.getaddrinfo, name)


def addresses_or_error(getaddrinfo: Callable[..., Any], name: str) -> Sequence[str] | int:
    """What *getaddrinfo*, called as that of `socket`, says of *name*: IPv4 addresses, or an error number."""
    try:
        infos = getaddrinfo(name, 0, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror as error:
        return int(error.args[0])
    return [str(address[0]) for *_, address in infos]


def servers_of_this_thread() -> tuple[tuple[str, int], ...]:
    """The IPv4 servers that `getaddrinfo` in the calling thread asks, in order; loads them if need be.

    Raises UnsupportedError as `point_this_thread_at`, OSError when resolv.conf cannot be loaded.
    """
    libc = _glibc()
    state = libc.__res_state().contents
    if state.nscount == 0 and libc.__res_init() != 0:
        raise OSError(ctypes.get_errno(), "res_init: the resolver's configuration cannot be loaded")
    listed = (state.nsaddr_list[index] for index in range(min(state.nscount, _MAXNS)))
    return tuple(
        (socket.inet_ntop(socket.AF_INET, bytes(server.address)), int.from_bytes(bytes(server.port), "big"))
        for server in listed
        if server.family == socket.AF_INET
    )


@cache
def _glibc() -> ctypes.CDLL:
    """The C library of this process, with the two functions declared; judged once a process."""
    if sys.platform != "linux":
        raise UnsupportedError(_REFUSED)
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "gnu_get_libc_version"):
        raise UnsupportedError(f"{_REFUSED} (the C library is not glibc)")
    if obstacle := _obstacle(_hosts_sources(Path("/etc/nsswitch.conf"))):
        raise UnsupportedError(f"{_REFUSED} ({obstacle})")
    libc.__res_init.argtypes = ()
    libc.__res_init.restype = ctypes.c_int
    libc.__res_state.argtypes = ()
    libc.__res_state.restype = ctypes.POINTER(_ResolverState)
    return libc


def _hosts_sources(configuration: Path) -> tuple[str, ...]:
    """Sources of host names in an nsswitch.conf(5), in order; glibc's default without such a line."""
    try:
        lines = configuration.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        database, colon, sources = line.partition("#")[0].partition(":")
        if colon and database.strip() == "hosts":
            # What stands in brackets ([NOTFOUND=return]) is an action, possibly of several words.
            return tuple(re.sub(r"\[[^]]*\]", " ", sources).split())
    return ("files", "dns")


def _obstacle(sources: tuple[str, ...]) -> str:
    """Why a name would not come from `dns` with these *sources*; empty when it would."""
    if "dns" not in sources:
        return f"the hosts line of /etc/nsswitch.conf has no dns: {' '.join(sources)!r}"
    for source in sources[: sources.index("dns")]:
        if source not in _NSS_SOURCES_THAT_LET_DNS_ANSWER:
            return f"/etc/nsswitch.conf asks {source!r} before dns"
    if _answers(_NSCD_SOCKET):
        return "nscd runs here and answers in the C library's place"
    return ""


def _answers(path: str) -> bool:
    """Whether somebody listens on the unix socket at *path*."""
    if sys.platform == "win32":
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0
