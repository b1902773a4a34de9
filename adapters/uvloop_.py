"""uvloop: asyncio's API on libuv, in Cython. Underneath, little is asyncio's.

The loop is `uv_run`; asyncio's callbacks, handles and transports are written anew in Cython over libuv's handles, so a
message crosses the interpreter only in `data_received` and `transport.write`. How the API is programmed stands in
`crossloop.idioms.asyncio_`, the servers in `crossloop.idioms.asyncio_streams`, what libuv has otherwise in
`crossloop.idioms.libuv`.

**Waiting.** epoll on Linux, kqueue on macOS and the BSDs, in libuv, level-triggered. Changes to the interest set are
put off until just before the next wait. libuv has had io_uring for files and for batches of epoll_ctl since 1.45;
whether a release turns it on by itself has changed more than once (uvloop 752), so the facts look at what the process
holds.

Sockets that Python owns (`add_reader`, `sock_recv`) are `uv_poll_t` handles: readiness only, and the receive is
Python's. A `sock_recv` that has to wait makes such a handle and drops it afterwards: six calls of epoll_ctl and one of
io_uring_enter a message in strace (uvloop 0.23, libuv 1.52). This is what the style `sockets` measures; long-lived
watchers (`add_reader`) pay it once.

Names and files run in libuv's four threads, `run_in_executor` in Python's.

**Reading.** libuv reads into one buffer of 250 KiB that belongs to the loop, and uvloop makes a `bytes` of the exact
length. asyncio allocates for the most it could get and shrinks. A readable stream is read until it has less than the
buffer holds, in the same turn. Datagrams: libuv reads up to 32 a turn, and each is a call of `datagram_received`.

TLS: the handshake and the records are Python's `ssl` on memory BIOs, in Cython (`sslproto.pyx`, from which asyncio has
its own since 3.11).

**Writing.** `transport.write` calls write(2) at once when libuv's queue for the stream is empty, as asyncio does. What
is left goes to `uv_write`. Writes to a stream that waits are gathered and sent at the end of the turn. `sendto` is
tried at once and else queued.

**Timers.** `uv_timer_t` in a heap in C, with a clock of one millisecond that is read once per turn.

**Waking.** `uv_async_send`, by `call_soon_threadsafe`.

**Signals.** Each writes to a socket pair (`signal.set_wakeup_fd`), so that Python's handlers run between turns.

**Closing.** As `asyncio`: `close` sends what is left, `abort` drops it. A connection whose TLS handshake is not over
when the server is closed stays until it is, or for 60 seconds: nothing leads to it before.

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
