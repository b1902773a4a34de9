"""A file lives on in a duplicate: once its number is unwatched, it makes no work."""

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.frames import pair, spins
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="When a watched descriptor is closed, then unwatched, while a duplicate is open: does the loop sleep?",
    rule="epoll watches files, not numbers. A file goes on being reported while a duplicate, in this process or in a "
    "child, has it open, and a number that is closed cannot be removed any more.",
    source="https://man7.org/linux/man-pages/man7/epoll.7.html",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/61",
        "https://github.com/libuv/libuv/pull/1468",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    with pair() as (watched, peer), watched.dup():
        unwatch = loop.watch(watched.fileno(), lambda: None)
        loop.run_for(0.01)
        watched.close()
        unwatch()
        peer.send(b"x")  # nobody waits for it
        return answered(
            not spins(lambda: loop.run_for(0.05), 0.05), "the loop spins once the file is readable"
        )


def on_trio() -> Answer:
    import trio

    async def main() -> None:
        with pair() as (watched, peer), watched.dup():
            with trio.move_on_after(0.01):
                await trio.lowlevel.wait_readable(watched.fileno())
            watched.close()
            peer.send(b"x")  # nobody waits for it
            await trio.sleep(0.05)

    return answered(not spins(lambda: trio.run(main), 0.05), "the loop spins once the file is readable")
