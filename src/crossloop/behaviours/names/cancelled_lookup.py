"""A lookup that is cancelled gives up at once."""

import asyncio
import time
from unittest import mock

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.names.loop_goes_on import slowly

ABOUT = Behaviour(
    question="Does a wait for a lookup return at once when it is cancelled?",
    rule="Cancelling the task raises CancelledError where it waits; the lookup itself may end later.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel",
)
LATE_S = 0.1


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()

    async def main() -> Answer:
        looking = asyncio.ensure_future(loop.getaddrinfo("localhost", 80))
        await asyncio.sleep(0)
        begun = time.monotonic()
        looking.cancel()
        try:
            await looking
        except asyncio.CancelledError:
            took_s = time.monotonic() - begun
            return answered(
                took_s < LATE_S, "it comes back when the lookup has ended", f"{1000 * took_s:.1f} ms"
            )
        return answered(False, "it is not cancelled")

    with mock.patch("_socket.getaddrinfo", slowly):
        return loop.run_until_complete(main())


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with trio.move_on_after(0.01) as limit:
            await trio.socket.getaddrinfo("localhost", 80)
        took_s = trio.current_time() - limit.deadline
        if not limit.cancelled_caught:
            return answered(False, "it is not cancelled")
        return answered(took_s < LATE_S, "it comes back when the lookup has ended", f"{1000 * took_s:.1f} ms")

    with mock.patch("_socket.getaddrinfo", slowly):
        return trio.run(main)


def on_curio() -> Answer:
    import curio
    from curio import socket

    async def main() -> Answer:
        looking = await curio.spawn(socket.getaddrinfo, "localhost", 80)
        await curio.sleep(0.01)
        begun = time.monotonic()
        await looking.cancel()
        took_s = time.monotonic() - begun
        if not looking.cancelled:
            return answered(False, "it is not cancelled")
        return answered(took_s < LATE_S, "it comes back when the lookup has ended", f"{1000 * took_s:.1f} ms")

    with mock.patch("_socket.getaddrinfo", slowly):
        answer: Answer = curio.run(main)
    return answer
