"""What a loop opens it closes. What it leaves to the collector, Python warns of where somebody asks for it."""

from typing import TYPE_CHECKING

from crossloop.behaviours.another_interpreter import LIMIT_S, ends_well, import_of_loop
from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.families import NewLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Does a program that makes, uses and closes a loop get no ResourceWarning of what nobody closed?",
    rule="Sockets and files are closed by who opened them. Python's development mode and test runners tell of those "
    "that are not; a test suite that makes errors of warnings fails by them.",
    source="https://docs.python.org/3/library/devmode.html",
    limit_s=LIMIT_S + 1,
)
WARNS = ("-W", "default::ResourceWarning")


def on_asyncio(new_loop: NewLoop) -> Answer:
    return ends_well(
        import_of_loop(new_loop)
        + """
import asyncio
async def main():
    await asyncio.to_thread(int)
    await asyncio.sleep(0.001)
with asyncio.Runner(loop_factory=new_loop) as runner:
    runner.run(main())
""",
        WARNS,
    )


def on_tornado(io_loop: "IOLoop") -> Answer:
    return ends_well(
        import_of_loop(type(io_loop.asyncio_loop))  # type: ignore[attr-defined]  # (of AsyncIOLoop)
        + """
from tornado.platform.asyncio import AsyncIOLoop
loop = AsyncIOLoop(asyncio_loop=new_loop(), make_current=False)
loop.call_later(0.001, loop.stop)
loop.start()
loop.close()
""",
        WARNS,
    )


def on_trio() -> Answer:
    return ends_well(
        """
import trio
async def main():
    await trio.to_thread.run_sync(int)
    await trio.sleep(0.001)
trio.run(main)
""",
        WARNS,
    )


def on_curio() -> Answer:
    return ends_well(
        """
import curio
async def main():
    await curio.run_in_thread(int)
    await curio.sleep(0.001)
curio.run(main)
""",
        WARNS,
    )
