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
COARSE_CLOCK = "https://docs.python.org/3.13/whatsnew/3.13.html#time"
DATAGRAM_ERROR = "after an error of one peer (port unreachable) the Proactor's transport receives no more"
DATAGRAM_EMPTY = (
    "the Proactor's transport passes no empty datagram on (_ProactorDatagramTransport._loop_reading)"
)
GEVENT_DATAGRAMS = "https://github.com/gevent/gevent/blob/24.11.1/src/gevent/server.py"
GEVENT_LOOPS = "https://www.gevent.org/loop_impls.html"
LISTENER_CLOSED = "a reset before the accept is WinError 64, upon which the Proactor closes the listener"
HYPERCORN_SERVER = "https://github.com/pgjones/hypercorn/blob/0.17.3/src/hypercorn/trio/tcp_server.py"
HTTP_SERVER_ERRORS = "https://github.com/python/cpython/blob/v3.13.0/Lib/http/server.py"
GLIBC_RESOLVER = "only glibc lets a thread use another server (res_state)"
LIBUV_RESOLVER = "it runs in libuv's own threads, which cannot be pointed at another server"
LIBUV_STOP = (
    "https://github.com/MagicStack/uvloop/blob/525cca2ce68d60ce6acaf83bdc902fd9f57d6c54/uvloop/loop.pyx"
)
LOOPMINI_LOOP = "https://github.com/AnswerDotAI/loopmini/blob/main/loopmini/loop.py"
RLOOP_LOOP = "https://github.com/gi0baro/rloop/blob/master/rloop/loop.py"
RLOOP_STREAMS = "https://github.com/gi0baro/rloop/blob/master/src/tcp.rs"
RLOOP_DATAGRAMS = "https://github.com/gi0baro/rloop/blob/master/src/udp.rs"
RLOOP_AIOHTTP = "aiohttp's handler goes on after its connection is lost, and raises TypeError (0.5.0)"
RLOOP_READS_ON = "it reads requests while the peer reads no answers: 32 MiB of them (0.5.0)"
RLOOP_KEEPS = "a closed transport keeps its socket open: the peer sees no end (0.5.0)"
RLOOP_RAISES = "an exception in data_received is lost (0.5.0)"
RESOLV_CONF = "https://man7.org/linux/man-pages/man3/resolver.3.html"
HEAP_OF_CALLS = (
    "a call that is next is a timer without a delay, and timers of the same time fire in any order: up to Python 3.12 "
    "the clock there has steps of 15.6 ms"
)
NO_CHILDREN = "it learns of children by SIGCHLD, and Windows has no SIGCHLD"
NO_SIGNALS = "Windows has no signal that a process can send to itself and survive"
PROACTOR = "https://github.com/python/cpython/blob/v3.13.0/Lib/asyncio/proactor_events.py"
SIGNALS_THERE = "https://learn.microsoft.com/cpp/c-runtime-library/reference/signal"
STOP_IS_QUEUED = "a stop is a queued callback: a stop in the last turn ends the next run at once"
TORNADO_PROCESS = "https://www.tornadoweb.org/en/stable/process.html"
TORNADO_SELECTOR = "https://github.com/tornadoweb/tornado/blob/v6.5.2/tornado/platform/asyncio.py"
TORNADO_EOF = "https://github.com/tornadoweb/tornado/blob/v6.5.2/tornado/iostream.py"
TWISTED_HTTP = "https://github.com/twisted/twisted/blob/twisted-24.11.0/src/twisted/web/http.py"
WINE_CLOSE = "a send takes any amount there, and unsent data is lost when the socket is closed"
WINE_SERVER = "https://gitlab.winehq.org/wine/wine/-/blob/wine-10.0/server/sock.c"
WINSOCK_SELECT = "https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select"

