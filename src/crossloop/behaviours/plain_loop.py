"""A callback loop under one set of names: each library's own calls, and nothing between that takes care.

What a behaviour asks of every loop alike is one program, `on_loop(loop)`. Its words stand for

| word | asyncio | tornado | gevent | pyev | libevent |
| --- | --- | --- | --- | --- | --- |
| `watch` | `add_reader` | `add_handler(…, READ)` | `loop.io(fd, READ).start` | `Io(…).start` | `event_add` |
| its undoing | `remove_reader` | `remove_handler` | `close` | `stop` | `event_del` |
| `after` | `call_later` | `call_later` | `loop.timer(s).start` | `Timer(…).start` | `event_add` |
| its undoing | `cancel` | `remove_timeout` | `close` | `stop` | `event_del` |
| `waker` | `call_soon_threadsafe` | `add_callback` | `run_callback_threadsafe` | `Async(…).send` | `Wakeup` |
| `run`, `stop` | `run_forever`, `stop` | `start`, `stop` | an `Event` | `start`, `stop` | `run`, `loopbreak` |

| word | twisted | eventlet |
| --- | --- | --- |
| `watch` | `addReader` | `hub.add(READ, …)` |
| its undoing | `removeReader` | `hub.remove` |
| `after` | `callLater` | `hub.schedule_call_global` |
| its undoing | `cancel` | `cancel` |
| `waker` | `callFromThread` | none: a socket that a callback reads |
| `run`, `stop` | `run` without its signal handlers, `crash`: what was stopped never runs again | an `Event` |

`watch_write` is `watch` for writing. Of a raw model they are the members of `Readiness`. Seconds are given, callbacks
get no arguments, `watch` and `after` return the function that undoes them, and `waker` the one to call from threads.
"""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from crossloop.api.about import AskedAs

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

    from crossloop.api import Readiness
    from crossloop.behaviours.families import NewLoop

Call: TypeAlias = Callable[[], object]


class PlainLoop(ABC):
    """A new loop of one library."""

    run: Call
    """In this thread, until `stop`."""
    stop: Call

    @abstractmethod
    def watch(self, fd: int, callback: Call) -> Call:
        """Call back while *fd* is readable."""

    @abstractmethod
    def watch_write(self, fd: int, callback: Call) -> Call:
        """Call back while *fd* is writable."""

    @abstractmethod
    def after(self, delay_s: float, callback: Call) -> Call:
        """Call back once, after *delay_s* seconds."""

    @abstractmethod
    def waker(self, callback: Call) -> Call:
        """What may be called from any thread to have *callback* run soon. To be asked for in the loop's thread."""

    def then_stop(self, call: Callable[..., object], *arguments: object) -> Call:
        """A callback that calls *call* and lets the run end."""

        def callback() -> None:
            call(*arguments)
            self.stop()

        return callback

    def run_for(self, seconds: float) -> None:
        """Run, and stop after *seconds*."""
        self.after(seconds, self.stop)
        self.run()


class _Asyncio(PlainLoop):
    def __init__(self, new_loop: "NewLoop") -> None:
        self.loop = loop = new_loop()
        self.run, self.stop = loop.run_forever, loop.stop

    def watch(self, fd: int, callback: Call) -> Call:
        self.loop.add_reader(fd, callback)
        return partial(self.loop.remove_reader, fd)

    def watch_write(self, fd: int, callback: Call) -> Call:
        self.loop.add_writer(fd, callback)
        return partial(self.loop.remove_writer, fd)

    def after(self, delay_s: float, callback: Call) -> Call:
        return self.loop.call_later(delay_s, callback).cancel

    def waker(self, callback: Call) -> Call:
        return partial(self.loop.call_soon_threadsafe, callback)


class _Tornado(PlainLoop):
    def __init__(self, io_loop: "IOLoop") -> None:
        self.loop = io_loop
        self.run, self.stop = io_loop.start, io_loop.stop

    def watch(self, fd: int, callback: Call) -> Call:
        return self._watch(fd, self.loop.READ, callback)

    def watch_write(self, fd: int, callback: Call) -> Call:
        return self._watch(fd, self.loop.WRITE, callback)

    def _watch(self, fd: int, events: int, callback: Call) -> Call:
        def handle(_fd: int, _events: int) -> None:
            callback()

        self.loop.add_handler(fd, handle, events)
        return partial(self.loop.remove_handler, fd)

    def after(self, delay_s: float, callback: Call) -> Call:
        return partial(self.loop.remove_timeout, self.loop.call_later(delay_s, callback))

    def waker(self, callback: Call) -> Call:
        return partial(self.loop.add_callback, callback)


