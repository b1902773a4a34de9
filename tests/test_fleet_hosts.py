"""`crossloop fleet` on hosts of their own, by ssh: all answer, one vanishes and is resumed, Ctrl-C ends all."""

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crossloop.journal import BehaviourRecord, Run, read_journal
from tests.namespaces import Network, needs_namespaces, network

LIMIT_S = 240.0
AHEAD_S = 100_000


class Fleet:
    """Three hosts whose clocks are apart, and the file that names them."""

    def __init__(self, folder: Path, net: Network, arguments: dict[str, str]):
        self.net, self.out, self.there = net, folder / "out", folder / "there"
        self.file = folder / "hosts.toml"
        common = f"install = false\npython = {sys.executable!r}\nfolder = {str(self.there)!r}\n"
        tables = [
            f"[hosts.{name}]\narguments = {shlex.split(arguments.get(name, ''))}\n" for name in net.hosts
        ]
        self.file.write_text(common + "".join(tables), "utf-8")

    def line(self, command: str) -> list[str]:
        fleet = ["fleet", str(self.file), "--out", str(self.out), "--ssh-config", str(self.net.config)]
        return [sys.executable, "-m", "crossloop", *fleet, "--", *shlex.split(command)]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line(command), capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    @contextmanager
    def begun(self, command: str, *, measuring: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
        """A call that runs, once all of *measuring* have a slice in their journals."""
        with subprocess.Popen(
            self.line(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                end_s = time.monotonic() + LIMIT_S
                while not all(map(self._measures, measuring)):
                    assert process.poll() is None, process.communicate()
                    assert time.monotonic() < end_s
                yield process
            finally:
                process.terminate()

    def _measures(self, name: str) -> bool:
        journals = (self.there / name).glob("runs/*/run.jsonl")
        return any(b'"slice"' in journal.read_bytes() for journal in journals)

    def records(self, name: str, journal: str = "run.jsonl") -> Run:
        return Run.of(read_journal(self.out / name / journal))


@contextmanager
def fleet(folder: Path, arguments: dict[str, str]) -> Iterator[Fleet]:
    with network(folder, 3, monotonic_s={"host-b": AHEAD_S}) as net:
        yield Fleet(folder, net, arguments)


@needs_namespaces
def test_all_hosts_answer_and_one_that_cannot_is_told_apart(tmp_path: Path) -> None:
    with fleet(tmp_path, {"host-c": "--behaviours no-such-thing"}) as three:
        command = "check --adapters asyncio --behaviours same-time-in-order"
        done = three.run(command)
        assert done.returncode == 1, done.stderr
        *_results, a, b, c, page = done.stdout.splitlines()
        assert (a, b, page) == ("host-a: complete", "host-b: complete", str(three.out / "README.md"))
        assert c.startswith(
            "host-c: failed: check ended with status 2: crossloop: unknown behaviour 'no-such-thing'"
        )
        for name in ("host-a", "host-b"):
            (answer,) = three.records(name, "behaviours.jsonl").behaviours
            assert isinstance(answer, BehaviourRecord)
            assert f"{name}: begins {command}" in done.stderr.splitlines()
        assert {"host-a", "host-b"} <= set(
            (three.out / "README.md").read_text("utf-8").replace("/", " ").split()
        )
        assert not (three.out / "host-c").exists()


@needs_namespaces
@pytest.mark.campaign
def test_a_host_that_vanishes_is_resumed_by_the_next_call(tmp_path: Path) -> None:
    arguments = {"host-a": "--budget 0.1", "host-b": "--budget 1", "host-c": "--budget 0.1"}
    bench = "bench --profile quick --adapters select,epoll --scenarios timers --precision 0.01 --no-evidence"
    with fleet(tmp_path, arguments) as three:
        lost = three.net.hosts["host-b"]
        with three.begun(bench, measuring=("host-b",)) as process:
            lost.vanish()
            begun_s = time.monotonic()
            try:
                output, errors = process.communicate(timeout=LIMIT_S)
            finally:
                lost.come_back()
        print(f"the call ended {time.monotonic() - begun_s:.0f} s after the host had vanished")
        assert process.returncode == 1, errors
        a, b, c, _page = output.splitlines()[-4:]
        assert (a, c) == ("host-a: complete", "host-c: complete")
        assert b.startswith("host-b: vanished: ssh lost the connection")
        assert not (three.out / "host-b").exists()
        before = (three.out / "host-a" / "run.jsonl").read_bytes()

        again = three.run(bench)
        assert again.returncode == 0, again.stderr
        brought = "complete, brought by an earlier call"
        assert again.stdout.splitlines()[-4:-1] == [
            f"host-a: {brought}",
            "host-b: resumed",
            f"host-c: {brought}",
        ]
        assert (three.out / "host-a" / "run.jsonl").read_bytes() == before
        resumed, whole = three.records("host-b").end, three.records("host-a").end
        assert resumed is not None
        assert whole is not None
        assert resumed.resumed > 0
        assert resumed.cells == whole.cells


@needs_namespaces
@pytest.mark.campaign
def test_ctrl_c_ends_the_commands_on_all_hosts(tmp_path: Path) -> None:
    bench = (
        "bench --profile quick --adapters select --scenarios timers --budget 5 --precision 0.01 --no-evidence"
    )
    with fleet(tmp_path, {}) as three:
        with three.begun(bench, measuring=tuple(three.net.hosts)) as process:
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130, errors
        assert output.splitlines()[-3:] == [f"{name}: interrupted" for name in three.net.hosts]
        end_s = time.monotonic() + LIMIT_S
        for host in three.net.hosts.values():
            while any("crossloop" in word for line in host.commands().values() for word in line):
                assert time.monotonic() < end_s, host.commands()
        for journal in three.there.glob("*/runs/*/run.jsonl"):
            assert Run.of(read_journal(journal)).end is None
        assert not list(three.there.glob("*/runs/*/run.jsonl.lock"))