TLS_ENDS_AT_ONCE = (
    "a close_notify begins the shutdown as soon as the data before it is delivered: a write of a stream's coroutine in "
    "its next turn is too late (_start_shutdown)"
)
TORNADO_TLS = "SSLIOStream closes its socket at the peer's close_notify and sends none of its own"
TWISTED_PROCESS = "https://docs.twisted.org/en/stable/core/howto/process.html"
TWISTED_TLS = "https://github.com/twisted/twisted/blob/twisted-25.5.0/src/twisted/protocols/tls.py"
UVLOOP_TLS = "https://github.com/MagicStack/uvloop/blob/v0.22.1/uvloop/sslproto.pyx"
VELOXLOOP_KEEPS = (
    "sock_accept returns a duplicate descriptor and keeps the first open: the peer sees no end (0.2.0)"
)
VELOXLOOP_NETWORK = "https://github.com/DVNghiem/Veloxloop/blob/v0.2.0/src/event_loop/network.rs"
VELOXLOOP_POLL = "https://github.com/DVNghiem/Veloxloop/blob/v0.2.0/src/event_loop/poll.rs"
VELOXLOOP_RING = "https://github.com/DVNghiem/Veloxloop/blob/v0.2.0/src/poller.rs"
VELOXLOOP_FULL = "its io_uring takes 256 new receives in one turn at most: SQ full (0.2.0)"

