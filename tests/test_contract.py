"""That promises can fail, what becomes of one that does, and the data of known limits."""

import fnmatch
import sys
from pathlib import Path

import pytest

from crossloop.contract.checking import OPENS, check_adapter
from crossloop.contract.expectations import (
    ALWAYS,
    LINUX,
    MUSL,
    WINDOWS,
    WINE,
    Expectation,
    Surroundings,
    binding_before,
    judge,
    library_before,
    python_before,
    version_numbers,
)
from crossloop.contract.known_limits import known_limits, read_expectations
from crossloop.contract.promises import PROMISES
from crossloop.journal import CheckRecord
from crossloop.outcomes import Unsupported
from crossloop.suite import SuiteError, load_suite
from crossloop.supervise.answers import Ready
from crossloop.supervise.child import ChildError, suite_paths, worker
from tests.misbehaving import SEGFAULT
from tests.own_suite import SUITE

EXPECTATIONS = known_limits(SUITE)
BROKEN = load_suite([Path(__file__).parent / "broken_suite"])


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the mutant's loop has neither there")
ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="the files of a process are seen on Linux alone"
)


def described(record: CheckRecord) -> str:
    return (
        f"{record.adapter} {record.behaviour}: {record.outcome}\n"
        f"  expected: {record.expected}\n  actual:   {record.actual}\n  {record.reason}"
    )


# The list


def test_ids_are_unique_and_words_complete() -> None:
    ids = [promise.id for promise in PROMISES]
    assert len(ids) == len(set(ids))
    assert all(promise.description and promise.requirement for promise in PROMISES)


# Promises notice what is broken


def broken(
    mutation: str, monkeypatch: pytest.MonkeyPatch, *promises: str, limit_s: float = 8.0
) -> list[CheckRecord]:
    monkeypatch.setenv("CROSSLOOP_MUTATION", mutation)
    return list(check_adapter("mutant", suite=BROKEN, promises=promises, limit_s=limit_s))[1:]


