"""A descriptor that is closed before the loop has asked for it even once does not disturb the loop."""

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import pair, spins
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Does the loop go on, and sleep, when a descriptor is closed before the loop has run with it?",
    rule="What is watched is to be unwatched before it is closed. A library that tells the kernel of a watch when it "
    "waits next finds a number that is no descriptor: an error of this watch and of no other.",
    source="https://docs.python.org/3/library/selectors.html#selectors.BaseSelector.unregister",
    reports=("https://github.com/gevent/gevent/issues/2100",),
)


def on_loop(loop: PlainLoop) -> Answer:
    with pair() as (watched, _peer):
        loop.watch(watched.fileno(), lambda: None)
        watched.close()
        return answered(not spins(lambda: loop.run_for(0.05), 0.05), "the loop spins")
