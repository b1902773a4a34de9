"""Several hosts on one machine: network namespaces of Linux on one bridge, an sshd in each.

    from tests.namespaces import needs_namespaces, network

    @needs_namespaces
    def test_x(tmp_path):
        with network(tmp_path, 3, monotonic_s={"host-b": 5000}) as net:
            subprocess.run([*net.ssh("host-b"), sys.executable, "-m", "crossloop", "list"])

The hosts are called host-a, host-b and so on. All have this machine's files, processes and wall clock. Each has a
network and a name of its own and, on request, a monotonic clock of its own (time_namespaces(7)). The machine itself has
the address `net.address` on the bridge, and the hosts reach it there. sshd, its keys and its settings lie in the test's
folder. Nothing of the system's ssh is read or changed, but for the empty folder /run/sshd, without which sshd does not
start.

Names carry the pid of the test process, and each network has a subnet of its own, so that several test processes may
have theirs side by side. All is removed at the end. What a test process that was killed left behind is removed by the
next network that is made.
"""

import contextlib
import errno
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

LIMIT_S = 30.0
SIGKILL = 9  # (the module signal lacks it on Windows, whose types are checked as well)
SUBNETS = 256
"""198.18.0.0/16 in networks of 256 addresses: of the range for benchmarks of network devices (RFC 2544)."""
_SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or ""
_Test = TypeVar("_Test", bound=Callable[..., Any])
_NAMESPACE = re.compile(r"clnet-(\d+)-\d+-[a-z]\b")
_BRIDGE = re.compile(r"\bcl([0-9a-f]+)-[0-9a-f]+\b")
"""Names that carry a pid, in decimal and in hexadecimal digits: a link's has 15 characters at most."""


@cache
def why_no_namespaces() -> str:
    """Why no network can be made here; empty where it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "nsenter", "unshare", "setpriv", "ssh", "ssh-keygen"):
        if shutil.which(tool) is None:
            return f"no {tool} here"
    if not _SSHD:
        return "no sshd here: `apt-get install openssh-server`"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return f"no network namespace may be made: {tried.stderr.strip()}" if tried.returncode else ""


def needs_namespaces(test: _Test) -> _Test:
    """Mark a test `network_namespaces`, and skip it with the reason where no network can be made."""
    why = why_no_namespaces()
    marked: _Test = pytest.mark.network_namespaces(pytest.mark.skipif(bool(why), reason=why)(test))
    return marked


@dataclass(frozen=True)
class Host:
    """One host of a network."""

    name: str
    """As ssh knows it."""
    address: str
    namespace: str
    """As `ip netns` knows it."""
    link: str
    """The machine's end of the cable."""

    def vanish(self) -> None:
        """Pull the cable: what was sent is lost, and nobody is told."""
        _ip("link", "set", self.link, "down")

    def come_back(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self.link, "up")

    def inside(self, *command: str) -> list[str]:
        """A command that runs *command* in this host's network (and on this machine's clock), without ssh."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def pids(self) -> list[int]:
        """The processes of this host: its sshd, sessions, and what they started."""
        return [int(word) for word in _ip("netns", "pids", self.namespace).split()]

    def commands(self) -> dict[int, list[str]]:
        """pid → command line of each process of this host."""
        lines = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):  # it ended meanwhile
                line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
                lines[pid] = line.rstrip("\0").split("\0")
        return lines

    def kill(self, *parts: str) -> list[int]:
        """End by SIGKILL the processes whose command line has all of *parts* in it; returns their pids.

        `host.kill("root@notty")` ends the sessions of ssh and leaves the sshd that listens, and what the sessions
        had started.
        """
        pids = [pid for pid, line in self.commands().items() if all(part in " ".join(line) for part in parts)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        return pids


@dataclass(frozen=True)
class Network:
    """Hosts on one bridge, and how to reach them."""

    address: str
    """This machine's, as the hosts see it."""
    config: Path
    """For `ssh -F`: names, addresses, keys."""
    hosts: Mapping[str, Host]
    """By name."""

    def ssh(self, name: str, *options: str) -> list[str]:
        """The words before the command that is to run on a host."""
        return ["ssh", "-F", str(self.config), *options, "--", name]

    def run(self, name: str, *command: str, limit_s: float = LIMIT_S) -> subprocess.CompletedProcess[str]:
        """Run *command* on a host by ssh, and wait for it."""
        line = [*self.ssh(name), shlex.join(command)]
        return subprocess.run(line, capture_output=True, text=True, timeout=limit_s, check=False)


