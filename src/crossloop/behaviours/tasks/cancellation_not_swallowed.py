"""A cancellation that comes together with the result is not lost in wait_for."""

import asyncio

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="Is a task cancelled in wait_for() even when what it waits for has just come?",
    rule="If a wait is cancelled, CancelledError is raised in it.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for",
    reports=("https://github.com/python/cpython/issues/86296",),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        coming = loop.create_future()
        waiting = loop.create_task(asyncio.wait_for(coming, 60))
        await asyncio.sleep(0)
        coming.set_result("come")
        await asyncio.sleep(0)  # the result is under way to the task
        waiting.cancel()
        await asyncio.wait([waiting])
        return answered(waiting.cancelled(), "the task goes on as if nobody had cancelled it")

    return run(new_loop, main)
