"""Two loops run in two threads at once and speak to each other."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from crossloop.api import Readiness
from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import aside, pair, run

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop

ABOUT = Behaviour(
    question="Do two loops run in two threads at once?",
    rule="Each thread may have a loop of its own; they share nothing.",
    source="https://docs.python.org/3/library/asyncio-dev.html#concurrency-and-multithreading",
    reports=("https://github.com/gevent/gevent/issues/210",),
)
ROUNDS = 200
Player = Callable[[socket.socket], int]
"""Runs a loop of its own: sends back what it receives, `ROUNDS` times, and gives the count."""


def play(player: Player, other: Player) -> Answer:
    """*player* in this thread, *other* in a second one; the ball is thrown in by neither."""
    with pair() as (mine, theirs):
        second: Future[int] = aside(lambda: other(theirs))
        mine.send(b"x")
        rounds = player(mine), second.result()
    return answered(min(rounds) >= ROUNDS, "they end before they are done", f"{rounds}")


def watching(
    sock: socket.socket,
    watch: Callable[[int, Callable[..., Any]], object],
    run: Callable[[], object],
    stop: Callable[[], Any],
) -> int:
    """A player whose loop calls back when *sock* is readable."""
    rounds = 0

    def readable(*_: object) -> None:
        nonlocal rounds
        sock.send(sock.recv(1))
        rounds += 1
        if rounds == ROUNDS:
            stop()

    watch(sock.fileno(), readable)
    run()
    return rounds


def on_asyncio(new_loop: NewLoop) -> Answer:
    def player(sock: socket.socket) -> int:
        async def main() -> int:
            loop = asyncio.get_running_loop()
            for _ in range(ROUNDS):
                await loop.sock_sendall(sock, await loop.sock_recv(sock, 1))
            return ROUNDS

        return run(new_loop, main)

    return play(player, player)


def on_tornado(io_loop: "IOLoop") -> Answer:
    from tornado.platform.asyncio import AsyncIOLoop

    def player(sock: socket.socket, of: "IOLoop") -> int:
        def watch(fd: int, callback: Callable[..., Any]) -> None:
            of.add_handler(fd, callback, of.READ)

        return watching(sock, watch, of.start, of.stop)

    def other(sock: socket.socket) -> int:
        kind = type(io_loop.asyncio_loop)  # type: ignore[attr-defined]  # every IOLoop has one
        return player(sock, AsyncIOLoop(asyncio_loop=kind(), make_current=True))

    return play(lambda sock: player(sock, io_loop), other)


def on_gevent() -> Answer:
    from gevent import socket as cooperative

    def player(sock: socket.socket) -> int:
        green_sock = cooperative.socket(fileno=sock.dup().detach())
        for _ in range(ROUNDS):
            green_sock.sendall(green_sock.recv(1))
        return ROUNDS

    return play(player, player)


def on_trio() -> Answer:
    import trio

    def player(sock: socket.socket) -> int:
        async def main() -> int:
            trio_sock = trio.socket.from_stdlib_socket(sock)
            for _ in range(ROUNDS):
                await trio_sock.send(await trio_sock.recv(1))
            return ROUNDS

        return trio.run(main)

    return play(player, player)


def on_curio() -> Answer:
    import curio
    from curio.io import Socket

    def player(sock: socket.socket) -> int:
        async def main() -> int:
            curio_sock = Socket(sock)
            for _ in range(ROUNDS):
                await curio_sock.send(await curio_sock.recv(1))
            return ROUNDS

        rounds: int = curio.run(main)
        return rounds

    return play(player, player)


def on_pyev() -> Answer:
    import pyev

    def player(sock: socket.socket) -> int:
        loop, watchers = pyev.Loop(), list[Any]()

        def watch(fd: int, callback: Callable[..., Any]) -> None:
            watchers.append(pyev.Io(fd, pyev.EV_READ, loop, callback))
            watchers[0].start()

        return watching(sock, watch, loop.start, loop.stop)

    return play(player, player)


def on_libevent() -> Answer:
    from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent

    def player(sock: socket.socket) -> int:
        with EventBase() as base:

            def watch(fd: int, callback: Callable[..., Any]) -> None:
                IoEvent(base, fd, READ | PERSIST, callback).add()

            return watching(sock, watch, base.run, base.loopbreak)

    return play(player, player)


def on_readiness(adapter: Readiness) -> Answer:
    def player(sock: socket.socket) -> int:
        loop = type(adapter)()
        return watching(sock, loop.watch, loop.run, loop.stop)

    return play(player, player)


def on_eventlet() -> Answer:
    from eventlet.greenio import GreenSocket

    def player(sock: socket.socket) -> int:
        green_sock = GreenSocket(sock.dup())
        green_sock.settimeout(None)
        for _ in range(ROUNDS):
            green_sock.sendall(green_sock.recv(1))
        return ROUNDS

    return play(player, player)
