"""loopmini: asyncio's own loop with the waiting, the timers and the waking in Rust.

The class derives from asyncio's `BaseEventLoop` and takes the calls for sockets from its selector loop; streams and
datagrams have transports of loopmini's own, in Python. A message costs what asyncio's costs, and the calls into Rust.

**Waiting.** The crate `polling`: epoll on Linux, kqueue on macOS, used one shot at a time. The loop arms a descriptor
anew after each event: two or three `epoll_ctl` a message in strace where asyncio has none, and a `timerfd_settime`
before each wait.

**Reading.** One `recv` of up to 256 KiB a turn, in Python, into a new `bytes`, as asyncio.

**Writing.** `transport.write` sends at once and keeps in a `bytearray` what the kernel did not take.

**Timers.** A heap in Rust, and a timerfd to wait by. A cancelled timer leaves the heap at once. They come 0.03 to
0.15 ms late, where the milliseconds of epoll_wait cost others up to 1.

**Waking.** An eventfd, written by the thread that calls.

**Signals.** `signal.set_wakeup_fd` and a socket pair, both made by each `run_forever` and closed by it.

**Closing.** As in asyncio: a connection that is closed sends first what it has. The reactor's descriptors go with the
loop's object, not with `close()`.

**Limits.** What asyncio has is there, TLS (asyncio's `sslproto`), unix sockets and `sock_recvfrom` included. An empty
datagram is not sent. All of this is loopmini 0.2.3, on Linux.
"""

import loopmini

from crossloop.api import AdapterAbout
from crossloop.idioms.foreign_loop import ForeignLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="loopmini",
    summary="asyncio's loop with its reactor in Rust: made for sound interrupts and sharing with Rust, not for speed.",
    requires=("loopmini>=0.2.3",),
    platforms=("linux", "darwin"),
    elsewhere="loopmini is for Linux and macOS",
    homepage="https://github.com/AnswerDotAI/loopmini",
    asked_as="asyncio",
    loop="loopmini:new_event_loop",
)


class Adapter(ForeignLoop):
    """asyncio's API on loopmini."""

    def __init__(self) -> None:
        super().__init__(loopmini)