EXPECTATIONS = (
    Expectation(
        "gevent*",
        "datagrams-sizes@datagramserver",
        ALWAYS,
        "DatagramServer receives 8192 bytes at most: the rest of a datagram is cut off (do_read)",
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
        "written data is encrypted in the next turn, and a close_notify is answered in this one: an answer to data "
        "that came with it is lost (BufferingTLSTransport, _flushReceiveBIO)",
        TWISTED_TLS,
    ),
    Expectation("*", "names-*@getaddrinfo-threads", ~LINUX | MUSL, GLIBC_RESOLVER, RESOLV_CONF),
    Expectation("gevent-*", "names-*@gevent-thread", ~LINUX | MUSL, GLIBC_RESOLVER, RESOLV_CONF),
    Expectation("*", "names-*@getaddrinfo-libuv", ALWAYS, LIBUV_RESOLVER, RESOLV_CONF),
    Expectation(
        "gevent-*",
        "names-no-server@gevent-ares",
        ALWAYS,
        "where c-ares fails a query at once, gevent's callback runs outside the hub, and an assertion there fails; "
        "whether the refusal comes that early is a race",
        GEVENT_ARES,
        sometimes=True,
    ),
    Expectation(
        "tornado*",
        "stream-half-close-queue@iostream",
        ALWAYS,
        "IOStream closes at an end of file that it sees while an answer waits to be written: a stream that "
        "had nothing to do keeps listening for reads (_handle_events, _read_to_buffer), and queued "
        "data is lost; whether it looks in that moment is a race",
        TORNADO_EOF,
        sometimes=True,
    ),
    Expectation(
        "*", "readiness-pipe", WINDOWS, "Winsock reports the readiness of sockets only", WINSOCK_SELECT
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
        "libev waits by select() there, gevent is built for 1024 sockets, and closed sockets are freed late",
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
        "it tries every socket in turn instead of waiting, by design",
        "https://man7.org/linux/man-pages/man7/socket.7.html",
    ),
    Expectation("*", "signals-*", WINDOWS, NO_SIGNALS, SIGNALS_THERE),
    Expectation("asyncio-select", "children-*", WINDOWS, NO_CHILDREN, ASYNCIO_PLATFORMS),
    Expectation("tornado", "children-*", WINDOWS, NO_CHILDREN, TORNADO_PROCESS),
    Expectation("libevent", "children-*", WINDOWS, NO_CHILDREN, SIGNALS_THERE),
    Expectation(
        "twisted",
        "children-*",
        WINDOWS,
        "its processes need pywin32 there, and take no descriptors for the child",
        TWISTED_PROCESS,
    ),
    Expectation("twisted", "callbacks-in-order", WINDOWS, HEAP_OF_CALLS, COARSE_CLOCK, sometimes=True),
    Expectation("eventlet", "callbacks-in-order", WINDOWS, HEAP_OF_CALLS, COARSE_CLOCK, sometimes=True),
    Expectation("uvloop", "readiness-stop-twice", ALWAYS, STOP_IS_QUEUED, LIBUV_STOP),
    Expectation("tornado-uvloop", "readiness-stop-twice", ALWAYS, STOP_IS_QUEUED, LIBUV_STOP),
    Expectation("winloop", "readiness-stop-twice", ALWAYS, STOP_IS_QUEUED, LIBUV_STOP),
    Expectation("loopmini", "tls-close-notify@streams", ALWAYS, TLS_ENDS_AT_ONCE, ASYNCIO_TLS),
    Expectation(
        "loopmini",
        "children-none",
        ALWAYS,
        "a cancelled start leaves its child: Popen goes on in a thread of the executor (0.2.3); whether it has "
        "begun by then is a race",
        LOOPMINI_LOOP,
        sometimes=True,
    ),
    Expectation("zuvloop", "tls-close-notify@streams", ALWAYS, TLS_ENDS_AT_ONCE, ASYNCIO_TLS),
    Expectation("rloop", "stream-half-close@protocol", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-half-close@streams", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-half-close-queue@protocol", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-half-close-queue@streams", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-end-without-a-word@protocol", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-end-without-a-word@streams", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-stop-connected@protocol", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-stop-connected@streams", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-released@protocol", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-released@streams", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-idle@protocol", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "stream-idle@streams", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "push-ended@*", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "push-half-close@*", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation(
        "rloop",
        "stream-refuses-after-stop@protocol",
        ALWAYS,
        "a closed server keeps its listener open (0.5.0)",
        RLOOP_STREAMS,
    ),
    Expectation(
        "rloop",
        "stream-refuses-after-stop@streams",
        ALWAYS,
        "a closed server keeps its listener open (0.5.0)",
        RLOOP_STREAMS,
    ),
    Expectation("rloop", "push-raises@protocol", ALWAYS, RLOOP_RAISES, RLOOP_STREAMS),
    Expectation(
        "rloop",
        "push-raises-at-end@protocol",
        ALWAYS,
        "an exception in connection_lost is lost (0.5.0)",
        RLOOP_STREAMS,
    ),
    Expectation(
        "rloop",
        "datagrams-raises@protocol",
        ALWAYS,
        "an exception in datagram_received is lost (0.5.0)",
        RLOOP_DATAGRAMS,
    ),
    Expectation(
        "rloop",
        "datagrams-stop@protocol",
        ALWAYS,
        "an aborted endpoint keeps its socket open (0.5.0)",
        RLOOP_DATAGRAMS,
    ),
    Expectation("rloop", "timers-far", ALWAYS, "an infinite delay counts as no delay (0.5.0)", RLOOP_LOOP),
    Expectation(
        "rloop",
        "adapter-close-releases",
        ALWAYS,
        "a closed loop keeps its epoll and its eventfd open (0.5.0)",
        RLOOP_LOOP,
    ),
    Expectation("veloxloop", "stream-half-close@sockets", ALWAYS, VELOXLOOP_KEEPS, VELOXLOOP_NETWORK),
    Expectation("veloxloop", "stream-half-close-queue@sockets", ALWAYS, VELOXLOOP_KEEPS, VELOXLOOP_NETWORK),
    Expectation("veloxloop", "stream-end-without-a-word@sockets", ALWAYS, VELOXLOOP_KEEPS, VELOXLOOP_NETWORK),
    Expectation("veloxloop", "stream-stop-connected@sockets", ALWAYS, VELOXLOOP_KEEPS, VELOXLOOP_NETWORK),
    Expectation("veloxloop", "stream-released@sockets", ALWAYS, VELOXLOOP_KEEPS, VELOXLOOP_NETWORK),
    Expectation("veloxloop", "stream-idle@sockets", ALWAYS, VELOXLOOP_KEEPS, VELOXLOOP_NETWORK),
    Expectation("veloxloop", "stream-1000-connections@sockets", ALWAYS, VELOXLOOP_FULL, VELOXLOOP_RING),
    Expectation("veloxloop", "tasks-many", ALWAYS, VELOXLOOP_FULL, VELOXLOOP_RING),
    Expectation(
        "veloxloop",
        "readiness-unwatch-another",
        ALWAYS,
        "all callbacks that were ready in a turn run, also those unwatched meanwhile (0.2.0)",
        VELOXLOOP_POLL,
    ),
    Expectation(
        "veloxloop",
        "readiness-both-directions",
        ALWAYS,
        "with both watched the reader is called when the socket is writable (0.2.0)",
        VELOXLOOP_POLL,
    ),
    Expectation(
        "veloxloop",
        "readiness-exceptions",
        ALWAYS,
        "an exception in a timer's callback is lost (0.2.0)",
        VELOXLOOP_POLL,
    ),
    Expectation(
        "veloxloop", "timers-far", ALWAYS, "an infinite delay counts as no delay (0.2.0)", VELOXLOOP_POLL
    ),
    Expectation(
        "veloxloop",
        "timers-cancel-another",
        ALWAYS,
        "all timers that are due in a turn run, also those cancelled meanwhile (0.2.0)",
        VELOXLOOP_POLL,
    ),
    Expectation("veloxloop", "timers-every-cancel", ALWAYS, "likewise", VELOXLOOP_POLL),
    Expectation(
        "veloxloop",
        "adapter-close-releases",
        ALWAYS,
        "a closed loop keeps its io_uring and its eventfd open (0.2.0)",
        VELOXLOOP_RING,
    ),
    Expectation(
        "eventlet",
        "http-no-http@eventlet.wsgi",
        ALWAYS,
        "an unreadable request line is answered as HTTP/0.9: an error page without a status line",
        HTTP_SERVER_ERRORS,
    ),
    Expectation(
        "twisted",
        "http-slow-reader@twisted.web",
        ALWAYS,
        "requests that arrive together are answered although the transport has told the channel to pause",
        TWISTED_HTTP,
    ),
    Expectation(
        "trio",
        "http-half-close@hypercorn",
        ALWAYS,
        "a connection that ends before its answer is complete stays for keep_alive_timeout, 5 s",
        HYPERCORN_SERVER,
        sometimes=True,
    ),
    Expectation(
        "trio",
        "http-stop-connected@hypercorn",
        ALWAYS,
        "a send is shielded from cancellation, so a peer that does not read delays the stop",
        HYPERCORN_SERVER,
    ),
    Expectation("rloop", "http-half-close@*", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "http-released@*", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "http-stop-connected@*", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "http-no-http@uvicorn", ALWAYS, RLOOP_KEEPS, RLOOP_STREAMS),
    Expectation("rloop", "http-no-http@aiohttp.web", ALWAYS, RLOOP_AIOHTTP, RLOOP_STREAMS),
    Expectation("rloop", "http-slow-reader@uvicorn", ALWAYS, RLOOP_READS_ON, RLOOP_STREAMS, sometimes=True),
    Expectation(
        "rloop", "http-slow-reader@aiohttp.web", ALWAYS, RLOOP_AIOHTTP, RLOOP_STREAMS, sometimes=True
    ),
    Expectation(
        "veloxloop",
        "addresses-numeric",
        ALWAYS,
        "an IPv6 address has all its zeros, as 0:0:0:0:0:0:0:1 (0.2.0)",
        VELOXLOOP_NETWORK,
    ),
    Expectation(
        "veloxloop",
        "addresses-none",
        ALWAYS,
        "getaddrinfo raises OSError without a number, which is no socket.gaierror (0.2.0)",
        VELOXLOOP_NETWORK,
    ),
)
