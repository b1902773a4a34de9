"""The runner of gevent's own tests works, and can fail. All of them: `tox -e gevent-tests`."""

from dataclasses import replace

import pytest

from tests import gevent_suite
from tests.gevent_known_failures import KNOWN_FAILURES, NOT_RUN, KnownFailure

LIMIT_S = 60.0
MODULE = "test__core_loop_run"


@pytest.fixture(scope="module")
def run() -> gevent_suite.ModuleRun:
    return gevent_suite.run_module("test__loop_callback", gevent_suite.LOOPS["libevent"], LIMIT_S)


def test_modules_of_gevents_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert gevent_suite.main(["--modules", f"{MODULE},test__core_callback"]) == 0
    assert f"| {MODULE} | 0 |" in (printed := capsys.readouterr().out)
    assert "2 modules, 1 tests; not as expected: none" in printed


def test_a_module_that_fails_is_told(run: gevent_suite.ModuleRun) -> None:
    broken = gevent_suite.run_module(MODULE, "no.such.loop", LIMIT_S)
    verdict = gevent_suite.judge(broken, "libevent")
    assert not verdict.good
    assert "FAILED: * (exit status 1)" in gevent_suite.row(verdict, 2)
    assert gevent_suite.judge(run, "libevent").good


def test_a_module_that_does_not_end_is_ended() -> None:
    run = gevent_suite.run_module(MODULE, gevent_suite.LOOPS["libevent"], 0.01)
    assert (set(run.failed), run.how) == ({"*"}, "no end after 0.01 s")


def test_a_known_failure_that_passes_is_an_error(run: gevent_suite.ModuleRun) -> None:
    known = KnownFailure(run.module, "Test.test", ("libevent",), "it does not fail at all")
    verdict = gevent_suite.judge(run, "libevent", [known])
    assert verdict.text() == "PASSED, known to fail: Test.test"
    assert gevent_suite.judge(run, "libev-cext", [known]).good
    assert gevent_suite.judge(run, "libevent", [replace(known, gevents=("1.0",))]).good


def test_failures_are_found_by_name() -> None:
    log = "FAIL: test_a (__main__.TestOne.test_a)\nERROR: test_b (gevent.tests.test__x.TestTwo)\nRan 2 tests in 1 s\n"
    assert gevent_suite.failures_in(log) == {"TestOne.test_a", "TestTwo.test_b"}


def test_what_is_known_names_modules_that_are_run() -> None:
    modules = gevent_suite.modules()
    assert {failure.module for failure in KNOWN_FAILURES} <= set(modules)
    assert not set(modules) & set(NOT_RUN)
    assert all(failure.reason and set(failure.loops) <= set(gevent_suite.LOOPS) for failure in KNOWN_FAILURES)
