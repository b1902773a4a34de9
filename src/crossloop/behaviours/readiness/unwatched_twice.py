"""To unwatch what is not watched is harmless."""

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import QUIET_S, pair
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Is it harmless to unwatch a descriptor that is not watched any more?",
    rule="Whoever cleans up after an error does not know what has ended already: remove_reader says False, and a "
    "watcher that is not active is stopped without effect.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.remove_reader",
)


def on_loop(loop: PlainLoop) -> Answer:
    with pair() as (first, _peer), pair() as (second, writer):
        heard = list[str]()
        unwatch = loop.watch(first.fileno(), lambda: None)
        loop.run_for(0.01)
        unwatch()
        unwatch()
        loop.watch(second.fileno(), loop.then_stop(heard.append, "readable"))
        writer.send(b"x")
        loop.run_for(QUIET_S)
    return answered(bool(heard), "another descriptor is not heard afterwards")
