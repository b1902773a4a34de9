"""A program: how large libev's and libevent's watchers are, as the libraries that are loaded here say.

libev's comes from gevent's extension, in which the C compiler put down the size of `struct ev_io` with libev's own
header; libevent's from `event_get_struct_event_size()`, for what a program sees is opaque. Prints one JSON object.
"""

import json

from crossloop.probes import answered


def sizes() -> dict[str, object]:
    """Bytes of one I/O watcher of each, and the versions. Raises ImportError and what the bindings raise."""
    import gevent.libev.corecffi as gevent_libev
    from gevent.libev import _corecffi

    from crossloop.bindings.libevent.library import libevent_version, load

    ffi = _corecffi.ffi
    library = load()
    return {
        "libev_bytes": ffi.sizeof("struct ev_io"),
        "libev_timer_bytes": ffi.sizeof("struct ev_timer"),
        "libev": gevent_libev.get_version(),
        "libevent_bytes": int(library.lib.event_get_struct_event_size()),
        "libevent": libevent_version(),
        "pointer_bytes": ffi.sizeof("void *"),
    }


if __name__ == "__main__":
    print(json.dumps(answered(sizes)))
