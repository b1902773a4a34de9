"""Running a loop from within a running loop is refused."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is a run refused within a run, of the same loop and of another one?",
    rule="A thread runs one loop at a time: starting it again, or another, from a callback raises RuntimeError.",
    source="https://docs.python.org/3/library/asyncio-runner.html#asyncio.run",
)


def verdict(runs: dict[str, Callable[[], object]]) -> Answer:
    """Called within a run. Each of *runs* would end by itself."""
    nested, refusals = list[str](), list[str]()
    for name, run in runs.items():
        try:
            run()
            nested.append(name)
        except Exception as error:  # RuntimeError or the library's own
            refusals.append(f"{error}")
    return answered(not nested, f"{' and '.join(nested)} runs within a run", f"{refusals}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, other, answers = new_loop(), new_loop(), list[Answer]()

    def within() -> None:
        for event_loop in (loop, other):
            event_loop.call_later(0.001, event_loop.stop)
        answers.append(verdict({"the same loop": loop.run_forever, "another loop": other.run_forever}))
        loop.call_later(0.002, loop.stop)

    loop.call_soon(within)
    loop.run_forever()
    return answers[0]


def on_tornado(io_loop: "IOLoop") -> Answer:
    answers = list[Answer]()

    def within() -> None:
        io_loop.call_later(0.001, io_loop.stop)
        answers.append(verdict({"the same loop": io_loop.start}))
        io_loop.call_later(0.002, io_loop.stop)

    io_loop.add_callback(within)
    io_loop.start()
    return answers[0]


def on_trio() -> Answer:
    """Each run makes a loop of its own."""
    import trio

    async def main() -> Answer:
        return verdict({"another loop": lambda: trio.run(trio.sleep, 0.001)})

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    with curio.Kernel() as kernel:

        async def main() -> Answer:
            return verdict(
                {
                    "the same loop": lambda: kernel.run(curio.sleep, 0.001),
                    "another loop": lambda: curio.run(curio.sleep, 0.001),
                }
            )

        answer: Answer = kernel.run(main)
    return answer


def on_pyev() -> Answer:
    import pyev

    loop, other, answers = pyev.Loop(), pyev.Loop(), list[Answer]()

    def within(*_: object) -> None:
        timers = [pyev.Timer(0.001, 0.0, event_loop, lambda *_: None) for event_loop in (loop, other)]
        for each in timers:
            each.start()
        answers.append(verdict({"the same loop": loop.start, "another loop": other.start}))

    timer = pyev.Timer(0.0, 0.0, loop, within)
    timer.start()
    loop.start()
    return answers[0]


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, Timer

    answers = list[Answer]()
    with EventBase() as base, EventBase() as other:

        def within(*_: object) -> None:
            for event_base in (base, other):
                Timer(event_base, lambda *_: None).add(0.001)
            answers.append(verdict({"the same loop": base.loop, "another loop": other.loop}))

        Timer(base, within).add(0)
        base.loop()
    return answers[0]


def on_twisted(reactor: Any) -> Answer:
    answers = list[Answer]()

    def within() -> None:
        answers.append(verdict({"the same reactor": reactor.run}))
        reactor.stop()

    reactor.callLater(0, within)
    reactor.run()
    return answers[0]