@pytest.mark.parametrize(
    ("mutation", "promise", "actual"),
    [
        ("losing", "stream-100-kib", "bytes, then nothing for 5 s"),
        ("losing", "stream-100-interleaved", "nothing for 5 s"),
        ("shared-state", "stream-state-per-connection", "4 b"),
        ("unbounded", "stream-slow-reader", "64 MiB taken in"),
        ("noisy", "stream-stop-idle", "served"),
        ("raising", "stream-one-byte", "KeyError: 'no such key'"),
        ("ticketless", "tls-resumption", "connection 1: session_reused is "),
        ("ending-twice", "push-ended", "times that each connection was told its end: [2, 2, 2, 2]"),
        ("chatty", "datagrams-no-answer", "from byte 0 on b'?'"),
        ("web-changing", "http-pages", "bytes, from byte 35 on b'?'"),
        ("web-changing", "http-interleaved", "bytes, from byte 35 on b'?'"),
        ("web-closing", "http-pages", "RemoteDisconnected"),
        ("web-swapping", "http-cut-and-joined", "from byte "),
        ("web-finding", "http-other-requests", "status of /nowhere: 200"),
        ("web-body-for-head", "http-other-requests", "BadStatusLine"),
        ("web-noisy", "http-no-http", "not enough values to unpack"),
        ("web-greedy", "http-slow-reader", "32 MiB taken in"),
        ("web-hoarding", "http-released", "handle" if sys.platform == "win32" else "socket:"),
        ("web-false-parser", "http-facts", "none of "),
        pytest.param("web-false-library", "http-facts", "not among its files", marks=ON_LINUX),
        ("web-lingering", "http-stop-connected", "still serving"),
        ("client-reversing", "http-client-pages", "bytes, from byte "),
        ("client-forgetting", "http-client-in-flight", "connections in all: "),
        ("client-greedy", "http-client-in-flight", "most connections open at a time: 6"),
        ("client-lenient", "http-client-404", "[b'"),
        ("greedy", "names-in-flight", "most questions in flight at a time: 6"),
        ("one-shot", "readiness-level-triggered", "it never did"),
        ("unwatch-ignored", "readiness-unwatch", "calls after unwatch: "),
        ("early", "timers-not-early", " ms"),
        ("short-sighted", "timers-far", "timers of inf s that fired at once: ['call_later']"),
        ("late-cancel", "timers-cancel", "timers that fired: ['kept', 'cancelled']"),
        ("lazy-rearm", "timers-rearm", " ms"),
        ("busy", "timers-idle", " of 200 ms"),
        ("silent", "readiness-exceptions", "run() returned"),
        ("calling-wake", "wakeups-own-thread", "wake does not call"),
        ("forgetful-wake", "wakeups-same-callback", "it never did"),
        ("swapping-soon", "callbacks-in-order", "arguments of the callbacks, in order: "),
        ("calling-soon", "callbacks-not-at-once", "order of the callbacks: ['inner'"),
        ("forgetful-soon", "callbacks-same", "it never did"),
        ("greedy-soon", "callbacks-let-others-in", "what had no turn beside the callback: ['a descriptor'"),
        ("silent", "callbacks-exceptions", "run() returned"),
        ("busy", "callbacks-idle", " of 200 ms"),
        ("no-turn", "turns-one-by-one", "ahead of another, at the most: 20"),
        pytest.param("deaf-to-one", "signals-each", "one was not within 5 s", marks=POSIX),
        pytest.param(
            "sleepy-handler",
            "signals-while-idle",
            "one was not within 5 s",
            marks=(POSIX, pytest.mark.campaign),
        ),
        pytest.param("silent", "signals-exception", "it returned", marks=POSIX),
        pytest.param("keeping-handler", "signals-default-again", "handler of the signal: ", marks=POSIX),
        pytest.param("mixed-statuses", "children-statuses", "statuses: [77, 70", marks=POSIX),
        pytest.param("unsigned", "children-signal", "statuses: [15]", marks=POSIX),
        pytest.param("crowd", "children-at-a-time", " s", marks=POSIX),
        pytest.param("silent-start", "children-none", "it returned", marks=POSIX),
        pytest.param("cut-output", "children-output", "bytes, from byte ", marks=POSIX),
        pytest.param("orphans", "children-take-raises", "one is alive", marks=POSIX),
        pytest.param("leaky-children", "children-leave-nothing", "socket:", marks=POSIX),
        ("cut-files", "files-whole", "sizes: [0, 1, 4095, 4096, 4097, 65536, 65536, 65536]"),
        ("quiet-files", "files-none", "it returned"),
        ("swapped-port", "addresses-numeric", "addresses of 127.0.0.1: [[('127.0.0.1', 26386)]"),
        ("quiet-lookups", "addresses-none", "it returned []"),
        ("no-turn", "turns-let-others-in", "what had no turn beside the task: ['a socket', 'a timer']"),
        ("partial-send", "tasks-large-to-slow", "end of file"),
        ("early-end", "tasks-many", "tasks answered"),
        ("short-sleep", "tasks-sleep", " ms"),
        ("leaky", "adapter-close-releases", "socket:" if sys.platform == "linux" else "more after each"),
        ("hoarding", "stream-released", "handle" if sys.platform == "win32" else "socket:"),
        ("busy", "stream-idle", "%, "),
        ("stalling", "stream-steady", " stalls of "),
        ("stalling", "wakeups-ping-pong", " stalls of "),
        ("dropping", "stream-steady", "nothing for 5 s after b'message 0000"),
        ("doubling", "stream-steady", "bytes, from byte "),
        ("losing-wake", "wakeups-ping-pong", "lost"),
        ("false-library", "adapter-states-the-truth", "it is in none of "),
        ("false-file", "adapter-states-the-truth", "nowhere/core.so"),
        ("false-version", "adapter-states-the-truth", "version of asyncio: '1.2.3'"),
        ("false-gil", "adapter-states-the-truth", "whether the GIL is on: False"),
        pytest.param(
            "false-mechanism",
            "adapter-states-the-truth",
            "others held: eventpoll",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux shows kernel objects"),
        ),
    ],
)
def test_behaviours_can_fail(
    mutation: str, promise: str, actual: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = broken(mutation, monkeypatch, promise, limit_s=40)
    assert (record.outcome, record.as_expected) == ("failed", False), described(record)
    assert actual in record.actual
    assert record.expected


@POSIX
@pytest.mark.campaign
def test_reading_a_file_in_the_loop_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the first of two pipes never comes to the second."""
    (record,) = broken("reading-in-the-loop", monkeypatch, "files-at-once", limit_s=3.0)
    assert (record.outcome, record.as_expected) == ("timed-out", False), described(record)


def test_the_mutant_works_without_a_mutation(monkeypatch: pytest.MonkeyPatch) -> None:
    records = broken("", monkeypatch, *(promise.id for promise in PROMISES), limit_s=40)
    assert [described(record) for record in records if record.outcome != "measured"] == []
    assert len(records) == len(PROMISES)


@pytest.mark.parametrize(
    ("mutation", "outcome", "reason"),
    [
        ("crashing", "crashed", SEGFAULT),
        ("exiting", "crashed", "exited with status 7 without being told to"),
        ("hanging", "timed-out", "no answer within"),
        ("deaf", "timed-out", "serve_streams"),
        ("flooding", "over-limit", "wrote more than 8 MiB to its output"),
        ("refusing", "unsupported", "no style of this library serves streams"),
    ],
)
def test_what_befalls_one_behaviour_spares_the_next(
    mutation: str, outcome: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = broken(mutation, monkeypatch, "stream-stop-idle", "timers-zero", limit_s=3.0)
    assert (first.behaviour, first.outcome, first.as_expected) == (
        "stream-stop-idle@protocol",
        outcome,
        False,
    )
    assert reason in first.reason
    assert (second.behaviour, second.outcome, second.as_expected) == ("timers-zero", "measured", True)


def test_a_style_that_fails_again_and_again_is_given_up_and_the_next_level_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that ignores its stop hangs in each of its promises."""
    monkeypatch.setenv("CROSSLOOP_MUTATION", "deaf")
    seen: list[tuple[str, int, int]] = []
    records = list(
        check_adapter(
            "mutant",
            suite=BROKEN,
            levels=["StreamServer", "Adapter"],
            limit_s=3.0,
            failing_s=5.0,
            progress=lambda *step: seen.append(step),
        )
    )[1:]
    hung, *left = [record for record in records if record.behaviour.startswith("stream-")]
    assert (hung.behaviour, hung.outcome) == ("stream-one-byte@protocol", "timed-out")
    assert {(record.outcome, record.as_expected) for record in left} == {("failed", False)}
    assert {record.actual for record in left} == {left[0].reason}
    assert left[0].reason.startswith("not run: what failed before it (1) took ")
    assert left[0].reason.endswith("the last was stream-one-byte@protocol: no answer within 5 s")
    outcomes = [record.outcome for record in records if record.behaviour.startswith("adapter-")]
    assert outcomes == ["measured"] * 3
    assert seen == [(record.behaviour, number, len(records)) for number, record in enumerate(records)]


def test_an_unsupported_member_is_unsupported_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = broken("watch-unsupported", monkeypatch, "readiness-readable")
    assert (record.outcome, record.reason) == ("unsupported", "completions only")


def test_a_level_that_is_entered_once_has_a_fresh_process_for_each_behaviour() -> None:
    wanted = ["readiness-readable", "timers-zero", "readiness-runs-again"]
    first, second, again = list(check_adapter("once", suite=BROKEN, promises=wanted))[1:]
    assert (first.outcome, second.outcome) == ("measured", "measured"), described(first) + described(second)
    assert (again.behaviour, again.outcome, again.as_expected) == (
        "readiness-runs-again",
        "unsupported",
        True,
    )
    assert again.reason == "Readiness can be entered once in a process: its reactor cannot restart"


def test_a_workload_that_is_repeated_is_refused_by_a_level_that_is_entered_once() -> None:
    request = {
        "do": "work", "module": BROKEN.adapters["once"].module, "scenario": BROKEN.scenarios["timers"].module,
        "style": "native", "paths": suite_paths(BROKEN.paths), "cpu": None,
    }  # fmt: skip
    with worker("once") as child, pytest.raises(ChildError, match="its reactor cannot restart") as refused:
        child.ask(request, Ready, 20.0)
    assert isinstance(refused.value.outcome, Unsupported)


def test_a_web_server_that_is_missing_costs_its_style_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pages, zero = broken("web-missing", monkeypatch, "http-pages", "timers-zero")
    assert (pages.outcome, pages.as_expected) == ("not-installed", True), described(pages)
    assert pages.reason == "ModuleNotFoundError: No module named 'nosuchserver'"
    assert zero.outcome == "measured"


def test_first_styles_alone_are_asked_of_each_level() -> None:
    def names(*, first_styles: bool) -> list[str]:
        wanted = ["stream-half-close", "push-ended"]
        records = check_adapter("asyncio", promises=wanted, first_styles=first_styles)
        return [record.behaviour for record in records][1:]

    assert names(first_styles=True) == ["stream-half-close@protocol", "push-ended@protocol"]
    assert len(names(first_styles=False)) == 5


def test_an_absent_binding_is_not_installed() -> None:
    (record,) = check_adapter("absent", suite=BROKEN)
    assert (record.behaviour, record.outcome, record.as_expected) == (OPENS, "not-installed", True)
    assert "No module named 'nosuchbinding'" in record.reason


def test_a_constructor_that_raises_fails_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSLOOP_MUTATION", "failing-constructor")
    (record,) = check_adapter("mutant", suite=BROKEN)
    assert (record.behaviour, record.outcome, record.as_expected) == (OPENS, "failed", False)
    assert "ValueError" in record.reason


def test_facts_of_the_wrong_type_fail_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSLOOP_MUTATION", "odd-facts")
    (record,) = check_adapter("mutant", suite=BROKEN)
    assert (record.behaviour, record.outcome, record.as_expected) == (OPENS, "failed", False)
    assert "io_uring" in record.reason


# Expectations

HERE = Surroundings("linux", (3, 12, 1), "glibc", (0, 22, 1), (2, 1, 12))


@pytest.mark.parametrize(
    ("condition", "text", "holds"),
    [
        (ALWAYS, "always", True),
        (LINUX & python_before(3, 13), "(on linux and Python < 3.13)", True),
        (WINDOWS | MUSL, "(on win32 or with musl)", False),
        (~WINDOWS, "not on win32", True),
        (~WINE, "not under Wine", True),
        (binding_before(0, 23), "binding < 0.23", True),
        (library_before(2, 1, 12), "library < 2.1.12", False),
    ],
)
def test_conditions_compose_and_print_themselves(condition: object, text: str, holds: bool) -> None:
    assert str(condition) == text
    assert condition.holds(HERE) is holds  # type: ignore[attr-defined]  # parametrized as object


def test_versions_are_their_leading_numbers() -> None:
    assert version_numbers("2.1.12-stable") == (2, 1, 12)
    assert version_numbers("26.9.0.post1") == (26, 9, 0)
    assert version_numbers("") == ()


@pytest.mark.parametrize(
    ("outcome", "entry", "as_expected", "reason"),
    [
        ("measured", None, True, "why"),
        ("failed", None, False, "why"),
        ("unsupported", None, False, "why"),
        ("not-installed", None, True, "why"),
        ("failed", LINUX, True, "why; expected to fail (on linux): a known defect, https://example.org/1"),
        (
            "measured",
            LINUX,
            False,
            "works although expected to fail (on linux): a known defect, https://example.org/1",
        ),
        ("failed", WINDOWS, False, "why"),
    ],
)
def test_judgement(outcome: str, entry: object, as_expected: bool, reason: str) -> None:
    record = CheckRecord("uvloop", "stream-resets@protocol", outcome, "e", "a", reason="why")  # type: ignore[arg-type]  # parametrized
    entries = (
        [Expectation("uv*", "stream-resets@*", entry, "a known defect", "https://example.org/1")]  # type: ignore[arg-type]  # parametrized
        if entry
        else []
    )
    judged = judge(record, entries, HERE)
    assert (judged.as_expected, judged.reason) == (as_expected, reason)


@pytest.mark.parametrize(("outcome", "as_expected"), [("measured", True), ("failed", True)])
def test_a_race_may_end_either_way(outcome: str, as_expected: bool) -> None:
    record = CheckRecord("uvloop", "stream-resets@protocol", outcome, "e", "a")  # type: ignore[arg-type]  # parametrized
    race = Expectation("uvloop", "*", ALWAYS, "a race", "https://example.org/2", sometimes=True)
    judged = judge(record, [race], HERE)
    assert judged.as_expected is as_expected
    assert ("a race" in judged.reason) == (outcome == "failed")
    certain = Expectation("uvloop", "*", ALWAYS, "certain", "https://example.org/3")
    assert judge(record, [race, certain], HERE).as_expected is (outcome == "failed")


def test_the_suites_known_limits_name_what_exists() -> None:
    assert EXPECTATIONS
    for expectation in EXPECTATIONS:
        assert expectation.reason
        assert expectation.link.startswith("https://")
        assert fnmatch.filter(SUITE.adapters, expectation.adapter), expectation.adapter
        prefix = expectation.behaviour.split("*")[0].split("@")[0]
        assert any(promise.id.startswith(prefix) for promise in PROMISES), expectation.behaviour


def test_a_suite_folder_brings_known_limits_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "_expectations.py").write_text(
        '"""Mine."""\nfrom anywhere import things\nLINK: str = "https://example.org/4"\n'
        "EXPECTATIONS = (Expectation('mine', 'timers-*', (LINUX | ~MUSL) & python_before(4), 'slow', link=LINK),)\n"
    )
    *ours, mine = known_limits(load_suite([tmp_path]))
    assert tuple(ours) == EXPECTATIONS
    assert (mine.adapter, mine.link) == ("mine", "https://example.org/4")
    assert str(mine.when) == "((on linux or not with musl) and Python < 4)"
    assert mine.when.holds(HERE)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("import os\nos._exit(0)", "line 2: os._exit(0): expected data"),
        ("while True: pass", "line 1: while True:"),
        ("EXPECTATIONS = (open('x'),)", "line 1: open('x'): expected data"),
        ("EXPECTATIONS = [Expectation()]", "line 1: [Expectation()]"),
        ("EXPECTATIONS = (Expectation('a', 'b', WINDOWS),)", "missing 2 required positional arguments"),
        ("EXPECTATIONS = (Expectation('a', 'b', WINDOWS, **MUSL),)", "unexpected keyword argument '**'"),
        ("EXPECTATIONS = (Expectation('a', 'b', 1, 'c', 'd'),)", "when is 1, expected a condition"),
        ("EXPECTATIONS = (Expectation(7, 'b', ALWAYS, 'c', 'd'),)", "adapter is 7, expected text"),
        ("EXPECTATIONS = (Expectation('a', 'b', ALWAYS & 3, 'c', 'd'),)", "line 1: 3: expected data"),
        ("EXPECTATIONS = (Expectation('a', 'b', python_before('3'), 'c', 'd'),)", "version ('3',), expected"),
        ("EXPECTATIONS = 1", "EXPECTATIONS is 1, expected a tuple"),
        ("EXPECTATIONS = " + "(" * 300 + ")" * 300, "cannot be read as Python"),
    ],
)
def test_what_is_no_data_in_a_file_of_known_limits_is_refused_with_its_line(
    text: str, wanted: str, tmp_path: Path
) -> None:
    file = tmp_path / "expectations.py"
    file.write_text(text)
    with pytest.raises(SuiteError) as refused:
        read_expectations(file)
    assert str(refused.value).startswith(str(file))
    assert wanted in str(refused.value)
