"""Probes of what stands around: loopback, name lookup, kernel features, tools, libraries."""

import errno
import os
import shutil
import socket
import sys
from pathlib import Path

from crossloop.bindings.io_uring import Ring
from crossloop.bindings.libevent import locate
from crossloop.installing.commands import python_command, run_command
from crossloop.installing.compiling import c_compiler
from crossloop.installing.pip_runs import NO_PIP_REMEDY
from crossloop.installing.recipes.libevent_library import extra_missing, first_loadable
from crossloop.installing.recipes.pyev_source import compiler_missing
from crossloop.load.connecting import ports_of_an_address
from crossloop.load.walls import walls
from crossloop.machine.diagnosis import Diagnosis
from crossloop.machine.facts import command_output, file_text

LOOPBACK_LIMIT_S = 2.0
BACKLOG_WANTED = 1024
PORTS_WANTED = 16_000
"""What Windows and macOS have, and less than Linux has."""
CONNECTIONS_WANTED, CONNECTIONS_MOST = 10_000, 100_000
"""Of `c10k` in the profiles `standard` and `full`."""
MORE_PORTS = (
    "sudo sysctl -w net.ipv4.ip_local_port_range='32768 60999'"
    if sys.platform == "linux"
    else "a wider range of ephemeral ports"
)


def loopback_ipv4() -> Diagnosis:
    """A byte through TCP on 127.0.0.1; without it nothing can be measured."""
    failure = _through_loopback(socket.AF_INET, "127.0.0.1")
    if failure.endswith(
        os.strerror(errno.EADDRNOTAVAIL)
    ):  # of connecting: the address itself is always there
        used = f"all {ports_of_an_address():,} ports to connect from are in use"
        return Diagnosis("problem", f"127.0.0.1: {used}", MORE_PORTS)
    if failure:
        return Diagnosis("problem", failure, "sudo ip link set lo up")
    return Diagnosis("ok", "127.0.0.1 connects")


def loopback_ipv6() -> Diagnosis:
    """A byte through TCP on ::1; only runs that are told to use it need it."""
    if not socket.has_ipv6:
        return Diagnosis("warning", "this Python is built without IPv6")
    failure = _through_loopback(socket.AF_INET6, "::1")
    if failure:
        return Diagnosis("warning", failure, "sudo sysctl -w net.ipv6.conf.lo.disable_ipv6=0")
    return Diagnosis("ok", "::1 connects")


def _through_loopback(family: socket.AddressFamily, host: str) -> str:
    """Send one byte to ourselves; the failure in words, empty if it arrived."""
    try:
        with socket.socket(family) as listener, socket.socket(family) as client:
            for sock in (listener, client):
                sock.settimeout(LOOPBACK_LIMIT_S)
            listener.bind((host, 0))
            listener.listen(1)
            client.connect(listener.getsockname())
            server, _address = listener.accept()
            with server:
                client.sendall(b"x")
                server.settimeout(LOOPBACK_LIMIT_S)
                return "" if server.recv(1) == b"x" else f"{host}: the byte sent did not arrive"
    except OSError as error:
        return f"{host}: {error.strerror or error}"


def backlog() -> Diagnosis:
    """Longest queue of connections not yet accepted; a burst of a thousand would overflow a short one."""
    name = "net.core.somaxconn" if sys.platform == "linux" else "kern.ipc.somaxconn"
    text = file_text("/proc/sys/net/core/somaxconn").strip()
    if not text and shutil.which("sysctl"):
        text = command_output("sysctl", "-n", name)
    if not text.isdigit():
        return Diagnosis("ok", "chosen by the system")
    if int(text) < BACKLOG_WANTED:
        return Diagnosis("warning", f"{name} = {text}", f"sudo sysctl -w {name}={BACKLOG_WANTED}")
    return Diagnosis("ok", f"{name} = {text}")


def ports() -> Diagnosis:
    """Ports to connect from, on one address. A connection that its client ended keeps one for a minute."""
    count = ports_of_an_address()
    detail = f"{count:,} to connect from"
    if count < PORTS_WANTED:
        return Diagnosis("warning", f"{detail}: runs with many connections use them up", MORE_PORTS)
    return Diagnosis("ok", detail)


