"""Asynchronous generators that were left half-way are closed at the end of the run."""

import asyncio
from collections.abc import AsyncIterator

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run, turns

ABOUT = Behaviour(
    question="Do async generators that are left half-way do their clean-up before the loop is closed?",
    rule="shutdown_asyncgens(), which the runner calls, closes all open asynchronous generators of the loop.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.shutdown_asyncgens",
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    ended = list[str]()
    kept = list[AsyncIterator[int]]()

    async def counting(name: str) -> AsyncIterator[int]:
        try:
            for number in range(10):
                yield number
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def main() -> None:
        kept.append(counting("kept"))
        await anext(kept[0])
        dropped = counting("dropped")
        await anext(dropped)
        del dropped
        await turns()
        ended.append("main")

    run(new_loop, main)
    return answered(ended == ["dropped", "main", "kept"], "not all, or not in time", f"{ended}")


def on_trio() -> Answer:
    import warnings

    import trio

    warnings.simplefilter("ignore", ResourceWarning)  # it says so of one that is dropped
    ended, kept = list[str](), list[AsyncIterator[int]]()

    async def counting(name: str) -> AsyncIterator[int]:
        try:
            for number in range(10):
                yield number
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
            ended.append(name)

    async def main() -> None:
        kept.append(counting("kept"))
        await anext(kept[0])
        dropped = counting("dropped")
        await anext(dropped)
        del dropped
        await trio.sleep(0.01)
        ended.append("main")

    trio.run(main)
    return answered(ended == ["dropped", "main", "kept"], "not all, or not in time", f"{ended}")
