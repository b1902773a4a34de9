"""Each scenario's check sees the fault that it is there for.

The loop is asyncio's, a real one. A fault is provoked by putting something of ours between the workload and
one of the adapter's callables; the check that ought to see it must. Served scenarios have an application that lies once
(`tests.lying_scenario`), and the load must say what was wrong.
"""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from adapters.asyncio_select import Adapter as SelectAdapter
from crossloop.api import CheckFailedError, UnsupportedError
from crossloop.idioms.asyncio_ import AsyncioLoop
from crossloop.suite import load_suite
from crossloop.supervise.answers import LoadFaultError
from crossloop.supervise.load import LoadClient
from scenarios import dns, pipe_pairs, timers, wakeups
from tests.own_suite import SUITE
from tests.serving import FAULTY, driven, served, smoke_set, style_of
from tests.workloads import (
    CANCEL,
    FIRE,
    LATENCY,
    LATENESS,
    PAIRS,
    PAIRS_WITH_TIMEOUTS,
    THROUGHPUT,
    Callback,
    Opened,
    nth,
    watch_with,
)


@pytest.fixture
def adapter() -> Iterator[AsyncioLoop]:
    """asyncio on a selector, on every platform."""
    opened = SelectAdapter()
    yield opened
    opened.close()


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests in which something is lost: it is given up after a moment."""
    for module in (pipe_pairs, timers, wakeups, dns):
        monkeypatch.setattr(module, "_LIMIT_S", 0.5)


# Faults of watching


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("parameters", [PAIRS, PAIRS_WITH_TIMEOUTS], ids=["plain", "timeouts"])
def test_an_event_that_is_lost(adapter: AsyncioLoop, parameters: Mapping[str, Any]) -> None:
    is_it = nth(50)

    def lose(fd: int, callback: Callback) -> Callback:
        return lambda *_: adapter.unwatch(fd) if is_it() else callback()

    watch_with(adapter, lose)
    with (
        Opened(pipe_pairs, adapter, parameters) as opened,
        pytest.raises(CheckFailedError, match="event is lost"),
    ):
        opened.repeat()


def test_an_event_that_is_told_twice(adapter: AsyncioLoop) -> None:
    is_it = nth(50)

    def repeat(_fd: int, callback: Callback) -> Callback:
        return lambda *_: (callback(), callback()) if is_it() else callback()

    watch_with(adapter, repeat)
    parameters = {**PAIRS, "active": 1}
    with (
        Opened(pipe_pairs, adapter, parameters) as opened,
        pytest.raises(CheckFailedError, match="held nothing"),
    ):
        opened.repeat()


def test_a_byte_from_elsewhere(adapter: AsyncioLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[socket.socket, socket.socket]] = []

    def pair() -> tuple[socket.socket, socket.socket]:
        made.append(socket.socketpair())
        return made[-1]

    monkeypatch.setattr(pipe_pairs, "socketpair", pair)
    with Opened(pipe_pairs, adapter, {**PAIRS, "active": 1}) as opened:
        opened.workload.prepare()
        made[5][1].send(b"xx")
        opened.workload.run()
        with pytest.raises(
            CheckFailedError, match=r"203 bytes were read where 201 were written|still holds data"
        ):
            opened.workload.verify()


def test_timers_that_are_not_pushed_back(adapter: AsyncioLoop) -> None:
    adapter.rearm = lambda _timer, _delay_s, callback: adapter.call_later(0.0, callback)
    with (
        Opened(pipe_pairs, adapter, PAIRS_WITH_TIMEOUTS) as opened,
        pytest.raises(CheckFailedError, match="timers ran out"),
    ):
        opened.repeat(3)


def test_more_pairs_than_descriptors(adapter: AsyncioLoop) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limit of descriptors to lower")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    parameters = {**PAIRS, "pairs": 2**28}
    if before[1] == resource.RLIM_INFINITY:
        pytest.skip("the hard limit of descriptors is infinite here")
    with pytest.raises(
        UnsupportedError, match=rf"{2**28} pairs need {2**29 + 64} .* {before[1]} are allowed"
    ):
        pipe_pairs.Scenario(adapter, "native", parameters, None)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_select_beyond_its_table(adapter: AsyncioLoop) -> None:
    with (
        pytest.raises(UnsupportedError, match="FD_SETSIZE"),
        Opened(pipe_pairs, adapter, {**PAIRS, "pairs": 600}) as opened,
    ):
        opened.repeat()


def test_a_loop_whose_own_select_refuses(adapter: AsyncioLoop) -> None:
    """Where the adapter does not see it coming, CPython's ValueError is put into words."""

    def refuse() -> None:
        raise ValueError("filedescriptor out of range in select()")

    with Opened(pipe_pairs, adapter, PAIRS) as opened:
        adapter_run = adapter.run
        opened.workload._loop.run = refuse  # type: ignore[attr-defined]  # the workload's view of the adapter
        with pytest.raises(UnsupportedError, match="10 pairs need descriptors up to"):
            opened.workload.prepare()
        adapter.run = adapter_run


