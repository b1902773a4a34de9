"""Watched again, a descriptor has the new callback alone."""

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import pair

ABOUT = Behaviour(
    question="Does a second add_reader for a descriptor take the place of the first?",
    rule="A loop keeps one callback for reading a descriptor, the latest.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.add_reader",
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, called = new_loop(), set[str]()
    with pair() as (watched, peer):
        loop.add_reader(watched, called.add, "the first")
        loop.add_reader(watched, called.add, "the second")
        peer.send(b"x")
        loop.call_later(0.03, loop.stop)
        loop.run_forever()
    return answered(called == {"the second"}, "the first is called still", f"called: {sorted(called)}")