def connections() -> Diagnosis:
    """How many connections to itself this machine holds, by what bounds them; the ladder `c10k` goes to 100,000."""
    bounds = walls()
    if not bounds:
        return Diagnosis("ok", "nothing bounds them that is known here")
    detail = f"{bounds[0].most:,} to itself at once: " + "; ".join(
        wall.why for wall in bounds if wall is bounds[0] or wall.most < CONNECTIONS_MOST
    )
    if bounds[0].most < CONNECTIONS_WANTED:
        remedies = [wall.remedy for wall in bounds if wall.remedy and wall.most < CONNECTIONS_WANTED]
        remedy = "; ".join(remedy(CONNECTIONS_WANTED) for remedy in remedies) or "fewer connections"
        return Diagnosis("warning", detail, remedy)
    return Diagnosis("ok", detail)


def names() -> Diagnosis:
    """Whether getaddrinfo asks DNS at all: the `hosts` line of nsswitch.conf(5), glibc's only."""
    for line in file_text("/etc/nsswitch.conf").splitlines():
        database, _colon, sources = line.partition("#")[0].partition(":")
        if database.strip() == "hosts":
            detail = f"hosts: {' '.join(sources.split())}"
            if "dns" in sources.split():
                return Diagnosis("ok", detail)
            return Diagnosis(
                "warning",
                f"{detail}: getaddrinfo never asks a DNS server",
                "add dns to the hosts line of /etc/nsswitch.conf",
            )
    return Diagnosis("ok", "no nsswitch.conf rule; the system's default asks DNS")


def io_uring() -> Diagnosis:
    """Whether the kernel lets this process make an io_uring: a small one is made."""
    if sys.platform != "linux":
        return Diagnosis("ok", "Linux only")
    try:
        Ring(entries=1, completions=2).close()
    except OSError as error:
        number = error.errno or 0
    else:
        return Diagnosis("ok", "allowed")
    setting = file_text("/proc/sys/kernel/io_uring_disabled").strip()
    detail = f"refused: {os.strerror(number)}" + (
        f", kernel.io_uring_disabled = {setting}" if setting else ""
    )
    remedy = "sudo sysctl -w kernel.io_uring_disabled=0"
    if setting in ("", "0"):
        remedy = "a seccomp profile that allows io_uring (docker: --security-opt seccomp=unconfined)"
    if number in (errno.ENOSYS, errno.EINVAL):
        remedy = "Linux 5.19 or newer"
    return Diagnosis("warning", detail, remedy)


def pip() -> Diagnosis:
    """pip in this environment, which setup installs with."""
    run = run_command(python_command("-m", "pip", "--version"), limit_s=60)
    if run.succeeded:
        return Diagnosis("ok", " ".join(run.output.split()[:2]))
    if run_command(python_command("-c", "import ensurepip"), limit_s=60).succeeded:
        return Diagnosis("warning", "not in this environment", "crossloop setup brings it by ensurepip")
    return Diagnosis("warning", "not in this environment, and no ensurepip", NO_PIP_REMEDY)


def compiler() -> Diagnosis:
    """C compiler and Python's headers: pyev is built from source, others where no wheel fits.

    The native parts (`crossloop setup load-engine`) need the compiler alone.
    """
    if sys.platform == "win32":
        return Diagnosis("ok", "not needed: every binding for Windows comes as a wheel")
    missing = compiler_missing()
    if missing is not None:
        return Diagnosis("warning", missing.why, missing.remedy)
    command = c_compiler()
    return Diagnosis("ok", command_output(*command, "--version") or command[0])


def libevent() -> Diagnosis:
    """The C library that the libevent adapters load."""
    library = first_loadable(locate.candidates())
    if library is None:
        return Diagnosis("warning", "libevent_core 2.1 is not found", "crossloop setup libevent")
    described = f"{library.version}, {Path(library.file).name}"
    if (missing := extra_missing(library.file)) is not None:
        return Diagnosis("warning", f"{described}, no evhttp: {missing}", "crossloop setup libevent")
    return Diagnosis("ok", described)


def strace() -> Diagnosis:
    """Counts system calls by name in a pass of its own; needs permission to trace, not only the program."""
    if sys.platform != "linux":
        return Diagnosis("ok", "Linux only; system calls are not counted here")
    if shutil.which("strace") is None:
        return Diagnosis("warning", "not installed", "sudo apt-get install strace")
    run = run_command(["strace", "-c", "-o", os.devnull, "true"], limit_s=10)
    if not run.succeeded:
        return Diagnosis(
            "warning", "installed, but may not trace", "allow ptrace (docker: --cap-add=SYS_PTRACE)"
        )
    return Diagnosis("ok", "counts system calls")
