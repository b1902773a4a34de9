"""A run of trio for programs that begin and end it from outside, as they do a loop that has callbacks."""

import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    import trio


class TrioRun:
    """`run` runs trio, with *task* if there is one, until `stop`."""

    def __init__(self, task: Callable[[], Awaitable[object]] | None = None) -> None:
        self._task = task
        self._begun = threading.Event()

    def run(self, then: Callable[[], object] = int) -> None:
        """Call *then* once it runs."""
        import trio

        self._begun.clear()
        trio.run(self._until_stopped, then)

    def wait_until_it_runs(self) -> None:
        """In another thread."""
        self._begun.wait()

    def stop(self) -> None:
        """From any other thread; waits until it runs."""
        self._begun.wait()
        self.soon(self._stopped.set)

    def soon(self, call: Callable[[], object]) -> None:
        """`TrioToken.run_sync_soon`."""
        self._token.run_sync_soon(call)

    async def _until_stopped(self, then: Callable[[], object]) -> None:
        import trio

        self._token, self._stopped = trio.lowlevel.current_trio_token(), trio.Event()
        async with trio.open_nursery() as nursery:
            if self._task is not None:
                nursery.start_soon(self._task)
            self._begun.set()
            then()
            await self._stopped.wait()
            nursery.cancel_scope.cancel()


def stream_of(sock: "socket.socket") -> "trio.SocketStream":
    """*sock*, which is connected, as a stream of trio's."""
    import trio

    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))
