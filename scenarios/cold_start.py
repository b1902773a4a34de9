"""Cold start: what does the first answer of a server cost, from the start of the interpreter?

A command-line tool, a function that is started for each request, a worker that a supervisor replaces: each pays for its
library before it does anything. Here a fresh interpreter imports the adapter and with it the library, opens the loop,
serves, and answers one message of 64 bytes on a connection that already waits. Then it gets its stop, and ends.

- `bytecode` `cached`: Python finds what it has compiled before, as it does on each start but the first.
- `bytecode` `none`: Python finds no compiled file and writes none, as after an installation into a read-only folder.

Timed region: from the start of the process until its end. The sample is the part until the answer has come. CPU time is
that of the child, and that of starting and asking it.

Check: the answer is the message, and the child ends by itself with status 0.

What this does not say: how much of it is the interpreter's own. Read differences, not ratios. Part of each is the
import of `crossloop.api`, which is the same for all. Nor what a cold disk adds: the files are in memory. The evidence
of every run has the time of the import alone.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from crossloop.api import (
    Adapter,
    CheckFailedError,
    Parameters,
    ScenarioAbout,
    UnsupportedError,
    Workload,
    styles_of,
)

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="work",
    title="Cold start",
    short_title="Start",
    question="What does the first answer of a server cost, from the start of the interpreter?",
    group="system",
    place=10,
    unit="start",
    sets=(
        ("smoke", {"bytecode": "cached"}),
        ("full", {"bytecode": "none"}),
    ),
    brief=True,
)

_CHILD = """
import importlib, socket, sys
module, style, listener, stop, *sys.path = sys.argv[1:]
from crossloop.api import Echo
adapter = importlib.import_module(module).Adapter()
listener, stop = (socket.socket(fileno=int(number)) for number in (listener, stop))
adapter.serve_streams(listener, Echo, style, stop)
adapter.close()
"""
_MESSAGE = b"is anybody there?".ljust(64, b".")
_BYTECODE = ("cached", "none")
_LIMIT_S = 20.0
_ABOUT_BYTECODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
_MAX_ERROR = 500


class Scenario(Workload):
    """One start of a server after another."""

    counts_children: ClassVar[bool] = True

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Raises `UnsupportedError` for a loop without a file, and for a kind of bytecode that there is not."""
        super().__init__(adapter, style, parameters, server)
        bytecode: str = parameters["bytecode"]
        if bytecode not in _BYTECODE:
            raise UnsupportedError(f"cold-start has no bytecode {bytecode!r}, but {', '.join(_BYTECODE)}")
        module = type(adapter).__module__
        if getattr(sys.modules[module], "Adapter", None) is not type(adapter):
            raise UnsupportedError("a loop that has no file in adapters/ cannot be imported anew")
        first_style = styles_of(type(adapter))["StreamServer"][0]
        self._folder = TemporaryDirectory(prefix="crossloop-")
        flags = ("-B", "-X", f"pycache_prefix={self._folder.name}") if bytecode == "none" else ()
        self._before = (sys.executable, "-P", *flags, "-c", _CHILD, module, first_style)
        self._paths = [path for path in sys.path if path]
        # What the environment says of bytecode is not what is asked for.
        self._environment = {name: value for name, value in os.environ.items() if name not in _ABOUT_BYTECODE}
        self._listener, self._stop, self._tell = (socket.socket() for _ in range(3))
        self._child: subprocess.Popen[bytes] | None = None
        self._answer = b""
        self._trouble = ""

    def prepare(self) -> None:
        """Listen, so that a connection can wait before anybody accepts it."""
        self._close_sockets()
        self._answer, self._trouble = b"", ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stop, self._tell = socket.socketpair()
        for handed_over in (self._listener, self._stop):
            handed_over.setblocking(False)
            handed_over.set_inheritable(True)

    def run(self) -> int:
        """One start; returns 1."""
        begun_ns = time.perf_counter_ns()
        address, handed_over = self._listener.getsockname(), (self._listener, self._stop)
        numbers = [each.fileno() for each in handed_over]
        inherited: Mapping[str, Any] = (
            {"close_fds": False} if sys.platform == "win32" else {"pass_fds": numbers}
        )
        child = self._child = subprocess.Popen(
            (*self._before, *map(str, numbers), *self._paths),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._environment,
            **inherited,
        )
        for each in handed_over:
            each.close()  # so that nobody waits for a child that has ended
        try:
            with socket.create_connection(address, timeout=_LIMIT_S) as peer:
                peer.sendall(_MESSAGE)
                while len(self._answer) < len(_MESSAGE) and (piece := peer.recv(len(_MESSAGE))):
                    self._answer += piece
            self.samples_ns.append(time.perf_counter_ns() - begun_ns)
            self._tell.send(b"s")
        except OSError as error:
            self._trouble = f"{type(error).__name__}: {error}"
        try:
            _output, errors = child.communicate(timeout=_LIMIT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            _output, errors = child.communicate()
            self._trouble = self._trouble or f"it did not end within {_LIMIT_S:g} s"
        if errors:
            self._trouble += errors.decode(errors="replace")[-_MAX_ERROR:]
        return 1

    def verify(self) -> None:
        """It answered, and ended as it should."""
        status = self._child.returncode if self._child is not None else None
        if self._answer != _MESSAGE or status != 0 or self._trouble:
            raise CheckFailedError(
                f"the server answered {self._answer!r} and ended with status {status}, "
                f"expected {_MESSAGE!r} and 0; {self._trouble or 'it said nothing'}"
            )

    def _close_sockets(self) -> None:
        for each in (self._listener, self._stop, self._tell):
            each.close()

    def close(self) -> None:
        """Close the sockets and remove the folder; the child has ended."""
        self._close_sockets()
        self._folder.cleanup()
