"""The servers by hand in benchmarks/controls serve: what docs/adapters.md shows was seen to work."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.adapter_tax import CONTROLS

LIMIT_S = 30.0
DATA = os.urandom(4 * 1024 * 1024)
"""More than the kernel's buffers hold both ways: a server that does not wait for its peer to read loses some."""
STYLES = {
    "asyncio_echo.py": ("protocol asyncio", "streams asyncio", "sockets asyncio", "protocol uvloop"),
    "eventlet_echo.py": ("selects",),
    "gevent_echo.py": ("libev-cext", "libuv-cffi"),
    "libevent_echo.py": ("native", "bufferevent"),
    "models_echo.py": (
        "threads",
        "spin",
        *(name for name in ("select", "poll", "epoll", "kqueue") if hasattr(select, name)),
    ),
    "tornado_echo.py": ("asyncio",),
    "twisted_echo.py": ("select", "asyncio"),
}
"""Control → words after its name. One that is not here takes none."""
COMMANDS = [
    f"{path.name} {style}".strip()
    for path in sorted(CONTROLS.glob("*.py"))
    for style in STYLES.get(path.name, ("",))
]


@contextlib.contextmanager
def served(command: str) -> Iterator[tuple[str, int]]:
    """The address of a control that runs; afterwards it is told to end, and has ended. Skips without its library."""
    file, *arguments = command.split()
    process = subprocess.Popen(
        [sys.executable, str(CONTROLS / file), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            _out, err = process.communicate(timeout=LIMIT_S)
            if "ImportError" in err or "ModuleNotFoundError" in err:
                pytest.skip(err.strip().splitlines()[-1])
            pytest.fail(err)
        ready = json.loads(line)
        yield ready["host"], ready["port"]
        process.terminate()
        assert process.wait(LIMIT_S) == 0 or sys.platform == "win32"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_control_gives_everything_back_to_peers_that_read_late(command: str) -> None:
    with served(command) as address, contextlib.ExitStack() as open_sockets:
        late, quick = (
            open_sockets.enter_context(socket.create_connection(address, timeout=LIMIT_S)) for _ in range(2)
        )
        late.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):  # until the server reads no more
            while sent < len(DATA):
                sent += late.send(DATA[sent:])
        quick.sendall(b"quick")
        assert quick.recv(100) == b"quick"
        late.settimeout(LIMIT_S)
        got = bytearray()
        while len(got) < sent:
            got += late.recv(1 << 20)
        assert got == DATA[:sent]
        late.sendall(b"more")
        assert late.recv(100) == b"more"


@pytest.mark.parametrize("file", sorted(path.name for path in CONTROLS.glob("*.py")))
def test_a_control_says_how_it_is_called(file: str) -> None:
    if STYLES.get(file, ("",)) == ("",):
        pytest.skip("it takes no words")
    done = subprocess.run(
        [sys.executable, str(CONTROLS / file)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 1
    assert f"python benchmarks/controls/{file}" in done.stderr
