"""Where a load connects from, on systems whose loopback network is one address, as on macOS and the BSDs."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.documents import ROOT

LIKE_BSD = """
set -e
ip link set lo up
ip address flush dev lo scope host
ip address add 127.0.0.1/32 dev lo
echo 40000 40019 > /proc/sys/net/ipv4/ip_local_port_range
exec "$@"
"""
"""Of a network namespace: one loopback address, with twenty ports."""
ASK = """
import json, subprocess, sys
from crossloop.load import connecting
from crossloop.load.errors import PortsError
from crossloop.load.walls import walls
from tests import misbehaving as bad
from tests.misbehaving import echo_target

def proven(count):
    with bad.serving(bad.echo) as port:
        target = echo_target(port, count)
        connecting.connect_proven(target, 10)
        addresses = [one.sock.getsockname()[0] for one in target.connections]
        target.close(reset=True)
    return sorted({one: addresses.count(one) for one in addresses}.items())

said = {"few": proven(16), "bound": [walls()[0].most, walls()[0].reason(30)]}
try:
    connecting.sources_for("127.0.0.1", 30)
except PortsError as error:
    said["refused"] = str(error)
subprocess.run(["ip", "address", "add", "127.0.0.2/32", "dev", "lo"], check=True)
said["two"], said["bound of two"] = proven(30), walls()[0].most
print(json.dumps(said))
"""


def _network_of_its_own() -> list[str]:
    for prefix in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        command = [*prefix, "sh", "-c", LIKE_BSD, "sh", "true"]
        if (
            shutil.which("unshare")
            and not subprocess.run(command, capture_output=True, check=False).returncode
        ):
            return command[:-1]
    pytest.skip("a network namespace (unshare -n, ip) is not to be had here")


@pytest.mark.skipif(sys.platform != "linux", reason="the system is made so in a network namespace")
def test_addresses_are_tried_and_those_that_lack_are_named() -> None:
    done = subprocess.run(
        [*_network_of_its_own(), sys.executable, "-c", ASK],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["few"] == [["127.0.0.1", 16]], "more than the share of the ports that is used of several"
    reason = (
        "loopback has 1 x 20 ports to connect from, an address more is added by "
        "`ip address add 127.0.0.2/32 dev lo`"
    )
    assert said["bound"] == [20, reason]
    assert said["refused"] == f"30 connections at once: {reason}"
    assert said["two"] == [["127.0.0.1", 15], ["127.0.0.2", 15]]
    assert said["bound of two"] == 40
