"""Scenario `soak` sees what a server keeps of connections that have ended, and that a good one keeps nothing."""

import sys
from collections.abc import Iterator

import pytest

from crossloop.suite import AdapterEntry, load_suite
from crossloop.supervise.load import LoadClient
from tests.serving import FAULTY, driven, served

SUITE = load_suite([FAULTY])
SOAK = SUITE.scenarios["soak"]
PARAMETERS = {"connections": 10}


@pytest.fixture(scope="module")
def load() -> Iterator[LoadClient]:
    """A load process for all of them."""
    with LoadClient() as client:
        yield client


def left_by(adapter: AdapterEntry, load: LoadClient) -> tuple[int, dict[str, float]]:
    """Connections of the second of two slices, and its counters."""
    with served(adapter, SOAK, PARAMETERS) as (address, pid):
        first = driven(load, SOAK, PARAMETERS, address, pid)
        second = driven(load, SOAK, PARAMETERS, address, pid)
    assert 0 < first.counters["connections_so_far"] < second.counters["connections_so_far"]
    return second.operations, second.counters


def test_a_server_that_closes_what_ends(load: LoadClient) -> None:
    _operations, counters = left_by(SUITE.adapters["select"], load)
    assert counters["threads_more"] == 0
    if sys.platform == "linux":
        assert (
            counters["descriptors_more"] <= 1
        )  # the last one may not be closed yet when the first slice begins
    assert counters["rss_more_bytes"] < 16 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors of another process are counted on Linux")
def test_a_server_that_keeps_what_ends(load: LoadClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FAULTY)
    operations, counters = left_by(SUITE.adapters["keeps"], load)
    assert counters["descriptors_more"] >= operations
