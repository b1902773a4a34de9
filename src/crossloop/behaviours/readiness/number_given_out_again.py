"""A number that is unwatched, closed and given to another file is that other file's."""

import os

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.frames import QUIET_S, pair
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="When a number is unwatched, closed, reused and watched again, are the new file's events reported?",
    rule="The lowest number that is free is given out next, so a server sees the same numbers again and again, often "
    "within one turn. What the kernel keeps for a number ends with the file.",
    source="https://man7.org/linux/man-pages/man7/epoll.7.html",
    reports=("https://github.com/libuv/libuv/issues/1148",),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    heard = list[str]()
    with pair() as (first, _peer), pair() as (second, writer):
        number = first.fileno()
        unwatch = loop.watch(number, lambda: heard.append("the first"))
        loop.run_for(0.01)

        unwatch()
        first.close()
        os.dup2(second.fileno(), number)
        loop.watch(number, loop.then_stop(heard.append, "the second"))
        writer.send(b"x")
        loop.run_for(QUIET_S)
    if "the first" in heard:
        return no("the callback of the file before it is called")
    return answered("the second" in heard, "the other file is not heard")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with pair() as (first, _peer), pair() as (second, writer):
            number, closed = first.fileno(), list[str]()

            async def wait_for_the_first() -> None:
                try:
                    await trio.lowlevel.wait_readable(number)
                except trio.ClosedResourceError:
                    closed.append("the first")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait_for_the_first)
                await trio.sleep(0.01)
                trio.lowlevel.notify_closing(number)
                first.close()
                os.dup2(second.fileno(), number)
                writer.send(b"x")
                with trio.move_on_after(QUIET_S) as limit:
                    await trio.lowlevel.wait_readable(number)
            if not closed:
                return no("the callback of the file before it is called")
            return answered(not limit.cancelled_caught, "the other file is not heard")

    return trio.run(main)
