"""`crossloop dropin`: CPython's own tests on other loops; every way in which a loop can fail one."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossloop.cli.exits import BAD_INPUT, DONE, NOTHING_MEASURED
from crossloop.dropin.private_parts import PRIVATE
from crossloop.dropin.results import Counts, counts, lacks
from crossloop.dropin.running import list_tests
from crossloop.journal import DropinOutcome, DropinRecord, EndRecord, dropin_path, read_journal
from tests.documents import ROOT

HAS_TESTS = importlib.util.find_spec("test.test_asyncio") is not None
pytestmark = pytest.mark.skipif(not HAS_TESTS, reason="this Python has no package test.test_asyncio")
BROKEN = "tests.broken_loops:BrokenLoop"
LIMIT_S = 120.0
KEYS = {"loop", "version", "python", "passed", "failed", "hung", "skipped", "private", "tests"}


def dropin(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crossloop", "dropin", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What is said of a broken loop, and the folder of the journal."""
    folder = tmp_path_factory.mktemp("dropin")
    tests = [
        "test_events.test_call_soon",
        "test_events.test_create_datagram_endpoint",
        "test_events.test_timeout_rounding",
        "test_events.test_write_pipe",
        "test_sock_lowlevel.test_recvfrom",
        "test_sock_lowlevel.test_sock_accept",
    ]
    done = dropin(BROKEN, "--tests", ",".join(tests), "--json", "--out", str(folder))
    assert done.returncode == DONE, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document, folder


# What a loop can do to a test -------------------------------------------------------------------------


def test_each_fault_of_a_loop_is_an_outcome_of_its_own(broken: tuple[dict[str, Any], Path]) -> None:
    (loop,) = broken[0]["loops"]
    outcomes = {test["id"]: test["outcome"] for test in loop["tests"]}
    assert outcomes == {
        "test_events.test_call_soon": "passed",
        "test_events.test_create_datagram_endpoint": "failed",
        "test_events.test_timeout_rounding": "passed",
        "test_events.test_write_pipe": "crashed",
        "test_sock_lowlevel.test_recvfrom": "hung",
        "test_sock_lowlevel.test_sock_accept": "crashed",
    }
    reasons = {test["id"]: test["reason"] for test in loop["tests"]}
    assert reasons["test_events.test_call_soon"] == ""
    assert "NotImplementedError" in reasons["test_events.test_create_datagram_endpoint"]
    assert "SIGABRT" in reasons["test_events.test_write_pipe"]
    assert "wrote more than 8 MiB" in reasons["test_sock_lowlevel.test_sock_accept"]
    assert "no answer within" in reasons["test_sock_lowlevel.test_recvfrom"]
    assert "sock_recvfrom" in reasons["test_sock_lowlevel.test_recvfrom"]  # where it hangs


def test_the_document_is_of_the_contracts_shape(broken: tuple[dict[str, Any], Path]) -> None:
    (loop,) = broken[0]["loops"]
    assert set(loop) >= KEYS
    assert loop["loop"] == BROKEN
    assert sum(loop[word] for word in ("passed", "failed", "hung", "skipped", "private")) == len(
        loop["tests"]
    )
    for test in loop["tests"]:
        assert set(test) >= {"id", "outcome", "reason", "private"}
        assert test["private"] is (test["id"] in PRIVATE)
    assert broken[0]["control"] == {"loop": "asyncio", "version": loop["python"], "not_passed": []}


def test_a_private_test_counts_apart_and_says_what_it_looks_at(broken: tuple[dict[str, Any], Path]) -> None:
    (loop,) = broken[0]["loops"]
    (private,) = [test for test in loop["tests"] if test["private"]]
    assert private["id"] == "test_events.test_timeout_rounding"
    assert private["reason"].startswith("replaces loop._run_once")
    assert loop["private"] == 1


def test_the_journal_has_the_control_and_the_loop(broken: tuple[dict[str, Any], Path]) -> None:
    document, folder = broken
    records = read_journal(dropin_path(folder))
    tests = [record for record in records if isinstance(record, DropinRecord)]
    assert isinstance(records[-1], EndRecord)
    assert {(record.loop, record.control) for record in tests} == {("asyncio", True), (BROKEN, False)}
    (loop,) = document["loops"]
    assert [
        (record.test, record.outcome, record.reason, record.private) for record in tests if not record.control
    ] == [(test["id"], test["outcome"], test["reason"], test["private"]) for test in loop["tests"]]


def test_the_page_for_people_says_what_a_user_would_miss() -> None:
    tests = "test_events.test_create_datagram_endpoint_sock,test_events.test_write_pipe"
    done = dropin(f"--loop=mine={BROKEN}", "--tests", tests)
    assert done.returncode == DONE
    figures, _empty, said = done.stdout.partition("\n\n")
    assert [line.split() for line in figures.splitlines()] == [
        ["loop", "version", "passed", "failed", "hung", "skipped", "private"],
        ["asyncio", sys.version.split()[0], "2", "0", "0", "0", "0"],
        ["mine", "0", "2", "0", "0", "0"],
    ]
    assert said.splitlines()[:4] == [
        "mine: what a user would miss",
        "  no datagrams: 1 of 1 does not pass",
        "    test_events.test_create_datagram_endpoint_sock: failed: NotImplementedError",
        "  no pipes and terminals: 1 of 1 does not pass",
    ]
    assert "test_events.test_write_pipe: crashed: ended by SIGABRT" in said.splitlines()[4]


