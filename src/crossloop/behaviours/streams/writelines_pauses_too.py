"""Many pieces in one call are a write like any other, also to a peer that does not read."""

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, tcp_pair
from crossloop.behaviours.recorder import attached
from crossloop.behaviours.streams._pausing import AT_MOST, CHUNK, Paused

ABOUT = Behaviour(
    question="Is a program that writes with writelines told to wait while its peer does not read?",
    rule="writelines is the same as write with all the pieces: over the high-water mark pause_writing is called.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.WriteTransport.writelines",
    reports=("https://github.com/python/cpython/issues/127655",),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        ours, _peer = tcp_pair()
        protocol = await attached(ours, Paused())
        _low, high = protocol.transport.get_write_buffer_limits()
        for _ in range(AT_MOST // 4):
            protocol.transport.writelines([CHUNK] * 4)
            if protocol.paused:
                break
        kept = protocol.transport.get_write_buffer_size()
        in_time = kept <= high + 4 * len(CHUNK)
        how = "it is told so late" if protocol.paused else "it may write 64 MiB and is not told to wait"
        return answered(protocol.paused and in_time, how, f"{kept} bytes kept, high-water mark {high}")

    return run(new_loop, main)
