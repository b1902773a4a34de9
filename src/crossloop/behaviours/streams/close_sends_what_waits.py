"""Write the answer, close: the shortest way to end an exchange, and the last bytes must not be lost by it."""

from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, beside, receive_all, run, run_on, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, beside_reactor, react
from crossloop.behaviours.recorder import Recorder, attached
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a program writes much and closes at once, does all of it arrive?",
    rule="close sends what is buffered before the connection ends.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseTransport.close",
    reports=("https://github.com/python/cpython/pull/128037",),
)
SIZE = 8 << 20


def verdict(received: bytes) -> Answer:
    return answered(len(received) == SIZE, "what waits is dropped", f"{len(received)} of {SIZE} bytes")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        recorder = await attached(ours, Recorder())
        recorder.transport.write(bytes(SIZE))
        recorder.transport.close()
        return verdict(await beside(lambda: receive_all(peer)))

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = IOStream(ours)
        stream.write(bytes(SIZE)).add_done_callback(lambda written: written.exception())
        stream.close()
        return verdict(await beside(lambda: receive_all(peer)))

    return run_on(io_loop, main)


def on_trio() -> Answer:
    """A send waits until the kernel has it all; what is there still when the stream is closed is the kernel's."""
    import trio

    async def main() -> Answer:
        ours, peer = tcp_pair()
        received = aside(lambda: receive_all(peer))
        async with stream_of(ours) as stream:
            await stream.send_all(bytes(SIZE))
        return verdict(received.result())

    return trio.run(main)


def on_curio() -> Answer:
    """As trio."""
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        ours, peer = tcp_pair()
        received = aside(lambda: receive_all(peer))
        async with Socket(ours) as stream:
            await stream.sendall(bytes(SIZE))
        return verdict(received.result())

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        noted = attached_to(reactor, ours, Noted())
        noted.transport.write(bytes(SIZE))
        noted.transport.loseConnection()
        return verdict(await beside_reactor(lambda: receive_all(peer)))

    return react(reactor, main)
