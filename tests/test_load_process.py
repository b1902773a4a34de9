"""The load process as the supervisor meets it: lines in, lines out, alive after every error."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossloop.api import echo
from crossloop.journal import SliceRecord
from crossloop.load import commands
from crossloop.load.engines import Chosen
from crossloop.load.server import Sets
from crossloop.load.turns import Engine
from crossloop.measure import clocks
from crossloop.native import NotBuiltError
from tests import misbehaving as bad
from tests.misbehaving import serving

ECHO = """
import os, socket, sys, threading
def talk(sock):
    try:
        while data := sock.recv(65536): sock.sendall(data)
    except OSError: pass
with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
    print(listener.getsockname()[1], flush=True)
    while True: threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
"""


ECHO_64 = msgspec.convert(echo(64).as_dict(), commands.Exchange)


class Load:
    """A load process and its pipes."""

    def __init__(self, *engine: str, descriptors: int = 0):
        code = "import runpy; runpy.run_module('crossloop.load.server', run_name='__main__')"
        if descriptors:
            code = (
                f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors},) * 2)\n{code}"
            )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ask(self, line: str = "", **command: Any) -> dict[str, Any]:
        """Send one command, or a raw *line*; returns the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write((line or json.dumps(command)).encode() + b"\n")
        self.process.stdin.flush()
        document: dict[str, Any] = json.loads(self.process.stdout.readline())
        return document

    def open(
        self, port: int, pid: int = 0, connections: int = 2, size: int = 64, target: str = "a", **more: Any
    ) -> dict[str, Any]:
        """Open a target's connections, over TCP with echo's exchange."""
        return self.ask(
            do="open", target=target, address={"host": "127.0.0.1", "port": port}, connections=connections,
            **({"exchange": echo(size).as_dict(), "pids": [pid or os.getpid()]} | more),
        )  # fmt: skip

    def slice(self, **more: Any) -> dict[str, Any]:
        """Run a short slice."""
        base: dict[str, Any] = {"phase": "capacity", "run_in_ms": 10, "duration_ms": 50, "seed": 1}
        return self.ask(do="slice", **(base | {"target": "a"} | more))


