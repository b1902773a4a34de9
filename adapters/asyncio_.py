"""asyncio: the standard library's loop, with the platform's default mechanism.

The loop is Python code over a kernel mechanism. `crossloop.idioms.asyncio_` has the use of its API, here and on every
loop with the same API, and `crossloop.idioms.asyncio_streams` the servers.

**Waiting.** epoll on Linux, kqueue on macOS and the BSDs, both level-triggered; on Windows completion ports. The first
two go through the module `selectors`: one wait, then one Python callback per ready descriptor, a heap of timer handles,
and a deque of due callbacks. Each turn costs some microseconds of interpreter, shared by all descriptors that became
ready in it, so a busy loop is cheaper per message than an idle loop. On Windows the default is the Proactor: overlapped
receives and sends instead of readiness (`asyncio-proactor`). It has no `add_reader`, so libraries that need watched
descriptors (c-ares) do not run on it; `asyncio-select` is the readiness loop there.

Name lookups and files go to a thread pool. They cost a context switch to the pool and back, because the kernel cannot
report them as ready.

**Reading.** The transport calls `recv` for up to 256 KiB, once for each report, into a new `bytes`. This can double the
cost: glibc maps and unmaps a block of this size on each message in a process that has never freed a larger block
(docs/method.md, "A mode that was the process's"). Datagrams have a transport as well (`create_datagram_endpoint`): one
`recvfrom` a turn of the loop, and `sendto` at once.

TLS lies between a transport and the program as a protocol of its own (`asyncio.sslproto`): OpenSSL reads and writes two
memories (`ssl.MemoryBIO`), and the transport below moves ciphertext. Up to 3.10 it made a `bytes` for each record.
Since 3.11 it has uvloop's design, with one buffer of 256 KiB for each connection.

**Writing.** `transport.write` sends at once and keeps only what the kernel did not take. Above 64 KiB it calls
`pause_writing`, and the servers here then stop reading. A push is `transport.write` from any code: it never waits, and
unsent data stays in the transport's buffer.

**Timers.** A heap in Python; the nearest timer is the timeout of the wait. On epoll the timeout is in whole
milliseconds, rounded up. A cancelled timer stays in the heap, marked. There is no re-arming and no repeating timer.

**Waking.** A byte to a socket pair (`call_soon_threadsafe`).

**Signals.** Each writes a byte to the same socket pair (`signal.set_wakeup_fd`), once the program has called
`add_signal_handler`. A handler set by `signal.signal` runs when the wait is interrupted, between two bytecodes. On
Windows there is no `add_signal_handler`.

**Closing.** `transport.close` sends what is left, and a turn of the loop then calls `connection_lost`; `abort` drops
unsent data. `Server.close` does not end connections, so the servers here count them and abort them.

**Limits.** Out of descriptors, a server rests for a second, and waiting clients keep waiting. Otherwise the limit of
open descriptors is the only one.
"""

import asyncio

from crossloop.api import AdapterAbout
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="asyncio",
    summary="The standard library's loop with the platform's default mechanism; the yardstick of the field.",
    homepage="https://docs.python.org/3/library/asyncio.html",
    asked_as="asyncio",
    loop="asyncio:new_event_loop",
)


class Adapter(StandardLoop):
    """asyncio's API on the loop that `asyncio.run` would take."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