class _Twisted(PlainLoop):
    def __init__(self, reactor: Any) -> None:
        self.loop = reactor
        self.run, self.stop = partial(reactor.run, installSignalHandlers=False), reactor.crash
        self._watched = dict[int, _TwistedDescriptor]()

    def watch(self, fd: int, callback: Call) -> Call:
        descriptor = self._descriptor(fd)
        descriptor.read = callback
        self.loop.addReader(descriptor)
        return partial(self.loop.removeReader, descriptor)

    def watch_write(self, fd: int, callback: Call) -> Call:
        descriptor = self._descriptor(fd)
        descriptor.write = callback
        self.loop.addWriter(descriptor)
        return partial(self.loop.removeWriter, descriptor)

    def _descriptor(self, fd: int) -> "_TwistedDescriptor":
        return self._watched.setdefault(fd, _TwistedDescriptor(fd))

    def after(self, delay_s: float, callback: Call) -> Call:
        call = self.loop.callLater(delay_s, callback)

        def cancel() -> None:
            if call.active():  # else it is an error
                call.cancel()

        return cancel

    def waker(self, callback: Call) -> Call:
        return partial(self.loop.callFromThread, callback)


class _TwistedDescriptor:
    """What a reactor is given: an object with the methods of `IReadWriteDescriptor`, one for each descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.read: Call = int
        self.write: Call = int

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:  # noqa: N802  (here and below: the reactor's names)
        return "watched"

    def doRead(self) -> None:  # noqa: N802
        self.read()  # what it returns would be the reason of an end

    def doWrite(self) -> None:  # noqa: N802
        self.write()

    def connectionLost(self, _reason: object) -> None:  # noqa: N802
        """How a reactor tells of a hang-up with nothing to read, and that it has dropped the descriptor."""
        self.read()
        self.write()


class _Gevent(PlainLoop):
    def __init__(self) -> None:
        import gevent
        from gevent.event import Event

        self.loop: Any = gevent.get_hub().loop
        stopped = Event()
        self.run, self.stop = partial(_until, stopped), stopped.set
        self.kept = list[Any]()
        """Watchers that are in use; some of gevent's loops do not keep them."""

    def watch(self, fd: int, callback: Call) -> Call:
        return self._watch(fd, 1, callback)

    def watch_write(self, fd: int, callback: Call) -> Call:
        return self._watch(fd, 2, callback)

    def _watch(self, fd: int, events: int, callback: Call) -> Call:
        watcher = self.loop.io(fd, events)
        self.kept.append(watcher)
        watcher.start(callback)
        close: Call = watcher.close
        return close

    def after(self, delay_s: float, callback: Call) -> Call:
        timer = self.loop.timer(delay_s)
        self.kept.append(timer)
        timer.start(callback)
        close: Call = timer.close
        return close

    def waker(self, callback: Call) -> Call:
        return partial(self.loop.run_callback_threadsafe, callback)


class _Eventlet(PlainLoop):
    def __init__(self) -> None:
        from eventlet import hubs
        from eventlet.event import Event

        self.hub: Any = hubs.get_hub()
        self._event = Event
        self._stopped = Event()

    def run(self) -> None:
        """The main greenlet waits, and eventlet's hub runs meanwhile."""
        self._stopped.wait()
        self._stopped = self._event()

    def stop(self) -> None:
        if not self._stopped.ready():
            self._stopped.send()

    def watch(self, fd: int, callback: Call) -> Call:
        return self._watch(self.hub.READ, fd, callback)

    def watch_write(self, fd: int, callback: Call) -> Call:
        return self._watch(self.hub.WRITE, fd, callback)

    def _watch(self, kind: str, fd: int, callback: Call) -> Call:
        def ignore(*_: object) -> None:
            """What the hub would tell of a descriptor that was given out again."""

        listener = self.hub.add(kind, fd, lambda _fd: callback(), ignore, ignore)
        return partial(self.hub.remove, listener)

    def after(self, delay_s: float, callback: Call) -> Call:
        cancel: Call = self.hub.schedule_call_global(delay_s, callback).cancel
        return cancel

    def waker(self, callback: Call) -> Call:
        readable, writing = socket.socketpair()

        def call_each() -> None:
            for _ in readable.recv(4096):
                callback()

        self.watch(readable.fileno(), call_each)
        return partial(writing.send, b"x")


