"""The loaded shared library: found once in a process, checked, and given a place for its log.

libevent writes its log to stderr unless told otherwise. Here it goes to the logger `crossloop.libevent`,
silent until a program configures logging, and the last line becomes the reason of the `LibeventError`
that the failing call raises. One kind is written to stderr as well: severity `ERR`, after which libevent
ends the process by `exit(1)` (`event_err`, `event_errx` in its log.c), and nobody else could say why.
"""

import os
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from crossloop.api.facts import native_file
from crossloop.bindings.libevent import locate
from crossloop.bindings.libevent.calls import Calls, load_calls
from crossloop.bindings.libevent.errors import LibeventError, LibraryNotFoundError

OLDEST = 0x02010000
"""2.1: the first release with `EVENT_BASE_FLAG_PRECISE_TIMER` (its ChangeLog)."""

# event2/event.h, "Log severities".
_SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR")
_ERR = 3


@dataclass(frozen=True, kw_only=True)
class Library:
    """libevent_core in this process."""

    ffi: Any
    lib: Any
    version: str
    """What the library says itself (`event_get_version`), such as `2.1.12-stable`."""
    path: str
    """File that it was loaded from, or the name that was given to the loader where that cannot be seen."""
    name: str
    """What was given to the loader: a file, or a bare name for the loader's own search."""
    methods: tuple[str, ...]
    """Kernel mechanisms that it was built with, best first (`event_get_supported_methods`)."""
    event_memory: Any
    """cffi type of the memory of one event: exactly as large as the library wants, aligned for pointers."""
    calls: Calls | None
    """The part in C through which libevent calls Python; None where it is not built, and cffi does it."""
    last_log: list[str] = field(default_factory=list)
    """The latest warning, until an error takes it."""

    def error(self, call: str) -> LibeventError:
        """The error of *call*, which has just failed."""
        number = self.ffi.errno
        detail = self.last_log.pop() if self.last_log else ""
        return LibeventError(call, detail, number)


_loading = threading.Lock()
_loaded: list[Library] = []
_log_callbacks: list[Any] = []  # libevent keeps the pointer for the life of the process


def load() -> Library:
    """The library, loaded at the first call.

    Raises `LibraryNotFoundError` with everything that was tried, and `ImportError` without cffi.
    """
    if _loaded:
        return _loaded[0]
    with _loading:
        if not _loaded:
            _loaded.append(_load())
    return _loaded[0]


def libevent_version() -> str:
    """Version of the library that is loaded, loading it if need be."""
    return load().version


def _load() -> Library:
    from crossloop.bindings.libevent import _abi  # imports cffi's runtime: only when used

    ffi: Any = _abi.ffi
    if sys.platform != "win32" and ffi.sizeof("long") < 8:
        raise LibraryNotFoundError("the binding supports 64-bit Unix and Windows; this Python has 32 bits")
    lib, name = _open(ffi)
    last_log: list[str] = []
    _route_log(ffi, lib, last_log)
    longs = -(-lib.event_get_struct_event_size() // ffi.sizeof("long long"))
    return Library(
        ffi=ffi,
        lib=lib,
        version=_text(ffi, lib.event_get_version()),
        path=native_file("event_core") or name,
        name=name,
        methods=_supported_methods(ffi, lib),
        event_memory=ffi.typeof(f"long long[{longs}]"),
        calls=load_calls(ffi, lib),
        last_log=last_log,
    )


def _open(ffi: Any) -> tuple[Any, str]:
    """The first candidate that loads and is recent enough, and its name."""
    tried = []
    for name in locate.candidates():
        try:
            lib = ffi.dlopen(name)
            number = lib.event_get_version_number()
        except (OSError, AttributeError, ffi.error) as error:
            tried.append(f"{name!r}: {error}")
            continue
        if number >= OLDEST:
            return lib, name
        tried.append(f"{name!r}: version {_text(ffi, lib.event_get_version())}, 2.1 or newer is needed")
    chosen = os.environ.get(locate.ENVIRONMENT_VARIABLE)
    source = f"${locate.ENVIRONMENT_VARIABLE}" if chosen else "the system"
    folder = locate.setup_folder()
    raise LibraryNotFoundError(
        f"no usable libevent_core in {str(folder)!r} or from {source} (tried {'; '.join(tried)}). "
        f"Next: crossloop setup libevent"
    )


def _route_log(ffi: Any, lib: Any, last_log: list[str]) -> None:
    def on_log(severity: int, message: Any) -> None:
        import logging  # only when there is something to say: it costs milliseconds to import

        line = _text(ffi, message)
        if severity >= _SEVERITIES.index("WARNING"):
            last_log[:] = [line]
        if severity == _ERR:
            os.write(2, f"libevent ends this process: {line}\n".encode())
        logger = logging.getLogger("crossloop.libevent")
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        logger.log(getattr(logging, _SEVERITIES[min(max(severity, 0), _ERR)]), "%s", line)

    callback = ffi.callback("log_callback", on_log)
    _log_callbacks.append(callback)
    lib.event_set_log_callback(callback)


def _supported_methods(ffi: Any, lib: Any) -> tuple[str, ...]:
    array = lib.event_get_supported_methods()
    methods: list[str] = []
    while array[len(methods)] != ffi.NULL:
        methods.append(_text(ffi, array[len(methods)]))
    return tuple(methods)


def _text(ffi: Any, chars: Any) -> str:
    return str(ffi.string(chars).decode("utf-8", "replace"))
