"""`crossloop doctor`: what this machine allows, how much it disturbs, what is missing and what brings it.

Probes ask for a capability rather than for a platform's name, and each is short: all together take about a
second. A probe that fails by itself is a finding, too; nothing here raises.
"""

from collections.abc import Callable, Iterator, Mapping

from crossloop.installing.pip_runs import public_text
from crossloop.machine import probes_capacity as capacity
from crossloop.machine import probes_surroundings as surroundings
from crossloop.machine.diagnosis import Diagnosis

PROBES: Mapping[str, Callable[[], Diagnosis]] = {
    "python": capacity.python_version,
    "cpus": capacity.cpus,
    "pinning": capacity.pinning,
    "memory": capacity.memory,
    "descriptors": capacity.descriptors,
    "clock": capacity.clock,
    "noise": capacity.noise,
    "governor": capacity.governor,
    "virtualization": capacity.virtual,
    "loopback-ipv4": surroundings.loopback_ipv4,
    "loopback-ipv6": surroundings.loopback_ipv6,
    "backlog": surroundings.backlog,
    "ports": surroundings.ports,
    "connections": surroundings.connections,
    "names": surroundings.names,
    "io-uring": surroundings.io_uring,
    "pip": surroundings.pip,
    "compiler": surroundings.compiler,
    "libevent": surroundings.libevent,
    "strace": surroundings.strace,
}
"""In the order in which they are shown; the names are stable."""


def examine(probes: Mapping[str, Callable[[], Diagnosis]] = PROBES) -> Iterator[tuple[str, Diagnosis]]:
    """Run *probes*, yielding each one's name and diagnosis as it is made."""
    for name, probe in probes.items():
        try:
            yield name, probe()
        except Exception as error:  # a kernel that nobody has seen yet must not hide the other diagnoses
            detail = public_text(f"this probe itself failed: {type(error).__name__}: {error}")
            yield name, Diagnosis("warning", detail, "report this, with the name of the system")
