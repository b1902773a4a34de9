"""A reset says that data may be lost. A program that takes it for an orderly end takes half a file for a whole one."""

from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import reset, run, run_on, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached
from crossloop.behaviours.trio_run import stream_of

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a program tell a reset by the peer from an orderly end?",
    rule="A connection that was reset ends with ConnectionResetError: connection_lost is given it, a read raises it.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseProtocol.connection_lost",
)


def verdict(error: BaseException | int | None) -> Answer:
    how = f"it ends with {type(error).__name__}" if error else "it looks like an orderly end"
    return answered(isinstance(error, ConnectionResetError), how, repr(error))


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        recorder = await attached(ours, Recorder())
        reset(peer)
        error = await recorder.lost
        if "eof" in recorder.calls:
            return answered(False, "eof_received is called", repr(error))
        return verdict(error)

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.iostream import IOStream, StreamClosedError

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = IOStream(ours)
        reading = stream.read_bytes(1)
        reset(peer)
        try:
            await reading
        except StreamClosedError as error:
            return verdict(error.real_error)
        return answered(False, "the read succeeds")

    return run_on(io_loop, main)


def on_gevent() -> Answer:
    import gevent
    import gevent.socket

    ours, peer = tcp_pair()
    stream = gevent.socket.socket(fileno=ours.detach())
    gevent.spawn(reset, peer)
    try:
        stream.recv(1)
    except OSError as error:
        return verdict(error)
    return verdict(None)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        ours, peer = tcp_pair()
        stream = stream_of(ours)
        reset(peer)
        try:
            await stream.receive_some()
        except trio.BrokenResourceError as error:
            return verdict(error.__cause__)
        return verdict(None)

    return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    async def main() -> Answer:
        ours, peer = tcp_pair()
        reset(peer)
        try:
            await Socket(ours).recv(1)
        except OSError as error:
            return verdict(error)
        return verdict(None)

    answer: Answer = curio.run(main)
    return answer


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EVENT_ERROR, READ, BufferEvent, EventBase

    ours, peer = tcp_pair()
    with EventBase() as base:
        ours.setblocking(False)
        ends = list[int]()

        def ended(what: int) -> None:
            ends.append(what)
            base.loopbreak()

        stream = BufferEvent(base, ours.fileno(), lambda: None, ended)
        stream.enable(READ)
        reset(peer)
        base.run()
        return answered(bool(ends[0] & EVENT_ERROR), "it looks like an orderly end", f"what = {ends[0]:#x}")


def on_twisted(reactor: Any) -> Answer:
    """Its own classes stand for the system's: ConnectionLost is an error, ConnectionDone an orderly end."""
    from twisted.internet.error import ConnectionDone

    async def main() -> Answer:
        ours, peer = tcp_pair()
        noted = attached_to(reactor, ours, Noted())
        reset(peer)
        error = await noted.lost
        if isinstance(error, ConnectionDone):
            return verdict(None)
        return verdict(error)

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.greenio import GreenSocket

    ours, peer = tcp_pair()
    eventlet.spawn(reset, peer)
    try:
        GreenSocket(ours).recv(1)
    except OSError as error:
        return verdict(error)
    return verdict(None)
