"""SystemExit and KeyboardInterrupt of a callback or a task come out of the run, and the loop can be run again."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does sys.exit() in a callback end the run, and can the loop be used for cleaning up afterwards?",
    rule="SystemExit and KeyboardInterrupt are no errors of a callback: whoever runs the loop gets them.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-cancellation",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/336",
        "https://github.com/MagicStack/uvloop/issues/295",
        "https://github.com/gevent/gevent/issues/461",
    ),
)
ENDS = (SystemExit, KeyboardInterrupt)


def verdict(run: Callable[[type[BaseException]], object], run_again: Callable[[], object]) -> Answer:
    """*run* a callback that raises the class that it is given."""
    for end in ENDS:
        try:
            run(end)
        except end:
            pass
        else:
            return answered(False, f"{end.__name__} does not come out")
        try:
            run_again()
        except (Exception, *ENDS) as error:
            return answered(
                False, f"after {end.__name__} the next run raises {type(error).__name__}", str(error)
            )
    return answered(True, "")


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()

    def leave(end: type[BaseException]) -> None:
        loop.stop()  # for a loop that lets nothing out
        raise end

    async def leaving(end: type[BaseException]) -> None:
        raise end

    def run(end: type[BaseException]) -> None:
        loop.call_soon(leave, end)
        loop.run_forever()

    from_callback = verdict(run, lambda: loop.run_until_complete(asyncio.sleep(0.001)))
    if from_callback.word != "yes":
        return from_callback
    return verdict(
        lambda end: loop.run_until_complete(leaving(end)),
        lambda: loop.run_until_complete(asyncio.sleep(0.001)),
    )


def on_tornado(io_loop: "IOLoop") -> Answer:
    def leave(end: type[BaseException]) -> None:
        io_loop.stop()
        raise end

    def run(end: type[BaseException]) -> None:
        io_loop.add_callback(leave, end)
        io_loop.start()

    return verdict(run, lambda: io_loop.run_sync(lambda: asyncio.sleep(0.001)))


def on_gevent() -> Answer:
    import gevent

    def leave(end: type[BaseException]) -> None:
        raise end

    def run(end: type[BaseException]) -> None:
        gevent.spawn(leave, end)
        gevent.sleep(0.1)

    return verdict(run, lambda: gevent.sleep(0.001))


def on_trio() -> Answer:
    """From a task in a nursery, where failures of several come together in a group."""
    import trio

    async def leave(end: type[BaseException]) -> None:
        raise end

    async def main(end: type[BaseException]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave, end)

    def run(end: type[BaseException]) -> None:
        trio.run(main, end)

    try:
        return verdict(run, lambda: trio.run(trio.sleep, 0.001))
    except BaseExceptionGroup as group:
        return answered(False, "it comes out in a group of exceptions", repr(group))


def on_curio() -> Answer:
    import curio

    async def leave(end: type[BaseException]) -> None:
        raise end

    async def main(end: type[BaseException]) -> None:
        await curio.spawn(leave, end)
        await curio.sleep(0.1)

    def run(end: type[BaseException]) -> None:
        curio.run(main, end)

    return verdict(run, lambda: curio.run(curio.sleep, 0.001))


def on_pyev() -> Answer:
    import pyev

    loop = pyev.Loop()

    def run(end: type[BaseException]) -> None:
        def leave(*_: object) -> None:
            loop.stop()
            raise end

        timer = pyev.Timer(0.0, 0.0, loop, leave)
        timer.start()
        loop.start()

    return verdict(run, loop.start)


def on_twisted(reactor: Any) -> Answer:
    def leave(end: type[BaseException]) -> None:
        reactor.crash()
        raise end

    def run(end: type[BaseException]) -> None:
        reactor.callLater(0, leave, end)
        reactor.run()

    def run_again() -> None:
        reactor.callLater(0.001, reactor.crash)
        reactor.run()

    return verdict(run, run_again)


def on_eventlet() -> Answer:
    import eventlet

    def leave(end: type[BaseException]) -> None:
        raise end

    def run(end: type[BaseException]) -> None:
        eventlet.spawn(leave, end)
        eventlet.sleep(0.1)

    return verdict(run, lambda: eventlet.sleep(0.001))
