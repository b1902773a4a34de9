"""A closed loop refuses work in words, and closing it again does nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a closed loop raise when it is used, and can it be closed twice?",
    rule="After close() no other method should be called: asyncio raises RuntimeError. Closing again does nothing.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.close",
    reports=(
        "https://github.com/tornadoweb/tornado/issues/2191",
        "https://github.com/gevent/gevent/issues/2175",
    ),
)


ACCIDENTS = (AttributeError, KeyError, TypeError)
"""What a library raises that did not look whether it is closed."""


def verdict(uses: dict[str, Callable[[], object]], close: Callable[[], object]) -> Answer:
    """Close, try each of *uses*, close again."""
    close()
    wrong, refusals = list[str](), list[str]()
    for name, use in uses.items():
        try:
            use()
            wrong.append(f"{name} is taken without a word")
        except ACCIDENTS as error:
            wrong.append(f"{name} raises {type(error).__name__}")
        except Exception as error:
            refusals.append(f"{error}")
    try:
        close()
    except Exception as error:
        wrong.append(f"a second close raises {type(error).__name__}")
    return answered(not wrong, ", ".join(wrong), f"{refusals}")


def nothing() -> None:
    """A callback."""


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    loop.call_soon(loop.stop)
    loop.run_forever()
    return verdict(
        {
            "call_soon": lambda: loop.call_soon(nothing),
            "call_later": lambda: loop.call_later(1, nothing),
            "call_soon_threadsafe": lambda: loop.call_soon_threadsafe(nothing),
            "run_in_executor": lambda: loop.run_in_executor(None, nothing),
            "run_forever": loop.run_forever,
        },
        loop.close,
    )


def on_tornado(io_loop: "IOLoop") -> Answer:
    io_loop.add_callback(io_loop.stop)
    io_loop.start()
    return verdict(
        {
            "add_callback": lambda: io_loop.add_callback(nothing),
            "call_later": lambda: io_loop.call_later(1, nothing),
            "start": io_loop.start,
        },
        io_loop.close,
    )


def on_gevent() -> Answer:
    import gevent

    gevent.sleep(0)
    hub = gevent.get_hub()
    loop = hub.loop
    return verdict(
        {
            "run_callback": lambda: loop.run_callback(nothing),
            "timer": lambda: loop.timer(1).start(nothing),
            "run": loop.run,
        },
        lambda: hub.destroy(destroy_loop=True),
    )


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, Timer

    base = EventBase()
    timer = Timer(base, nothing)
    return verdict({"event_add": lambda: timer.add(1), "run": base.run}, base.close)
