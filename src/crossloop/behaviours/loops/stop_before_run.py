"""A stop that comes before the run ends the run at once."""

from typing import TYPE_CHECKING, Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a stop before the run make the run return at once?",
    rule="If stop() is called before run_forever(), the loop polls once, runs what is scheduled already and returns.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.stop",
)
LATER_S = 0.5
"""A second stop, for a loop that does not know of the first."""
FORGOTTEN = "the loop forgets it and runs on"


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop, ran = new_loop(), list[str]()

    def stop_again() -> None:
        ran.append("second stop")
        loop.stop()

    loop.call_soon(ran.append, "scheduled")
    loop.call_later(LATER_S, stop_again)
    loop.stop()
    loop.run_forever()
    return answered(ran == ["scheduled"], FORGOTTEN if ran else "nothing runs")


def on_tornado(io_loop: "IOLoop") -> Answer:
    ran = list[str]()

    def stop_again() -> None:
        ran.append("second stop")
        io_loop.stop()

    io_loop.call_later(LATER_S, stop_again)
    io_loop.stop()
    io_loop.start()
    return answered(not ran, FORGOTTEN)


def on_pyev() -> Answer:
    import pyev

    loop, ran = pyev.Loop(), list[str]()

    def expired(*_: object) -> None:
        ran.append("its timer")

    timer = pyev.Timer(LATER_S, 0.0, loop, expired)
    timer.start()
    loop.stop()
    loop.start()
    return answered(not ran, FORGOTTEN)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import EventBase, Timer

    ran = list[str]()
    with EventBase() as base:

        def stop_again(*_: object) -> None:
            ran.append("second stop")
            base.loopbreak()

        Timer(base, stop_again).add(LATER_S)
        base.loopbreak()
        base.run()
    return answered(not ran, FORGOTTEN)


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.error import ReactorNotRunning

    try:
        reactor.stop()
    except ReactorNotRunning:
        return answered(False, "raises ReactorNotRunning")
    return answered(True, "")
