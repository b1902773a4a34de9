"""What `crossloop fleet` does on a host: this file is sent there on ssh's standard input, and `PYTHON -I -` runs it.

The standard library alone, in the grammar of Python 3.7, so that an older Python can say what it lacks. The task is
JSON that stands in the last line of what is sent; `protocol` has its types, and those of what is said here: JSON
lines on standard output. Below the task's folder everything lies in one named as this machine is, because hosts may
share a home:

    lock                   who is at work here; the lock is the system's and ends with its holder
    leave                  what a later call of the same fleet writes to have the lock
    files/SHA256/          wheels that were sent
    environments/DIGEST/   an environment, and beside it DIGEST.json when it is whole
    runs/DIGEST/           journals of one command, and ended.json when it has ended well

The command ends as by Ctrl-C when nobody listens any more, and when a later call wants the lock.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import Any, BinaryIO

LEAST_PYTHON = (3, 11)
BEAT_S = 2.0
"""How often this says that it lives, and looks for `leave`."""
INTERRUPTED_S = 60.0
"""Longest that a command may take to end after an interrupt; then it is killed."""
TAKE_OVER_S = 90.0
"""Longest that the lock of an earlier call is waited for."""
LINE_BYTES = 4096
"""Longest piece of a line of a command's output."""
PART_BYTES = 48 * 1024
"""Bytes of a journal in one line."""
WELL = (0, 1)
"""Statuses of a command that has answered: done, and no."""


class RefusedError(Exception):
    """This host cannot do it; the message is the reason."""


class LeavingError(Exception):
    """Nobody listens, somebody else wants to go on, or a signal ends this process."""


class Link:
    """To who sent this program: a JSON object a line, on a descriptor that no command gets."""

    def __init__(self) -> None:
        self._file = os.dup(1)
        os.set_inheritable(self._file, False)
        os.dup2(2, 1)
        self._guard = threading.Lock()
        self.lost = False
        """Nobody listens any more."""

    def say(self, kind: str, **fields: Any) -> None:
        """One line; nothing where nobody listens."""
        line = json.dumps(dict(fields, say=kind)).encode("ascii") + b"\n"
        with self._guard:
            while line and not self.lost:
                try:
                    line = line[os.write(self._file, line) :]
                except OSError:
                    self.lost = True


class Lock:
    """Of this machine, for one call at a time."""

    def __init__(self, folder: pathlib.Path, task: dict[str, Any], link: Link) -> None:
        self._leave = folder / "leave"
        self._task = task
        self._link = link
        self._file = os.open(str(folder / "lock"), os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> None:
        """Have it; an earlier call of the same fleet is made to leave. Raises `RefusedError`."""
        end_s = time.monotonic() + TAKE_OVER_S
        waited = False
        while not _lock(self._file):
            holder = self._holder()
            number = holder.get("pid", "?")
            if holder.get("fleet") != self._task["fleet"]:
                raise RefusedError(f"another fleet is at work here (process {number}); wait for its end")
            if holder.get("call") == self._task["call"]:
                raise RefusedError("two hosts of the file are this one machine; name it once")
            if time.monotonic() > end_s:
                raise RefusedError(f"what an earlier call began goes on here (process {number})")
            if not waited:
                self._link.say("step", text="ends what an earlier call began and left here")
                waited = True
            self._leave.write_text(self._task["call"], "ascii")
            self._link.say("alive")
            if self._link.lost:
                raise LeavingError
            time.sleep(0.5)
        with contextlib.suppress(FileNotFoundError):
            self._leave.unlink()
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)
        content = {"pid": os.getpid(), "fleet": self._task["fleet"], "call": self._task["call"]}
        os.write(self._file, json.dumps(content).encode("ascii"))

    def is_wanted(self) -> bool:
        """Whether a later call waits for it."""
        return self._leave.exists()

    def _holder(self) -> dict[str, Any]:
        os.lseek(self._file, 0, os.SEEK_SET)
        try:
            content = json.loads(os.read(self._file, 1000).decode("ascii"))
        except ValueError:  # it is being written
            return {"fleet": self._task["fleet"]}
        return content if isinstance(content, dict) else {}


