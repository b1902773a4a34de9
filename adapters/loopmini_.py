"""loopmini: asyncio's own loop with the waiting, the timers and the waking in Rust.

The class derives from asyncio's `BaseEventLoop` and takes the socket calls from its selector loop. Streams and
datagrams have loopmini's own transports, in Python. A message costs as much as with asyncio, plus the calls into Rust.

**Waiting.** The crate `polling`: epoll on Linux, kqueue on macOS, used one shot at a time. The loop arms a descriptor
anew after each event: two or three `epoll_ctl` a message in strace where asyncio has none, and a `timerfd_settime`
before each wait.

**Reading.** One `recv` of up to 256 KiB a turn, in Python, into a new `bytes`, as asyncio.

**Writing.** `transport.write` sends at once and keeps in a `bytearray` what the kernel did not take.

**Timers.** A heap in Rust, and a timerfd to wait by. A cancelled timer leaves the heap at once. They fire 0.03 to 0.15
ms late; with the milliseconds of epoll_wait other loops are up to 1 ms late.

**Waking.** An eventfd, written by the thread that calls.

**Signals.** `signal.set_wakeup_fd` and a socket pair, both made by each `run_forever` and closed by it.

**Closing.** As in asyncio: a closed connection first sends its data. The reactor's descriptors are closed with the
loop's object, not by `close()`.

**Limits.** All of asyncio's API is there, with TLS (asyncio's `sslproto`), unix sockets and `sock_recvfrom`. An empty
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
