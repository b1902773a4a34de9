"""A child is started with the arguments of subprocess.Popen, and they mean the same."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="Do env, cwd, pass_fds, user, umask, start_new_session and paths work for a child as for Popen?",
    rule="Additional arguments are those of subprocess.Popen.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.subprocess_exec",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/439",
        "https://github.com/MagicStack/uvloop/issues/618",
        "https://github.com/MagicStack/uvloop/issues/90",
        "https://github.com/MagicStack/uvloop/issues/328",
    ),
    limit_s=15,
    platforms=("linux", "darwin", "bsd"),
)
SHELL = Path("/bin/sh")
Start = Callable[..., bytes]
"""`start(program, *arguments, **of_popen)`: the standard output of a child."""


def verdict(start: Start) -> Answer:
    """What a shell prints, and what it should."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has none of this")
    folder = Path(tempfile.gettempdir()).resolve()
    reading, writing = os.pipe()
    os.write(writing, b"given")
    os.close(writing)
    cases: dict[str, tuple[str, dict[str, Any], str]] = {
        "env": ('echo "$ONLY$HOME"', {"env": {"ONLY": "this"}}, "this"),
        "an empty env": ('echo "$CROSSLOOP$HOME"', {"env": {}}, ""),
        "cwd": ("pwd -P", {"cwd": folder}, str(folder)),
        "pass_fds": (f"cat <&{reading}", {"pass_fds": (reading,)}, "given"),
        "user": ("id -u", {"user": os.getuid()}, str(os.getuid())),
        "umask": ("umask", {"umask": 0o027}, "0027"),
        "start_new_session": (
            "ps -o sid= -p $$ | grep -qw $$ && echo leader",
            {"start_new_session": True},
            "leader",
        ),
    }
    wrong, seen = [], []
    for name, (script, arguments, expected) in cases.items():
        try:
            said = start(SHELL, "-c", script, **arguments).decode().strip()
        except (TypeError, ValueError, OSError, RuntimeError) as error:
            said = f"{type(error).__name__}: {error}"
        if said != expected:
            wrong.append(name)
            seen.append(f"{name}: {said!r}, expected {expected!r}")
    return answered(not wrong, f"not {', '.join(wrong)}", "; ".join(seen))


def on_asyncio(new_loop: NewLoop) -> Answer:
    def start(program: Path, *arguments: str, **of_popen: Any) -> bytes:
        async def main() -> bytes:
            child = await asyncio.create_subprocess_exec(
                program, *arguments, stdout=subprocess.PIPE, **of_popen
            )
            output, _errors = await child.communicate()
            return output

        return run(new_loop, main)

    return verdict(start)


def on_gevent() -> Answer:
    from gevent.subprocess import PIPE, Popen

    def start(program: Path, *arguments: str, **of_popen: Any) -> bytes:
        output, _errors = Popen((program, *arguments), stdout=PIPE, **of_popen).communicate()
        return bytes(output)

    return verdict(start)


def on_trio() -> Answer:
    import trio

    def start(program: Path, *arguments: str, **of_popen: Any) -> bytes:
        command: list[str | Path] = [program, *arguments]
        done = trio.run(partial(trio.run_process, command, capture_stdout=True, check=False, **of_popen))
        return done.stdout or b""

    return verdict(start)
