"""Loops that lack something, for `crossloop dropin`: each fault ends another of CPython's tests in another way."""

import asyncio
import os
import time
from typing import Any, NoReturn


class BrokenLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop with one fault of each kind."""

    async def create_datagram_endpoint(self, *_arguments: Any, **_options: Any) -> NoReturn:
        """Not there."""
        raise NotImplementedError

    async def sock_recvfrom(self, *_arguments: Any) -> NoReturn:
        """Never answers, and holds the thread."""
        while True:
            time.sleep(1)

    async def connect_write_pipe(self, *_arguments: Any) -> NoReturn:
        """Ends the process."""
        os.abort()

    async def sock_accept(self, *_arguments: Any) -> NoReturn:
        """Writes without end."""
        while True:
            os.write(2, b"x" * 65536)


def not_a_loop() -> str:
    """A factory of something else."""
    return "loop"
