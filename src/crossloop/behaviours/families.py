"""Families of libraries that are asked in the same words, and what a program of each is given.

| family | program | is given |
| --- | --- | --- |
| `asyncio` | `on_asyncio` | `new_loop`: makes a new loop of the library, as its documentation does |
| `tornado` | `on_tornado` | `io_loop`: a `tornado.ioloop.IOLoop` on a new asyncio loop, current in this thread |
| `twisted` | `on_twisted` | `reactor`: `twisted.internet.reactor`, the one that Twisted takes by itself |
| `gevent` | `on_gevent` | nothing: `import gevent` gives the configured loop; nothing is monkey-patched |
| `eventlet` | `on_eventlet` | nothing: `import eventlet` gives the default hub; nothing is monkey-patched |
| `trio` | `on_trio` | nothing: `import trio`, and what is awaited runs in `trio.run` |
| `curio` | `on_curio` | nothing: `import curio`, and what is awaited runs in `curio.run` |
| `pyev` | `on_pyev` | nothing: `import pyev` |
| `libevent` | `on_libevent` | nothing: `crossloop.bindings.libevent`, names and flags as in `event2/event.h` |
| `readiness` | `on_readiness` | the adapter, open: a raw model (`select`, `epoll`, …) with the members of `Readiness` |
| `server` | `on_server` | the adapter, open: a raw model that serves streams and nothing else (`threads`, `aio`, …) |

Raw models have no library: what our adapter does is what there is.

What is asked of every callback loop alike is one program, `on_loop`. It is given `loop`, a `plain_loop.PlainLoop`: the
library's own calls under one set of names. It is for each family of the table above that has no program of its own and
is not a `server`.
"""

import importlib
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeAlias

from crossloop.api import Adapter
from crossloop.api.about import AskedAs
from crossloop.behaviours.behaviour import Program
from crossloop.behaviours.plain_loop import PLAIN_LOOPS

NewLoop: TypeAlias = Callable[[], AbstractEventLoop]
OpenAdapter: TypeAlias = Callable[[], Adapter]


def program_of(module: ModuleType, family: AskedAs) -> Program | None:
    """The function of a behaviour's module that asks *family*; None: the question is not one for it."""
    specific: Program | None = getattr(module, f"on_{family}", None)
    common: Program | None = getattr(module, "on_loop", None) if family in PLAIN_LOOPS else None
    return specific or common


def given_to(program: Program, family: AskedAs, loop: str, open_adapter: OpenAdapter) -> tuple[Any, ...]:
    """The arguments of a program for *family*; *loop* as `AdapterAbout.loop`. Raises ImportError, AttributeError."""
    given = FAMILIES[family](loop, open_adapter)
    return (PLAIN_LOOPS[family](*given),) if program.__name__ == "on_loop" else given


def _asyncio(loop: str, _open_adapter: OpenAdapter) -> tuple[NewLoop]:
    module, _colon, factory = loop.partition(":")
    new_loop: NewLoop = getattr(importlib.import_module(module), factory)
    return (new_loop,)


def _tornado(loop: str, _open_adapter: OpenAdapter) -> tuple[Any]:
    from tornado.ioloop import IOLoop
    from tornado.platform.asyncio import AsyncIOLoop

    (new_loop,) = _asyncio(loop, _open_adapter)
    io_loop: IOLoop = AsyncIOLoop(asyncio_loop=new_loop(), make_current=True)
    return (io_loop,)


def _twisted(_loop: str, _open_adapter: OpenAdapter) -> tuple[Any]:
    return (importlib.import_module("twisted.internet.reactor"),)


def _gevent(loop: str, _open_adapter: OpenAdapter) -> tuple[()]:
    import gevent

    gevent.config.loop = loop
    return ()


def _nothing(_loop: str, _open_adapter: OpenAdapter) -> tuple[()]:
    return ()


def _adapter(_loop: str, open_adapter: OpenAdapter) -> tuple[Adapter]:
    return (open_adapter(),)


FAMILIES: Mapping[AskedAs, Callable[[str, OpenAdapter], tuple[Any, ...]]] = {
    "asyncio": _asyncio,
    "tornado": _tornado,
    "twisted": _twisted,
    "gevent": _gevent,
    "eventlet": _nothing,
    "trio": _nothing,
    "curio": _nothing,
    "pyev": _nothing,
    "libevent": _nothing,
    "readiness": _adapter,
    "server": _adapter,
}