# What is counted, and how -----------------------------------------------------------------------------


def record(test: str, outcome: DropinOutcome, *, feature: str, private: bool = False) -> DropinRecord:
    return DropinRecord("loop", "1", "3", f"test_x.{test}", feature, outcome, private=private)


def test_a_crash_counts_as_failed_and_a_private_test_as_private_alone() -> None:
    records = [
        record("a", "passed", feature="tls"),
        record("b", "failed", feature="tls"),
        record("c", "crashed", feature="tls"),
        record("d", "hung", feature="tls"),
        record("e", "skipped", feature="tls"),
        record("f", "failed", feature="tls", private=True),
    ]
    assert counts(records) == Counts(passed=1, failed=2, hung=1, skipped=1, private=1, crashed=1)
    (lack,) = lacks(records)
    assert (lack.title, len(lack.missing), lack.of) == ("TLS", 3, 4)


def test_a_thing_of_which_nothing_passes_is_not_there() -> None:
    records = [record("a", "failed", feature="tls"), record("b", "hung", feature="tls")]
    assert [lack.title for lack in lacks(records)] == ["no TLS"]


# The list of private tests ----------------------------------------------------------------------------


def private_reads(module: str) -> Iterator[str]:
    """Ids of the tests of *module* that touch an attribute with a leading underscore of something but `self`."""
    spec = importlib.util.find_spec(f"test.test_asyncio.{module}")
    assert spec is not None
    assert spec.origin is not None
    for kind in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        if isinstance(kind, ast.ClassDef):
            for test in kind.body:
                if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                    isinstance(node, ast.Attribute)
                    and re.match("_[a-z]", node.attr)
                    and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "signal"))
                    for node in ast.walk(test)
                ):
                    yield f"{module}.{test.name}"


def test_every_test_that_reads_a_private_attribute_is_listed() -> None:
    known = list_tests()
    readers = {test for module in {id_.partition(".")[0] for id_ in known} for test in private_reads(module)}
    assert readers & set(known) - set(PRIVATE) == set()


def test_the_list_names_tests_that_exist() -> None:
    if sys.version_info < (3, 13):
        unknown = set(PRIVATE) - set(list_tests())
        assert all(test.startswith("test_server.test_wait_closed") for test in unknown), unknown


# What was typed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("uvlop",), "unknown loop 'uvlop'; did you mean 'uvloop'?"),
        (("gevent-libev",), "'gevent-libev' is no loop with asyncio's API"),
        (("uvloop:",), "expected module:factory"),
        ((), "expected a loop"),
        (("--loop", "mine"), "expected NAME=module:factory"),
        (("--loop", "uvloop=asyncio:new_event_loop"), "there is an adapter 'uvloop' already"),
        (("asyncio", "--tests", "test_event.x"), "unknown test 'test_event.x'; did you mean 'test_event"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    done = dropin(*arguments)
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    (line,) = done.stderr.splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("factory", "why"),
    [
        ("nowhere_to_be_found:new_loop", "ModuleNotFoundError"),
        ("tests.broken_loops:nothing", "AttributeError"),
        ("tests.broken_loops:not_a_loop", "expected an asyncio.AbstractEventLoop"),
        ("tests.broken_loops:LIMIT", "AttributeError"),
    ],
)
def test_a_loop_that_cannot_be_made_is_nothing_to_run(factory: str, why: str) -> None:
    done = dropin(factory, "--tests", "test_events.test_call_soon_threadsafe_same_thread")
    assert (done.returncode, done.stdout) == (NOTHING_MEASURED, "")
    assert why in done.stderr


def test_a_loop_that_cannot_be_made_does_not_keep_the_others() -> None:
    loops = "nowhere_to_be_found:new_loop", "asyncio"
    done = dropin(*loops, "--tests", "test_events.test_close", "--json")
    assert done.returncode == DONE
    missing, control = json.loads(done.stdout)["loops"]
    assert (missing["outcome"], missing["tests"]) == ("not-installed", [])
    assert (control["outcome"], control["failed"]) == ("measured", 0)


def test_a_python_without_its_tests_is_said(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "__init__.py").touch()  # in front of the standard library's
    done = dropin("asyncio", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (NOTHING_MEASURED, "")
    (line,) = done.stderr.splitlines()
    assert "package test.test_asyncio is missing" in line


# The same, by hand ------------------------------------------------------------------------------------

SAMPLE = (
    "test_events.test_call_later",
    "test_events.test_create_unix_connection",
    "test_events.test_subprocess_shell_invalid_args",
    "test_events.test_writer_callback",
    "test_sendfile.test_sock_sendfile_success",
    "test_server.test_start_server_1",
    "test_sock_lowlevel.test_recvfrom",
    "test_sock_lowlevel.test_sock_accept",
    "test_ssl.test_create_server_ssl_1",
    "test_sslproto.test_start_tls_server_1",
    "test_subprocess.test_devstdin_input",
    "test_subprocess.test_stdin_stdout",
)


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform != "linux", reason="names of CPython's classes for epoll")
def test_verdicts_are_those_of_unittest_by_hand() -> None:
    pytest.importorskip("uvloop")
    from tests.dropin_by_hand import LOOPS, by_command, verdict

    for loop, outcomes in by_command(
        [loop for loop in LOOPS if importlib.util.find_spec(loop)], SAMPLE
    ).items():
        assert outcomes == {test: verdict(loop, test) for test in outcomes}
        assert set(SAMPLE) <= set(outcomes)