class Commands:
    """Runs one command at a time, and sends on what it writes."""

    def __init__(self, link: Link, lock: Lock) -> None:
        self._link = link
        self._lock = lock

    def run(self, line: list[str], *, what: str = "") -> int:
        """The status of a command; of one that says *what* it prepares, all that it writes is progress.

        Raises `LeavingError`; then it has ended.
        """
        if what:
            self._link.say("step", text=what)
        process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=_OWN_GROUP,
        )
        readers = [
            threading.Thread(target=self._send_on, args=(stream, kind), daemon=True)
            for stream, kind in ((process.stdout, "err" if what else "out"), (process.stderr, "err"))
        ]
        ended = threading.Event()
        waiter = threading.Thread(target=_wait, args=(process, ended), daemon=True)
        for thread in [*readers, waiter]:
            thread.start()
        try:
            # Not `process.wait(BEAT_S)`, which looks twenty times a second: something is being measured.
            while not ended.wait(BEAT_S):
                self._stay()
        except BaseException:
            _ignore_signals()
            _interrupt(process)
            if not ended.wait(INTERRUPTED_S):
                process.kill()
            raise
        for reader in readers:
            reader.join(BEAT_S)  # what the command started may have its output open still
        return process.returncode

    def _stay(self) -> None:
        """Raises `LeavingError` where there is a reason to leave."""
        self._link.say("alive")
        if self._link.lost or self._lock.is_wanted():
            raise LeavingError

    def _send_on(self, stream: BinaryIO, kind: str) -> None:
        """Each line; read to the end in any case, so that the command never waits for a reader."""
        for line in iter(lambda: stream.readline(LINE_BYTES), b""):
            self._link.say(kind, text=line.decode("utf-8", "replace").rstrip("\r\n"))


def carry_out(task: dict[str, Any], link: Link) -> None:
    """Make the environment, run the command, send its journals. Raises `RefusedError`, `LeavingError`, OSError."""
    machine = re.sub(r"[^A-Za-z0-9.-]", "-", platform.node()).strip(".") or "unnamed"
    folder = pathlib.Path.home() / pathlib.Path(task["folder"]).expanduser() / machine
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder, task, link)
    lock.take()
    commands = Commands(link, lock)
    python = sys.executable
    if task["environment"] is not None:
        lacking = _put_files(folder / "files", task["environment"]["files"])
        if lacking:
            link.say("lacks", files=lacking)
            return
        python = _environment(folder, task["environment"], commands)
    place = folder / "runs" / task["question"]
    status = _answered(python, place, task, commands, link)
    for name in task["journals"]:
        if (place / name).is_file():
            _send(place / name, task["most_bytes"], link)
    link.say("end", status=status)


def _put_files(folder: pathlib.Path, files: list[dict[str, Any]]) -> list[str]:
    """Put those in place that were sent; returns the hashes of those that are still wanted."""
    lacking = []
    for file in files:
        path = _place_of(folder, file)
        if not (path.is_file() and _sha256(path.read_bytes()) == file["sha256"]):
            if file["content"] is None:
                lacking.append(file["sha256"])
                continue
            content = base64.b64decode(file["content"])
            if _sha256(content) != file["sha256"]:
                raise RefusedError(f"{file['name']} arrived damaged; try again")
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)
    return lacking


def _place_of(folder: pathlib.Path, file: dict[str, Any]) -> pathlib.Path:
    place: pathlib.Path = folder / file["sha256"] / file["name"]
    return place