@contextlib.contextmanager
def network(folder: Path, count: int, *, monotonic_s: Mapping[str, int] | None = None) -> Iterator[Network]:
    """*count* hosts, host-a and on, whose files lie in *folder*.

    *monotonic_s*: by how many seconds the monotonic clock of a host is ahead of this machine's, by its name.
    """
    _remove_left_behind()
    with contextlib.ExitStack() as stack:
        number = stack.enter_context(_subnet())
        base = f"clnet-{os.getpid()}-{number}"
        bridge = f"cl{os.getpid():x}-{number:x}"
        address = f"198.18.{number}.1"
        stack.callback(_try_ip, "link", "del", bridge)
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{address}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = {}
        for index in range(count):
            letter = chr(ord("a") + index)
            host = Host(
                name=f"host-{letter}",
                address=f"198.18.{number}.{index + 2}",
                namespace=f"{base}-{letter}",
                link=f"{bridge}-{letter}",
            )
            hosts[host.name] = host
        config = _write_settings(folder, hosts)
        for host in hosts.values():
            stack.callback(_remove, host)
            _lay_cable(host, bridge)
            _start_sshd(host, folder, stack, (monotonic_s or {}).get(host.name, 0))
        for host in hosts.values():
            _await_sshd(host)
        yield Network(address, config, hosts)


@contextlib.contextmanager
def _subnet() -> Iterator[int]:
    """The number of a subnet that no other test process has: who has a name in the abstract namespace of unix(7)."""
    if sys.platform == "win32":
        raise RuntimeError(why_no_namespaces())
    for number in range(SUBNETS):
        with socket.socket(socket.AF_UNIX) as taken:
            try:
                taken.bind(f"\0crossloop-tests-198.18.{number}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            yield number
            return
    raise RuntimeError(f"all {SUBNETS} subnets are taken")


def _lay_cable(host: Host, bridge: str) -> None:
    _ip("netns", "add", host.namespace)
    _ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
    _ip("link", "set", host.link, "master", bridge, "up")
    for arguments in (
        ("address", "add", f"{host.address}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-n", host.namespace, *arguments)


def _write_settings(folder: Path, hosts: Mapping[str, Host]) -> Path:
    """Keys and settings of both sides; returns the client's settings."""
    for name in ("user_key", "host_key"):
        line = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(line, check=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    public = (folder / "host_key.pub").read_text("ascii").strip()
    known = [f"{host.address} {public}" for host in hosts.values()]
    (folder / "known_hosts").write_text("\n".join(known) + "\n", "ascii")
    for host in hosts.values():
        settings = f"""\
ListenAddress {host.address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""
        (folder / f"{host.name}.sshd_config").write_text(settings, "utf-8")
    entries = [f"Host {host.name}\n    HostName {host.address}\n" for host in hosts.values()]
    entries.append(
        f"""\
Host *
    User root
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
"""
    )
    config = folder / "ssh_config"
    config.write_text("".join(entries), "utf-8")
    return config


def _start_sshd(host: Host, folder: Path, stack: contextlib.ExitStack, monotonic_s: int) -> None:
    """sshd in the host's network, under the host's name, on the host's clock; it ends with this process."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    clock = ["--time", "--monotonic", str(monotonic_s)] if monotonic_s else []
    named = ["sh", "-c", 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"', host.name]
    line = [_SSHD, "-D", "-e", "-f", str(folder / f"{host.name}.sshd_config")]
    with (folder / f"{host.name}.sshd.log").open("wb") as log:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *host.inside("unshare", "--uts", *clock, *named, *line)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    stack.callback(process.wait, LIMIT_S)
    stack.callback(process.kill)


def _await_sshd(host: Host) -> None:
    """Until it takes connections."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        try:
            socket.create_connection((host.address, 22), timeout=LIMIT_S).close()
        except ConnectionRefusedError:
            if time.monotonic() > end_s:
                raise
        else:
            return


def _remove(host: Host) -> None:
    """Sessions outlive their sshd, so that each process of the host is ended by its id."""
    _end_processes(host.namespace)
    _try_ip("link", "del", host.link)
    _try_ip("netns", "del", host.namespace)


def _end_processes(namespace: str) -> None:
    for word in _try_ip("netns", "pids", namespace).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(word), SIGKILL)


def _remove_left_behind() -> None:
    """What a test process left that was killed: by the pid in the names, nothing of a process that lives."""
    for named in _NAMESPACE.finditer(_try_ip("netns", "list")):
        if not _lives(int(named[1])):
            _end_processes(named[0])
            _try_ip("netns", "del", named[0])  # (and with it both ends of its cable)
    for named in _BRIDGE.finditer(_try_ip("-o", "link", "show", "type", "bridge")):
        if not _lives(int(named[1], 16)):
            _try_ip("link", "del", named[0])


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _ip(*arguments: str) -> str:
    """What ip writes. Raises RuntimeError, with what it complains of."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _try_ip(*arguments: str) -> str:
    """What ip says; nothing where it fails: what is to be removed may never have been made."""
    try:
        return _ip(*arguments)
    except RuntimeError:
        return ""
