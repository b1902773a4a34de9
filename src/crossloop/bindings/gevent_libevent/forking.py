"""What happens to loops when the process forks.

A child shares the parent's epoll set, down to its last registration: a descriptor that the child deletes
from it is gone for the parent as well. So in the child every loop gets a poller of its own before anything
is added or deleted (`event_reinit`), in a hook of the interpreter that runs whoever called `os.fork`.

A loop that another thread was running is left alone for good: that thread is not there in the child, and
libevent may have been in the middle of a change. Such a loop counts as destroyed; its memory is not given
back.

In the parent, just before the fork, what was put off is done (`loop.settle`): it could name descriptors
that are closed by now, and those cannot be added to the child's poller.
"""

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossloop.bindings.gevent_libevent.core import loop as Loop  # noqa: N812  (gevent's name for the class)

_loops: "weakref.WeakValueDictionary[int, Loop]" = weakref.WeakValueDictionary()
"""Not a WeakSet: the hooks may run while another thread makes a loop, and its `valuerefs` are taken in one step."""
_hooked: list[bool] = []


def this_thread() -> int:
    """The thread, whatever gevent has put in the place of `threading.get_ident`: there it names greenlets."""
    from gevent.monkey import get_original  # gevent is importing this module when it is imported

    ident: int = get_original("_thread", "get_ident")()
    return ident


def know(loop: "Loop") -> None:
    """Look after *loop* when the process forks."""
    if not _hooked and hasattr(os, "register_at_fork"):
        _hooked.append(True)
        os.register_at_fork(before=_before, after_in_child=_in_child)
    _loops[id(loop)] = loop


def forget(loop: "Loop") -> None:
    """*loop* is destroyed."""
    _loops.pop(id(loop), None)


def _known() -> "list[Loop]":
    return [loop for reference in _loops.valuerefs() if (loop := reference()) is not None]


def _before() -> None:
    thread = this_thread()
    for loop in _known():
        if loop.thread == thread:
            loop.settle()


def _in_child() -> None:
    thread = this_thread()
    for loop in _known():
        if loop.thread == thread:
            loop.reinit_in_child()
        else:
            loop.abandon()
