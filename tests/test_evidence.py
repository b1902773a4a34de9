"""The evidence pass: strace's table, who may be traced, warm-up, sentences, and one pass on real servers."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil
import pytest

from crossloop.bench.evidence import subject, take_evidence
from crossloop.bench.header import cpus
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Row
from crossloop.journal import EvidenceRecord, JournalError, JournalWriter, SystemCalls, read_journal
from crossloop.measure.syscalls import Count, TracingError, parsed, traced, tracer
from crossloop.report.evidence_section import peculiarities
from crossloop.statistics import LEVEL_STRETCHES, Stretch, steady
from crossloop.supervise.probe import probe
from tests import journals
from tests.own_suite import SUITE
from tests.plans import planned

TABLE = """strace: Process 4711 detached
strace: Process 4712 detached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 57.10    0.006507          12       512           write
 37.91    0.004320           8       602        90 recvfrom
  4.98    0.000568          10        52           epoll_pwait
------ ----------- ----------- --------- --------- ----------------
100.00    0.011395          10      1166        90 total
"""
PARROT = "import os; [os.write(1, os.read(0, 1)) for _ in iter(int, 1)]"


def strace_missing() -> str:
    """Why there is no strace that may attach here; empty where there is."""
    try:
        with parrot() as process, traced([process.pid]):
            return ""
    except TracingError as error:
        return str(error)


@contextlib.contextmanager
def parrot() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that writes back each byte that it reads, by one call each; it waits for the next."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARROT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    try:
        say(process, 1)
        yield process
    finally:
        process.kill()
        process.communicate()


def say(process: "subprocess.Popen[bytes]", times: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(times):
        process.stdin.write(b"x")
        assert process.stdout.read(1) == b"x"


@pytest.fixture(scope="module")
def strace() -> None:
    if why := strace_missing():
        pytest.skip(why)


@pytest.fixture
def none_left() -> Iterator[None]:
    """No child of this process is there after the test that was not before it."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = [process for process in psutil.Process().children(recursive=True) if process not in before]
    assert not left, left


# strace's table


def test_the_table_is_read_with_its_errors() -> None:
    assert parsed(TABLE) == {"write": Count(512, 0), "recvfrom": Count(602, 90), "epoll_pwait": Count(52, 0)}


def test_no_table_is_no_call() -> None:
    assert parsed("strace: Process 4711 detached\n") == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (" 57.10    0.006507          12       many           write", "many"),
        (" 57.10    0.006507          12       512           <b>write", "<b>write"),
        (" 57.10    0.006507          12       512   1   2   write", "expected a line"),
        ("", ""),
    ],
)
def test_another_table_is_refused_or_ends(line: str, message: str) -> None:
    text = "\n".join([*TABLE.splitlines()[:4], line])
    if line:
        with pytest.raises(TracingError, match=message):
            parsed(text)
    else:
        with pytest.raises(TracingError, match="has no end"):
            parsed(text)


# Who may be traced


def test_calls_of_another_process_are_counted(strace: None, none_left: None) -> None:
    with parrot() as process:
        with traced([process.pid]) as counts:
            say(process, 25)
        say(process, 1)
    # On a busy machine the first of them come before strace has stopped the process; none is counted twice.
    assert 15 <= counts["write"].calls <= 25
    assert counts["write"].errors == 0
    assert abs(counts["read"].calls - counts["write"].calls) <= 1


def test_without_strace_on_path_the_reason_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    expected = "apt-get install strace" if sys.platform == "linux" else "strace is Linux's"
    with pytest.raises(TracingError, match=expected):
        tracer()


def test_who_may_not_attach_is_told_what_would_help(strace: None, none_left: None) -> None:
    # strace says what the kernel said; from some version on it names the other tracer instead.
    expected = pytest.raises(
        TracingError, match=r"Operation not permitted.*ptrace_scope=0|already being traced"
    )
    with parrot() as process, traced([process.pid]):  # one tracer at a time: the kernel refuses the next
        with expected, traced([process.pid]):
            pytest.fail("it was attached to twice")
        say(process, 1)


def test_a_process_that_is_gone_is_said(strace: None, none_left: None) -> None:
    with parrot() as process:
        pass
    with pytest.raises(TracingError, match="No such process"), traced([process.pid]):
        pytest.fail("nothing was there to attach to")


def test_an_error_inside_leaves_neither_strace_nor_a_stopped_process(strace: None) -> None:
    with parrot() as process:
        before = set(psutil.Process().children())
        with pytest.raises(ZeroDivisionError), traced([process.pid]):
            raise ZeroDivisionError
        assert set(psutil.Process().children()) == before
        say(process, 1)
        assert "TracerPid:\t0" in Path(f"/proc/{process.pid}/status").read_text()


