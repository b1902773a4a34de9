"""uvloop: asyncio's API on libuv, in Cython.

The loop is `uv_run`; asyncio's callbacks, handles and transports are written again in Cython over libuv's handles, so a
message enters the interpreter only in `data_received` and `transport.write`. `crossloop.idioms.asyncio_` has the use of
the API, `crossloop.idioms.asyncio_streams` the servers, and `crossloop.idioms.libuv` what differs with libuv.

**Waiting.** epoll on Linux, kqueue on macOS and the BSDs, in libuv, level-triggered. Changes to the interest set are
delayed until just before the next wait. libuv has had io_uring for files and for batches of epoll_ctl since 1.45;
whether a release turns it on by itself has changed more than once (uvloop 752), so the facts check whether the process
has a ring.

Sockets that Python owns (`add_reader`, `sock_recv`) are `uv_poll_t` handles: readiness only, and the receive is
Python's. A `sock_recv` that has to wait makes such a handle and drops it afterwards: six calls of epoll_ctl and one of
io_uring_enter a message in strace (uvloop 0.23, libuv 1.52). This is what the style `sockets` measures; long-lived
watchers (`add_reader`) pay it once.

Names and files run in libuv's four threads, `run_in_executor` in Python's.

**Reading.** libuv reads into one buffer of 250 KiB that belongs to the loop, and uvloop makes a `bytes` of the exact
length. asyncio allocates the largest size and shrinks it. A readable stream is read in the same turn until a read does
not fill the buffer. Datagrams: libuv reads up to 32 a turn, and each is a call of `datagram_received`.

TLS: the handshake and the records are Python's `ssl` on memory BIOs, in Cython (`sslproto.pyx`, from which asyncio has
its own since 3.11).

**Writing.** `transport.write` calls write(2) at once when libuv's queue for the stream is empty, as asyncio does. The
rest goes to `uv_write`. Writes to a waiting stream are gathered and sent at the end of the turn. `sendto` is tried at
once, and otherwise queued.

**Timers.** `uv_timer_t` in a heap in C, with a clock of one millisecond that is read once per turn.

**Waking.** `uv_async_send`, by `call_soon_threadsafe`.

**Signals.** Each writes to a socket pair (`signal.set_wakeup_fd`), so that Python's handlers run between turns.

**Closing.** As `asyncio`: `close` sends what is left, `abort` drops it. A connection whose TLS handshake is not over
when the server is closed stays until the end of the handshake, or for 60 seconds: the server cannot reach it earlier.

**Limits.** Out of descriptors, libuv gives up a spare one to accept and close the connection. The peer sees an end of
file at once, where asyncio lets it wait. There is no `sock_recvfrom` (it raises NotImplementedError), so datagrams have
no style `sockets`. It is not built for Windows; `winloop` is its port.
"""

import uvloop

from crossloop.api import AdapterAbout
from crossloop.idioms.libuv import LibuvLoop

ABOUT = AdapterAbout(
    family="libuv",
    library="libuv",
    binding="uvloop",
    summary="asyncio's API on libuv, transports in Cython: a new loop under an unchanged asyncio program.",
    requires=("uvloop>=0.21",),
    platforms=("linux", "darwin", "bsd"),
    elsewhere="uvloop has no build for Windows; winloop is its port there",
    homepage="https://github.com/MagicStack/uvloop",
    asked_as="asyncio",
    loop="uvloop:new_event_loop",
)


class Adapter(LibuvLoop):
    """asyncio's API on uvloop's libuv."""

    def __init__(self) -> None:
        super().__init__(uvloop)
