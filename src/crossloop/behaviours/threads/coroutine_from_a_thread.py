"""A thread hands a coroutine to the loop and gets its result, its error, or has it cancelled."""

import asyncio
import concurrent.futures

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import WAIT_S, aside

ABOUT = Behaviour(
    question="Can a thread pass a coroutine to the running loop, get its result, and cancel it?",
    rule="run_coroutine_threadsafe() returns a future: of the result or the error; cancelling it cancels the task.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.run_coroutine_threadsafe",
)


class ProgramError(Exception):
    """What a coroutine raises."""


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    begun, cancelled = concurrent.futures.Future[None](), concurrent.futures.Future[None]()

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def fail() -> None:
        raise ProgramError

    async def wait() -> None:
        begun.set_result(None)
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set_result(None)

    def from_a_thread() -> Answer:
        try:
            doubled = asyncio.run_coroutine_threadsafe(double(21), loop).result(WAIT_S)
            failed = asyncio.run_coroutine_threadsafe(fail(), loop).exception(WAIT_S)
            waiting = asyncio.run_coroutine_threadsafe(wait(), loop)
            begun.result(WAIT_S)
            waiting.cancel()
            cancelled.result(WAIT_S)
        except concurrent.futures.TimeoutError:
            return answered(False, "the loop does not wake up for it")
        finally:
            loop.call_soon_threadsafe(loop.stop)
        return answered(
            doubled == 42 and isinstance(failed, ProgramError), "another result", f"{doubled}, {failed!r}"
        )

    answer = aside(from_a_thread)
    loop.run_forever()
    return answer.result()


def on_trio() -> Answer:
    """A thread of any kind, with the token of the run. It blocks until the coroutine ends, and cannot cancel it."""
    import trio

    async def double(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * number

    async def fail() -> None:
        raise ProgramError

    async def main() -> Answer:
        token = trio.lowlevel.current_trio_token()

        def from_a_thread() -> Answer:
            doubled = trio.from_thread.run(double, 21, trio_token=token)
            try:
                trio.from_thread.run(fail, trio_token=token)
            except ProgramError:
                return answered(doubled == 42, "another result", f"{doubled}")
            return answered(False, "another result", "no error")

        answer = aside(from_a_thread)
        until = trio.current_time() + WAIT_S
        while not answer.done() and trio.current_time() < until:
            await trio.sleep(0.001)
        return answer.result(0) if answer.done() else answered(False, "the loop does not wake up for it")

    return trio.run(main)
