"""The C library's resolver, pointed at real DNS servers on loopback, one thread at a time."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from shutil import which

import pytest

from crossloop.api import UnsupportedError
from crossloop.idioms import glibc_resolver

pytest.importorskip("dns.message", reason="dnspython answers the queries of these tests")
from tests.dns_server import WAIT_S, Server, servers


@pytest.fixture(scope="module", autouse=True)
def _supported() -> None:
    try:
        glibc_resolver.servers_of_this_thread()
    except UnsupportedError as error:
        pytest.skip(str(error))


def look_up(name: str) -> list[str]:
    infos = socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in infos]


def look_up_at(server: Server, name: str) -> list[str]:
    glibc_resolver.point_this_thread_at("127.0.0.1", server.port)
    return look_up(name)


def test_each_thread_asks_the_server_that_it_was_pointed_at() -> None:
    before = glibc_resolver.servers_of_this_thread()
    with (
        servers("192.0.2.1", "192.0.2.2") as (first, second),
        ThreadPoolExecutor(1) as a,
        ThreadPoolExecutor(1) as b,
    ):
        pools = ((a, first), (b, second))
        for pool, server in pools:
            pool.submit(glibc_resolver.point_this_thread_at, "127.0.0.1", server.port).result(WAIT_S)
        for turn in range(3):
            for pool, server in pools:
                assert pool.submit(look_up, f"turn{turn}.example").result(WAIT_S) == [server.address]
        for server in (first, second):
            assert server.questions == [("udp", f"turn{turn}.example.") for turn in range(3)]
    assert glibc_resolver.servers_of_this_thread() == before


def test_a_thread_moves_to_another_server() -> None:
    with servers("192.0.2.1", "192.0.2.2") as (first, second), ThreadPoolExecutor(1) as pool:
        assert pool.submit(look_up_at, first, "first.example").result(WAIT_S) == ["192.0.2.1"]
        assert pool.submit(look_up_at, second, "second.example").result(WAIT_S) == ["192.0.2.2"]
        pointed = pool.submit(glibc_resolver.servers_of_this_thread).result(WAIT_S)
        assert pointed == (("127.0.0.1", second.port),)


def test_a_truncated_answer_is_asked_again_over_tcp_at_the_same_port() -> None:
    with servers("192.0.2.7") as (server,), ThreadPoolExecutor(1) as pool:
        assert pool.submit(look_up_at, server, "large.example").result(WAIT_S) == ["192.0.2.7"]
        assert server.questions == [("udp", "large.example."), ("tcp", "large.example.")]


@pytest.mark.parametrize("name", ["missing.example", "missing"])
def test_a_name_that_is_not_there_is_asked_once_as_it_stands(name: str) -> None:
    with servers("192.0.2.7") as (server,), ThreadPoolExecutor(1) as pool:
        with pytest.raises(socket.gaierror) as caught:
            pool.submit(look_up_at, server, name).result(WAIT_S)
        assert caught.value.errno == socket.EAI_NONAME
        assert server.questions == [("udp", f"{name}.")]


def test_a_changed_resolv_conf_does_not_take_the_thread_back(tmp_path: Path) -> None:
    """In a mount namespace of its own, where /etc/resolv.conf can be replaced between two look-ups."""
    enter = ["unshare", "--user", "--map-root-user", "--mount"]
    if (
        which("unshare") is None
        or subprocess.run([*enter, "true"], check=False, capture_output=True, timeout=WAIT_S).returncode
    ):
        pytest.skip("no permission to make a mount namespace (unshare --user --mount)")
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.0.0.1\n")
    script = f"""
import socket, sys
from pathlib import Path
from crossloop.idioms.glibc_resolver import point_this_thread_at, servers_of_this_thread
port, configuration = int(sys.argv[1]), Path({str(configuration)!r})
def ask(name):
    return socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
point_this_thread_at("127.0.0.1", port)
print(ask("before.example"))
configuration.write_text("nameserver 192.0.2.53\\noptions timeout:1 attempts:1\\n")
print(ask("after.example"))
print(servers_of_this_thread() == (("127.0.0.1", port),))
"""
    with servers("192.0.2.9") as (server,):
        mount = f'mount --bind {configuration} /etc/resolv.conf && exec "$@"'
        done = subprocess.run(
            [*enter, "sh", "-c", mount, "sh", sys.executable, "-c", script, str(server.port)],
            check=False,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        if "mount" in done.stderr and not done.stdout:
            pytest.skip(f"/etc/resolv.conf cannot be replaced here: {done.stderr.strip()}")
        assert (done.stdout.split(), done.stderr) == (["192.0.2.9", "192.0.2.9", "True"], "")
        assert server.questions == [("udp", "before.example."), ("udp", "after.example.")]


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [("::1", 53, "'::1': expected an IPv4 address"), ("127.0.0.1", 0, "port 0: expected 1 to 65535")],
)
def test_an_address_that_does_not_fit_is_refused(host: str, port: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        glibc_resolver.point_this_thread_at(host, port)


@pytest.mark.parametrize(
    ("line", "obstacle"),
    [
        ("hosts: files dns", ""),
        ("hosts:\tfiles mdns4_minimal [NOTFOUND=return] dns # as Debian ships it", ""),
        ("hosts: files [SUCCESS=merge NOTFOUND=continue] dns[!UNAVAIL=return]myhostname", ""),
        ("passwd: files", ""),
        ("hosts: files", "the hosts line of /etc/nsswitch.conf has no dns: 'files'"),
        ("hosts: files resolve [!UNAVAIL=return] dns", "/etc/nsswitch.conf asks 'resolve' before dns"),
    ],
)
def test_what_nsswitch_says_is_understood(tmp_path: Path, line: str, obstacle: str) -> None:
    configuration = tmp_path / "nsswitch.conf"
    configuration.write_text(f"# sources\npasswd: files\n{line}\n")
    assert glibc_resolver._obstacle(glibc_resolver._hosts_sources(configuration)) == obstacle


def test_nscd_is_seen_by_who_listens(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Python has no unix sockets here")
    path = tmp_path / "socket"
    assert not glibc_resolver._answers(str(path))
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        assert not glibc_resolver._answers(str(path))  # left behind by a daemon that has gone
        listener.listen()
        assert glibc_resolver._answers(str(path))