# Warm-up


def stretches(costs: Sequence[float]) -> list[Stretch]:
    return [Stretch(1000, round(cost * 1000), 10_000_000) for cost in costs]


@pytest.mark.parametrize(
    ("costs", "after_s", "after"),
    [
        ([5.0] * 12, 0.0, 0),
        ([50.0, 20.0, 10.0, 5.1, 5.0, 4.9, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], 0.03, 3000),
        # One stretch that happens to lie inside on the way down is not yet the level.
        ([50.0, 5.0, 20.0, 15.0, 10.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], 0.05, 5000),
        # One that is disturbed afterwards does not begin it anew.
        ([9.0, 5.0, 5.0, 9.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], 0.01, 1000),
        # A process that becomes costlier is not warm before it has.
        ([4.0, 4.0, 4.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], 0.04, 4000),
    ],
)
def test_warm_from_the_first_stretch_at_the_later_level(
    costs: Sequence[float], after_s: float, after: int
) -> None:
    warm = steady(stretches(costs))
    assert warm.after_s == pytest.approx(after_s)
    assert warm.after_operations == after
    assert warm.first_ns == pytest.approx(costs[0])
    assert warm.level_ns == pytest.approx(5.0)


def test_what_still_moves_at_the_end_is_not_steady() -> None:
    warm = steady(stretches([20.0, 18.0, 16.0, 14.0, 12.0, 10.0, 9.9, 9.8, 7.0, 6.9, 6.8]))
    assert (warm.after_s, warm.after_operations) == (None, None)
    assert warm.observed_s == pytest.approx(0.11)


def test_the_band_is_as_wide_as_the_level_is_noisy() -> None:
    quiet, noisy = [5.0] * LEVEL_STRETCHES, [4.5, 5.5, 5.0, 4.6, 5.4, 5.0]
    assert steady(stretches([9.0, 9.0, 9.0, *quiet])).band == 0.05
    assert 0.2 < steady(stretches([9.0, 9.0, 9.0, *noisy])).band < 0.5
    with pytest.raises(ValueError, match="8 stretches: expected 9"):
        steady(stretches([5.0] * 8))


# Sentences


def row(adapter: str, calls: dict[str, float], style: str = "native") -> EvidenceRecord:
    return EvidenceRecord(
        adapter=adapter,
        style=style,
        scenario="tcp-echo",
        parameters={"size": 1024, "connections": 10},
        system_calls=SystemCalls(operations=1000, per_operation=calls),
    )


PLAIN = {"recvfrom": 1.0, "sendto": 1.0, "epoll_wait": 0.5}


def test_a_call_that_most_rows_do_not_make_is_said_once_for_all_who_do() -> None:
    rows = [
        *(row(f"plain-{number}", PLAIN) for number in range(4)),
        row("others", {"read": 1.0, "write": 1.0, "select": 1.0, "getpid": 0.04}),
        row("gevent-libuv", {**PLAIN, "epoll_ctl": 2.0}),
        row("mapper", {**PLAIN, "mmap": 1.0, "munmap": 1.0}, "protocol"),
        row("mapper", {**PLAIN, "mmap": 2.0, "munmap": 2.0}, "streams"),
        row("eager", {**PLAIN, "recvfrom": 2.0}),
    ]
    assert peculiarities(rows, "message") == (
        "`gevent-libuv` makes 2.0 epoll_ctl (changes what the kernel watches) a message; 8 of 9 rows make none.",
        "`mapper (protocol)` and `mapper (streams)` make 1.0 to 2.0 mmap (takes memory from the kernel) and "
        "1.0 to 2.0 munmap (gives mapped memory back) a message; 7 of 9 rows make none.",
        "`eager` makes 2.0 receiving calls a message; the median row makes 1.0.",
    )


def test_a_call_that_most_rows_make_or_hardly_anybody_is_not_said() -> None:
    rows = [row(f"plain-{number}", {**PLAIN, "epoll_ctl": 1.0}) for number in range(3)]
    assert (
        peculiarities([*rows, row("without", PLAIN), row("hardly", {**PLAIN, "futex": 0.09})], "message")
        == ()
    )
    assert peculiarities([row("alone", {"futex": 5.0}), row("pair", PLAIN)], "message") == ()


def test_rows_that_make_few_are_not_said_to_make_none() -> None:
    rows = [row(f"plain-{number}", {**PLAIN, "futex": 0.05}) for number in range(3)]
    (sentence,) = peculiarities([*rows, row("busy", {**PLAIN, "futex": 3.0})], "message")
    assert sentence.endswith("3 of 4 rows make fewer than 0.1.")


