"""Each workload measures what it says on a loop that works, and refuses to on one that does not.

The loop is asyncio's, a real one. A fault is provoked by putting something of ours between the workload and
one of the adapter's callables; the check that ought to see it must.
"""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest

from adapters.asyncio_select import Adapter as SelectAdapter
from crossloop.api import CheckFailedError, Echo, UnsupportedError, Workload
from crossloop.companions.dns_zone import address_of
from crossloop.idioms.asyncio_ import AsyncioLoop
from crossloop.suite import ScenarioEntry, load_suite
from crossloop.supervise.child import suite_paths, worker
from scenarios import dns, pipe_pairs, tcp_echo, timers, wakeups

SUITE = load_suite()
SCENARIOS = list(SUITE.scenarios.values())
WORKLOADS = [entry for entry in SCENARIOS if entry.about.levels != ("StreamServer",)]
LIMIT_S = 30.0

Callback = Callable[..., object]
Server = tuple[str, int]


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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The DNS server, in a thread."""
    stop, tell = socket.socketpair()
    address: list[Server] = []
    listening = threading.Event()

    def ready(host: str, port: int) -> None:
        address.append((host, port))
        listening.set()

    thread = threading.Thread(target=dns.companion, args=(ready, stop), daemon=True)
    with stop, tell:
        thread.start()
        assert listening.wait(LIMIT_S)
        yield address[0]
        tell.send(b"s")
        thread.join(LIMIT_S)


class Opened(ExitStack):
    """A workload that is closed at the end, whatever became of it."""

    def __init__(
        self,
        module: ModuleType,
        adapter: AsyncioLoop,
        parameters: Mapping[str, Any],
        style: str = "native",
        server: Server | None = None,
    ):
        super().__init__()
        self.workload: Workload = module.Scenario(adapter, style, parameters, server)
        self.callback(self.workload.close)

    def repeat(self, times: int = 1) -> int:
        """As the worker does it; returns the operations done."""
        done = 0
        for _ in range(times):
            self.workload.prepare()
            done += self.workload.run()
            self.workload.verify()
        return done


PAIRS = {"pairs": 10, "active": 3, "writes": 200, "timeouts": False}
PAIRS_WITH_TIMEOUTS = {**PAIRS, "timeouts": True}
CANCEL = {"timers": 300, "mode": "create-cancel"}
FIRE = {"timers": 300, "mode": "fire"}
LATENESS = {"timers": 50, "mode": "lateness"}
THROUGHPUT = {"threads": 2, "mode": "throughput"}
LATENCY = {"threads": 2, "mode": "latency"}


def nth(number: int) -> Callable[[], bool]:
    """A question that is answered by yes at its n-th time, counted from 1, and never again."""
    counter = itertools.count(1)
    return lambda: next(counter) == number


@pytest.mark.parametrize(
    ("module", "parameters", "operations", "samples"),
    [
        pytest.param(pipe_pairs, PAIRS, 203, 0, id="pipe-pairs"),
        pytest.param(pipe_pairs, PAIRS_WITH_TIMEOUTS, 203, 0, id="pipe-pairs-timeouts"),
        pytest.param(timers, CANCEL, 300, 0, id="timers-create-cancel"),
        pytest.param(timers, FIRE, 300, 0, id="timers-fire"),
        pytest.param(timers, LATENESS, 50, 50, id="timers-lateness"),
        pytest.param(wakeups, THROUGHPUT, 4000, 0, id="wakeups-throughput"),
        pytest.param(wakeups, LATENCY, 400, 400, id="wakeups-latency"),
    ],
)
def test_a_loop_that_works_is_measured(
    adapter: AsyncioLoop, module: ModuleType, parameters: Mapping[str, Any], operations: int, samples: int
) -> None:
    with Opened(module, adapter, parameters) as opened:
        assert opened.repeat(3) == 3 * operations
        assert len(opened.workload.samples_ns) == 3 * samples
        assert all(sample >= 0 for sample in opened.workload.samples_ns)


@pytest.mark.parametrize("kind", ["plain", "nxdomain", "truncated", "delayed", "lossy", "mixed"])
@pytest.mark.parametrize("in_flight", [1, 100])
def test_names_are_resolved_by_c_ares_on_the_loop(
    adapter: AsyncioLoop, server: Server, kind: str, in_flight: int
) -> None:
    parameters = {"names": 20 if kind != "lossy" else 10, "in_flight": in_flight, "kind": kind}
    with Opened(dns, adapter, parameters, "pycares", server) as opened:
        assert opened.repeat(2) == 2 * parameters["names"]
        assert len(opened.workload.samples_ns) == 2 * parameters["names"]
        assert opened.workload.counters["sockets"] >= 1
        assert (opened.workload.counters["deadlines"] > 0) == (kind == "lossy")


@pytest.mark.parametrize("kind", ["plain", "mixed"])
def test_names_are_resolved_by_the_adapters_own_resolvers(
    adapter: AsyncioLoop, server: Server, kind: str
) -> None:
    parameters = {"names": 20, "in_flight": 10, "kind": kind}
    for style in SelectAdapter.resolver_styles:
        with Opened(dns, adapter, parameters, style, server) as opened:
            try:
                assert opened.repeat(2) == 40
            except UnsupportedError as error:
                pytest.skip(str(error))


def test_rows_of_name_resolution() -> None:
    assert dns.Scenario.styles(SelectAdapter) == ("pycares", *SelectAdapter.resolver_styles)


def test_echo_is_what_arrives() -> None:
    assert tcp_echo.Scenario().application() is Echo


# Faults of watching


def watch_with(adapter: AsyncioLoop, between: Callable[[int, Callback], Callback]) -> None:
    plain = adapter.watch
    adapter.watch = lambda fd, callback: plain(fd, between(fd, callback))


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


def test_what_rounding_explains_is_counted(adapter: AsyncioLoop) -> None:
    """As libuv does it: a delay that is cut to whole milliseconds."""
    call_later_with(adapter, lambda delay_s, callback: (int(delay_s * 1e3) / 1e3, callback))
    with Opened(timers, adapter, LATENESS) as opened:
        opened.repeat(2)
        assert opened.workload.counters.get("early", 0) == list(opened.workload.samples_ns).count(0)


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


# Faults of resolving


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda name, _right: ["10.1.2.3"], "10.1.2.3", id="wrong"),
        pytest.param(lambda name, right: [*right, "10.1.2.3"], "10.1.2.3", id="one-more"),
        pytest.param(lambda name, _right: [], r"\[\] was the answer", id="empty"),
        pytest.param(lambda name, _right: socket.EAI_NONAME, "was the answer", id="denied"),
        pytest.param(lambda name, _right: None, "has no answer", id="missing"),
    ],
)
def test_an_answer_that_is_wrong(
    adapter: AsyncioLoop, server: Server, change: Callable[[str, list[str]], Any], said: str
) -> None:
    is_it = nth(3)

    def resolve(_style: str, _server: Server, names: Sequence[str], _in_flight: int) -> Mapping[str, Any]:
        return {name: change(name, [address_of(name)]) if is_it() else [address_of(name)] for name in names}

    adapter.resolve = resolve  # type: ignore[method-assign,assignment]  # the fault that is provoked
    parameters = {"names": 10, "in_flight": 1, "kind": "plain"}
    style = SelectAdapter.resolver_styles[0]
    with (
        Opened(dns, adapter, parameters, style, server) as opened,
        pytest.raises(CheckFailedError, match=said),
    ):
        opened.repeat()


def test_a_name_that_should_not_exist(adapter: AsyncioLoop, server: Server) -> None:
    adapter.resolve = lambda _style, _server, names, _in_flight: {  # type: ignore[method-assign,assignment]  # as above
        name: [address_of(name)] for name in names
    }
    parameters = {"names": 10, "in_flight": 1, "kind": "nxdomain"}
    style = SelectAdapter.resolver_styles[0]
    with (
        Opened(dns, adapter, parameters, style, server) as opened,
        pytest.raises(CheckFailedError, match=r"is -?[0-9]"),
    ):
        opened.repeat()


@pytest.mark.usefixtures("short_limits")
def test_an_answer_that_the_loop_does_not_tell_c_ares(adapter: AsyncioLoop, server: Server) -> None:
    watch_with(adapter, lambda fd, _callback: lambda *_: adapter.unwatch(fd))
    parameters = {"names": 5, "in_flight": 5, "kind": "plain"}
    with Opened(dns, adapter, parameters, "pycares", server) as opened, pytest.raises(CheckFailedError):
        opened.repeat()


def test_c_ares_on_a_loop_that_cannot_watch(adapter: AsyncioLoop, server: Server) -> None:
    def refuse(_fd: int, _callback: Callback) -> None:
        raise UnsupportedError("completions only")

    adapter.watch = refuse
    parameters = {"names": 5, "in_flight": 5, "kind": "plain"}
    with (
        Opened(dns, adapter, parameters, "pycares", server) as opened,
        pytest.raises(UnsupportedError, match="completions only"),
    ):
        opened.repeat()


def test_the_server_that_is_not_there(adapter: AsyncioLoop) -> None:
    """Nothing listens at the port: what c-ares says to that, at once or later, is no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reserved:
        reserved.bind(("127.0.0.1", 0))
        nobody = reserved.getsockname()
    with (
        Opened(dns, adapter, {"names": 5, "in_flight": 5, "kind": "plain"}, "pycares", nobody) as opened,
        pytest.raises(CheckFailedError),
    ):
        opened.repeat()


