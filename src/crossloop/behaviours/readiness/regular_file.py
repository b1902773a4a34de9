"""A regular file is ready always."""

import tempfile

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Can a regular file be watched, such as a standard input that comes from one?",
    rule="A regular file is always ready for reading and writing. select and poll keep to it; epoll_ctl refuses "
    "such a file with EPERM.",
    source="https://pubs.opengroup.org/onlinepubs/9799919799/functions/poll.html",
    reports=(
        "https://github.com/python/cpython/issues/73903",
        "https://github.com/linux-test-project/kirk/pull/11",
    ),
    platforms=("linux", "darwin", "bsd"),
)


def on_loop(loop: PlainLoop) -> Answer:
    heard = list[str]()
    with tempfile.TemporaryFile() as file:
        loop.watch(file.fileno(), loop.then_stop(heard.append, "ready"))
        loop.run_for(QUIET_S)
    return answered(bool(heard), "it is taken and never reported")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with tempfile.TemporaryFile() as file, trio.move_on_after(QUIET_S) as limit:
            await trio.lowlevel.wait_readable(file.fileno())
        return answered(not limit.cancelled_caught, "it is taken and never reported")

    return trio.run(main)
