"""In debug mode a callback that keeps the loop is named in the log."""

import asyncio
import io
import logging
import time
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does debug mode name the callbacks and tasks that keep the loop for long?",
    rule="In debug mode callbacks that take longer than slow_callback_duration are logged.",
    source="https://docs.python.org/3/library/asyncio-dev.html#debug-mode",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/103",
        "https://github.com/MagicStack/uvloop/issues/33",
    ),
)
ALLOWED_S, TAKEN_S = 0.02, 0.05


def slow_callback() -> None:
    time.sleep(TAKEN_S)


async def slow_task() -> None:
    time.sleep(TAKEN_S)


def log_of(loop: asyncio.AbstractEventLoop) -> io.StringIO:
    """Turn on debug mode, and keep what is logged."""
    log = io.StringIO()
    logging.getLogger("asyncio").addHandler(logging.StreamHandler(log))
    loop.set_debug(True)
    loop.slow_callback_duration = ALLOWED_S
    return log


def verdict(log: io.StringIO) -> Answer:
    said = log.getvalue()
    if "took" not in said:
        return answered(False, "nothing is logged")
    unnamed = [name for name in ("slow_callback", "slow_task") if name not in said]
    return answered(not unnamed, f"{' and '.join(unnamed)} is not named", said)


def on_asyncio(new_loop: NewLoop) -> Answer:
    loop = new_loop()
    log = log_of(loop)
    loop.call_soon(slow_callback)
    loop.run_until_complete(slow_task())
    return verdict(log)


def on_tornado(io_loop: "IOLoop") -> Answer:
    log = log_of(io_loop.asyncio_loop)  # type: ignore[attr-defined]  # every IOLoop has one
    io_loop.add_callback(slow_callback)
    io_loop.run_sync(slow_task)
    return verdict(log)