def test_more_active_pairs_than_pairs(adapter: AsyncioLoop) -> None:
    with pytest.raises(UnsupportedError, match="20 active pairs asked for, but only 10 pairs"):
        pipe_pairs.Scenario(adapter, "native", {**PAIRS, "active": 20}, None)


# Faults of timers


def call_later_with(
    adapter: AsyncioLoop, change: Callable[[float, Callback], tuple[float, Callback]]
) -> None:
    plain = adapter.call_later

    def changed(delay_s: float, callback: Callback) -> Any:
        # What starts, ends and limits a repetition stays as it is: only the timers themselves are changed.
        is_timer = "on_time" in getattr(callback, "__qualname__", "")
        return plain(*change(delay_s, callback)) if is_timer else plain(delay_s, callback)

    adapter.call_later = changed


def test_a_cancelled_timer_that_fires(adapter: AsyncioLoop) -> None:
    plain = adapter.cancel
    counter = itertools.count()
    adapter.cancel = lambda timer: None if next(counter) % 10 == 0 else plain(timer)
    with (
        Opened(timers, adapter, CANCEL) as opened,
        pytest.raises(CheckFailedError, match="after they were cancelled"),
    ):
        opened.repeat()


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("parameters", [FIRE, LATENESS], ids=["fire", "lateness"])
def test_a_timer_that_is_lost(adapter: AsyncioLoop, parameters: Mapping[str, Any]) -> None:
    is_it = nth(7)
    call_later_with(adapter, lambda delay_s, callback: (3600.0 if is_it() else delay_s, callback))
    with (
        Opened(timers, adapter, parameters) as opened,
        pytest.raises(CheckFailedError, match=r"1 of .* did not fire"),
    ):
        opened.repeat()


@pytest.mark.parametrize("parameters", [FIRE, LATENESS], ids=["fire", "lateness"])
def test_a_timer_that_fires_twice(adapter: AsyncioLoop, parameters: Mapping[str, Any]) -> None:
    is_it = nth(7)

    def twice(delay_s: float, callback: Callback) -> tuple[float, Callback]:
        return delay_s, (lambda *_: (callback(), callback())) if is_it() else callback

    call_later_with(adapter, twice)
    with (
        Opened(timers, adapter, parameters) as opened,
        pytest.raises(CheckFailedError, match="more than once"),
    ):
        opened.repeat()


def test_a_timer_that_fires_early(adapter: AsyncioLoop) -> None:
    call_later_with(adapter, lambda delay_s, callback: (delay_s - 0.030, callback))
    with Opened(timers, adapter, LATENESS) as opened, pytest.raises(CheckFailedError, match="ms early"):
        opened.repeat()


def test_what_rounding_explains_is_a_sample_below_zero(adapter: AsyncioLoop) -> None:
    """As libuv does it: up to a millisecond too early. Of so many, one is not held up by the machine."""
    call_later_with(adapter, lambda delay_s, callback: (max(0.0, delay_s - 0.001), callback))
    with Opened(timers, adapter, LATENESS) as opened:
        opened.repeat(5)
        assert min(opened.workload.samples_ns) < 0


def test_modes_that_there_are_not(adapter: AsyncioLoop) -> None:
    with pytest.raises(UnsupportedError, match="no mode 'often', but create-cancel, fire, lateness"):
        timers.Scenario(adapter, "native", {"timers": 1, "mode": "often"}, None)
    with pytest.raises(UnsupportedError, match="no mode 'often', but throughput, latency"):
        wakeups.Scenario(adapter, "native", {"threads": 1, "mode": "often"}, None)
    with pytest.raises(UnsupportedError, match="no kind 'odd', but plain"):
        dns.Scenario(adapter, "pycares", {"names": 1, "in_flight": 1, "kind": "odd"}, ("127.0.0.1", 53))
    with pytest.raises(UnsupportedError, match="no resolver 'odd' here, but pycares"):
        dns.Scenario(adapter, "odd", {"names": 1, "in_flight": 1, "kind": "plain"}, ("127.0.0.1", 53))


