"""TLS sans-I/O: an application of plain bytes becomes one of ciphertext, which any stream server can serve.

OpenSSL reads and writes *BIOs*, and one kind of these is memory (BIO_s_mem(3)): what came from the peer is put into
one, what is to go to it is taken out of the other, and no call ever waits. That is how a library that knows nothing of
TLS serves it, and how asyncio's own SSL protocol works (`sslproto`). The other way, a socket that is wrapped, makes the
system calls itself: blocking ones for `threads`, or it says "want read" and "want write" to a loop.

What it costs beside the cryptography: each record is copied into one memory and out of another, and a `recv` may bring
several records, each read by a call of its own. A read in vain is an exception here, so none is made when the first
memory is empty.

*Ends.* A failed handshake, or a record that is none, has OpenSSL put an alert into the second memory; it is sent, and
what the peer says then is passed over. At a close_notify what came before was answered, the server's own close_notify
follows (RFC 8446, 6.1), and the rest is passed over, too. An application of bytes cannot close its connection: the
peer does. Sources: the documentation of Python's `ssl.SSLObject`; SSL_shutdown(3).
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
