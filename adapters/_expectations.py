"""Where an adapter of this suite must not work, and why: each entry has a condition, a reason and a link.

A failure without an entry is an error, and so is an entry whose check succeeds. This file is read, not run
(`crossloop.contract.known_limits`): constants and `Expectation(…)`, no code.
"""

from crossloop.contract.expectations import ALWAYS, LINUX, MUSL, WINDOWS, WINE, Expectation

ASYNCIO_PLATFORMS = "https://docs.python.org/3/library/asyncio-platforms.html"
ASYNCIO_TLS = "https://github.com/python/cpython/blob/v3.13.0/Lib/asyncio/sslproto.py"
CPYTHON_93821 = "https://github.com/python/cpython/issues/93821"
GEVENT_ARES = "https://github.com/gevent/gevent/blob/master/src/gevent/resolver/ares.py"
CPYTHON_127057 = "https://github.com/python/cpython/issues/127057"
DATAGRAM_ERROR = "after an error of one peer (port unreachable) the Proactor's transport receives no more"
DATAGRAM_EMPTY = (
    "the Proactor's transport passes no empty datagram on (_ProactorDatagramTransport._loop_reading)"
)
GEVENT_DATAGRAMS = "https://github.com/gevent/gevent/blob/24.11.1/src/gevent/server.py"
GEVENT_LOOPS = "https://www.gevent.org/loop_impls.html"
LISTENER_CLOSED = "a reset before the accept is WinError 64, upon which the Proactor closes the listener"
GLIBC_RESOLVER = "glibc alone lets a thread be pointed at another server (res_state)"
LIBUV_RESOLVER = "it runs in threads of libuv's own, which nobody can point at another server"
LIBUV_STOP = (
    "https://github.com/MagicStack/uvloop/blob/525cca2ce68d60ce6acaf83bdc902fd9f57d6c54/uvloop/loop.pyx"
)
RESOLV_CONF = "https://man7.org/linux/man-pages/man3/resolver.3.html"
PROACTOR = "https://github.com/python/cpython/blob/v3.13.0/Lib/asyncio/proactor_events.py"
STOP_IS_QUEUED = "a stop is a queued callback: one that comes in the last turn ends the next run at once"
TORNADO_SELECTOR = "https://github.com/tornadoweb/tornado/blob/v6.5.2/tornado/platform/asyncio.py"
TORNADO_EOF = "https://github.com/tornadoweb/tornado/blob/v6.5.2/tornado/iostream.py"
WINE_CLOSE = "a send takes any amount there, and what it had not sent is lost when the socket is closed"
WINE_SERVER = "https://gitlab.winehq.org/wine/wine/-/blob/wine-10.0/server/sock.c"
WINSOCK_SELECT = "https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select"

TLS_ENDS_AT_ONCE = (
    "a close_notify begins the shutdown as soon as the data before it was handed over: what a stream's coroutine "
    "writes in its next turn is too late (_start_shutdown)"
)
TORNADO_TLS = "SSLIOStream closes its socket at the peer's close_notify and sends none of its own"
TWISTED_TLS = "https://github.com/twisted/twisted/blob/twisted-25.5.0/src/twisted/protocols/tls.py"
UVLOOP_TLS = "https://github.com/MagicStack/uvloop/blob/v0.22.1/uvloop/sslproto.pyx"

