"""A peer that does not read must not make the program's memory grow: the program is told to wait."""

import asyncio
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import QUIET_S, aside, receive_all, run, run_on, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, asleep, attached_to, react
from crossloop.behaviours.recorder import attached
from crossloop.behaviours.streams._pausing import AT_MOST, CHUNK, Paused
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is a program told to wait while its peer does not read, and to go on when it does?",
    rule="pause_writing is called when the buffer grows over the high-water mark, resume_writing when it has "
    "drained to the low one. What blocks or is awaited instead is not done before the kernel has taken the data.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseProtocol.pause_writing",
)
NEVER = "it may write 64 MiB and is not told to wait"


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        protocol = await attached(ours, Paused())
        for _ in range(AT_MOST):
            protocol.transport.write(CHUNK)
            if protocol.paused:
                break
        else:
            return answered(False, NEVER)
        kept = protocol.transport.get_write_buffer_size()
        aside(lambda: receive_all(peer))
        while protocol.paused:
            await asyncio.sleep(0.01)
        low, high = protocol.transport.get_write_buffer_limits()
        left = protocol.transport.get_write_buffer_size()
        seen = f"limits {low} and {high}; {kept} bytes when told to wait, {left} when told to go on"
        return answered(
            kept > high and left <= low, "it is told so at other marks than the stated ones", seen
        )

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = IOStream(ours)
        written = asyncio.ensure_future(stream.write(CHUNK * AT_MOST))
        await asyncio.sleep(QUIET_S)
        if written.done():
            return answered(False, NEVER)
        aside(lambda: receive_all(peer))
        await written
        return yes()

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    import gevent.socket

    ours, peer = tcp_pair()
    stream = gevent.socket.socket(fileno=ours.detach())
    writing = gevent.spawn(stream.sendall, CHUNK * AT_MOST)
    gevent.sleep(QUIET_S)
    if writing.ready():
        return answered(False, NEVER)
    aside(lambda: receive_all(peer))
    writing.get()
    return yes()


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = stream_of(ours)
        with trio.move_on_after(QUIET_S) as limit:
            await stream.send_all(CHUNK * AT_MOST)
        if not limit.cancelled_caught:
            return answered(False, NEVER)
        aside(lambda: receive_all(peer))
        await stream.send_all(CHUNK * AT_MOST)
        return yes()

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        ours, peer = tcp_pair()
        writing = await curio.spawn(Socket(ours).sendall, CHUNK * AT_MOST)
        await curio.sleep(QUIET_S)
        if writing.terminated:
            return answered(False, NEVER)
        aside(lambda: receive_all(peer))
        await writing.join()
        return yes()

    answer: Answer = curio.run(main)
    return answer


def on_twisted(reactor: Any) -> Answer:
    """A producer that is registered with the transport is told to pause."""

    class Producer:
        paused = False

        def pauseProducing(self) -> None:  # noqa: N802
            self.paused = True

        def resumeProducing(self) -> None:  # noqa: N802
            self.paused = False

        def stopProducing(self) -> None:  # noqa: N802
            """The connection has ended."""

    async def main() -> Answer:
        ours, peer = tcp_pair()
        noted, producer = attached_to(reactor, ours, Noted()), Producer()
        noted.transport.registerProducer(producer, True)
        for _ in range(AT_MOST):
            noted.transport.write(CHUNK)
            if producer.paused:
                break
        else:
            return answered(False, NEVER)
        aside(lambda: receive_all(peer))
        while producer.paused:
            await asleep(reactor, 0.01)
        return yes()

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.greenio import GreenSocket

    ours, peer = tcp_pair()
    writing = eventlet.spawn(GreenSocket(ours).sendall, CHUNK * AT_MOST)
    eventlet.sleep(QUIET_S)
    if writing.dead:
        return answered(False, NEVER)
    aside(lambda: receive_all(peer))
    writing.wait()
    return yes()
