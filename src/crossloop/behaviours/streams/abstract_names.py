"""Linux has names of unix sockets that are in no folder: a zero byte, then bytes of any value."""

import asyncio
import os
import socket
import sys

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.recorder import Recorder

ABOUT = Behaviour(
    question="Can a program listen at an abstract unix name and connect to one?",
    rule="A name that begins with a zero byte, str or bytes, goes to the system as it is and as long as it is.",
    source="https://docs.python.org/3/library/socket.html#socket-families",
    reports=("https://github.com/MagicStack/uvloop/issues/528",),
    platforms=("linux",),
)
NAME = f"\0crossloop-{os.getpid()}-".encode() + b"a\0b"


def listener_at(name: bytes) -> socket.socket:
    if sys.platform == "win32":
        raise NotImplementedError  # see ABOUT.platforms
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(name)
    listener.listen()
    return listener


def verdict(connecting: OSError | None, listening: OSError | None, address: object) -> Answer:
    failures = [
        *(["connecting fails"] if connecting else []),
        *(["listening fails"] if listening else ["the name is cut"] if address != NAME else []),
    ]
    return answered(not failures, ", ".join(failures), f"{connecting!r}, {listening!r}, {address!r}")


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        connecting = listening = None
        address: object = b""
        with listener_at(NAME):
            try:
                await loop.create_unix_connection(Recorder, NAME)  # type: ignore[arg-type]  # typeshed: str
            except OSError as error:
                connecting = error
        try:
            server = await loop.create_unix_server(Recorder, NAME)  # type: ignore[arg-type]  # typeshed: str
            address = server.sockets[0].getsockname()
        except OSError as error:
            listening = error
        return verdict(connecting, listening, address)

    return run(new_loop, main)


def on_gevent() -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError  # see ABOUT.platforms

    import gevent.socket
    from gevent.server import StreamServer

    connecting = listening = None
    address: object = b""
    with listener_at(NAME), gevent.socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(NAME)
        except OSError as error:
            connecting = error
    with gevent.socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(NAME)
            listener.listen()
            StreamServer(listener, lambda *_: None).start()
            address = listener.getsockname()
        except OSError as error:
            listening = error
    return verdict(connecting, listening, address)


def on_trio() -> Answer:
    if sys.platform == "win32":
        raise NotImplementedError  # see ABOUT.platforms

    import trio

    async def main() -> Answer:
        connecting = listening = None
        address: object = b""
        with listener_at(NAME):
            try:
                await trio.open_unix_socket(NAME)
            except OSError as error:
                connecting = error
        with trio.socket.socket(socket.AF_UNIX) as listener:
            try:
                await listener.bind(NAME)
                listener.listen()
                address = listener.getsockname()
            except OSError as error:
                listening = error
        return verdict(connecting, listening, address)

    return trio.run(main)
