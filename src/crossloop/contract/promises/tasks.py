"""Promises of `Tasks`. Sockets are non-blocking, as a scenario hands them over."""

import socket
import time
from collections.abc import Coroutine
from typing import Any, cast

from crossloop.api import Tasks
from crossloop.contract.peer import compare, expect_end, pattern, receive_exactly
from crossloop.contract.promise import (
    EARLY_S,
    Aside,
    Promises,
    ViolationError,
    require,
    require_equal,
)
from crossloop.contract.promises.readiness import pair

TASKS = Promises(lambda subject: cast(Tasks, subject.adapter))
_RUN = "run main and everything it spawned to completion; the first exception is raised"


async def echo_until_end(tasks: Tasks, connection: socket.socket) -> None:
    """Serve one connection until its peer is done."""
    with connection:
        while data := await tasks.receive(connection, 65536):
            await tasks.send_all(connection, data)


async def receive_all(tasks: Tasks, connection: socket.socket, size: int) -> bytes:
    """Read *size* bytes, or up to the end of file."""
    data = bytearray()
    while len(data) < size and (piece := await tasks.receive(connection, min(65536, size - len(data)))):
        data += piece
    return bytes(data)


@TASKS.promise("tasks-echo-pair", "two tasks, 100 messages", "receive at most n; send all")
def echo_pair(tasks: Tasks) -> None:
    ours, theirs = pair()
    seen: list[bytes] = []

    async def main() -> None:
        tasks.spawn(echo_until_end(tasks, theirs))
        with ours:
            for number in range(100):
                await tasks.send_all(ours, b"%03d" % number)
                seen.append(await receive_all(tasks, ours, 3))

    tasks.run_main(main())
    require_equal(seen, [b"%03d" % number for number in range(100)], "answers")


@TASKS.promise("tasks-end-of-file", "the peer closes", "empty at end of file")
def end_of_file(tasks: Tasks) -> None:
    ours, theirs = pair()
    seen: list[bytes] = []

    async def close_late() -> None:
        await tasks.sleep(0.005)
        theirs.close()

    async def main() -> None:
        tasks.spawn(close_late())
        seen.append(await tasks.receive(ours, 100))
        seen.append(await tasks.receive(ours, 100))

    with ours:
        tasks.run_main(main())
    require_equal(seen, [b"", b""], "data at end of file, twice")


@TASKS.promise("tasks-sleep", "three sleeps at a time", "await sleep(seconds)")
def sleeping(tasks: Tasks) -> None:
    woke: list[str] = []
    begun = time.monotonic()

    async def nap(delay_s: float, name: str) -> None:
        await tasks.sleep(delay_s)
        elapsed_s = time.monotonic() - begun
        require(elapsed_s >= delay_s - EARLY_S, f"{delay_s * 1e3:g} ms slept", f"{elapsed_s * 1e3:.2f} ms")
        woke.append(name)

    async def main() -> None:
        tasks.spawn(nap(0.09, "long"))
        tasks.spawn(nap(0.05, "middle"))
        await nap(0.01, "short")
        await tasks.sleep(0)

    tasks.run_main(main())
    require_equal(woke, ["short", "middle", "long"], "order of waking; main ends first of all")


@TASKS.promise("tasks-many", "400 tasks on 200 pairs", _RUN)
def many(tasks: Tasks) -> None:
    pairs = [pair() for _ in range(200)]
    seen: set[bytes] = set()

    async def ask(number: int, ours: socket.socket) -> None:
        with ours:
            message = b"%04d" % number
            await tasks.send_all(ours, message)
            answer = await receive_all(tasks, ours, 4)
            require_equal(answer, message, f"answer to task {number}")
            seen.add(answer)

    async def main() -> None:
        for number, (ours, theirs) in enumerate(pairs):
            tasks.spawn(echo_until_end(tasks, theirs))
            tasks.spawn(ask(number, ours))

    tasks.run_main(main())
    require_equal(len(seen), len(pairs), "tasks answered, with main ended before them")


@TASKS.promise("tasks-nested", "tasks that spawn tasks", _RUN)
def nested(tasks: Tasks) -> None:
    seen: list[int] = []

    async def branch(depth: int) -> None:
        await tasks.sleep(0)
        seen.append(depth)
        if depth < 5:
            tasks.spawn(branch(depth + 1))
            tasks.spawn(branch(depth + 1))

    tasks.run_main(branch(0))
    require_equal(len(seen), 63, "tasks run of a binary tree six levels deep")


@TASKS.promise(
    "tasks-large-to-slow",
    "8 MiB to a peer that does not read until other tasks had their turns",
    "all of data is handed to the kernel on return",
)
def large_to_slow(tasks: Tasks) -> None:
    ours, theirs = pair()
    data = pattern(8 << 20)
    received = bytearray()
    ticks: list[int] = []

    def read_slowly() -> None:
        theirs.setblocking(True)
        theirs.settimeout(5)
        while len(received) < len(data):
            received.extend(receive_exactly(theirs, min(100_000, len(data) - len(received))))
        expect_end(theirs)

    aside = Aside(read_slowly, "slow reader")

    async def tick() -> None:
        while len(ticks) < 3:
            await tasks.sleep(0.001)
            ticks.append(1)
        aside.start()  # nobody reads before the others had their turns

    async def main() -> None:
        tasks.spawn(tick())
        with ours:
            await tasks.send_all(ours, data)

    with theirs:
        tasks.run_main(main())
        aside.join()
    compare(bytes(received), data)


@TASKS.promise("tasks-error-of-main", "main raises", _RUN)
def error_of_main(tasks: Tasks) -> None:
    async def main() -> None:
        await tasks.sleep(0.001)
        raise KeyError("from main")

    _expect_error(tasks, main(), "from main")
    fine: list[int] = []

    async def after() -> None:
        await tasks.sleep(0)
        fine.append(1)

    tasks.run_main(after())
    require_equal(len(fine), 1, "tasks run after the error")


@TASKS.promise("tasks-error-of-spawned", "a spawned task raises", _RUN)
def error_of_spawned(tasks: Tasks) -> None:
    async def fail() -> None:
        await tasks.sleep(0.001)
        raise KeyError("from a spawned task")

    async def main() -> None:
        tasks.spawn(fail())
        await tasks.sleep(0.02)

    _expect_error(tasks, main(), "from a spawned task")


def _expect_error(tasks: Tasks, main: Coroutine[Any, Any, None], message: str) -> None:
    try:
        tasks.run_main(main)
    except KeyError as error:
        require_equal(error.args, (message,), "arguments of the error")
    else:
        raise ViolationError(f"run_main raises KeyError({message!r})", "run_main returned")
