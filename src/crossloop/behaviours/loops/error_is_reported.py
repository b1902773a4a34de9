"""An exception in a callback is reported, and the loop goes on."""

import contextlib
import io
import logging
from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="When a callback raises, is the exception reported, and do the other callbacks run?",
    rule="What a callback raises is given to the loop's exception handler, and the loop goes on.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#error-handling-api",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/360",
        "https://github.com/python-greenlet/greenlet/issues/140",
    ),
)


class ProgramError(Exception):
    """What the callback raises."""


def fail(*_: object) -> None:
    raise ProgramError


def verdict(reports: int, others: list[str]) -> Answer:
    """*reports*: how many of one error there were; *others*: callbacks that ran behind it."""
    if not others:
        return answered(False, "the other callbacks do not run")
    return answered(
        reports == 1, "nobody is told" if not reports else "it is told more than once", f"{reports}"
    )


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, contexts, others = new_loop(), list[dict[str, Any]](), list[str]()
    loop.set_exception_handler(lambda _loop, context: contexts.append(context))
    loop.call_soon(fail)
    loop.call_soon(others.append, "ran")
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    return verdict(sum(isinstance(context.get("exception"), ProgramError) for context in contexts), others)


def on_tornado(io_loop: "IOLoop") -> Answer:
    others, log = list[str](), io.StringIO()
    logging.getLogger("tornado.application").addHandler(logging.StreamHandler(log))
    io_loop.add_callback(fail)
    io_loop.add_callback(others.append, "ran")
    io_loop.call_later(0.001, io_loop.stop)
    io_loop.start()
    return verdict(log.getvalue().count("Traceback"), others)


def on_gevent() -> Answer:
    import gevent

    others, printed = list[str](), io.StringIO()
    with contextlib.redirect_stderr(printed):
        gevent.spawn(fail)
        gevent.spawn(others.append, "ran")
        gevent.sleep(0.001)
    return verdict(printed.getvalue().count("Traceback"), others)


def on_pyev() -> Answer:
    import pyev

    others, printed = list[str](), io.StringIO()
    loop = pyev.Loop()
    timers = [pyev.Timer(0.0, 0.0, loop, fail), pyev.Timer(0.001, 0.0, loop, lambda *_: others.append("ran"))]
    for timer in timers:
        timer.start()
    with contextlib.redirect_stderr(printed):
        loop.start()
    return verdict(printed.getvalue().count("Traceback"), others)


def on_twisted(reactor: Any) -> Answer:
    from twisted.logger import globalLogPublisher

    others, events = list[str](), list[dict[str, Any]]()
    observe: Any = events.append
    globalLogPublisher.addObserver(observe)
    reactor.callLater(0, fail)
    reactor.callLater(0, others.append, "ran")
    reactor.callLater(0.001, reactor.stop)
    with contextlib.redirect_stderr(io.StringIO()):
        reactor.run()
    return verdict(sum("log_failure" in event for event in events), others)


def on_eventlet() -> Answer:
    import eventlet

    others, printed = list[str](), io.StringIO()
    with contextlib.redirect_stderr(printed):
        eventlet.spawn(fail)
        eventlet.spawn(others.append, "ran")
        eventlet.sleep(0.001)
    return verdict(printed.getvalue().count("Traceback"), others)
