"""What ends a stretch of load. Each error is one clear line: what failed, the values, what to do."""

import errno
from typing import ClassVar


class LoadError(Exception):
    """Base of all; `kind` is its name in the load process's answers."""

    kind: ClassVar[str] = "load"


class LoadUsageError(LoadError, ValueError):
    """A value that was asked for makes no sense: size, rate, duration, an unknown target."""

    kind = "usage"


class VerificationError(LoadError):
    """An answer is wrong, lost, too long, crossed or not asked for; speed does not count any more."""

    kind = "verification"


class ConnectionLostError(LoadError):
    """The server refused, reset or closed a connection, or cannot be reached."""

    kind = "connection"


class SilentServerError(LoadError):
    """The time limit passed and the server had stopped answering altogether."""

    kind = "limit"


class PortsError(LoadError):
    """This machine has no port left to connect from: the server has nothing to do with it."""

    kind = "ports"


class DescriptorsError(LoadError):
    """The process may not open as many descriptors as the connections need."""

    kind = "descriptors"


def not_connected(where: str, made: int, error: OSError, of: str = "") -> LoadError:
    """The error of a connection that could not be made to *where*, after *made* others.

    *of*: of how many they are, in words. EADDRNOTAVAIL of the first one may be an address that is not there.
    """
    progress = f"{made}{of} connections"
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return DescriptorsError(
            f"{where}: out of descriptors after {progress};"
            " raise the limit (ulimit -n) or use fewer connections"
        )
    if error.errno == errno.EADDRNOTAVAIL and (made or ":" not in where.rpartition(":")[0]):
        return PortsError(
            f"{where}: no port is left to connect from after {progress}: this "
            "machine's matter, see net.ipv4.ip_local_port_range and `crossloop doctor`"
        )
    return ConnectionLostError(
        f"{where}: cannot connect ({made}{of} made): {error.strerror or error};"
        " is the server running, and this machine's network up?"
    )
