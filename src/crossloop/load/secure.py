"""TLS over the load's sockets, by Python's `ssl`, or by the libssl that it has loaded, for the native engine.

The client takes a server's certificate that is signed by the one of its target's `ca`; the name in it is not looked at,
for the servers are this machine's. A session is resumed by its ticket, which a server of TLS 1.3 sends after the
handshake (RFC 8446, 4.6.1).
"""

import contextlib
import ctypes
import errno
import functools
import selectors
import socket
import weakref
from time import perf_counter_ns
from typing import Any, TypeAlias

from crossloop.load.errors import LoadUsageError
from crossloop.native import NotBuiltError

TICKET_NS = 1_000_000_000
"""How long a session's ticket is waited for."""
_WANT_READ, _WANT_WRITE, _SYSCALL, _ZERO_RETURN = 2, 3, 5, 6  # openssl/ssl.h
_VERIFY_PEER, _CTRL_MODE, _PARTIAL_OR_MOVING_WRITES = 1, 33, 3
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "TLS_client_method": (_POINTER, ()),
    "SSL_CTX_new": (_POINTER, (_POINTER,)),
    "SSL_CTX_free": (None, (_POINTER,)),
    "SSL_CTX_ctrl": (ctypes.c_long, (_POINTER, _INT, ctypes.c_long, _POINTER)),
    "SSL_CTX_set_verify": (None, (_POINTER, _INT, _POINTER)),
    "SSL_CTX_load_verify_locations": (_INT, (_POINTER, ctypes.c_char_p, ctypes.c_char_p)),
    "SSL_new": (_POINTER, (_POINTER,)),
    "SSL_set_fd": (_INT, (_POINTER, _INT)),
    "SSL_set_session": (_INT, (_POINTER, _POINTER)),
    "SSL_connect": (_INT, (_POINTER,)),
    "SSL_session_reused": (_INT, (_POINTER,)),
    "SSL_read": (_INT, (_POINTER, _POINTER, _INT)),
    "SSL_write": (_INT, (_POINTER, ctypes.c_char_p, _INT)),
    "SSL_pending": (_INT, (_POINTER,)),
    "SSL_get_error": (_INT, (_POINTER, _INT)),
    "SSL_shutdown": (_INT, (_POINTER,)),
    "SSL_free": (None, (_POINTER,)),
    "SSL_get1_session": (_POINTER, (_POINTER,)),
    "SSL_SESSION_is_resumable": (_INT, (_POINTER,)),
    "SSL_SESSION_free": (None, (_POINTER,)),
    "ERR_get_error": (ctypes.c_ulong, ()),
    "ERR_clear_error": (None, ()),
    "ERR_reason_error_string": (ctypes.c_char_p, (ctypes.c_ulong,)),
}


class PythonTls:
    """What makes links over TLS to one server, by Python's `ssl`."""

    def __init__(self, ca: str):
        """*ca*: see `commands.Address`. Raises `LoadUsageError` for a file that holds no certificate."""
        import ssl

        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.session: ssl.SSLSession | None = None
        try:
            self.context.load_verify_locations(ca)
        except OSError as error:
            raise LoadUsageError(f"certificate {ca!r}: {error.strerror or error}") from error

    def wrap(self, sock: socket.socket) -> "PythonTlsLink":
        """A link over *sock*, which is connected."""
        wrapped = self.context.wrap_socket(
            sock, do_handshake_on_connect=False, suppress_ragged_eofs=False, session=self.session
        )
        return PythonTlsLink(self, wrapped)


class PythonTlsLink:
    """TLS over a socket, by Python's `ssl`; a call that would have to wait raises BlockingIOError."""

    def __init__(self, secure: PythonTls, sock: Any):
        self._secure = secure
        self.sock = sock

    def handshake(self) -> bool:
        """Go on with the handshake; whether it is done."""
        try:
            self._call(self.sock.do_handshake)
        except BlockingIOError:
            return False
        return True

    def resumed(self) -> bool:
        """Whether it resumed a session."""
        return bool(self.sock.session_reused)

    def keep_session(self) -> bool:
        """Have later links resume this one's session; False: its ticket has not come."""
        session = self.sock.session
        if session is None or not session.has_ticket:
            return False
        self._secure.session = session
        return True

    def recv(self, size: int, /) -> bytes:
        """*size* bytes and more: what OpenSSL has read already, of which the kernel does not know, comes as well."""
        data: bytes = self._call(self.sock.recv, size)
        while pending := self.sock.pending():
            data += self.sock.recv(pending)
        return data

    def send(self, data: bytes | bytearray | memoryview, /) -> int:
        """How many bytes of *data* were taken."""
        return int(self._call(self.sock.send, data))

    def close(self) -> None:
        """Close it with a close_notify."""
        with contextlib.suppress(OSError, ValueError):
            self.sock.unwrap()
        self.sock.close()

    def _call(self, call: Any, *arguments: Any) -> Any:
        import ssl

        try:
            return call(*arguments)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLError as error:
            raise tls_error((error.reason or "").replace("_", " ").lower()) from error


@functools.cache
def _openssl() -> Any:
    """The libssl that Python's `ssl` has loaded: symbols are looked for in a library and in all that it needs.

    Raises `NotBuiltError` where they are not to be had, as with an OpenSSL that is a part of the interpreter.
    """
    try:
        import _ssl

        library = ctypes.CDLL(getattr(_ssl, "__file__", None), use_errno=True)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, OSError, AttributeError) as error:
        raise NotBuiltError(f"the native engine finds no libssl beside this Python's ssl: {error}") from error
    return library


