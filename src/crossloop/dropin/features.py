"""What a user would miss: the features that the tests are about, and faults that hide behind many of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """A part of asyncio's API, and the tests that are about it."""

    id: str
    title: str
    """As in `no TLS`."""
    tests: re.Pattern[str]
    """What the id of a test holds."""


@dataclass(frozen=True)
class Symptom:
    """A fault that fails tests of any feature at their first step: they say nothing of their feature then."""

    id: str
    title: str
    """A sentence."""
    said: re.Pattern[str]
    """What the reason holds."""


FEATURES: Sequence[Feature] = (
    Feature("sendfile", "sendfile", re.compile(r"^test_sendfile\.")),
    Feature("tls", "TLS", re.compile(r"^test_ssl|_ssl|start_tls")),
    Feature("child-processes", "child processes", re.compile(r"^test_subprocess\.|_subprocess_")),
    Feature("sock-calls", "sock_* calls", re.compile(r"^test_sock_lowlevel\.")),
    Feature("datagrams", "datagrams", re.compile(r"datagram")),
    Feature("unix-sockets", "unix sockets", re.compile(r"unix")),
    Feature("signals", "signals", re.compile(r"signal")),
    Feature("pipes", "pipes and terminals", re.compile(r"_pipe|_pty")),
    Feature("descriptors", "watching descriptors", re.compile(r"_reader|_writer|_fds")),
    Feature("threads", "threads and executors", re.compile(r"executor|threadsafe")),
    Feature("servers", "servers", re.compile(r"server|wait_closed|close_clients|abort_clients")),
    Feature("connections", "connections", re.compile(r"connect|^test_buffered_proto\.")),
    Feature("running", "running, timers and closing", re.compile(r"")),
)
"""In order: the first whose pattern a test's id holds."""
SYMPTOMS: Sequence[Symptom] = (
    Symptom(
        "transport-type",
        "transports are no instances of asyncio.Transport",
        re.compile(r"is not an instance of <class 'asyncio\.transports\.Transport'>"),
    ),
)
FEATURE_TITLES: Mapping[str, str] = {feature.id: feature.title for feature in FEATURES}
SYMPTOM_TITLES: Mapping[str, str] = {symptom.id: symptom.title for symptom in SYMPTOMS}


def feature_of(test: str, reason: str = "") -> str:
    """Id of what a user would miss when *test* does not pass, because of *reason*."""
    for symptom in SYMPTOMS:
        if symptom.said.search(reason):
            return symptom.id
    return next(feature.id for feature in FEATURES if feature.tests.search(test))
