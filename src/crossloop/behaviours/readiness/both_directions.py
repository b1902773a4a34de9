"""One descriptor can be watched for reading and for writing at once, and the two end apart."""

from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.frames import pair
from crossloop.behaviours.plain_loop import PlainLoop

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Can a descriptor be watched for reading and writing at once, and for reading alone afterwards?",
    rule="The two have callbacks of their own, and to end one leaves the other as it is.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.add_writer",
    reports=(
        "https://github.com/gevent/gevent/issues/1144",
        "https://github.com/libuv/libuv/issues/1172",
    ),
)


def verdict(together: set[str], afterwards: set[str]) -> Answer:
    """From what is heard while both are watched, and when the watch for writing has ended."""
    if together != {"reading", "writing"}:
        return no("one of the two is not heard", f"heard: {sorted(together)}")
    return answered(
        afterwards == {"reading"}, "the end of one is not the end of one", f"then: {sorted(afterwards)}"
    )


def on_loop(loop: PlainLoop) -> Answer:
    with pair() as (watched, peer):
        heard = set[str]()
        loop.watch(watched.fileno(), lambda: heard.add("reading"))
        unwatch_writing = loop.watch_write(watched.fileno(), lambda: heard.add("writing"))
        peer.send(b"x")
        loop.run_for(0.02)
        together = set(heard)

        unwatch_writing()
        heard.clear()
        loop.run_for(0.02)
        return verdict(together, heard)


def on_tornado(io_loop: "IOLoop") -> Answer:
    with pair() as (watched, peer):
        heard = set[str]()

        def handle(_fd: int, events: int) -> None:
            heard.update(
                name for name, bit in (("reading", io_loop.READ), ("writing", io_loop.WRITE)) if events & bit
            )

        io_loop.add_handler(watched.fileno(), handle, io_loop.READ | io_loop.WRITE)
        peer.send(b"x")
        io_loop.call_later(0.02, io_loop.stop)
        io_loop.start()
        together = set(heard)

        io_loop.update_handler(watched.fileno(), io_loop.READ)
        heard.clear()
        io_loop.call_later(0.02, io_loop.stop)
        io_loop.start()
        return verdict(together, heard)


def on_trio() -> Answer:
    """A task for each; a wait is for one event, so the waits stand in loops."""
    import trio

    async def main() -> Answer:
        with pair() as (watched, peer):
            heard = set[str]()

            async def read() -> None:
                while True:
                    await trio.lowlevel.wait_readable(watched)
                    heard.add("reading")

            async def write() -> None:
                with writing:
                    while True:
                        await trio.lowlevel.wait_writable(watched)
                        heard.add("writing")

            writing = trio.CancelScope()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                nursery.start_soon(write)
                peer.send(b"x")
                await trio.sleep(0.02)
                together = set(heard)

                writing.cancel()
                await trio.sleep(0)
                heard.clear()
                await trio.sleep(0.02)
                nursery.cancel_scope.cancel()
            return verdict(together, heard)

    return trio.run(main)
