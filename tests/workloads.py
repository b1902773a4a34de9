"""What the tests of scenarios share: a workload driven as the worker does it, and a DNS server in a thread."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, TypeAlias

from crossloop.api import Adapter, Workload
from crossloop.idioms.asyncio_ import AsyncioLoop

Callback: TypeAlias = Callable[..., object]
Server: TypeAlias = tuple[str, int]
Serve: TypeAlias = Callable[[Callable[[str, int], None], socket.socket], None]

LIMIT_S = 30.0
PAIRS = {"pairs": 10, "active": 3, "writes": 200, "timeouts": False}
PAIRS_WITH_TIMEOUTS = {**PAIRS, "timeouts": True}
CANCEL = {"timers": 300, "mode": "create-cancel"}
FIRE = {"timers": 300, "mode": "fire"}
LATENESS = {"timers": 50, "mode": "lateness"}
THROUGHPUT = {"threads": 2, "mode": "throughput"}
LATENCY = {"threads": 2, "mode": "latency"}


@contextmanager
def running(companion: Serve) -> Iterator[Server]:
    """Address of a companion that runs in a thread until the end, and ends when it is told to."""
    stop, tell = socket.socketpair()
    address: list[Server] = []
    listening = threading.Event()

    def ready(host: str, port: int) -> None:
        address.append((host, port))
        listening.set()

    thread = threading.Thread(target=companion, args=(ready, stop), daemon=True)
    with stop, tell:
        thread.start()
        assert listening.wait(LIMIT_S)
        yield address[0]
        tell.send(b"s")
        thread.join(LIMIT_S)
        assert not thread.is_alive(), "the companion does not end when it is told to"


class Opened(ExitStack):
    """A workload that is closed at the end, whatever became of it."""

    def __init__(
        self,
        module: ModuleType,
        adapter: Adapter,
        parameters: Mapping[str, Any],
        style: str = "native",
        server: Server | None = None,
    ):
        super().__init__()
        self.workload: Workload = module.Scenario(adapter, style, parameters, server)
        self.callback(self.workload.close)

    def repeat(self, times: int = 1) -> int:
        """As the worker does it; returns the operations done."""
        done = 0
        for _ in range(times):
            self.workload.prepare()
            done += self.workload.run()
            self.workload.verify()
        return done


def nth(number: int) -> Callable[[], bool]:
    """A question that is answered by yes at its n-th time, counted from 1, and never again."""
    counter = itertools.count(1)
    return lambda: next(counter) == number


def watch_with(adapter: AsyncioLoop, between: Callable[[int, Callback], Callback]) -> None:
    """Have each callback that is watched with replaced by what *between* makes of it."""
    plain = adapter.watch
    adapter.watch = lambda fd, callback: plain(fd, between(fd, callback))