# Faults of waking


def wake_with(
    adapter: AsyncioLoop, between: Callable[[Callable[[Callback], object], Callback], object]
) -> None:
    plain = adapter.wake
    adapter.wake = lambda callback: between(plain, callback)


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("parameters", [THROUGHPUT, LATENCY], ids=["throughput", "latency"])
def test_a_wake_up_that_is_lost(adapter: AsyncioLoop, parameters: Mapping[str, Any]) -> None:
    is_it = nth(100)
    wake_with(adapter, lambda plain, callback: None if is_it() else plain(callback))
    with (
        Opened(wakeups, adapter, parameters) as opened,
        pytest.raises(CheckFailedError, match=r"not within 0\.5 s"),
    ):
        opened.repeat()


@pytest.mark.parametrize("parameters", [THROUGHPUT, LATENCY], ids=["throughput", "latency"])
def test_a_wake_up_that_runs_twice(adapter: AsyncioLoop, parameters: Mapping[str, Any]) -> None:
    is_it = nth(100)
    wake_with(
        adapter, lambda plain, callback: plain((lambda: (callback(), callback())) if is_it() else callback)
    )
    with Opened(wakeups, adapter, parameters) as opened, pytest.raises(CheckFailedError, match="once more"):
        opened.repeat()


def test_wake_ups_out_of_order(adapter: AsyncioLoop) -> None:
    held: list[Callback] = []
    number = itertools.count()

    def swap(plain: Callable[[Callback], object], callback: Callback) -> None:
        if next(number) == 100:
            held.append(callback)
            return
        plain(callback)
        while held:
            plain(held.pop())

    wake_with(adapter, swap)
    parameters = {**THROUGHPUT, "threads": 1}
    with (
        Opened(wakeups, adapter, parameters) as opened,
        pytest.raises(CheckFailedError, match="out of order"),
    ):
        opened.repeat()


@pytest.mark.usefixtures("short_limits")
def test_a_wake_up_that_raises_in_its_thread(adapter: AsyncioLoop) -> None:
    is_it = nth(100)

    def fail(plain: Callable[[Callback], object], callback: Callback) -> None:
        if is_it():
            raise OSError("the pipe is full")
        plain(callback)

    wake_with(adapter, fail)
    with (
        Opened(wakeups, adapter, THROUGHPUT) as opened,
        pytest.raises(CheckFailedError, match="the pipe is full"),
    ):
        opened.repeat()


def test_an_adapter_that_cannot_be_woken(adapter: AsyncioLoop) -> None:
    def refuse(_callback: Callback) -> None:
        raise UnsupportedError("no threads here")

    adapter.wake = refuse
    with (
        Opened(wakeups, adapter, THROUGHPUT) as opened,
        pytest.raises(UnsupportedError, match="no threads here"),
    ):
        opened.repeat()


def test_the_threads_end_with_the_workload(adapter: AsyncioLoop) -> None:
    with Opened(wakeups, adapter, {"threads": 3, "mode": "latency"}) as opened:
        opened.repeat()
        assert sum(thread.name.startswith("waker-") for thread in threading.enumerate()) == 3
    assert not any(thread.name.startswith("waker-") for thread in threading.enumerate())


# Faults of served applications


LOST = r"no answer within .* s; 1 of \d+ connections wait"


@pytest.fixture(scope="module")
def load() -> Iterator[LoadClient]:
    """A load process for all of them."""
    with LoadClient() as client:
        yield client


