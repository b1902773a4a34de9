"""Blocking I/O: what a thread and a process for each connection have in common.

A blocking call does the waiting itself: the kernel takes the thread off the CPU inside `recv` and puts it back
when there is data, so that the program reads like its protocol: receive, answer, repeat (`converse`). There is
no loop, no callback and no state machine; where a connection stands is where its thread stands, on its stack.
A peer that does not read blocks `sendall`, so backpressure comes by itself. The price is that whoever waits
for one thing cannot wait for another: it takes a thread, or a process, for each connection (Stevens, Fenner,
Rudoff, *UNIX Network Programming* volume 1, 6.2 for the model, chapter 30 for the designs of its servers).

*Who accepts* is the one place where two things are waited for, the next connection and the word to stop. A
blocked `accept` could be interrupted from another thread by `shutdown` on the listener, but only on Linux; the
BSDs answer ENOTCONN, and a mere `close` leaves it blocked (and its number free for a stranger). So it is
preceded by `poll` on both (`select` on Windows), and the listener does not block: a connection that is reset
between the poll and the accept is gone from the queue, and a blocking accept would then wait for the next one
while nobody hears the stop (UNP 16.6). An accepted socket blocks on Linux whatever its listener does; on the
BSDs it inherits O_NONBLOCK, so it is told.

*TLS* is a socket that is wrapped (`secured`): its `recv` and `sendall` wait as those of any socket do, and errors of
the protocol are OSErrors. The handshake is the connection's own affair: a peer that never makes it keeps one thread.

*A buffer while waiting.* `recv(n)` is handed its memory before it waits. A loop has one buffer for all
connections; here each has its own, whether anything ever comes or not. Only the pages that data once touched are
resident, so an idle connection costs address space at first and up to READ_BYTES later.
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