def _until(stopped: Any) -> None:
    """The main greenlet waits, and gevent's hub runs the loop meanwhile."""
    stopped.clear()
    stopped.wait()


class _Pyev(PlainLoop):
    def __init__(self) -> None:
        import pyev

        self.pyev: Any = pyev
        self.loop: Any = pyev.Loop()
        self.run, self.stop = self.loop.start, self.loop.stop
        self.kept = list[Any]()
        """libev refers to a watcher, and pyev does not keep it."""

    def watch(self, fd: int, callback: Call) -> Call:
        return self._start(self.pyev.Io(fd, self.pyev.EV_READ, self.loop, lambda *_: callback()))

    def watch_write(self, fd: int, callback: Call) -> Call:
        return self._start(self.pyev.Io(fd, self.pyev.EV_WRITE, self.loop, lambda *_: callback()))

    def after(self, delay_s: float, callback: Call) -> Call:
        return self._start(self.pyev.Timer(delay_s, 0.0, self.loop, lambda *_: callback()))

    def waker(self, callback: Call) -> Call:
        watcher = self.pyev.Async(self.loop, lambda *_: callback())
        self._start(watcher)
        send: Call = watcher.send
        return send

    def _start(self, watcher: Any) -> Call:
        watcher.start()
        self.kept.append(watcher)
        stop: Call = watcher.stop
        return stop


class _Libevent(PlainLoop):
    def __init__(self) -> None:
        from crossloop.bindings import libevent

        self.libevent = libevent
        self.base = libevent.EventBase()
        self.run, self.stop = self.base.run, self.base.loopbreak
        self._wakeup = libevent.Wakeup(self.base)

    def watch(self, fd: int, callback: Call) -> Call:
        return self._watch(fd, self.libevent.READ, callback)

    def watch_write(self, fd: int, callback: Call) -> Call:
        return self._watch(fd, self.libevent.WRITE, callback)

    def _watch(self, fd: int, what: int, callback: Call) -> Call:
        event = self.libevent.IoEvent(self.base, fd, what | self.libevent.PERSIST, lambda *_: callback())
        event.add()
        return event.delete

    def after(self, delay_s: float, callback: Call) -> Call:
        timer = self.libevent.Timer(self.base, lambda *_: callback())
        timer.add(delay_s)
        return timer.delete

    def waker(self, callback: Call) -> Call:
        return partial(self._wakeup.wake, callback)


class _Raw(PlainLoop):
    def __init__(self, adapter: "Readiness") -> None:
        self.adapter = adapter
        self.run, self.stop = adapter.run, adapter.stop

    def watch(self, fd: int, callback: Call) -> Call:
        self.adapter.watch(fd, lambda *_: callback())
        return partial(self.adapter.unwatch, fd)

    def watch_write(self, fd: int, callback: Call) -> Call:
        self.adapter.watch_write(fd, lambda *_: callback())
        return partial(self.adapter.unwatch_write, fd)

    def after(self, delay_s: float, callback: Call) -> Call:
        return partial(self.adapter.cancel, self.adapter.call_later(delay_s, lambda *_: callback()))

    def waker(self, callback: Call) -> Call:
        return partial(self.adapter.wake, lambda *_: callback())


PLAIN_LOOPS: Mapping[AskedAs, Callable[..., PlainLoop]] = {
    "asyncio": _Asyncio,
    "tornado": _Tornado,
    "twisted": _Twisted,
    "gevent": _Gevent,
    "eventlet": _Eventlet,
    "pyev": _Pyev,
    "libevent": _Libevent,
    "readiness": _Raw,
}
"""Family → its loop, made of what a program of that family is given."""
