"""After a stop, what the callbacks of the last turn schedule waits for the next run."""

from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a callback stops the loop, does what it schedules wait for the next run?",
    rule="After stop(), run_forever runs the callbacks that are scheduled already and returns; those that callbacks "
    "schedule run the next time.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.stop",
    reports=("https://github.com/MagicStack/uvloop/issues/517",),
)
LATE = "what it schedules still runs in this run"


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, ran = new_loop(), list[str]()

    def stop_and_schedule() -> None:
        loop.stop()
        loop.call_soon(ran.append, "scheduled")

    loop.call_soon(stop_and_schedule)
    loop.run_forever()
    return answered(not ran, LATE)


def on_tornado(io_loop: "IOLoop") -> Answer:
    ran = list[str]()

    def stop_and_schedule() -> None:
        io_loop.stop()
        io_loop.add_callback(ran.append, "scheduled")

    io_loop.add_callback(stop_and_schedule)
    io_loop.start()
    return answered(not ran, LATE)
