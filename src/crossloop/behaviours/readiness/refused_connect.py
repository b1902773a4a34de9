"""A connect that is refused is heard by whoever waits for the socket to be writable."""

import errno
import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.frames import WAIT_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Does a watch for writing report that a pending connect was refused?",
    rule="A connect that does not block has ended when the socket is writable, in success or failure; SO_ERROR says "
    "which. select on Windows reports the failure as an exceptional condition alone.",
    source="https://man7.org/linux/man-pages/man2/connect.2.html",
    reports=(
        "https://github.com/reactphp/event-loop/issues/206",
        "https://github.com/tornadoweb/tornado/issues/223",
    ),
)

NEVER = "it is never told"


def on_loop(loop: PlainLoop) -> Answer:
    errors = list[int]()
    with socket.socket() as without_listener, socket.socket() as connecting:
        without_listener.bind(("127.0.0.1", 0))
        connecting.setblocking(False)
        connecting.connect_ex(without_listener.getsockname())

        def ended() -> None:
            errors.append(connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            loop.stop()

        loop.watch_write(connecting.fileno(), ended)
        loop.run_for(WAIT_S)
    return verdict(errors[0]) if errors else no(NEVER)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        with socket.socket() as without_listener, socket.socket() as connecting:
            without_listener.bind(("127.0.0.1", 0))
            connecting.setblocking(False)
            connecting.connect_ex(without_listener.getsockname())
            with trio.move_on_after(WAIT_S) as limit:
                await trio.lowlevel.wait_writable(connecting)
            if limit.cancelled_caught:
                return no(NEVER)
            return verdict(connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    return trio.run(main)


def verdict(error: int) -> Answer:
    """From SO_ERROR, once it is told."""
    refused = {errno.ECONNREFUSED, getattr(errno, "WSAECONNREFUSED", errno.ECONNREFUSED)}
    return answered(
        error in refused, "it is told, and SO_ERROR does not say that it was refused", repr(error)
    )