class NativeTls:
    """`PythonTls`, by libssl itself, for the native engine to go on with."""

    def __init__(self, ca: str):
        """Raises `NotBuiltError` where there is no libssl to be had, and as `PythonTls`."""
        self.openssl = _openssl()
        self.context: int = self.openssl.SSL_CTX_new(self.openssl.TLS_client_method())
        self.session: int | None = None
        weakref.finalize(self, self.openssl.SSL_CTX_free, self.context)
        self.openssl.SSL_CTX_ctrl(self.context, _CTRL_MODE, _PARTIAL_OR_MOVING_WRITES, None)
        self.openssl.SSL_CTX_set_verify(self.context, _VERIFY_PEER, None)
        if not self.openssl.SSL_CTX_load_verify_locations(self.context, ca.encode(), None):
            raise LoadUsageError(f"certificate {ca!r}: {last_error().strerror}")

    def wrap(self, sock: socket.socket) -> "NativeTlsLink":
        """As `PythonTls.wrap`."""
        return NativeTlsLink(self, sock)

    def address_of(self, name: str) -> int | None:
        """Where a function of libssl lies."""
        return ctypes.cast(getattr(self.openssl, name), _POINTER).value


class NativeTlsLink:
    """`PythonTlsLink`, by libssl itself; C goes on with its `pointer`."""

    def __init__(self, secure: NativeTls, sock: socket.socket):
        self._secure, self._openssl, self.sock = secure, secure.openssl, sock
        self.pointer: int | None = self._openssl.SSL_new(secure.context)
        self._openssl.SSL_set_fd(self.pointer, sock.fileno())
        if secure.session:
            self._openssl.SSL_set_session(self.pointer, secure.session)

    def handshake(self) -> bool:
        """As `PythonTlsLink.handshake`."""
        try:
            self._count(self._openssl.SSL_connect(self.pointer))
        except BlockingIOError:
            return False
        return True

    def resumed(self) -> bool:
        """As `PythonTlsLink.resumed`."""
        return bool(self._openssl.SSL_session_reused(self.pointer))

    def keep_session(self) -> bool:
        """As `PythonTlsLink.keep_session`."""
        session = self._openssl.SSL_get1_session(self.pointer)
        if not session or not self._openssl.SSL_SESSION_is_resumable(session):
            return False
        self._secure.session = session
        weakref.finalize(self._secure, self._openssl.SSL_SESSION_free, session)
        return True

    def recv(self, size: int, /) -> bytes:
        """As `PythonTlsLink.recv`."""
        buffer = ctypes.create_string_buffer(size)
        count = self._count(self._openssl.SSL_read(self.pointer, buffer, size))
        data = buffer.raw[:count]
        while pending := self._openssl.SSL_pending(self.pointer):
            data += self.recv(pending)
        return data

    def send(self, data: bytes | bytearray | memoryview, /) -> int:
        """As `PythonTlsLink.send`."""
        return self._count(self._openssl.SSL_write(self.pointer, bytes(data), len(data)))

    def close(self) -> None:
        """As `PythonTlsLink.close`."""
        if self.pointer is not None:
            self._openssl.SSL_shutdown(self.pointer)
            self._openssl.SSL_free(self.pointer)
            self._openssl.ERR_clear_error()
            self.pointer = None
        self.sock.close()

    def _count(self, result: int) -> int:
        if result > 0:
            return result
        number = ctypes.get_errno()
        kind = self._openssl.SSL_get_error(self.pointer, result)
        if kind in {_WANT_READ, _WANT_WRITE}:
            raise BlockingIOError
        if kind == _ZERO_RETURN:
            return 0
        if kind == _SYSCALL and number and result < 0:
            raise OSError(number, errno.errorcode.get(number, str(number)))
        raise last_error()


Secure: TypeAlias = PythonTls | NativeTls
SecureLink: TypeAlias = PythonTlsLink | NativeTlsLink


def last_error() -> OSError:
    """The last error of libssl in this thread; its queue is emptied."""
    library = _openssl()
    reason = library.ERR_reason_error_string(library.ERR_get_error()) or b""
    library.ERR_clear_error()
    return tls_error(reason.decode())


def tls_error(reason: str) -> OSError:
    """An error with OpenSSL's words for it."""
    if not reason or "eof" in reason:
        return OSError(errno.EPROTO, "TLS: the server ended the stream without close_notify (RFC 8446, 6.1)")
    return OSError(errno.EPROTO, f"TLS: {reason}")


def shake_hands(link: SecureLink, until_ns: int, *, keep: bool) -> None:
    """Do the handshake by *until_ns*; *keep*: and have later links resume this one's session, if it can be.

    Raises TimeoutError and OSError.
    """
    while not link.handshake():
        _await(link.sock, until_ns)
    ticket_ns = min(until_ns, perf_counter_ns() + TICKET_NS)
    while keep and not link.keep_session() and perf_counter_ns() < ticket_ns:
        with contextlib.suppress(BlockingIOError, TimeoutError):
            _await(link.sock, ticket_ns)
            if not link.recv(1):  # there is no data before a request, but the ticket is taken in
                return


def _await(sock: socket.socket, until_ns: int) -> None:
    limit_s = (until_ns - perf_counter_ns()) / 1e9
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        if limit_s <= 0 or not selector.select(limit_s):
            raise TimeoutError("the TLS handshake takes too long")
