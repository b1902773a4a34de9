"""Faults of the group `children`."""

import asyncio
import os
import signal
import sys
import threading
from typing import Any

THIS_PROCESS = os.getpid()
SOCKET_AS_INPUT = (
    "import os, socket, sys; os.dup2(socket.socket().fileno(), 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Starts(asyncio.SelectorEventLoop):
    """asyncio's loop, in which a fault may be in how a child is started."""

    async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
        return await super().subprocess_exec(protocol_factory, *command, **keywords)


class Watches(asyncio.SelectorEventLoop):
    """asyncio's loop, in which a fault may be in how the end of a child is told."""

    def _child_watcher_callback(self, pid: int, returncode: int, transport: Any) -> None:
        super()._child_watcher_callback(pid, returncode, transport)  # type: ignore[misc]  # private


def exit_status_arrives() -> asyncio.AbstractEventLoop:
    class NoSignals(Watches):
        def _child_watcher_callback(self, pid: int, returncode: int, transport: Any) -> None:
            super()._child_watcher_callback(pid, abs(returncode), transport)

    return NoSignals()


def many_end_at_once() -> asyncio.AbstractEventLoop:
    class Forgets(Watches):
        calls = 0

        def _child_watcher_callback(self, pid: int, returncode: int, transport: Any) -> None:
            self.calls += 1
            super()._child_watcher_callback(pid, 255 if self.calls == 7 else returncode, transport)

    return Forgets()


def own_stdio_opens() -> asyncio.AbstractEventLoop:
    class Sockets(Starts):
        async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
            wrapped = (sys.executable, "-c", SOCKET_AS_INPUT, *command)
            return await super().subprocess_exec(protocol_factory, *wrapped, **keywords)

    return Sockets()


def quick_output_kept() -> asyncio.AbstractEventLoop:
    class Loses(asyncio.SelectorEventLoop):
        async def connect_read_pipe(self, protocol_factory: Any, pipe: Any) -> Any:
            os.read(pipe.fileno(), 1)
            return await super().connect_read_pipe(protocol_factory, pipe)

    return Loses()


def much_data_both_ways() -> asyncio.AbstractEventLoop:
    class Adds(asyncio.SelectorEventLoop):
        async def connect_write_pipe(self, protocol_factory: Any, pipe: Any) -> Any:
            os.write(pipe.fileno(), b"x")
            return await super().connect_write_pipe(protocol_factory, pipe)

    return Adds()


def unread_input_is_no_error() -> asyncio.AbstractEventLoop:
    class Raises(asyncio.SelectorEventLoop):
        async def connect_write_pipe(self, protocol_factory: Any, pipe: Any) -> Any:
            transport: Any
            transport, protocol = await super().connect_write_pipe(protocol_factory, pipe)
            transport.write = lambda _data: os.write(-1, b"")
            return transport, protocol

    return Raises()


def wait_is_for_the_child() -> asyncio.AbstractEventLoop:
    class Raises(Watches):
        def _child_watcher_callback(self, pid: int, returncode: int, transport: Any) -> None:
            os.kill(THIS_PROCESS, signal.SIGABRT)

    return Raises()


def failed_start_leaves_nothing() -> asyncio.AbstractEventLoop:
    class Leaks(Starts):
        async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
            os.pipe()
            return await super().subprocess_exec(protocol_factory, *command, **keywords)

    return Leaks()


def takes_what_popen_takes() -> asyncio.AbstractEventLoop:
    class EmptyIsNone(Starts):
        async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
            keywords["env"] = keywords.get("env") or None
            return await super().subprocess_exec(protocol_factory, *command, **keywords)

    return EmptyIsNone()


def inherits_only_what_is_given() -> asyncio.AbstractEventLoop:
    class Inherits(Starts):
        async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
            return await super().subprocess_exec(protocol_factory, *command, **keywords, close_fds=False)

    return Inherits()


def users_sigchld_handler() -> asyncio.AbstractEventLoop:
    class Keeps(asyncio.SelectorEventLoop):
        def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
            raise RuntimeError("the loop needs it itself")

    return Keeps()


def children_of_two_threads() -> asyncio.AbstractEventLoop:
    class MainThreadOnly(Starts):
        async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                raise RuntimeError("only in the main thread")
            return await super().subprocess_exec(protocol_factory, *command, **keywords)

    return MainThreadOnly()


def closing_ends_the_child() -> asyncio.AbstractEventLoop:
    class LetsGoOn(Starts):
        async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
            transport, protocol = await super().subprocess_exec(protocol_factory, *command, **keywords)
            transport.close = lambda: None
            return transport, protocol

    return LetsGoOn()


def fork_hooks_not_run() -> asyncio.AbstractEventLoop:
    class RunsPython(Starts):
        async def subprocess_exec(self, protocol_factory: Any, *command: Any, **keywords: Any) -> Any:
            return await super().subprocess_exec(protocol_factory, *command, preexec_fn=int, **keywords)

    return RunsPython()


def fork_leaves_the_parent_alone() -> asyncio.AbstractEventLoop:
    class Breaks(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            super().__init__()
            os.register_at_fork(after_in_parent=self._selector.close)  # type: ignore[attr-defined]  # private

    return Breaks()


def loop_in_a_forked_child() -> asyncio.AbstractEventLoop:
    if os.getpid() != THIS_PROCESS:
        raise RuntimeError("not in a child")
    return asyncio.SelectorEventLoop()
