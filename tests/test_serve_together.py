"""`crossloop serve --processes N`: several processes serve any client on one port, and start and end together."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from crossloop.cli.commands import cli
from crossloop.measure.connections import connections_held

LIMIT_S = 120.0
SHARED = pytest.mark.skipif(
    sys.platform != "linux", reason="SO_REUSEPORT shares connections out on Linux, and was tried there alone"
)


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """`crossloop serve`, and what it said when it was ready; nothing of it is left."""
    command = [sys.executable, "-m", "crossloop", "serve", *arguments, "--processes", "2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as server:
        try:
            assert server.stdout is not None
            yield server, json.loads(server.stdout.readline())
        finally:
            server.kill()


@SHARED
def test_two_serve_any_client_and_end_on_sigterm() -> None:
    with served("asyncio", "tcp-echo") as (server, ready), contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((ready["host"], ready["port"]), LIMIT_S))
            for _number in range(64)
        ]
        for client in clients:
            client.sendall(b"an echo")
            assert client.recv(100) == b"an echo"
        held = connections_held([[pid] for pid in ready["pids"]], ready["port"])
        assert held is not None
        assert sum(held) == 64
        assert min(held) > 0
        assert ready["pid"] == server.pid
        server.terminate()
        assert server.communicate(timeout=LIMIT_S) == ("", "")
        assert server.returncode == 0
        assert not any(map(psutil.pid_exists, ready["pids"]))


@SHARED
def test_when_one_ends_all_do_and_it_is_named() -> None:
    with served("epoll", "tls-echo") as (server, ready):
        assert Path(ready["ca"]).exists()
        psutil.Process(ready["pids"][1]).kill()
        _out, errors = server.communicate(timeout=LIMIT_S)
        assert f"process 2 of 2 (pid {ready['pids'][1]}) was ended by signal 9" in errors
        assert server.returncode == 1
        assert not any(map(psutil.pid_exists, ready["pids"]))
        assert not Path(ready["ca"]).parent.exists()


@SHARED
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["asyncio", "udp-echo"], "cannot be shared out"),
        (["asyncio", "fan-out"], "cannot be shared out"),
        (["c-epoll", "tcp-echo"], "c-epoll shares its port with nobody"),
    ],
)
def test_what_cannot_be_served_in_several(arguments: list[str], said: str) -> None:
    refused = CliRunner().invoke(cli, ["serve", *arguments, "--processes", "2"])
    assert refused.exit_code != 0
    assert said in refused.output
