"""The doctor on this very machine: every probe answers, nothing is left changed, poverty is noticed."""

import dataclasses
import getpass
import json
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from crossloop.journal import Machine
from crossloop.machine import PROBES, Diagnosis, examine, machine
from crossloop.machine.probes_capacity import spin
from crossloop.machine.probes_surroundings import compiler, libevent, loopback_ipv4, strace


@pytest.fixture(scope="module")
def findings() -> dict[str, Diagnosis]:
    return dict(examine())


def test_every_probe_answers_under_its_name(findings: dict[str, Diagnosis]) -> None:
    assert list(findings) == list(PROBES)
    assert [name for name, finding in findings.items() if "this probe itself failed" in finding.detail] == []


def test_findings_are_json_and_have_remedies(findings: dict[str, Diagnosis]) -> None:
    document = json.loads(json.dumps([dataclasses.asdict(finding) for finding in findings.values()]))
    for finding in document:
        assert finding["status"] in ("ok", "warning", "problem")
        assert finding["detail"]
        assert bool(finding["remedy"]) == (finding["status"] != "ok"), finding


def test_a_probe_that_fails_hides_no_other() -> None:
    def broken() -> Diagnosis:
        raise ZeroDivisionError("no such kernel")

    seen = dict(examine({"broken": broken, "loopback-ipv4": loopback_ipv4}))
    assert [(name, finding.status) for name, finding in seen.items()] == [
        ("broken", "warning"),
        ("loopback-ipv4", "ok"),
    ]
    assert "ZeroDivisionError: no such kernel" in seen["broken"].detail


@pytest.mark.skipif(not hasattr(psutil.Process, "cpu_affinity"), reason="this system has no affinity")
def test_pinning_is_undone() -> None:
    before = psutil.Process().cpu_affinity()
    assert PROBES["pinning"]().detail
    assert psutil.Process().cpu_affinity() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_few_descriptors_are_a_warning_with_the_command() -> None:
    code = (
        "import resource; from crossloop.machine.probes_capacity import descriptors\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200)); f = descriptors()\n"
        "print(f.status, '|', f.detail, '|', f.remedy)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    status, detail, remedy = run.stdout.strip().split(" | ")
    assert (status, detail) == ("warning", "soft limit 100, hard limit 200")
    assert remedy.startswith("ulimit -n 4096, once root raised the hard limit")


def test_missing_tools_are_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-cc")
    monkeypatch.setenv("CROSSLOOP_LIBEVENT", str(tmp_path / "libevent_core-2.1.so.7"))
    assert (libevent().status, libevent().remedy) == ("warning", "crossloop setup libevent")
    if sys.platform != "win32":
        assert (compiler().status, compiler().detail) == ("warning", "no C compiler")
    if sys.platform == "linux":
        assert (strace().status, strace().detail) == ("warning", "not installed")


def test_spinning_accounts_for_its_time() -> None:
    lost_ns, longest_ns, elapsed_ns = spin(0.02)
    assert elapsed_ns >= 20_000_000
    assert 0 <= longest_ns <= lost_ns <= elapsed_ns


def test_the_machine_is_described_and_not_identified() -> None:
    described = machine()
    text = msgspec.json.encode(described)
    assert msgspec.json.decode(text, type=Machine) == described
    assert described.cpus >= 1
    assert described.memory_bytes > 0
    assert described.platform == sys.platform
    assert described.python.endswith(platform.python_version())
    values = [str(value) for value in msgspec.to_builtins(described).values()]
    for secret in (platform.node(), getpass.getuser(), str(Path.home()), sys.prefix):
        assert secret not in values
        assert len(secret) < 6 or secret not in text.decode()
