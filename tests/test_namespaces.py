"""The hosts of `tests.namespaces`: reached by ssh, with clocks of their own, lost and back again, gone at the end."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces import LIMIT_S, Network, needs_namespaces, network, why_no_namespaces

AHEAD_S = 500_000


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    if why := why_no_namespaces():
        pytest.skip(why)
    with network(tmp_path_factory.mktemp("network"), 3, monotonic_s={"host-c": AHEAD_S}) as made:
        yield made


@needs_namespaces
def test_a_load_process_answers_through_ssh(net: Network) -> None:
    line = [*net.ssh("host-b"), sys.executable, "-P", "-m", "crossloop.load.server", "python"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        answers, _ = process.communicate(b'{"do":"engine"}\n', timeout=LIMIT_S)
    assert json.loads(answers)["engine"] == "python"
    assert process.returncode == 0


@needs_namespaces
def test_hosts_reach_one_another_and_this_machine(net: Network) -> None:
    script = (
        "import socket, sys\n"
        "listening = socket.create_server((sys.argv[1], 0))\n"
        "print(listening.getsockname()[1], flush=True)\n"
        "print(listening.accept()[1][0])"
    )
    places = {net.address: [], net.hosts["host-c"].address: net.ssh("host-c")}
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])))"
    for address, by_ssh in places.items():
        line = [sys.executable, "-c", script, address]
        command = [*by_ssh, shlex.join(line)] if by_ssh else line
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            connected = net.run("host-a", sys.executable, "-c", connect, address, port)
            assert connected.returncode == 0, connected.stderr
            assert server.stdout.readline().strip() == net.hosts["host-a"].address


@needs_namespaces
def test_a_host_has_a_name_and_a_monotonic_clock_of_its_own(net: Network) -> None:
    line = (sys.executable, "-c", "import os, time; print(os.uname()[1], time.monotonic(), time.time())")
    ahead_s = {}
    for name in net.hosts:
        node, *clocks = net.run(name, *line).stdout.split()
        assert node == name
        monotonic_s, wall_s = map(float, clocks)
        ahead_s[name] = monotonic_s - time.monotonic()
        assert abs(wall_s - time.time()) < LIMIT_S
    assert abs(ahead_s["host-a"]) < LIMIT_S
    assert abs(ahead_s["host-c"] - AHEAD_S) < LIMIT_S


@needs_namespaces
@pytest.mark.campaign
def test_a_host_that_vanishes_is_noticed_and_comes_back(net: Network) -> None:
    host = net.hosts["host-a"]
    alive = ("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1")
    line = [*net.ssh("host-a", *alive), "echo begun; exec cat"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        host.vanish()
        try:
            assert process.wait(LIMIT_S) == 255
        finally:
            host.come_back()
    assert net.run("host-a", "echo", "again").stdout == "again\n"


@needs_namespaces
def test_processes_of_a_host_are_ended_by_their_words(net: Network) -> None:
    line = [*net.ssh("host-b"), "echo begun; exec cat"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert len(net.hosts["host-b"].kill("root@notty")) == 1
        assert process.wait(LIMIT_S) == 255
    assert net.run("host-b", "true").returncode == 0


@needs_namespaces
def test_nothing_stays_not_even_after_a_kill(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; from tests.namespaces import network\n"
        "with network(pathlib.Path(sys.argv[1]), 1) as net:\n"
        "    print(net.hosts['host-a'].namespace, net.address, flush=True); sys.stdin.read()"
    )
    root = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as killed:
        assert killed.stdout is not None
        namespace, address = killed.stdout.readline().split()
        killed.kill()
    assert namespace in names()
    (tmp_path / "next").mkdir()
    with network(tmp_path / "next", 1) as net:
        (host,) = net.hosts.values()
        during = names()
        assert namespace not in during
        assert {host.namespace, host.link, f"{net.address}/24"} <= during
        assert net.address == address or f"{address}/24" not in during
        assert net.run("host-a", "true").returncode == 0
    assert not {host.namespace, host.link, f"{net.address}/24"} & names()


def names() -> set[str]:
    """Namespaces, links and addresses of this machine."""
    listed = (["ip", "netns", "list"], ["ip", "-o", "link", "show"], ["ip", "-o", "address", "show"])
    outputs = [subprocess.run(line, capture_output=True, text=True, check=True).stdout for line in listed]
    return {word.rstrip(":").partition("@")[0] for word in "".join(outputs).split()}
