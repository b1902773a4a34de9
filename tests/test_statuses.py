"""Statuses and words where the surroundings are odd: servers, links, environments, ports."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from crossloop.cli.commands import cli
from crossloop.contract.checking import check_adapter
from crossloop.outcomes import Failed, outcome_reason
from tests.documents import ROOT
from tests.hostile.journals import sliced_run
from tests.misbehaving import changing, serving

LIMIT_S = 120.0
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX links, signals or networks")


def crossloop(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crossloop", *arguments],
        capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_S, check=False, **options,
    )  # fmt: skip


# What is typed ---------------------------------------------------------------------------------------


def test_no_number_is_nan_or_endless() -> None:
    """Of every command and option."""
    seen = 0
    for command in cli.commands.values():
        for option in command.params:
            kind: Any = option.type
            if kind.name in {"float", "float range"}:
                seen += 1
                for text in ("nan", "inf", "-inf"):
                    with pytest.raises(click.BadParameter):
                        kind.convert(text, option, None)
    assert seen > 5


# Servers ---------------------------------------------------------------------------------------------


def test_a_wrong_answer_is_a_finding() -> None:
    with serving(changing(lambda data: bytes(len(data)))) as port:
        load = ("load", "tcp-echo", "--connect", f"127.0.0.1:{port}", "--size", "64", "--connections", "1")
        done = crossloop(*load, "--duration", "1")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("crossloop: connection 0, sequence ")


@POSIX
@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_a_server_that_others_reach_is_said_to_be(host: str, warned: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "crossloop", "serve", "asyncio", "tcp-echo", "--host", host],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.terminate()
        _out, errors = process.communicate(timeout=LIMIT_S)
    assert ready["host"] == host
    assert process.returncode == 0
    assert bool(errors) is warned
    assert not warned or f"{host} is not loopback" in errors


# Links -----------------------------------------------------------------------------------------------


@POSIX
def test_a_loop_of_links_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for command in (("report", "a"), ("report", "a", "b"), ("compare", "a", "b"), ("export", "pyperf", "a")):
        done = crossloop(*command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert "symbolic links" in done.stderr


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    """A file that links in a report's folder lead to; nothing is written into it."""
    file = tmp_path / "mine"
    file.write_text("mine")
    yield file
    assert file.read_text() == "mine"


@POSIX
def test_pages_replace_links(mine: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    report = str(sliced_run(tmp_path / "run"))
    names = ("README.md", "scenarios/tcp-echo-cpu.svg", "compare.md", "compare.json")
    (out / "scenarios").mkdir()
    for name in names:
        (out / name).symlink_to(mine)
    assert crossloop("report", report, "--out", str(out)).returncode == 0
    assert crossloop("compare", report, report, "--out", str(out)).returncode == 0
    assert not [name for name in names if (out / name).is_symlink()]


@POSIX
def test_journals_are_not_written_through_links(mine: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("run.jsonl", "checks.jsonl"):
        (out / name).symlink_to(mine)
    bench = ("bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "timers")
    for arguments in (bench, (*bench, "--resume"), ("check", "--adapters", "asyncio")):
        done = crossloop(*arguments, "--out", str(out))
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "is a symbolic link" in done.stderr


# The environment -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONVERBOSE", "1"),
        ("PYTHONMALLOCSTATS", "1"),
        ("LD_PRELOAD", "/nowhere/at/all.so"),
    ],
)
def test_noise_of_the_environment_is_no_adapters_fault(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    wanted = ["readiness-exceptions", "readiness-stop-twice"]
    records = list(check_adapter("asyncio-select", promises=wanted))
    assert [record.outcome for record in records] == ["measured"] * 3, records


def test_a_reason_names_no_folder_of_this_machine() -> None:
    reason = "ImportError: cannot import name 'x' from 'y' (/home/me/.venv/lib/python3.11/y/__init__.py)"
    assert outcome_reason(Failed(reason)) == "ImportError: cannot import name 'x' from 'y' (…/__init__.py)"


FEW_PORTS = """
import json, subprocess, sys
from pathlib import Path
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40009")
from tests.misbehaving import echo, serving

def crossloop(*words):
    return subprocess.run([sys.executable, "-m", "crossloop", *words], capture_output=True, text=True, timeout=100)

findings = {one["name"]: one for one in json.loads(crossloop("doctor", "--json").stdout)["findings"]}
print(json.dumps([findings["ports"]["status"], findings["ports"]["detail"]]))
with serving(echo) as port:
    done = crossloop("load", "tcp-echo", "--connect", f"127.0.0.1:{port}", "--connections", "20")
print(json.dumps([done.returncode, done.stderr]))
done = crossloop("check", "--only", "contract", "--adapters", "asyncio")
print(json.dumps([done.returncode, done.stderr]))
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("ip"), reason="a network of one's own")
def test_few_ports_are_the_machines_fault() -> None:
    done = subprocess.run(
        [*_network_of_its_own(), sys.executable, "-c", FEW_PORTS],
        capture_output=True, text=True, timeout=2 * LIMIT_S, check=False, cwd=ROOT,
    )  # fmt: skip
    if "Read-only file system" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("the range of ports cannot be set here")
    assert done.returncode == 0, done.stderr
    doctor, load, check = map(json.loads, done.stdout.splitlines())
    assert doctor == ["warning", "10 to connect from: runs with many connections use them up"]
    assert load[0] == 2
    assert "no port is left to connect from after" in load[1]
    assert check[0] == 2
    assert "ports to connect from, this machine has 10" in check[1]


def _network_of_its_own() -> list[str]:
    for prefix in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
        ):
            return prefix
    pytest.skip("unshare -n (a network of one's own) is not to be had here")
