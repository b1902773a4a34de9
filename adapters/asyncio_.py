"""asyncio: the standard library's loop, as the platform has it by default.

The loop is Python code over a kernel mechanism. On Linux that is epoll, on macOS and the BSDs kqueue, both
through the `selectors` module and level-triggered: one wait, then one Python callback per ready
descriptor, a heap of timer handles, a deque of what is due. Each turn costs some microseconds of
interpreter, shared by all that became ready in it, so a busy loop is cheaper per message than an idle one.
A transport writes to the socket at once and keeps only what the kernel did not take; it reads up to
256 KiB a time into a new `bytes`. That is where its cost can double: glibc maps and unmaps a block of this size on each
message in a process that has never freed a larger one (docs/method.md, "A mode that was the process's").

On Windows the default is the Proactor on IOCP: overlapped receives and sends instead of readiness. It has
no `add_reader`, so libraries that need their descriptors watched (c-ares) do not run on it as they are;
`asyncio-select` is the readiness loop there.

TLS lies between a transport and the program as a protocol of its own (`asyncio.sslproto`): OpenSSL reads and writes two
memories (`ssl.MemoryBIO`), and the transport below moves ciphertext. Up to 3.10 it made a `bytes` for each record;
since 3.11 it is uvloop's design, with one buffer of 256 KiB for each connection. A push is `transport.write` from
wherever the program is: it never waits, and what the kernel does not take stays in the transport's buffer. Datagrams
have a transport as well (`create_datagram_endpoint`): one `recvfrom` a turn of the loop, and `sendto` at once.

Another thread wakes the loop through a socket pair, and a signal arrives by the same pair
(`signal.set_wakeup_fd`). Name lookups and files go to a thread pool. A context switch to the pool and back is
the price of anything the kernel cannot report as ready.
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