def _environment(folder: pathlib.Path, wanted: dict[str, Any], commands: Commands) -> str:
    """The Python of an environment that has what is wanted, which is made where it is not there."""
    place = folder / "environments" / wanted["digest"]
    record = place.parent / (wanted["digest"] + ".json")
    python = str(place / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    if record.is_file() and pathlib.Path(python).exists():
        return python
    if place.exists():  # what did not become whole
        shutil.rmtree(str(place))
    place.mkdir(parents=True)
    _require(commands.run([sys.executable, "-m", "venv", str(place)], what="makes an environment"), "venv")
    requirements = [_place_of(folder / "files", file).as_uri() for file in wanted["files"]]
    requirements += wanted["requirements"]
    listed = place / "requirements.txt"
    listed.write_text("\n".join(requirements) + "\n", "utf-8")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _require(commands.run([*pip, "-r", str(listed)], what="installs " + ", ".join(wanted["shown"])), "pip")
    if wanted["setup"] is not False:
        parts = wanted["setup"] if isinstance(wanted["setup"], list) else []
        # A binding that cannot be had is a result, as it is of `crossloop setup` by hand.
        status = commands.run([python, "-P", "-m", "crossloop", "setup", *parts], what="crossloop setup")
        if status not in WELL:
            _require(status, "crossloop setup")
    _replace(record, json.dumps({"python": platform.python_version()}).encode("ascii"))
    return python


def _require(status: int, name: str) -> None:
    if status != 0:
        raise RefusedError(f"{name} ended with status {status}")


def _answered(python: str, place: pathlib.Path, task: dict[str, Any], commands: Commands, link: Link) -> int:
    """The status of the command; of one that has answered before, without running it again."""
    place.mkdir(parents=True, exist_ok=True)
    ended = place / "ended.json"
    if task["again"]:
        for name in ("ended.json", *task["journals"]):
            with contextlib.suppress(FileNotFoundError):
                (place / name).unlink()
    if ended.is_file():
        link.say("step", text="has answered this before")
        return int(json.loads(ended.read_text("ascii"))["status"])
    resumes = task["resumable"] and (place / task["journals"][0]).is_file()
    link.say("begins", resumes=resumes)
    line = [python, "-P", "-m", "crossloop", *task["arguments"], "--out", str(place)]
    status = commands.run(line + (["--resume"] if resumes else []))
    if status in WELL:
        _replace(ended, json.dumps({"status": status}).encode("ascii"))
    return status


def _send(path: pathlib.Path, most_bytes: int, link: Link) -> None:
    """A file in parts, then its hash."""
    size = path.stat().st_size
    if size > most_bytes:
        raise RefusedError(f"{path.name} has {size} bytes; at most {most_bytes} are brought back")
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        link.say("file", name=path.name)
        for part in iter(lambda: file.read(PART_BYTES), b""):
            hashed.update(part)
            link.say("part", content=base64.b64encode(part).decode("ascii"))
            if link.lost:
                raise LeavingError
    link.say("whole", sha256=hashed.hexdigest())


def _replace(path: pathlib.Path, content: bytes) -> None:
    """Write a whole file in place of another."""
    beside = path.parent / (path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _wait(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does."""
    with contextlib.suppress(OSError):
        process.send_signal(_CTRL_C)


def _signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _leave_on_signals() -> None:
    """A signal that ends this process ends the command first. Commands get the default (not "ignored") for SIGINT."""

    def leave(_number: int, _frame: Any) -> None:
        raise LeavingError

    for number in _signals():
        signal.signal(number, leave)


def _ignore_signals() -> None:
    for number in _signals():
        signal.signal(number, lambda _number, _frame: None)


if sys.platform == "win32":
    import msvcrt

    _OWN_GROUP, _CTRL_C = subprocess.CREATE_NEW_PROCESS_GROUP, signal.CTRL_BREAK_EVENT

    def _lock(file: int) -> bool:
        os.lseek(file, 1 << 20, os.SEEK_SET)  # behind the content, which others may then read
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    _OWN_GROUP, _CTRL_C = 0, signal.SIGINT

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def main(task: str) -> None:
    """Do the task that is given as JSON, and say how it went."""
    link = Link()
    link.say("alive")
    if sys.version_info < LEAST_PYTHON:
        link.say(
            "failed",
            reason=f"{sys.executable} is Python {platform.python_version()}; 3.11 or newer is needed, and `python` in "
            "the file says which is taken",
        )
        return
    _leave_on_signals()
    try:
        carry_out(json.loads(task), link)
    except LeavingError:
        link.say("failed", reason="was made to leave by a later call or by a signal")
    except RefusedError as error:
        link.say("failed", reason=str(error))
    except OSError as error:
        link.say("failed", reason=f"{error.strerror or error}: {error.filename or 'no file'}")
