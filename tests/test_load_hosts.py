"""Load from several processes and hosts: how they are written, what adds up, a common start, hosts that are lost."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import psutil
import pytest

from crossloop.journal import CellRecord, HostFigures, SliceRecord, WarningRecord, journal_path, read_journal
from crossloop.load.commands import Address, Content, Exchange, Open, Slice
from crossloop.outcomes import Outcome
from crossloop.report import render
from crossloop.supervise.answers import Connected, LoadFaultError, SliceAnswer
from crossloop.supervise.child import ChildError
from crossloop.supervise.hosts import LoadHost, parse_hosts, ssh_words
from crossloop.supervise.load_hosts import HostLostError, LoadHosts, shared
from tests import journals
from tests import misbehaving as bad
from tests.misbehaving import serving
from tests.namespaces import Network, needs_namespaces, network
from tests.pages import pages_of, whole_text

MESSAGE = Content(stamp="binary", own_filler=48)
SLICE = Slice(target="a", phase="capacity", run_in_ms=5, duration_ms=50, seed=1)
TWO = parse_hosts("localhost,localhost")
CROSSLOOP = [sys.executable, "-P", "-m", "crossloop"]


def opening(port: int, connections: int = 5, *, proven: bool = False) -> Open:
    return Open(
        target="a",
        address=Address(host="127.0.0.1", port=port),
        connections=connections,
        exchange=Exchange(request=MESSAGE, answer=MESSAGE),
        pids=[os.getpid()],
        proven=proven,
    )


@pytest.fixture
def lost() -> dict[str, Outcome]:
    return {}


@pytest.fixture
def load(lost: dict[str, Outcome]) -> Iterator[LoadHosts]:
    with LoadHosts(TWO, lost, engine="python") as two:
        yield two


def kill_one() -> None:
    """End one of the load processes of this process: the last that was started."""
    loads = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it ended, and nobody has waited for it yet
            if "crossloop.load.server" in " ".join(child.cmdline()):
                loads.append(child)
    max(loads, key=lambda child: (child.create_time(), child.pid)).kill()


# How hosts are written --------------------------------------------------------------------------------


def test_a_host_has_a_name_a_destination_an_interpreter_and_a_cpu() -> None:
    assert parse_hosts("me@b1.lan, b2=/opt/py/bin/python#3,localhost,localhost") == (
        LoadHost("b1.lan", "me@b1.lan"),
        LoadHost("b2", "b2", "/opt/py/bin/python", 3),
        LoadHost("localhost", "localhost"),
        LoadHost("localhost (2)", "localhost"),
    )


@pytest.mark.parametrize("text", ["", "a,,b", "-oProxyCommand=x", "a b", "a;b", "a=$(x)", "a#", "a=py;x"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_hosts(text)


def test_a_destination_is_never_taken_for_an_option() -> None:
    command = ssh_words("host", "python3 -m x", "/some/config")
    assert command[:2] == ["-F", "/some/config"]
    assert command[-3:] == ["--", "host", "python3 -m x"]
    assert "BatchMode=yes" in command


@pytest.mark.parametrize(("number", "parts", "shares"), [(5, 2, [3, 2]), (4, 2, [2, 2]), (1, 3, [1, 0, 0])])
def test_connections_are_shared_out_evenly(number: int, parts: int, shares: list[int]) -> None:
    assert shared(number, parts) == shares


# Two processes here -----------------------------------------------------------------------------------


def test_two_loads_add_up(load: LoadHosts) -> None:
    with serving(bad.echo) as port:
        connected = load.open(opening(port))
        assert isinstance(connected, Connected)
        assert connected.connections == 5
        for command in (SLICE, Slice("a", "rate", 5, 100, 1, rate=400)):
            figures = load.slice(command)
            assert [share.host for share in figures.hosts] == ["localhost", "localhost (2)"]
            assert [share.connections for share in figures.hosts] == [3, 2]
            assert all(share.operations for share in figures.hosts)
            assert figures.operations == sum(share.operations for share in figures.hosts)
            samples = sum(count for _value, count in figures.latency)
            assert samples == figures.operations or command.phase == "rate"
            assert figures.load_cpu_ns == max(share.load_cpu_ns for share in figures.hosts)
            assert figures.offered_per_s == pytest.approx(command.rate)
            assert 0 < figures.counters["jain"] <= 1
            assert figures.cpu_ns > 0
        load.close("a")
        proven = load.open(opening(port, proven=True))
        assert isinstance(proven, SliceAnswer)
        assert proven.operations == 5
        assert {"rss_before_bytes"} <= set(proven.counters)


def test_of_one_connection_the_second_load_has_none(load: LoadHosts) -> None:
    with serving(bad.echo) as port:
        load.open(opening(port, connections=1))
        assert [share.host for share in load.slice(SLICE).hosts] == ["localhost"]


def test_a_wrong_answer_to_one_of_them_is_a_fault_that_names_it(load: LoadHosts) -> None:
    with serving(bad.changing(lambda data: bytes([data[0] ^ 1]) + data[1:], 8)) as port:
        load.open(opening(port))
        with pytest.raises(LoadFaultError, match=r"^localhost(| \(2\)): ") as caught:
            load.slice(SLICE)
        assert caught.value.fault.kind == "verification"
    with serving(bad.echo) as port:  # and both go on
        load.open(opening(port))
        assert len(load.slice(SLICE).hosts) == 2


def test_a_load_that_is_lost_leaves_the_other(load: LoadHosts, lost: dict[str, Outcome]) -> None:
    with serving(bad.echo) as port:
        load.open(opening(port))
        kill_one()
        with pytest.raises(HostLostError, match=r"localhost \(2\): "):
            load.slice(SLICE)
        assert list(lost) == ["localhost (2)"]
        load.open(opening(port))
        assert [share.connections for share in load.slice(SLICE).hosts] == [5]
        kill_one()
        with pytest.raises(ChildError, match="no load host is left"):
            load.slice(SLICE)


# Hosts ------------------------------------------------------------------------------------------------


def hosts_of(net: Network, *names: str) -> str:
    return ",".join(f"{name}={sys.executable}" for name in names or net.hosts)


def bench(net: Network, folder: Path, *arguments: str) -> list[str]:
    return [
        *CROSSLOOP, "bench", "--no-evidence", "--no-references", "--out", str(folder), "--listen", net.address,
        "--load-from", hosts_of(net), "--ssh-config", str(net.config), *arguments,
    ]  # fmt: skip


def cells_of(folder: Path) -> tuple[list[CellRecord], list[SliceRecord], list[WarningRecord]]:
    records = list(read_journal(journal_path(folder)))
    return (
        [record for record in records if isinstance(record, CellRecord)],
        [record for record in records if isinstance(record, SliceRecord)],
        [record for record in records if isinstance(record, WarningRecord)],
    )


def by_host(cell: CellRecord) -> Mapping[str, HostFigures]:
    assert cell.figures is not None, cell.reason
    return {host.host: host for host in cell.figures.hosts}


@needs_namespaces
def test_two_hosts_whose_clocks_are_apart_begin_together(tmp_path: Path) -> None:
    with network(tmp_path, 2, monotonic_s={"host-b": 5000}) as net:
        out = tmp_path / "out"
        command = bench(
            net, out, "--profile", "smoke", "--adapters", "epoll", "--scenarios", "tcp-echo,tls-echo"
        )
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    cells, slices, warnings = cells_of(out)
    assert [warning.name for warning in warnings if warning.name == "lost-load-host"] == []
    assert {cell.scenario for cell in cells} == {"tcp-echo", "tls-echo"}
    for cell in cells:
        hosts = by_host(cell)
        assert list(hosts) == ["host-a", "host-b"]
        assert all(host.slices and host.operations_share > 0 and not host.lost for host in hosts.values())
    # Their clocks are 5,000 s apart, and their measured parts are not.
    assert max(share.start_error_ns for slice_ in slices for share in slice_.hosts) < 500_000_000
    written = journal_path(out).read_text("utf-8")
    assert ("198.18." in written, sys.executable in written) == (False, False)


@needs_namespaces
def test_a_host_that_is_killed_is_named_in_the_cell_and_the_run_ends_well(tmp_path: Path) -> None:
    with network(tmp_path, 2) as net:
        out = tmp_path / "out"
        command = bench(
            net,
            out,
            "--profile",
            "quick",
            "--budget",
            "0.2",
            "--adapters",
            "epoll,asyncio",
            "--scenarios",
            "tcp-echo",
        )
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            await_slices(out, 6)
            assert net.hosts["host-b"].kill("crossloop.load.server")
            said, _nothing = process.communicate(timeout=120)
    assert process.returncode == 0, said
    cells, _slices, warnings = cells_of(out)
    (warning,) = (warning for warning in warnings if warning.name == "lost-load-host")
    assert "host-b" in warning.cause
    for cell in cells:
        hosts = by_host(cell)
        assert (hosts["host-a"].lost, bool(hosts["host-b"].lost)) == ("", True)
        assert hosts["host-a"].slices > 0


def await_slices(folder: Path, number: int) -> None:
    """Until a run has written so many slices."""
    end = time.monotonic() + 60
    path = journal_path(folder)
    while not path.exists() or path.read_bytes().count(b'"kind":"slice"') < number:
        assert time.monotonic() < end, "no slices"
        time.sleep(0.05)


@pytest.mark.campaign
@needs_namespaces
def test_a_host_that_vanishes_is_noticed_and_the_other_goes_on(tmp_path: Path) -> None:
    with network(tmp_path, 2) as net:
        server = [*CROSSLOOP, "serve", "epoll", "tcp-echo", "--host", net.address]
        with subprocess.Popen(server, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as serving_:
            assert serving_.stdout is not None
            port = json.loads(serving_.stdout.readline())["port"]
            command = [
                *CROSSLOOP, "load", "tcp-echo", "--connect", f"{net.address}:{port}", "--from", hosts_of(net),
                "--ssh-config", str(net.config), "--duration", "20", "--json",
            ]  # fmt: skip
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load_:
                time.sleep(7)
                net.hosts["host-b"].vanish()
                said, _nothing = load_.communicate(timeout=120)
            serving_.terminate()
    document = json.loads(said)
    hosts = {host["host"]: host for host in document["hosts"]}
    assert (hosts["host-a"]["lost"], bool(hosts["host-b"]["lost"])) == ("", True)
    assert document["verified"] == document["messages"] > 0


@needs_namespaces
def test_a_host_that_cannot_be_reached_stops_a_bench_before_it_begins(tmp_path: Path) -> None:
    with network(tmp_path, 1) as net:
        command = bench(
            net, tmp_path / "out", "--profile", "smoke", "--adapters", "epoll", "--scenarios", "tcp-echo"
        )
        place = command.index("--load-from")
        command[place + 1] = f"{hosts_of(net)},nowhere.invalid"
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "--load-from nowhere.invalid: " in done.stderr
    assert not journal_path(tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--load-from", "other"], "servers listen on 127.0.0.1, which no other host reaches"),
        (["--load-from", "other", "--listen", "0.0.0.0"], "expected one address"),
        (["--listen", "name"], "expected an address of this machine"),
        (["--load-from", "-x"], "expected [USER@]HOST"),
    ],
)
def test_a_bench_says_what_is_wrong_with_its_hosts(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    command = [*CROSSLOOP, "bench", "--dry-run", "--adapters", "epoll", "--scenarios", "tcp-echo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr


# What a report says -----------------------------------------------------------------------------------


def test_a_page_says_what_each_host_did_and_which_was_lost() -> None:
    hosts = [
        HostFigures("bench1", 9, 50, 0.62, 0.97, "client-bound", 30_140.0),
        HostFigures("bench2", 0, lost="exited with status 255 | `x`"),
    ]
    cells = [
        msgspec.structs.replace(cell, figures=msgspec.structs.replace(cell.figures, hosts=hosts))
        for cell in journals.tcp_echo_cells()
        if isinstance(cell, CellRecord) and cell.figures is not None
    ]
    run = journals.run_record()
    run = msgspec.structs.replace(run, settings={**run.settings, "load-from": "bench1, bench2"})
    adapters = [journals.adapter_record(name) for name in journals.ADAPTERS]
    pages = pages_of(render([run, *adapters, *cells]))
    page = pages["scenarios/tcp-echo.md"]
    assert "## Where the load came from" in page
    assert "| bench1 | 50 | 62 % | 97 % | client-bound | 30,140 | 9 | – |" in page
    assert "| bench2 | – | – | – | – | – | 0 | exited with status 255 \\| \\`x\\` |" in page
    assert "**Load hosts began apart** by more than 10 % of a slice in" in pages["doubts.md"]
    assert "| Load from | bench1, bench2 |" in pages["run.md"]
    without = whole_text(render(journals.whole_run()))
    assert ("Where the load came from" in without, "began apart" in without) == (False, False)
