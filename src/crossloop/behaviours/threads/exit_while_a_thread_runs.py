"""An interpreter that ends while a thread still runs a loop ends well."""

from typing import Any

from crossloop.behaviours.another_interpreter import LIMIT_S, ends_well, import_of_gevent, import_of_loop
from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.families import NewLoop

ABOUT = Behaviour(
    question="Does a program end quietly, with status 0, while a daemon thread of it runs a loop?",
    rule="Daemon threads are stopped at the end of the interpreter, wherever they are.",
    source="https://docs.python.org/3/library/threading.html#threading.Thread.daemon",
    reports=("https://github.com/saghul/pyuv/issues/137",),
    limit_s=LIMIT_S + 1,
)
BUSY = """
import threading, time
running = threading.Event()
threading.Thread(target=body, daemon=True).start()
running.wait()
time.sleep(0.02)
"""
"""`body` sets `running` from its loop, which then has a timer due every millisecond."""


def on_asyncio(new_loop: NewLoop) -> Answer:
    return ends_well(
        import_of_loop(new_loop)
        + """
def body():
    loop = new_loop()
    def turn():
        running.set()
        loop.call_later(0.001, turn)
    turn()
    loop.run_forever()
"""
        + BUSY
    )


def on_gevent() -> Answer:
    return ends_well(
        import_of_gevent()
        + """
def body():
    while True:
        running.set()
        gevent.sleep(0.001)
"""
        + BUSY
    )


def on_trio() -> Answer:
    return ends_well(
        """
import trio
def body():
    async def main():
        while True:
            running.set()
            await trio.sleep(0.001)
    trio.run(main)
"""
        + BUSY
    )


def on_curio() -> Answer:
    return ends_well(
        """
import curio
def body():
    async def main():
        while True:
            running.set()
            await curio.sleep(0.001)
    curio.run(main)
"""
        + BUSY
    )


def on_pyev() -> Answer:
    return ends_well(
        """
import pyev
def body():
    loop = pyev.Loop()
    timer = pyev.Timer(0.001, 0.001, loop, lambda watcher, events: running.set())
    timer.start()
    loop.start()
"""
        + BUSY
    )


def on_libevent() -> Answer:
    return ends_well(
        """
from crossloop.bindings.libevent import EventBase, PersistentTimer
def body():
    with EventBase() as base:
        PersistentTimer(base, lambda *_: running.set()).add(0.001)
        base.run()
"""
        + BUSY
    )


def on_twisted(reactor: Any) -> Answer:
    return ends_well(
        """
from twisted.internet import reactor
def body():
    def turn():
        running.set()
        reactor.callLater(0.001, turn)
    turn()
    reactor.run(installSignalHandlers=False)
"""
        + BUSY
    )


def on_eventlet() -> Answer:
    return ends_well(
        """
import warnings
warnings.simplefilter("ignore")  # it says at once that it is deprecated
import eventlet
def body():
    while True:
        running.set()
        eventlet.sleep(0.001)
"""
        + BUSY
    )
