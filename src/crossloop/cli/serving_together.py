"""`crossloop serve --processes N`: one server in several processes on one port, which start and end together."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from crossloop.cli.exits import DONE, FALSE, STATUSES

LOOK_S = 0.1
"""How often the processes are looked at."""
END_S = 5.0
"""Longest that is waited for one that was told to end; then it is killed."""


def serve_together(request: Mapping[str, Any], processes: int) -> int:
    """Start the processes, print one ready line for all of them, and wait until told to stop; the exit status.

    The first takes the port, where that is free to choose. The ready line has this process's `pid`, which SIGTERM is
    for, and the servers' own `pids`. When one of them ends, all do. What one says after its ready line is passed on.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    servers: list[subprocess.Popen[bytes]] = []
    shared = {**request, "shared": True}
    remove = shared.pop("remove", None)
    try:
        first, status = _started(servers, shared, 0)
        shared["port"] = first.get("port", 0)
        for number in range(1, processes if first else 0):
            ready, status = _started(servers, shared, number)
            if not ready:
                break
        if status:
            return status
        pids = [server.pid for server in servers]
        click.echo(json.dumps({**first, "pid": os.getpid(), "pids": pids}))
        return _first_end(servers)
    except KeyboardInterrupt:
        return DONE
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _end(servers)
        if remove is not None:
            shutil.rmtree(str(remove), ignore_errors=True)


def _started(
    servers: list[subprocess.Popen[bytes]], request: Mapping[str, Any], number: int
) -> tuple[dict[str, Any], int]:
    """The ready line of one more process; or nothing, and the status of one that has refused, and has said why."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "crossloop.worker.standalone",
        json.dumps({**request, "member": number}),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    servers.append(server)
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        return {}, _status(server.wait())
    threading.Thread(target=_pass_on, args=(server,), daemon=True).start()
    ready: dict[str, Any] = json.loads(line)
    return ready, DONE


def _pass_on(server: subprocess.Popen[bytes]) -> None:
    assert server.stdout is not None
    for line in server.stdout:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()


def _first_end(servers: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait for the first that ends, and say which."""
    while True:
        for number, server in enumerate(servers, 1):
            if (status := server.poll()) is not None:
                how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
                click.echo(
                    f"crossloop: process {number} of {len(servers)} (pid {server.pid}) {how}; the others end with it",
                    err=True,
                )
                return _status(status)
        time.sleep(LOOK_S)


def _status(status: int) -> int:
    """Of a server that ended without being told to, in the words of the contract."""
    return status if status in STATUSES and status != DONE else FALSE


def _end(servers: Sequence[subprocess.Popen[bytes]]) -> None:
    for server in servers:
        server.terminate()
    deadline = time.monotonic() + END_S
    for server in servers:
        try:
            server.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