@pytest.fixture
def load(engine: Engine) -> Iterator[Load]:
    """A load process; afterwards it ends by itself at the end of its input, with nothing on stderr."""
    made = Load(engine.name)
    assert made.ask(do="engine").items() >= {"engine": engine.name, "reason": ""}.items()
    yield made
    _out, error = made.process.communicate(timeout=20)
    assert (made.process.returncode, error) == (0, b"")


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """Port and pid of an echo server in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
        process.kill()


def test_both_phases_answer_what_the_journal_records(load: Load, server: tuple[int, int]) -> None:
    port, pid = server
    assert load.open(port, pid)["connections"] == 2
    assert load.open(port, pid, connections=1, size=102400, target="b")["connections"] == 1
    cases: list[dict[str, Any]] = [
        {},
        {"target": "b"},
        {"phase": "rate", "rate": 500},
        {"phase": "rate", "rate": 500, "arrivals": "constant", "spin": False},
    ]
    for more in cases:
        figures = load.slice(**more)
        assert "error" not in figures, figures
        assert set(figures) - set(SliceRecord.__struct_fields__) == {
            "unanswered",
            "answered",
            "sent",
            "start_late_ns",
        }
        assert 0 < figures["operations"] <= figures["answered"]
        assert sum(count for _value, count in figures["latency"]) > 0
        assert figures["elapsed_ns"] >= 50e6
        assert figures["load_cpu_ns"] > 0
        assert figures["rss_bytes"] > 0
        assert figures["offered_per_s"] == more.get("rate", 0)
        assert ("jain" in figures["counters"]) == ("target" not in more)
        if sys.platform == "linux":
            assert 0 < figures["cpu_ns"] < figures["elapsed_ns"] * (os.cpu_count() or 1)
            assert figures["sleeps"] > 0
            assert figures["counters"]["rss_peak_bytes"] >= figures["rss_bytes"]
    assert load.ask(do="close", target="a") == {"closed": 1}
    assert load.ask(do="close", target="a") == {"closed": 0}


def test_a_stall_records_the_servers_memory_before_and_within_it(load: Load, server: tuple[int, int]) -> None:
    port, pid = server
    exchange = replace(echo(100_000), in_flight=8, stall_ms=20.0)
    load.open(port, pid, exchange=exchange.as_dict())
    counters = load.slice()["counters"]
    assert counters["rss_stalled_bytes"] > 0
    assert counters["rss_before_bytes"] > 0


def test_without_a_libssl_tls_is_carried_by_python_and_that_is_said(
    native: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise NotBuiltError("no libssl beside this Python's ssl")

    monkeypatch.setattr("crossloop.load.secure._openssl", none)
    sets = Sets(Chosen(native))
    with bad.standing(bad.echo, "tls") as address:
        command = commands.Open(
            target="a", address=address, connections=1, exchange=ECHO_64, pids=[os.getpid()]
        )
        answer = sets.open(command)
        assert isinstance(answer, dict)
        assert (answer["engine"], answer["reason"]) == ("python", "no libssl beside this Python's ssl")
        assert sets.run(commands.Slice("a", "capacity", 10, 50, 1)).operations > 0
        sets.close(commands.Close("a"))


def test_a_server_may_be_stopped_between_slices_and_hang_in_one(load: Load, server: tuple[int, int]) -> None:
    if sys.platform == "win32":
        pytest.skip("SIGSTOP is POSIX")
    port, pid = server
    load.open(port, pid)
    load.slice()
    os.kill(pid, signal.SIGSTOP)
    assert load.open(port, pid, connections=3, target="b")["connections"] == 3
    os.kill(pid, signal.SIGCONT)
    assert load.slice()["operations"] > 0
    assert load.slice(target="b")["operations"] > 0
    os.kill(pid, signal.SIGSTOP)
    before = time.monotonic()
    answer = load.slice()
    assert time.monotonic() - before < 10, "the limit is 2.06 s; the rest is for a busy machine"
    assert answer["kind"] == "limit"
    os.kill(pid, signal.SIGCONT)
    assert "target 'a' is not open; open: b" in load.slice()["error"]
    assert load.open(port, pid)["connections"] == 2
    assert load.slice()["operations"] > 0


def test_a_server_that_dies_is_an_error_and_not_the_end(load: Load, server: tuple[int, int]) -> None:
    port, pid = server
    load.open(port, pid)
    assert load.slice()["operations"] > 0
    os.kill(pid, signal.SIGTERM)
    for _attempt in range(2):
        answer = load.slice(duration_ms=500)
        assert answer["kind"] in {"connection", "usage"}
        assert "\n" not in answer["error"]


def test_a_wrong_answer_names_its_kind(load: Load) -> None:
    with serving(bad.changing(lambda data: data[::-1])) as port:
        load.open(port)
        answer = load.slice(phase="rate", rate=1000)
    assert answer["kind"] == "verification"
    assert answer["error"].startswith("connection ")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "bad command"),
        ("\udcff".encode(errors="surrogateescape").decode("latin-1"), "bad command"),
        ('{"do": "dance"}', "'dance'"),
        ('{"do": "close"}', "target"),
        ('{"do": "close", "target": 3}', "Expected `str`"),
        ('{"do": "pin", "cpu": 100000}', "cpu 100000: "),
        ('{"do": "close", "target": "a", "more": 1}', "more"),
    ],
)
def test_a_command_that_makes_no_sense_is_answered(load: Load, line: str, sentence: str) -> None:
    answer = load.ask(line)
    assert answer["kind"] == "usage"
    assert sentence in answer["error"]
    assert load.ask(do="close", target="nobody") == {"closed": 0}


@pytest.mark.usefixtures("native")
def test_without_a_word_the_engine_is_the_native_one() -> None:
    load = Load()
    assert load.ask(do="engine").items() >= {"engine": "native", "reason": ""}.items()
    load.process.communicate(timeout=20)


def test_an_unknown_engine_is_refused_in_one_line() -> None:
    load = Load("fast")
    _out, error = load.process.communicate(timeout=20)
    assert load.process.returncode == 1
    assert error == b"crossloop.load.server: engine 'fast': expected one of native, python\n"


def test_an_endless_line_is_refused_and_the_next_is_answered(load: Load) -> None:
    assert load.ask("x" * 3_000_000)["kind"] == "usage"
    assert load.ask(do="close", target="nobody") == {"closed": 0}


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_NOFILE is POSIX")
def test_too_few_descriptors_are_said_with_both_numbers() -> None:
    load = Load(descriptors=64)
    with serving(bad.echo) as port:
        answer = load.open(port, connections=100)
        assert answer["kind"] == "descriptors"
        assert "100 connections need 1" in answer["error"]
        assert "may open 64 (hard limit 64)" in answer["error"]
        assert load.open(port, connections=10)["connections"] == 10
    load.process.communicate(timeout=20)


@pytest.mark.parametrize("listed", [True, False], ids=["children listed", "kernel lists none"])
def test_clocks_see_work_sleep_memory_and_children(monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    """On Linux with the kernel's list of a thread's children, and without, as some kernels are built."""
    if not listed:
        monkeypatch.setattr(clocks, "_kernel_lists_children", lambda: False)
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "end = time.process_time() + 0.1\n"
        "while time.process_time() < end: pass\n"
        "print(child.pid, flush=True); input(); child.communicate(b'\\n')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert clocks.tree(process.pid) == [process.pid, child]
        assert clocks.process_cpu_ns(process.pid) >= 100_000_000
        split = clocks.user_system_ns([process.pid])
        assert split is not None
        assert sum(split) >= 50_000_000
        assert clocks.rss_bytes([process.pid]) > 1_000_000
        if sys.platform not in ("darwin", "win32"):
            assert clocks.sleeps([process.pid]) is not None
        process.communicate(b"\n", timeout=20)
    with pytest.raises(ProcessLookupError, match=f"process {process.pid} is gone"):
        clocks.process_cpu_ns(process.pid)
    assert clocks.tree(process.pid) == [process.pid]
    assert clocks.rss_bytes([process.pid]) == 0


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_switches_that_are_not_told_apart_are_no_figure(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert clocks.sleeps([os.getpid()]) is None


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="steal is shown in /proc/stat")
def test_steal_does_not_go_back() -> None:
    first, second = clocks.steal_ns(), clocks.steal_ns()
    assert first is not None
    assert second is not None
    assert second >= first


def test_a_measured_part_begins_at_the_time_that_it_was_given(load: Load, server: tuple[int, int]) -> None:
    port, pid = server
    load.open(port, pid)
    for phase in ({}, {"phase": "rate", "rate": 500}):
        start_ns = load.ask(do="clock")["now_ns"] + 100_000_000
        answer = load.slice(start_ns=start_ns, **phase)
        ended_ns = load.ask(do="clock")["now_ns"]
        assert answer["start_late_ns"] < 50_000_000
        assert ended_ns - start_ns >= answer["elapsed_ns"]
        assert answer["operations"] > 0
    assert load.slice(start_ns=start_ns)["start_late_ns"] > 50_000_000  # over: it began at once
    refused = load.slice(start_ns=load.ask(do="clock")["now_ns"] + 3_600_000_000_000)
    assert refused["kind"] == "usage"
    assert "at most 60 s from now" in refused["error"]


def test_a_load_without_a_server_of_its_own_machine_reads_no_clock(
    load: Load, server: tuple[int, int]
) -> None:
    port, _pid = server
    assert load.open(port, pids=[])["connections"] == 2
    answer = load.slice()
    assert answer["operations"] > 0
    assert answer["sent"] >= answer["operations"]
    assert (answer["cpu_ns"], answer["sleeps"], answer["rss_bytes"]) == (0, None, None)


def test_the_ids_of_connections_begin_where_they_are_to(server: tuple[int, int]) -> None:
    port, pid = server
    load = Load("python")
    load.open(port, pid, first_id=2**31 - 2)
    assert load.slice()["operations"] > 0
    assert "error" in load.open(port, pid, first_id=2**31)
    load.process.communicate(timeout=20)


def test_a_load_that_is_asked_nothing_ends_when_it_was_told_to() -> None:
    load = Load("python", "--idle", "1.5")
    for _question in range(4):
        time.sleep(0.5)
        assert load.ask(do="engine")["engine"] == "python"
    assert load.process.wait(timeout=20) == 1
    load.process.communicate()
