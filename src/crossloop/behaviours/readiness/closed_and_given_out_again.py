"""A number that was closed while it was watched can be watched again, when it is another file's."""

import os

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.frames import QUIET_S, pair
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="When a watched descriptor is closed and its number is reused, can the new file be watched?",
    rule="To watch a number says what is wanted of the file that has it now.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.add_reader",
    reports=(
        "https://github.com/twisted/twisted/issues/11625",
        "https://github.com/rakshasa/libtorrent/issues/622",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    heard = list[str]()
    with pair() as (first, _peer), pair() as (second, writer):
        number = first.fileno()
        loop.watch(number, lambda: None)
        loop.run_for(0.01)

        first.close()  # and nobody says so
        os.dup2(second.fileno(), number)
        loop.watch(number, loop.then_stop(heard.append, "the second"))
        writer.send(b"x")
        loop.run_for(QUIET_S)
    return answered(bool(heard), "the other file is not heard")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with pair() as (first, _peer), pair() as (second, writer):
            number = first.fileno()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.lowlevel.wait_readable, number)
                await trio.sleep(0.01)
                first.close()  # and nobody says so
                os.dup2(second.fileno(), number)
                writer.send(b"x")
                with trio.move_on_after(QUIET_S) as limit:
                    try:
                        await trio.lowlevel.wait_readable(number)
                    except trio.BusyResourceError as error:
                        nursery.cancel_scope.cancel()
                        return no("it is refused as long as somebody waits for the first", repr(error))
                nursery.cancel_scope.cancel()
            return answered(not limit.cancelled_caught, "the other file is not heard")

    return trio.run(main)
