"""Programs run by setup end within their limits, and the reason of a failure is found in pip's output."""

import os
import socket
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from crossloop.installing.commands import TAIL_BYTES, run_command
from crossloop.installing.pip_runs import informative_line, public_text, remedy_for, run_pip

PIP_OUTPUTS = {
    # Ends of real runs, shortened.
    "rust": (
        "Collecting rsloop==0.1.66\n  × Preparing metadata did not run successfully.\n"
        "      Cargo, the Rust package manager, is not installed or is not on PATH.\n"
        "      This package requires Rust and Cargo to compile extensions.\n"
        "error: metadata-generation-failed\n",
        "Cargo, the Rust package manager, is not installed or is not on PATH",
        "install Rust",
    ),
    "header": (
        "  gcc -c a.c\n  /tmp/build/x/a.c:1:10: fatal error: Python.h: No such file or directory\n"
        "  error: command '/usr/bin/gcc' failed with exit code 1\nERROR: Failed building wheel for x\n",
        "…/a.c:1:10: fatal error: Python.h: No such file or directory",
        "python3-dev",
    ),
    "compiler": (
        "  error: command 'gcc' failed: No such file or directory\nERROR: Failed building wheel for x\n",
        "error: command 'gcc' failed: No such file or directory",
        "build-essential",
    ),
    "missing": (
        "ERROR: Could not find a version that satisfies the requirement x==9 (from versions: none)\n"
        "ERROR: No matching distribution found for x==9\n",
        "No matching distribution found for x==9",
        "another version",
    ),
    "offline": (
        "WARNING: Retrying after connection broken by 'NewConnectionError(\"HTTPSConnection(host='a.example', "
        "port=443): Failed to establish a new connection: [Errno 111] Connection refused\")': /simple/x/\n"
        "ERROR: Could not find a version that satisfies the requirement x (from versions: none)\n",
        "Failed to establish a new connection",
        "check the network",
    ),
}


@pytest.mark.parametrize("answer", ["refused", "503", "none"])
def test_an_index_that_does_not_answer_is_named(answer: str, tmp_path: Path) -> None:
    """pip itself, which says in the end that it has found no distribution."""
    with answering(answer) as port:
        environment = {
            "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple",
            "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0", "PIP_TIMEOUT": "2", "NO_PROXY": "*",
        }  # fmt: skip
        run = run_pip("download", "--dest", str(tmp_path), "x", limit_s=60, environment=environment)
    assert not run.succeeded
    why = informative_line(run.output)
    assert why.startswith("the package index does not answer: "), run.output
    assert "check the network" in remedy_for(why)
    assert "Traceback" not in why


@contextmanager
def answering(answer: str) -> Iterator[int]:
    """Port of an index that refuses, says 503 to everything, or never says anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if answer == "refused":
            yield listener.getsockname()[1]
            return
        listener.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _address = listener.accept()
                    clients.append(client)
                    if answer == "503":
                        client.recv(65536)
                        client.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

        clients: list[socket.socket] = []
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for client in clients:
                client.close()


def test_an_index_that_has_answered_is_not_blamed() -> None:
    output = (
        "WARNING: Retrying after connection broken by 'ReadTimeoutError(\"Read timed out.\")': /simple/x/\n"
        "ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1.0, 1.1)\n"
        "ERROR: No matching distribution found for x==9\n"
    )
    assert informative_line(output) == "No matching distribution found for x==9"


@pytest.mark.parametrize("case", PIP_OUTPUTS)
def test_the_telling_line_is_found(case: str) -> None:
    output, line, remedy = PIP_OUTPUTS[case]
    assert line in informative_line(output)
    assert remedy in remedy_for(informative_line(output))


def test_reasons_name_no_address_and_no_folder() -> None:
    text = public_text(
        "ERROR: x from https://user:secret@a.example/p/x.tar.gz (host='a.example') in /home/me/w/x.c\x1b[31m\n"
        + "y" * 500
    )
    assert text.startswith("x from <address> (host=<address>) in …/x.c [31m y")
    assert len(text) == 300


def test_a_command_ends_with_everything_that_it_started(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(child.pid))
        time.sleep(60)
    """)
    started = time.monotonic()
    run = run_command([sys.executable, "-c", code], limit_s=2)
    assert run.status is None
    assert "ended after the limit of 2 s" in run.output
    assert time.monotonic() - started < 20
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_flood_of_output_is_bounded() -> None:
    run = run_command(
        [sys.executable, "-c", "for _ in range(40): print('x' * 1_000_000)\nprint('end')"], limit_s=30
    )
    assert run.succeeded
    assert len(run.output) <= TAIL_BYTES
    assert run.output.endswith("end\n")


def test_a_missing_program_is_a_run_that_failed() -> None:
    run = run_command(["crossloop-no-such-program"], limit_s=5)
    assert run.status is None
    assert "crossloop-no-such-program" in run.output
