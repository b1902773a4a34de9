"""What the tests of the binding have their loops call."""

import time
from collections.abc import Callable

from crossloop.bindings.libevent import EventBase, Timer

LIMIT_S = 20.0


class DeliberateError(Exception):
    """Raised by a callback on purpose."""


def fail(*_: object) -> None:
    raise DeliberateError


def later(base: EventBase, callback: Callable[..., object], delay_s: float = 0.0) -> Timer:
    timer = Timer(base, callback)
    timer.add(delay_s)
    return timer


def spin(duration_s: float) -> None:
    """Keep the loop from going on, as a busy callback does."""
    end = time.monotonic() + duration_s
    while time.monotonic() < end:
        pass