@pytest.mark.parametrize(
    ("scenario_id", "changed", "lie", "reason"),
    [
        ("tcp-echo", {}, "byte", "a wrong answer at offset 1012: expected"),
        ("tcp-echo", {}, "cut", r"a wrong answer at offset \d+: expected"),
        ("http", {}, "byte", "a wrong body at offset 20: expected"),
        ("http", {"resource": "pieces"}, "byte", "a wrong body at offset 10235: expected"),
        ("http", {}, "status", "a wrong status line at offset 0 of the head: expected HTTP/1.1 200, got 'HTTP/1.1 500"),
        ("http", {"resource": "pieces"}, "chunk", "a wrong chunk size at offset 5120 of the body: expected 1 to 1400"),
        ("http", {}, "repeated", "goes on at offset 32: expected nothing more|that nothing asked for"),
        ("http", {}, "lost", LOST),
        ("bulk", {}, "byte", "a wrong answer at offset 1048564: expected"),
        ("bulk", {"direction": "up"}, "byte", "a wrong answer at offset 4: expected"),
        ("bulk", {}, "cut", r"a wrong answer at offset \d+: expected"),
        ("tls-echo", {}, "byte", "a wrong answer at offset 1012: expected"),
        ("tls-handshakes", {}, "byte", "a wrong answer at offset 52: expected"),
        ("unix-echo", {}, "byte", "a wrong answer at offset 1012: expected"),
        ("udp-echo", {}, "byte", "a wrong answer at offset 52: expected"),
        ("udp-echo", {}, "cut", r"a wrong answer at offset \d+: expected"),
        ("line-echo", {}, "byte", r"a wrong line at offset \d+: expected"),
        ("line-echo", {}, "cut", r"a wrong line at offset \d+: expected"),
        ("accept-storm", {}, "byte", "a wrong answer at offset 52: expected"),
        ("pipelined-echo", {}, "byte", r"a wrong answer at offset \d+: expected"),
        ("pipelined-echo", {}, "swapped", r"at offset 8: .*\(the message of connection \d+, sequence \d+\)"),
        ("pipelined-echo", {}, "repeated", "goes on at offset|a wrong answer at offset"),
        ("fan-out", {}, "byte", "a wrong line at offset 88: expected"),
        ("fan-out", {}, "lost", LOST),
        ("fan-out", {}, "repeated", "goes on at offset 100: expected nothing more|that nothing asked for"),
        ("fairness", {}, "byte", r"a wrong answer at offset \d+: expected"),
    ],
)  # fmt: skip
def test_a_served_application_that_lies(
    scenario_id: str, changed: Mapping[str, Any], lie: str, reason: str, load: LoadClient
) -> None:
    scenario = SUITE.scenarios[scenario_id]
    parameters = {**smoke_set(scenario), **changed}
    if not style_of(SUITE.adapters["select"], scenario.about.levels[0]):
        pytest.skip(f"select offers no {scenario.about.levels[0]}")
    with served(SUITE.adapters["select"], scenario, parameters, lie) as (address, pid):
        with pytest.raises(LoadFaultError, match=reason):
            driven(load, scenario, parameters, address, pid, duration_ms=500)
        load.close("server")


@pytest.mark.parametrize(
    ("adapter_id", "lie", "missing"), [("select", "lost", 1), ("select", "none", 0), ("repeats", "", -1)]
)
def test_datagrams_that_are_lost_or_come_twice_are_counted_and_no_failure(
    adapter_id: str, lie: str, missing: int, load: LoadClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a busy machine makes late is counted as lost, then as a duplicate: the difference is what the lie makes."""
    monkeypatch.syspath_prepend(FAULTY)
    scenario = SUITE.scenarios["udp-echo"]
    parameters, adapter = smoke_set(scenario), load_suite([FAULTY]).adapters[adapter_id]
    with served(adapter, scenario, parameters, lie) as (address, pid):
        answer = driven(load, scenario, parameters, address, pid, duration_ms=500, run_in_ms=0)
    assert answer.counters["lost"] - answer.counters["duplicates"] == missing


@pytest.mark.parametrize(("adapter_id", "grows"), [("unbounded", True), ("select", False)])
def test_a_server_that_reads_on_while_nobody_reads_shows_in_its_memory(
    adapter_id: str, grows: bool, load: LoadClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(FAULTY)
    scenario = SUITE.scenarios["bulk"]
    parameters, adapter = {"direction": "slow", "connections": 2}, load_suite([FAULTY]).adapters[adapter_id]
    with served(adapter, scenario, parameters) as (address, pid):
        counters = driven(load, scenario, parameters, address, pid).counters
    assert (counters["rss_stalled_bytes"] - counters["rss_before_bytes"] > 16 << 20) == grows
    assert counters["rss_peak_bytes"] >= counters["rss_before_bytes"]
