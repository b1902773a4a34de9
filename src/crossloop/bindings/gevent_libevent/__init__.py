"""gevent on libevent: an event loop for gevent 24.11 to 26.9, on crossloop's libevent binding.

    GEVENT_LOOP=crossloop.bindings.gevent_libevent.loop python program.py

or, before anything of gevent waits, `gevent.config.loop = "crossloop.bindings.gevent_libevent.loop"`. Nothing else
changes for the program. It needs gevent, cffi and libevent 2.1 (`crossloop setup gevent-libevent`). Where
there is a C compiler, the binding's part in C makes it faster.

gevent ran on libevent up to 0.13 and has been on libev since 1.0, on libuv as well since 1.3. Its loops are
named in a setting, and whatever has the members of `gevent._interfaces.ILoop` will do. docs/gevent.md says what
is different from gevent's own loops, and what it costs.

Raises `UnsupportedGeventError`, an `ImportError`, when it is imported with a gevent that it was not tested with.
"""

import gevent

from crossloop.bindings.gevent_libevent.versions import TESTED, UnsupportedGeventError, check_version

check_version(gevent.__version__)

from crossloop.bindings.gevent_libevent.core import get_version, loop  # noqa: E402  (gevent is of a version it is for)

__all__ = ["TESTED", "UnsupportedGeventError", "get_version", "loop"]
