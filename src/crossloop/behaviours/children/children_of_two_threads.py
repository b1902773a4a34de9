"""Loops in two threads start and wait for children at the same time."""

import asyncio
from collections.abc import Callable

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, run

ABOUT = Behaviour(
    question="Can two threads start children through loops of their own at the same time?",
    rule="Children can be started from any thread that runs a loop.",
    source="https://docs.python.org/3/library/asyncio-subprocess.html#subprocess-and-threads",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/508",
        "https://github.com/gevent/gevent/issues/688",
        "https://github.com/gevent/gevent/issues/867",
        "https://github.com/python/cpython/issues/79816",
    ),
    limit_s=20,
    platforms=("linux", "darwin", "bsd"),
)
CHILDREN = 20
"""Of each thread. A race that is there shows in most runs with half as many."""


def command(number: int) -> list[str]:
    return ["/bin/sh", "-c", f"exit {number}"]


def verdict(start_and_wait: Callable[[], list[int]]) -> Answer:
    """The same in two threads at once, none of which is the main one."""
    first, second = aside(start_and_wait), aside(start_and_wait)
    for thread in (first, second):
        if error := thread.exception():
            return answered(False, f"raises {type(error).__name__}", f"{error}")
    expected = list(range(CHILDREN))
    return answered(first.result() == second.result() == expected, "some statuses are wrong")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> list[int]:
        children = [await asyncio.create_subprocess_exec(*command(number)) for number in range(CHILDREN)]
        return [await child.wait() for child in children]

    return verdict(lambda: run(new_loop, main))


def on_gevent() -> Answer:
    from gevent.subprocess import Popen

    def start_and_wait() -> list[int]:
        children = [Popen(command(number)) for number in range(CHILDREN)]
        return [child.wait() for child in children]

    return verdict(start_and_wait)


def on_trio() -> Answer:
    import trio

    async def main() -> list[int]:
        children = [await trio.lowlevel.open_process(command(number)) for number in range(CHILDREN)]
        return [await child.wait() for child in children]

    return verdict(lambda: trio.run(main))
