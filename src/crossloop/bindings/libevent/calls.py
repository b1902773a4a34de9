"""The part in C by which libevent calls Python (`calls.c`), where `crossloop setup libevent` could build it.

With it an event's argument is the `Event` itself, and C calls its `callback`. Without it cffi does the same by closures
and keys, at 2,000 instructions more (docs/bindings.md). Both are held to the same tests.

The build is found by its name and asked for its version. It is not compared with the digest of its sources, as the
engine of the load is: that takes `hashlib`, and 4 ms of each start of a program on libevent.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossloop.bindings.libevent import locate

VERSION = 1
"""Of `calls.c`, which says the same."""
BUILDS = "libevent-calls-*.so"
FUNCTIONS = (
    "PyGILState_Ensure",
    "PyGILState_Release",
    "PyObject_Vectorcall",
    "PyObject_GetAttr",
    "PyObject_SetAttr",
    "PyList_Append",
    "PyLong_FromLong",
    "Py_IncRef",
    "Py_DecRef",
    "PyErr_Fetch",
    "PyErr_NormalizeException",
    "PyErr_WriteUnraisable",
)
"""Of CPython, in the order of `calls.c`; libevent's event_base_loop comes after them."""
OBJECTS = (*map(sys.intern, ("callback", "_fire", "_failed", "revents")), None)
"""Names of attributes, and None, in the order of `calls.c`; they live as long as the process."""


@dataclass(frozen=True)
class Calls:
    """Functions of the loaded part; `persistent`, `once` and `note` are for `event_assign`."""

    part: Any
    """What holds the part: cffi unloads it when this goes."""
    persistent: Any
    """Calls `event.callback(fd, what)`."""
    once: Any
    """Calls `event._fire(fd, what)`."""
    note: Any
    """Notes a watcher."""
    round: Any
    """`round(list_id, base, flags)`: `event_base_loop`; then the list has the watchers that were noted."""


def load_calls(ffi: Any, lib: Any) -> Calls | None:
    """The part, ready to be used with libevent as *lib*; None where there is no build that fits."""
    if sys.implementation.name != "cpython":
        return None
    for path in sorted((locate.setup_folder() / locate.NATIVE).glob(BUILDS)):
        if (calls := _loaded(ffi, lib, path)) is not None:
            return calls
    return None


def _loaded(ffi: Any, lib: Any, path: Path) -> Calls | None:
    try:
        part, python = ffi.dlopen(str(path)), ffi.dlopen(None)
        if part.crossloop_calls_version() != VERSION:
            return None
        functions = [ffi.addressof(python, name) for name in FUNCTIONS]
    except (OSError, AttributeError, ffi.error):
        return None
    functions.append(ffi.addressof(lib, "event_base_loop"))
    part.crossloop_calls_begin(
        ffi.new("void *[]", [ffi.cast("void *", function) for function in functions]),
        ffi.new("void *[]", [ffi.cast("void *", id(each)) for each in OBJECTS]),
    )
    return Calls(
        part=part,
        persistent=ffi.addressof(part, "crossloop_calls_persistent"),
        once=ffi.addressof(part, "crossloop_calls_once"),
        note=ffi.addressof(part, "crossloop_calls_note"),
        round=part.crossloop_calls_round,
    )
