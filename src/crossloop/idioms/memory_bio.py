"""TLS sans-I/O: an application of plain bytes becomes an application of ciphertext, which any stream server can serve.

OpenSSL reads and writes *BIOs*, and one kind of these is memory (BIO_s_mem(3)): data from the peer goes into one, data
for the peer is taken out of the other, and no call ever waits. So a library without TLS can serve it, and asyncio's own
SSL protocol works in this way (`sslproto`). The other way is a wrapped socket, which makes the system calls itself:
blocking calls for `threads`, or it says "want read" and "want write" to a loop.

What it costs beside the cryptography: each record is copied into one memory and out of another, and a `recv` may bring
several records, each read by a call of its own. A read without data is an exception here, so the code does not read
when the first memory is empty.

*Ends.* After a failed handshake, or an invalid record, OpenSSL puts an alert into the second memory. The alert is sent,
and further data of the peer is ignored. At a close_notify all earlier data was answered, the server's own close_notify
follows (RFC 8446, 6.1), and further data is ignored, too. An application of bytes cannot close its connection: the peer
does. Sources: the documentation of Python's `ssl.SSLObject`; SSL_shutdown(3).
"""

import socket
from typing import TYPE_CHECKING

from crossloop.api import Receive, StreamApplication, StreamServer, TlsServer

if TYPE_CHECKING:  # an adapter that offers this level among others does not load it
    import ssl

RECORD_BYTES = 16384
"""Most that a record holds (RFC 8446, 5.1): no read gives more."""


class MemoryBioTls(StreamServer, TlsServer):
    """TLS by a memory BIO, over the adapter's own stream server."""

    def serve_tls(
        self,
        listener: socket.socket,
        application: StreamApplication,
        style: str,
        stop: socket.socket,
        context: "ssl.SSLContext",
    ) -> None:
        """As `TlsServer` says."""
        self.serve_streams(listener, over(context, application), style, stop)


def over(context: "ssl.SSLContext", application: StreamApplication) -> StreamApplication:
    """*application* behind TLS: ciphertext in, ciphertext out. What *application* raises is raised."""
    return lambda: _connection(context, application)


def _connection(context: "ssl.SSLContext", application: StreamApplication) -> Receive:
    import ssl  # (who serves TLS only)

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    plain, shaken, ended = application(), False, False
    pending, read, write = tls.pending, tls.read, tls.write

    def receive(data: bytes) -> bytes:
        nonlocal shaken, ended
        if ended:
            return b""
        incoming.write(data)
        try:
            if not shaken:
                tls.do_handshake()
                shaken = True
            while incoming.pending or pending():
                if not (piece := read(RECORD_BYTES)):
                    ended = True
                    tls.unwrap()
                    break
                if answer := plain(piece):
                    sent = write(answer)
                    while sent < len(answer):
                        sent += write(memoryview(answer)[sent:])
        except ssl.SSLWantReadError:  # part of a record
            pass
        except ssl.SSLError:  # its alert is in `outgoing`, if there is one
            ended = True
        return outgoing.read()

    return receive
