"""Servers log their peers' addresses, compare them and take them apart. They do so after the end as well."""

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.recorder import Recorder, attached

ABOUT = Behaviour(
    question="Does a transport say the addresses of both ends as its socket does, and still when it has ended?",
    rule="peername and sockname are what socket.getpeername() and getsockname() return: two items for IPv4, four for "
    "IPv6, the path for a unix socket.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseTransport.get_extra_info",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/59",
        "https://github.com/Kludex/uvicorn/issues/494",
    ),
)


@contextlib.contextmanager
def listeners() -> Iterator[dict[str, socket.socket]]:
    """Kind of address → a listening socket, for the kinds that this machine has."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        kinds = {"IPv4": stack.enter_context(socket.create_server(("127.0.0.1", 0)))}
        with contextlib.suppress(OSError):
            kinds["IPv6"] = stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
        if hasattr(socket, "AF_UNIX"):
            kinds["unix"] = stack.enter_context(socket.socket(socket.AF_UNIX))
            kinds["unix"].bind(os.path.join(folder, "socket"))  # noqa: PTH118
            kinds["unix"].listen()
        yield kinds


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        wrong = dict[str, str]()
        with listeners() as kinds:
            for kind, listener in kinds.items():
                client = socket.socket(listener.family)
                client.connect(listener.getsockname())
                accepted, _address = listener.accept()
                expected = client.getpeername(), client.getsockname()
                recorder = await attached(client, Recorder())
                said = addresses(recorder.transport)
                if said != expected:
                    wrong[kind] = f"{said} for {expected}"
                accepted.close()
                await recorder.lost
                if addresses(recorder.transport) != expected:
                    wrong[f"{kind}, after the end"] = f"{addresses(recorder.transport)} for {expected}"
        return answered(not wrong, f"other ones for {'; '.join(wrong)}", "; ".join(wrong.values()))

    return run(new_loop, main)


def addresses(transport: asyncio.Transport) -> tuple[object, object]:
    return transport.get_extra_info("peername"), transport.get_extra_info("sockname")
