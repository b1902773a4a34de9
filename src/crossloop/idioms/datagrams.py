"""Datagrams: what one look at an unconnected UDP socket gives, and what becomes of its errors.

There are no connections: one socket serves all peers, `recvfrom` says who sent a datagram, and `sendto` answers him
(UNP volume 1, chapter 8). Nothing is kept of a peer. A datagram comes whole or not at all, also an empty one.

*Errors of a peer.* An answer to a port where nobody listens any more comes back as an ICMP message. Linux, macOS and
the BSDs tell an unconnected socket nothing of it (udp(7)); Windows has a later `recvfrom` fail with WSAECONNRESET, or
WSAENETRESET where its time to live ran out ("recvfrom function (winsock.h)"). Neither says anything of the next
datagram. An answer that is not taken (no room, no route, too large, a firewall's EPERM) is lost, as a network loses it.
"""

import errno
import socket
from collections.abc import Callable

from crossloop.api import DatagramApplication

DATAGRAM_BYTES = 65536
"""Room for the largest there is: 65,507 bytes over IPv4 (RFC 768)."""


def answering(endpoint: socket.socket, application: DatagramApplication) -> Callable[[], bool]:
    """What takes the next datagram, answers it, and returns whether there was one. Raises what *application* does."""
    recvfrom, sendto = endpoint.recvfrom, endpoint.sendto

    def answer_next() -> bool:
        try:
            data, peer = recvfrom(DATAGRAM_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            if not isinstance(error, ConnectionError) and error.errno != errno.ENETRESET:
                raise
            return True
        if answer := application(data):
            try:  # noqa: SIM105  (a context manager for each datagram would show)
                sendto(answer, peer)
            except OSError:
                pass
        return True

    return answer_next
