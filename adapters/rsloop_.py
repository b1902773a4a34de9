"""rsloop: asyncio's API in Rust, with a separate thread that waits.

This essay is from its documentation, and nothing was tried. The package has no wheel for the Pythons at hand, and its
source needs Rust and packages of crates.io.

**Waiting.** A thread of Rust's waits for each loop: by io_uring on Linux (6.1 or newer), by IOCP on Windows, by kqueue
on macOS. Callbacks and tasks run on the thread that called `run_forever`.

**Reading.** In the thread that waits, for streams without TLS; up to 1 MiB a connection may wait for the program.

**Writing.** A transport keeps at most 64 MiB that its peer has not read.

**Timers.** `call_later` and `call_at` are the loop's own, in Rust.

**Waking.** `call_soon_threadsafe` keeps the order of its calls.

**Signals.** `add_signal_handler` is there, on Unix.

**Closing.** Its documentation states only asyncio's rules.

**Limits.** TLS is rustls and runs in helper threads; an encrypted private key is refused. Descriptors that the program
watches itself (`add_reader`) are watched by further threads. Importing it replaces `asyncio.start_server` and
`asyncio.open_connection` by its own, unless RSLOOP_USE_FAST_STREAMS is 0.
"""

import rsloop

from crossloop.api import AdapterAbout
from crossloop.idioms.foreign_loop import ForeignLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="rsloop",
    summary="asyncio's API in Rust on io_uring, IOCP or kqueue, with a separate thread that waits.",
    requires=("rsloop>=0.1.60",),
    homepage="https://github.com/RustedBytes/rsloop",
    asked_as="asyncio",
    loop="rsloop:new_event_loop",
)


class Adapter(ForeignLoop):
    """asyncio's API on rsloop."""

    def __init__(self) -> None:
        super().__init__(rsloop)
