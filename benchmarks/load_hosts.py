"""What a second load host brings: messages a second against an echo in C, from one host and from two, in turn.

    python -m benchmarks.load_hosts [ROUNDS]

Three hosts are made of network namespaces (Linux, root; see `tests/namespaces.py`): host-c serves `c-epoll`, host-a and
host-b are the load. In ROUNDS rounds (5) each is measured from one host and from both, in random order.

On a machine with two CPUs the server and one load use both of them up. So weak hosts are measured as well: each may
take `QUOTA` of a CPU (cgroups v1, cpu.cfs_quota_us), so that one load is a limit that a second one lifts.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from crossloop.worker.pinning import allowed
from tests.namespaces import Host, Network, network, why_no_namespaces

CROSSLOOP = [sys.executable, "-P", "-m", "crossloop"]
DURATION_S = 2.0
QUOTA = 0.4
PERIOD_US = 5000
CGROUPS = Path("/sys/fs/cgroup/cpu")


def main() -> None:
    """Print a line a round, and medians."""
    if why := why_no_namespaces():
        sys.exit(why)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cpus = allowed() or [0]
    with tempfile.TemporaryDirectory() as folder, network(Path(folder), 3) as net:
        server = net.hosts["host-c"]
        command = server.inside("taskset", "-c", str(cpus[0]), *CROSSLOOP, "serve", "c-epoll", "tcp-echo")
        with subprocess.Popen([*command, "--host", server.address], stdout=subprocess.PIPE) as serving:
            assert serving.stdout is not None
            port = json.loads(serving.stdout.readline())["port"]
            try:
                whole = Trial("whole CPUs", net, port, (cpus[-1], cpus[-2]))
                whole.compare(rounds)
                with weak([net.hosts["host-a"], net.hosts["host-b"]]):
                    Trial(f"{QUOTA:.0%} of a CPU each", net, port, (cpus[-1], cpus[-1])).compare(rounds)
            finally:
                serving.terminate()


@contextmanager
def weak(hosts: Sequence[Host]) -> Iterator[None]:
    """Let each of *hosts* take a part of a CPU: its sshd, and whatever that starts."""
    groups = []
    try:
        for host in hosts:
            group = CGROUPS / host.namespace
            group.mkdir()
            groups.append(group)
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(round(QUOTA * PERIOD_US)))
            for pid in map(str, host.pids()):
                (group / "cgroup.procs").write_text(pid)
        yield
    finally:
        for group in groups:
            for pid in (group / "cgroup.procs").read_text().split():
                (CGROUPS / "cgroup.procs").write_text(pid)
            group.rmdir()


@dataclass(frozen=True)
class Trial:
    """One load and two, each on a CPU of *cpus*."""

    title: str
    net: Network
    port: int
    cpus: tuple[int, int]

    def compare(self, rounds: int) -> None:
        """Print what came of each round."""
        alone = f"host-a={sys.executable}#{self.cpus[0]}"
        both = f"{alone},host-b={sys.executable}#{self.cpus[1]}"
        ratios = []
        for number in range(rounds):
            results = {hosts: self.load(hosts) for hosts in random.Random(number).sample([alone, both], 2)}
            single, double = results[alone], results[both]
            ratios.append(double["messages_per_s"] / single["messages_per_s"])
            shares = " and ".join(f"{host['share']:.0%}" for host in double["hosts"])
            print(
                f"{self.title}: {single['messages_per_s']:,.0f}/s from one, {double['messages_per_s']:,.0f}/s from two "
                f"({shares}), {ratios[-1]:.2f} times; verified {single['verified'] + double['verified']:,} "
                f"of {single['messages'] + double['messages']:,}",
                flush=True,
            )
        print(f"{self.title}: median {median(ratios):.2f} times, {min(ratios):.2f} to {max(ratios):.2f}")

    def load(self, hosts: str) -> dict[str, Any]:
        """What `crossloop load` says."""
        address = f"{self.net.hosts['host-c'].address}:{self.port}"
        command = [
            *CROSSLOOP, "load", "tcp-echo", "--connect", address, "--connections", "20", "--size", "64",
            "--duration", str(DURATION_S), "--from", hosts, "--ssh-config", str(self.net.config), "--json",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        document: dict[str, Any] = json.loads(done.stdout)
        return document


if __name__ == "__main__":
    main()
