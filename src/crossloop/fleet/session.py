"""One connection with a host: the program is sent there on ssh's standard input, its messages come back.

    ssh … DESTINATION "PYTHON -I -"  <  on_host.py, and a last line with the task

Nothing of the task is on a command line, so that no shell has to be quoted for. This machine takes part without ssh, by
the same program. What came with other words than a message's, and what ssh itself says, is `Noise`.

Every message is waited for `SILENT_S` at most; the program says every two seconds that it lives. ssh's own
ServerAlive notices a host that vanished first.
"""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

import msgspec

from crossloop.fleet import on_host
from crossloop.fleet.hosts import Host
from crossloop.fleet.protocol import MAX_LINE_BYTES, AnyMessage, Part, Task, decode
from crossloop.supervise.hosts import ssh_words

ALIVE_S = 4
"""ssh asks after so many seconds of silence, and gives up after three questions without an answer: 16 s in all.
The load has 8 s; a run of hours is to outlive a short gap."""
SILENT_S = 30.0
"""Without a message for so long the host is lost, whatever ssh thinks."""
START_S = 60.0
"""Without a first one."""
END_S = 90.0
"""Longest that a program here may take to end its command."""
CLOSE_S = 5.0
"""Longest that is waited for what an ended process has left in its pipes."""
MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Of all that a host says beside its journals."""
_WAITING = 1000
"""Messages that were read and not yet looked at."""


@dataclass(frozen=True)
class Noise:
    """A line that is no message."""

    text: str


Heard: TypeAlias = AnyMessage | Noise


class LostError(Exception):
    """A connection ended before the answer; the message says how."""


def command_of(host: Host, ssh_config: str) -> list[str]:
    """What is started here for a host."""
    python = f"{host.python} -I -"
    if host.is_here:
        first, *others = python.split(" ")
        return [str(Path(first).expanduser()) if first.startswith("~") else first, *others]
    return ["ssh", *ssh_words(host.destination, python, ssh_config, alive_s=ALIVE_S)]


def source_of(task: Task) -> bytes:
    """The program with its task, as it is sent. ASCII alone."""
    program = Path(on_host.__file__).read_bytes()
    return program + f"\n\nmain({json.dumps(msgspec.to_builtins(task))!r})\n".encode("ascii")


class Session:
    """A connection; a context manager. Raises OSError where there is no ssh, or no such Python here."""

    def __init__(self, line: Sequence[str], source: bytes):
        self._process = _started(line)
        self._heard: queue.Queue[Heard | None] = queue.Queue(_WAITING)
        self._sent = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(source,), daemon=True),
            threading.Thread(target=self._hear_errors, daemon=True),
            threading.Thread(target=self._hear, daemon=True),
        ]

    def __enter__(self) -> "Session":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """What has said its end is waited for; all else is asked to end. What then does not is killed."""
        if kind is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(SILENT_S)
        try:
            self.end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._close()

    def _close(self) -> None:
        """Wait for the threads, which end with the process; one that something else keeps is left."""
        end_s = time.monotonic() + CLOSE_S
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < end_s:
            with contextlib.suppress(queue.Empty):  # a full queue would keep them
                self._heard.get(timeout=0.01)
        streams = (self._process.stdin, self._process.stderr, self._process.stdout)
        for thread, stream in zip(self._threads, streams, strict=True):
            if stream is not None and not thread.is_alive():
                with contextlib.suppress(OSError):
                    stream.close()

    def end(self) -> None:
        """Ask it to end, from any thread: ssh at once, a program here with its command."""
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # it has ended
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            self._process.terminate()

    def listen(self) -> Iterator[Heard]:
        """Everything that comes, in order, until the connection has ended. Raises `LostError`."""
        heard_any = False
        while True:
            limit_s = SILENT_S if heard_any else START_S
            try:
                heard = self._heard.get(timeout=limit_s)
            except queue.Empty:
                if not self._sent.is_set():  # a large file on a slow line
                    continue
                raise LostError(f"nothing was heard for {limit_s:.0f} s") from None
            if heard is None:
                return
            heard_any = True
            yield heard

    def status(self) -> int:
        """How it ended. Raises `subprocess.TimeoutExpired` where it has closed its output and does not end."""
        return int(self._process.wait(SILENT_S))

    def _send(self, source: bytes) -> None:
        stream = self._process.stdin
        if stream is not None:
            with contextlib.suppress(OSError):  # it ended, which its output says
                stream.write(source)
            with contextlib.suppress(OSError):
                stream.close()
        self._sent.set()

    def _hear(self) -> None:
        text_bytes = 0
        for line in _lines(self._process.stdout):
            message = decode(line)
            if not isinstance(message, Part):
                text_bytes += len(line)
                if text_bytes > MAX_TEXT_BYTES:
                    self._heard.put(
                        Noise(f"said more than {MAX_TEXT_BYTES:,} bytes; it is not listened to any longer")
                    )
                    self._process.kill()
                    break
            self._heard.put(message if message is not None else _noise(line))
        self._threads[1].join(SILENT_S)
        self._heard.put(None)

    def _hear_errors(self) -> None:
        for line in _lines(self._process.stderr):
            self._heard.put(_noise(line))


def _started(line: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a group of its own: Ctrl-C is ours, and we end it."""
    if sys.platform == "win32":
        return subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    return subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    )


def _lines(stream: IO[bytes] | None) -> Iterator[bytes]:
    """Lines, in pieces where they are too long."""
    while stream is not None and (line := stream.readline(MAX_LINE_BYTES)):
        yield line


def _noise(line: bytes) -> Noise:
    return Noise(line.decode("utf-8", "replace").rstrip("\r\n")[:4096])
