"""What ends a stretch of load. Each error is one clear line: what failed, the values, what to do."""

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
