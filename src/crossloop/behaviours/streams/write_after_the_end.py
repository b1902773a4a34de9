"""A peer may be gone before the program hears of it. Then it still calls its transport, through no fault of its own."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, tcp_pair
from crossloop.behaviours.reactor_frames import Noted, attached_to, react
from crossloop.behaviours.recorder import Recorder, attached

ABOUT = Behaviour(
    question="Can a program call every method of a transport that has ended, without an exception?",
    rule="The end of a connection is said once, by connection_lost. Calls that come after it do nothing: a program "
    "need not ask before each whether the connection is there still.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseTransport.close",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/506",
        "https://github.com/aio-libs/aiohttp/issues/1790",
        "https://github.com/python/cpython/issues/136234",
    ),
)


def called(calls: Mapping[str, Callable[[], object]]) -> Answer:
    """Make each of *calls*, by the name of its method."""
    raised = dict[str, Exception]()
    for name, call in calls.items():
        try:
            call()
        except Exception as error:
            raised[name] = error
    how = ", ".join(f"{name} raises {type(error).__name__}" for name, error in raised.items())
    return answered(not raised, how, "; ".join(map(str, raised.values())))


def on_asyncio(new_loop: NewLoop) -> Answer:
    logging.getLogger("asyncio").disabled = True  # it may grumble

    async def main() -> Answer:
        ours, peer = tcp_pair()
        recorder = await attached(ours, Recorder())
        peer.close()
        await recorder.lost
        transport = recorder.transport
        calls = {
            "write": lambda: transport.write(b"too late"),
            "writelines": lambda: transport.writelines([b"too", b"late"]),
            "write_eof": transport.write_eof,
            "pause_reading": transport.pause_reading,
            "resume_reading": transport.resume_reading,
            "get_write_buffer_size": transport.get_write_buffer_size,
            "close": transport.close,
            "abort": transport.abort,
        }
        return called(calls)

    return run(new_loop, main)


def on_twisted(reactor: Any) -> Answer:
    async def main() -> Answer:
        ours, peer = tcp_pair()
        noted = attached_to(reactor, ours, Noted())
        peer.close()
        await noted.lost
        transport = noted.transport
        calls = {
            "write": lambda: transport.write(b"too late"),
            "writeSequence": lambda: transport.writeSequence([b"too", b"late"]),
            "loseWriteConnection": transport.loseWriteConnection,
            "pauseProducing": transport.pauseProducing,
            "resumeProducing": transport.resumeProducing,
            "loseConnection": transport.loseConnection,
            "abortConnection": transport.abortConnection,
        }
        return called(calls)

    return react(reactor, main)