EXPECTATIONS = (
    Expectation(
        "gevent*",
        "datagrams-sizes@datagramserver",
        ALWAYS,
        "DatagramServer receives with room for 8192 bytes: what a datagram has beyond is cut off (do_read)",
        GEVENT_DATAGRAMS,
    ),
    Expectation("asyncio*", "tls-close-notify@streams", ALWAYS, TLS_ENDS_AT_ONCE, ASYNCIO_TLS),
    Expectation("uvloop", "tls-close-notify@streams", ALWAYS, TLS_ENDS_AT_ONCE, UVLOOP_TLS),
    Expectation("winloop", "tls-close-notify@streams", ALWAYS, TLS_ENDS_AT_ONCE, UVLOOP_TLS),
    Expectation("tornado*", "tls-close-notify@iostream", ALWAYS, TORNADO_TLS, TORNADO_EOF),
    Expectation(
        "twisted",
        "tls-close-notify@*",
        ALWAYS,
        "what is written is encrypted in the next turn, and a close_notify is answered in this one: an answer to what "
        "came with it is lost (BufferingTLSTransport, _flushReceiveBIO)",
        TWISTED_TLS,
    ),
    Expectation("*", "names-*@getaddrinfo-threads", ~LINUX | MUSL, GLIBC_RESOLVER, RESOLV_CONF),
    Expectation("gevent-*", "names-*@gevent-thread", ~LINUX | MUSL, GLIBC_RESOLVER, RESOLV_CONF),
    Expectation("*", "names-*@getaddrinfo-libuv", ALWAYS, LIBUV_RESOLVER, RESOLV_CONF),
    Expectation(
        "gevent-*",
        "names-no-server@gevent-ares",
        ALWAYS,
        "where c-ares fails a query at once, gevent's callback runs outside the hub and asserts that it does not; "
        "whether the refusal comes that early is a race",
        GEVENT_ARES,
        sometimes=True,
    ),
    Expectation(
        "tornado*",
        "stream-half-close-queue@iostream",
        ALWAYS,
        "IOStream closes at an end of file that it sees while an answer waits to be written: a stream that "
        "had nothing to do keeps listening for reads (_handle_events, _read_to_buffer), and what was "
        "queued is lost; whether it looks in that moment is a race",
        TORNADO_EOF,
        sometimes=True,
    ),
    Expectation(
        "*", "readiness-pipe", WINDOWS, "Winsock reports the readiness of sockets alone", WINSOCK_SELECT
    ),
    Expectation(
        "asyncio-select",
        "stream-1000-connections@*",
        WINDOWS,
        "select() there takes 512 sockets",
        ASYNCIO_PLATFORMS,
    ),
    Expectation(
        "select",
        "stream-1000-connections@*",
        WINDOWS,
        "select() there takes 512 sockets; the other connections are closed",
        WINSOCK_SELECT,
    ),
    Expectation(
        "tornado",
        "stream-1000-connections@*",
        WINDOWS,
        "select() there takes 512 sockets, and tornado waits by it beside the Proactor",
        TORNADO_SELECTOR,
    ),
    Expectation(
        "gevent-libev",
        "stream-1000-connections@*",
        WINDOWS,
        "libev waits by select() there, and gevent is built for 1024 sockets, of which ended ones are free late",
        GEVENT_LOOPS,
    ),
    Expectation("asyncio", "stream-resets@protocol", WINDOWS, LISTENER_CLOSED, CPYTHON_93821, sometimes=True),
    Expectation("asyncio", "stream-resets@streams", WINDOWS, LISTENER_CLOSED, CPYTHON_93821, sometimes=True),
    Expectation(
        "asyncio-proactor", "stream-resets@protocol", WINDOWS, LISTENER_CLOSED, CPYTHON_93821, sometimes=True
    ),
    Expectation(
        "asyncio-proactor", "stream-resets@streams", WINDOWS, LISTENER_CLOSED, CPYTHON_93821, sometimes=True
    ),
    Expectation(
        "asyncio", "datagrams-gone@protocol", WINDOWS, DATAGRAM_ERROR, CPYTHON_127057, sometimes=True
    ),
    Expectation(
        "asyncio-proactor", "datagrams-gone@protocol", WINDOWS, DATAGRAM_ERROR, CPYTHON_127057, sometimes=True
    ),
    Expectation("asyncio", "datagrams-sizes@protocol", WINDOWS, DATAGRAM_EMPTY, PROACTOR, sometimes=True),
    Expectation(
        "asyncio-proactor", "datagrams-sizes@protocol", WINDOWS, DATAGRAM_EMPTY, PROACTOR, sometimes=True
    ),
    Expectation("*", "stream-half-close-queue@*", WINE, WINE_CLOSE, WINE_SERVER, sometimes=True),
    Expectation(
        "threads",
        "stream-resets@*",
        WINE,
        "closing a socket there does not wake the thread that sends on it",
        WINE_SERVER,
        sometimes=True,
    ),
    Expectation(
        "threads",
        "stream-stop-queue@*",
        WINE,
        "closing a socket there does not wake the thread that sends on it",
        WINE_SERVER,
    ),
    Expectation(
        "asyncio",
        "readiness-*",
        WINDOWS,
        "the loop is the Proactor: it waits for completions and has no add_reader",
        ASYNCIO_PLATFORMS,
    ),
    Expectation(
        "asyncio-proactor",
        "readiness-*",
        WINDOWS,
        "the loop is the Proactor: it waits for completions and has no add_reader",
        ASYNCIO_PLATFORMS,
    ),
    Expectation(
        "spin",
        "stream-idle@native",
        ALWAYS,
        "it asks every socket in turn instead of waiting, which is what it is for",
        "https://man7.org/linux/man-pages/man7/socket.7.html",
    ),
    Expectation("*uvloop", "readiness-stop-twice", ALWAYS, STOP_IS_QUEUED, LIBUV_STOP),
    Expectation("winloop", "readiness-stop-twice", ALWAYS, STOP_IS_QUEUED, LIBUV_STOP),
)
