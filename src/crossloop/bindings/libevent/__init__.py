"""libevent 2.1 for Python 3, by cffi in ABI mode: no compiler is needed, and nothing is parsed at import.

    from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent, Timer

    with EventBase() as base:
        IoEvent(base, sock.fileno(), READ | PERSIST, on_readable).add()
        Timer(base, lambda *_: base.loopbreak()).add(2.5)     # seconds
        base.run()

The names and the behaviour are libevent's (`event2/event.h`): `event_add` is `Event.add`, `event_del` is
`Event.delete`. What Python adds: an exception raised in a callback comes out of the method that runs the
loop; events live while they are pending; failures are `LibeventError`. Each module's head says how.

Importing this loads no C library. The first `EventBase` or `load()` does, and raises
`LibraryNotFoundError`, an `ImportError`, with what was tried where there is none.
"""

from crossloop.bindings.libevent.base import EventBase
from crossloop.bindings.libevent.buffered import (
    EVENT_EOF,
    EVENT_ERROR,
    BufferEvent,
)
from crossloop.bindings.libevent.errors import LibeventError, LibraryNotFoundError
from crossloop.bindings.libevent.events import (
    PERSIST,
    READ,
    SIGNAL,
    TIMEOUT,
    WRITE,
    Event,
    IoEvent,
    PersistentTimer,
    SignalEvent,
    Timer,
)
from crossloop.bindings.libevent.http import HttpLibrary, HttpRequest, HttpServer, load_http
from crossloop.bindings.libevent.library import Library, libevent_version, load
from crossloop.bindings.libevent.wakeup import PythonSignals, Wakeup

__all__ = [
    "EVENT_EOF",
    "EVENT_ERROR",
    "PERSIST",
    "READ",
    "SIGNAL",
    "TIMEOUT",
    "WRITE",
    "BufferEvent",
    "Event",
    "EventBase",
    "HttpLibrary",
    "HttpRequest",
    "HttpServer",
    "IoEvent",
    "LibeventError",
    "Library",
    "LibraryNotFoundError",
    "PersistentTimer",
    "PythonSignals",
    "SignalEvent",
    "Timer",
    "Wakeup",
    "libevent_version",
    "load",
    "load_http",
]
