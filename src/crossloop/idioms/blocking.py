"""Blocking I/O: what a thread and a process for each connection have in common.

A blocking call does the waiting itself: the kernel takes the thread off the CPU inside `recv` and puts it back when
there is data, so that the program reads like its protocol: receive, answer, repeat (`converse`). There is no loop, no
callback and no state machine; the state of a connection is its thread's stack. A peer that does not read blocks
`sendall`, so backpressure comes by itself. The price is that a thread waits for one thing only: each connection takes a
thread, or a process (Stevens, Fenner, Rudoff, *UNIX Network Programming* volume 1, 6.2 for the model, chapter 30 for
the designs of its servers).

*Accepting* is the one place that waits for two things, the next connection and the stop. Another thread could interrupt
a blocked `accept` by `shutdown` on the listener, but only on Linux. The BSDs return ENOTCONN, and a mere `close` leaves
it blocked (and its number free for reuse). So `poll` on both comes first (`select` on Windows), and the listener does
not block. A connection that is reset between the poll and the accept is gone from the queue, and a blocking accept
would then wait for the next connection and miss the stop (UNP 16.6). An accepted socket always blocks on Linux; on the
BSDs it inherits O_NONBLOCK, so it is set to block.

*TLS* is a socket that is wrapped (`secured`): its `recv` and `sendall` wait as those of any socket do, and errors of
the protocol are OSErrors. Each connection makes its own handshake: a peer that never does occupies one thread.

*A buffer while waiting.* `recv(n)` gets its memory before it waits. A loop has one buffer for all connections; here
each connection has its own, also when no data ever comes. Only the pages that data once touched are resident, so an
idle connection costs address space at first and up to READ_BYTES later.
"""

import contextlib
import selectors
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crossloop.api import Receive, StreamApplication
from crossloop.idioms.accepting import ACCEPT_PAUSE_S, ACCEPTS_PER_WAKE, must_rest
from crossloop.idioms.sizes import READ_BYTES

if TYPE_CHECKING:  # an adapter that offers this level among others does not load it
    import ssl


def converse(connection: socket.socket, receive: Receive) -> None:
    """Serve one blocking connection to its end. Raises what the application raises, and no error of the peer's."""
    recv, sendall = connection.recv, connection.sendall
    while True:
        try:
            data = recv(READ_BYTES)
        except OSError:  # reset by the peer
            return
        if not data:
            return
        if answer := receive(data):
            try:
                sendall(answer)
            except OSError:
                return


def secured(connection: socket.socket, context: "ssl.SSLContext") -> "ssl.SSLSocket":
    """*connection* as a TLS server's, before the handshake; it takes over the descriptor. Raises OSError."""
    return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


def converse_tls(connection: "ssl.SSLSocket", application: StreamApplication) -> None:
    """As `converse`, from the handshake to the answer to the peer's close_notify."""
    try:
        connection.do_handshake()
    except OSError:  # its alert has been sent, if there is one
        return
    converse(connection, application())
    with contextlib.suppress(OSError):  # after an alert, or a reset, nothing is said
        connection.unwrap()


def arrivals(listener: socket.socket, *others: socket.socket) -> Iterator[socket.socket]:
    """Connections to *listener*, as blocking sockets, and any of *others* whenever it is readable, that first."""
    # No epoll: two or three descriptors are what poll is good at, and it leaves nothing to close after a fork.
    waiting: selectors.BaseSelector = getattr(selectors, "PollSelector", selectors.SelectSelector)()
    for each in (listener, *others):
        waiting.register(each, selectors.EVENT_READ)
    while True:
        exhausted = False
        ready = [key.fileobj for key, _events in waiting.select()]
        yield from (each for each in others if each in ready)
        if listener in ready:
            for _ in range(ACCEPTS_PER_WAKE):
                try:
                    connection, _address = listener.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    exhausted = must_rest(error)
                    if exhausted:
                        break
                    continue
                connection.setblocking(True)
                yield connection
        if exhausted:
            # The listener stays readable: without a pause this would spin.
            waiting.unregister(listener)
            yield from (key.fileobj for key, _ in waiting.select(ACCEPT_PAUSE_S) if key.fileobj in others)
            waiting.register(listener, selectors.EVENT_READ)