# Declarations


@pytest.mark.parametrize("entry", SCENARIOS, ids=lambda entry: entry.id)
def test_a_declaration_that_the_engine_can_plan_with(entry: ScenarioEntry) -> None:
    assert list(entry.about.profiles) == ["smoke", "quick", "standard", "full"]
    for sets in entry.about.profiles.values():
        assert len({tuple(one.items()) for one in sets}) == len(sets), (
            "a set of parameters stands there twice"
        )
        for one in sets:
            assert one.keys() == entry.about.profiles["smoke"][0].keys()
            for name, (low, high) in entry.about.limits.items():
                assert low <= one[name] <= high  # type: ignore[operator]  # limits are of numbers
    assert (
        entry.about.profiles["quick"][0]
        == entry.about.profiles["standard"][0]
        == entry.about.profiles["full"][0]
    )


# Every adapter, as the engine drives it


@pytest.mark.parametrize("scenario", WORKLOADS, ids=lambda entry: entry.id)
@pytest.mark.parametrize("adapter_id", list(SUITE.adapters))
def test_every_adapter_in_a_worker(adapter_id: str, scenario: ScenarioEntry, server: Server) -> None:
    paths = suite_paths(SUITE.paths)
    request = {
        "do": "work",
        "module": SUITE.adapters[adapter_id].module,
        "scenario": scenario.module,
        "style": "pycares" if scenario.about.companion else "native",
        "paths": paths,
        "cpu": None,
        "server": list(server),
    }
    with worker(f"{adapter_id}-{scenario.id}") as child:
        answer = child.ask(request, LIMIT_S)
        for parameters in scenario.about.profiles["smoke"]:
            if "outcome" in answer:
                break
            answer = child.ask(
                {"do": "slice", "parameters": dict(parameters), "run_in_ms": 0, "duration_ms": 1}, LIMIT_S
            )
    if answer.get("outcome") in ("unsupported", "not-installed"):
        pytest.skip(f"{answer['outcome']}: {answer['reason']}")
    assert "outcome" not in answer, answer
    assert answer["operations"] > 0