# The record


def test_a_figure_or_its_reason_is_there_and_not_both(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    (whole, *_more) = [record for record in journals.evidence() if isinstance(record, EvidenceRecord)]
    for record, message in (
        (whole, ""),
        (msgspec.structs.replace(whole, system_calls=None), "system_calls, and a reason 'system-calls'"),
        (msgspec.structs.replace(whole, missing={"warm-up": "too noisy"}), "warm_up, and a reason 'warm-up'"),
        (msgspec.structs.replace(whole, system_calls=SystemCalls(1, {"<b>": 1.0})), "matching regex"),
    ):
        path.unlink(missing_ok=True)
        with JournalWriter(path) as journal:
            journal.write(journals.run_record())
            if message:
                with pytest.raises(JournalError, match=message):
                    journal.write(record)
            else:
                journal.write(record)
                assert read_journal(path)[1] == record


def test_quick_has_evidence_of_the_first_style_of_each_adapter() -> None:
    suite = SUITE
    probed = [probe(suite, suite.adapters["asyncio"], suite.scenarios)]
    chosen = subject(planned("quick", [suite.scenarios["tcp-echo"]], probed))
    assert chosen is not None
    assert chosen[1].rows == (Row("asyncio", "protocol"),)


# A pass on real servers


def take(adapters: Sequence[str]) -> dict[str, EvidenceRecord]:
    suite = SUITE
    probed = [probe(suite, suite.adapters[name], suite.scenarios) for name in adapters]
    plan = planned("smoke", [suite.scenarios["tcp-echo"]], probed)
    chosen = subject(plan)
    assert chosen is not None
    rows = [row for row in chosen[1].rows if row.style in ("native", "protocol")]
    with Site(suite, Conditions(*cpus())) as site:
        return {record.adapter: record for record in take_evidence(site, *chosen, rows)}


@pytest.mark.skipif(sys.platform != "linux", reason="strace, fork and epoll are Linux's")
def test_a_real_pass_has_every_figure_or_its_reason(strace: None, none_left: None) -> None:
    evidence = take(["asyncio", "processes"])
    assert set(evidence) == {"asyncio", "processes"}
    for record in evidence.values():
        calls = record.system_calls
        assert calls is not None, record.missing
        # Verified messages on one side, calls on the other: one receives and sends each once.
        # A few at both ends may be missed, and on a busy machine the messages are few.
        tolerance = 0.05 + 10 / calls.operations
        assert calls.per_operation["recvfrom"] == pytest.approx(1, abs=tolerance), calls
        assert calls.per_operation["sendto"] == pytest.approx(1, abs=tolerance), calls
        assert record.sleeps_per_operation is not None
        assert record.connection_memory is not None
        assert record.connection_memory.connections >= 100
        assert record.importing is not None
        assert record.importing.imports == 3
        assert record.cold_start_ms is not None
        assert record.installed is not None
        assert record.installed.parts == {}
        assert (record.warm_up is None) == ("warm-up" in record.missing)
        assert set(record.missing) <= {"warm-up"}
    kept = {name: record.connection_memory.rss_bytes_per_connection for name, record in evidence.items()
            if record.connection_memory is not None}  # fmt: skip
    assert kept["processes"] > 20 * kept["asyncio"], "a process holds more than a transport"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows needs its PATH to start a process")
def test_without_strace_the_rest_is_there(monkeypatch: pytest.MonkeyPatch, none_left: None) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    record = take(["asyncio-select"])["asyncio-select"]
    assert record.system_calls is None
    assert "strace" in record.missing["system-calls"]
    assert record.importing is not None
    assert record.cold_start_ms is not None


def _traced_workers(supervisor: psutil.Process) -> list[psutil.Process]:
    """The supervisor's descendants, once strace is among them; empty before."""
    family = supervisor.children(recursive=True)
    return family if any(process.name() == "strace" for process in family) else []


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
def test_the_killed_supervisor_takes_strace_and_the_traced_along(strace: None, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "crossloop", "bench", "--profile", "smoke", "--adapters", "epoll",
        "--scenarios", "tcp-echo", "--out", str(tmp_path),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as bench:
        supervisor = psutil.Process(bench.pid)
        family: list[psutil.Process] = []
        while not family:
            assert bench.poll() is None, "it ended, and strace was never seen"
            with contextlib.suppress(psutil.NoSuchProcess, subprocess.TimeoutExpired):
                family = _traced_workers(supervisor)
                bench.wait(0.02)
        bench.kill()
        bench.wait()
    _gone, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    lines = (tmp_path / "run.jsonl").read_text().splitlines()
    assert not any('"kind":"end"' in line for line in lines), "the run is not complete without its evidence"
