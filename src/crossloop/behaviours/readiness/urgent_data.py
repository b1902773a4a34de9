"""Urgent data is not taken for data to read."""

import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.frames import QUIET_S
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Is a reader left alone when only urgent data (TCP out-of-band) has come?",
    rule="Urgent data is an exceptional condition (POLLPRI). A descriptor is readable when there is other data to "
    "read: told otherwise, a reader finds nothing, is told again, and spins.",
    source="https://pubs.opengroup.org/onlinepubs/9799919799/functions/V2_chap02.html#tag_16_10_10",
    reports=(
        "https://github.com/capnproto/capnproto/issues/374",
        "https://github.com/python/cpython/issues/75027",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    calls, received = list[str](), list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connected = socket.create_connection(listener.getsockname())
        accepted, _address = listener.accept()
    with connected, accepted:
        accepted.setblocking(False)

        def readable() -> None:
            calls.append("called")
            try:
                received.append(accepted.recv(100))
            except OSError:  # nothing to read
                return
            loop.stop()

        loop.watch(accepted.fileno(), readable)
        connected.send(b"!", socket.MSG_OOB)
        loop.run_for(QUIET_S / 2)
        in_vain = len(calls)
        connected.send(b"x")
        loop.run_for(QUIET_S)
    if in_vain:
        return no("it is called, and there is nothing to read", f"{in_vain} calls")
    return answered(received == [b"x"], "what comes after it is not heard", repr(received))
