"""What is unwatched by a callback of the same turn is not called any more."""

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import pair
from crossloop.behaviours.plain_loop import Call, PlainLoop

ABOUT = Behaviour(
    question="When two descriptors are ready and one's callback unwatches the other, is the other left alone?",
    rule="Once a watch has ended its callback does not run, also when the kernel has reported the descriptor already: "
    "by then it may be closed, and its number another file's.",
    source="https://metacpan.org/dist/EV/view/libev/ev.pod",
    reports=("https://github.com/gatzka/cio/pull/3",),
)


def on_loop(loop: PlainLoop) -> Answer:
    called = list[str]()
    unwatch = list[Call]()

    def ready(name: str) -> None:
        called.append(name)
        for end in unwatch:
            end()

    with pair() as (first, peer_of_first), pair() as (second, peer_of_second):
        unwatch.append(loop.watch(first.fileno(), lambda: ready("one")))
        unwatch.append(loop.watch(second.fileno(), lambda: ready("two")))
        peer_of_first.send(b"x")
        peer_of_second.send(b"x")
        loop.run_for(0.03)
    return answered(len(called) == 1, "it is called all the same", f"called: {called}")
