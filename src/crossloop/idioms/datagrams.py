"""Datagrams: the results of a receive on an unconnected UDP socket, and its errors.

There are no connections: one socket serves all peers, `recvfrom` gives the sender's address, and `sendto` answers to it
(UNP volume 1, chapter 8). There is no state of a peer. A datagram comes whole or not at all, also an empty one.

*Errors of a peer.* An answer to a closed port comes back as an ICMP message. Linux, macOS and the BSDs do not report it
to an unconnected socket (udp(7)). On Windows a later `recvfrom` fails with WSAECONNRESET, or with WSAENETRESET where
the time to live ran out ("recvfrom function (winsock.h)"). Neither error concerns the next datagram. An answer that the
kernel does not take (no room, no route, too large, a firewall's EPERM) is lost, as on a network.
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
