"""Which sockets are ready: select.epoll itself on Linux, the best of `selectors` elsewhere.

On Linux the load calls `epoll.poll` as a bound method of C and registers each socket once, level-triggered:
per message no system call is spent on registration. Elsewhere (kqueue on macOS, select on Windows, where a
process may watch 512 sockets) the same call shape is made from a selector's.
"""

import select
import selectors
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from crossloop.load.errors import LoadUsageError

Poll: TypeAlias = Callable[[float, int], Sequence[tuple[int, int]]]
"""`poll(timeout_s, max_events)` → pairs of (descriptor, events); 0 looks and does not wait."""

WINDOWS_SELECT_LIMIT = 512
"""FD_SETSIZE of CPython's select module on Windows (docs.python.org, asyncio-platforms)."""


class Poller(ABC):
    """Readiness of the sockets of one target, for reading always and for writing on request."""

    mechanism: str
    """How the kernel is asked: `epoll`, `kqueue`, `poll`, `select`."""
    poll: Poll
    """An attribute: no frame of ours stands in front of it."""
    descriptor: int
    """Of the kernel's object, which watches every socket by its own descriptor; -1 where there is none."""

    @abstractmethod
    def add(self, sock: socket.socket) -> None:
        """Watch *sock* for readability."""

    @abstractmethod
    def discard(self, sock: socket.socket) -> None:
        """Watch *sock* no longer; it is about to be closed."""

    @abstractmethod
    def want_write(self, sock: socket.socket, wanted: bool) -> None:
        """Watch *sock* for writability too, or no longer."""

    @abstractmethod
    def close(self) -> None:
        """Release the kernel's object; the sockets themselves stay open."""


if sys.platform == "linux":

    class EpollPoller(Poller):
        """select.epoll, level-triggered (epoll(7))."""

        def __init__(self) -> None:
            self.mechanism = "epoll"
            self._epoll = select.epoll()
            self.poll = self._epoll.poll
            self.descriptor = self._epoll.fileno()

        def add(self, sock: socket.socket) -> None:
            self._epoll.register(sock, select.EPOLLIN)

        def discard(self, sock: socket.socket) -> None:
            """The kernel does that when it is closed (epoll(7))."""

        def want_write(self, sock: socket.socket, wanted: bool) -> None:
            self._epoll.modify(sock, select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

        def close(self) -> None:
            self._epoll.close()


class SelectorPoller(Poller):
    """Any selector of the standard library."""

    def __init__(self, selector: selectors.BaseSelector):
        self.mechanism = type(selector).__name__.removesuffix("Selector").lower()
        self._selector = selector
        # Epoll and kqueue are descriptors, poll and select are not.
        self.descriptor = selector.fileno() if hasattr(selector, "fileno") else -1
        select_ready = selector.select
        self.poll = lambda timeout_s, _limit: [(key.fd, events) for key, events in select_ready(timeout_s)]

    def add(self, sock: socket.socket) -> None:
        self._selector.register(sock, selectors.EVENT_READ)

    def discard(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)

    def want_write(self, sock: socket.socket, wanted: bool) -> None:
        self._selector.modify(sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0))

    def close(self) -> None:
        self._selector.close()


def new_poller(connections: int) -> Poller:
    """The fastest poller here. Raises `LoadUsageError` when it cannot watch so many *connections*."""
    if sys.platform == "linux":
        return EpollPoller()
    if sys.platform == "win32" and connections > WINDOWS_SELECT_LIMIT:
        raise LoadUsageError(
            f"{connections} connections: select on Windows watches {WINDOWS_SELECT_LIMIT} sockets;"
            f" use --connections {WINDOWS_SELECT_LIMIT} or fewer"
        )
    return SelectorPoller(selectors.DefaultSelector())
