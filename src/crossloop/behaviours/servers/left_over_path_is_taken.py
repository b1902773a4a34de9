"""A server that was killed leaves its unix socket in the folder, and the next one has to come up all the same."""

import asyncio
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from crossloop.behaviours.behaviour import Answer, Behaviour, no, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.servers._echo import Echo

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Is the socket that a killed server has left at a path replaced, and any other file there kept?",
    rule="Binding to a path that exists fails (unix(7)). A server removes a socket there first, and nothing else.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_unix_server",
    platforms=("linux", "darwin", "bsd"),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryDirectory() as folder:
            path, file = left_over(Path(folder)), note(Path(folder))
            try:
                server = await loop.create_unix_server(Echo, path)
            except OSError as error:
                return no("the left-over socket is in its way", str(error))
            server.close()
            try:
                await loop.create_unix_server(Echo, file)
            except OSError:
                return yes() if file.is_file() else no("a file is removed")
            return no("a file is replaced")

    return run(new_loop, main)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.netutil import bind_unix_socket

    with tempfile.TemporaryDirectory() as folder:
        path, file = left_over(Path(folder)), note(Path(folder))
        try:
            bind_unix_socket(str(path)).close()
        except OSError as error:
            return no("the left-over socket is in its way", str(error))
        try:
            bind_unix_socket(str(file)).close()
        except (OSError, ValueError):
            return yes() if file.is_file() else no("a file is removed")
        return no("a file is replaced")


def left_over(folder: Path) -> Path:
    """A socket at which nobody listens any more."""
    if sys.platform == "win32":
        raise NotImplementedError  # see ABOUT.platforms
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(folder / "socket"))
    return folder / "socket"


def note(folder: Path) -> Path:
    """A file that is no socket."""
    (folder / "note").write_text("keep me")
    return folder / "note"
