"""An interpreter that ends with an open loop ends well."""

from typing import Any

from crossloop.api import Readiness
from crossloop.behaviours.another_interpreter import (
    LIMIT_S,
    ends_well,
    import_of_adapter,
    import_of_gevent,
    import_of_loop,
)
from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.families import NewLoop

ABOUT = Behaviour(
    question="Does a program end quietly, with status 0, that leaves a loop open with a timer and a reader?",
    rule="What the interpreter destroys at its end neither fails nor speaks, if warnings were not asked for.",
    source="https://docs.python.org/3/c-api/init.html#c.Py_FinalizeEx",
    reports=(
        "https://github.com/gevent/gevent/issues/1098",
        "https://github.com/gevent/gevent/issues/237",
    ),
    limit_s=LIMIT_S + 1,
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    return ends_well(
        import_of_loop(new_loop)
        + """
import socket
mine, peers = socket.socketpair()
mine.setblocking(False)
loop = new_loop()
loop.call_later(60, print)
loop.add_reader(mine, print)
loop.call_soon(loop.stop)
loop.run_forever()
"""
    )


def on_gevent() -> Answer:
    return ends_well(
        import_of_gevent()
        + """
import socket
mine, peers = socket.socketpair()
gevent.spawn_later(60, print)
reader = gevent.get_hub().loop.io(mine.fileno(), 1)
reader.start(print)
gevent.sleep(0.001)
"""
    )


def on_pyev() -> Answer:
    return ends_well(
        """
import pyev, socket
mine, peers = socket.socketpair()
loop = pyev.Loop()
timer = pyev.Timer(60, 0, loop, print)
reader = pyev.Io(mine, pyev.EV_READ, loop, print)
soon = pyev.Timer(0, 0, loop, lambda watcher, events: loop.stop())
for watcher in timer, reader, soon:
    watcher.start()
loop.start()
"""
    )


def on_libevent() -> Answer:
    return ends_well(
        """
import socket
from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent, Timer
mine, peers = socket.socketpair()
base = EventBase()
Timer(base, print).add(60)
IoEvent(base, mine.fileno(), READ | PERSIST, print).add()
Timer(base, lambda *_: base.loopbreak()).add(0)
base.run()
"""
    )


def on_readiness(adapter: Readiness) -> Answer:
    return ends_well(
        import_of_adapter(adapter)
        + """
import socket
mine, peers = socket.socketpair()
adapter = Adapter()
adapter.call_later(60, print)
adapter.watch(mine.fileno(), print)
adapter.call_later(0, lambda *_: adapter.stop())
adapter.run()
"""
    )


def on_twisted(reactor: Any) -> Answer:
    return ends_well(
        """
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol
reactor.callLater(60, print)
reactor.listenUDP(0, DatagramProtocol())
reactor.callLater(0, reactor.crash)
reactor.run()
"""
    )


def on_eventlet() -> Answer:
    return ends_well(
        """
import socket, warnings
warnings.simplefilter("ignore")  # it says at once that it is deprecated
import eventlet
mine, peers = socket.socketpair()
eventlet.spawn_after(60, print)
eventlet.spawn(eventlet.hubs.trampoline, mine, read=True)
eventlet.sleep(0.001)
"""
    )
