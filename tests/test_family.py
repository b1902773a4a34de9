"""What a child starts ends with it, whatever became of the child; real processes that fork, and go."""

import os
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from crossloop.outcomes import Crashed, Failed, Outcome, OverLimit
from crossloop.supervise.answers import Answer
from crossloop.supervise.child import MEMORY_BYTES, Child, ChildError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs fork")

LIMIT_S = 20.0

PRELUDE = """
import json, os, signal, sys, time

def stay():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()

def fork(work):
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return child

def daemon(work, answers):
    def session():
        os.setsid()
        os.write(answers[1], b"%d " % fork(work))
    os.waitpid(fork(session), 0)
    return int(os.read(answers[0], 100))

def say(pids):
    print(json.dumps({"pids": pids}), flush=True)
"""
LEAVING = {
    "plain": "say([fork(stay), fork(stay)])",
    "a-session": "say([fork(lambda: (os.setsid(), stay()))])",
    "a-daemon": "say([daemon(stay, os.pipe())])",
    "a-daemon-with-children": "say([daemon(lambda: (fork(stay), stay()), os.pipe())])",
    "stopped": "say([fork(lambda: os.kill(os.getpid(), signal.SIGSTOP))])",
    "grandchildren": "say([fork(lambda: (fork(stay), stay()))])",
}
DAEMONS = {name for name in LEAVING if "daemon" in name or "session" in name}
ENDS = {
    "exits": "os._exit(7)",
    "is-killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "stays": "sys.stdin.read()",
}


class Started(Answer, frozen=True):
    """What the children of these tests say."""

    pids: list[int]


def running(code: str, limit_bytes: int = MEMORY_BYTES) -> Child:
    return Child(["-c", PRELUDE + code], name="leaving", program=sys.executable, limit_bytes=limit_bytes)


@pytest.fixture
def none_left() -> Iterator[None]:
    """Every process that was below this one during the test is gone after it."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    yield
    left = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    assert not left


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("leaving", LEAVING)
def test_what_a_child_started_ends_with_it(leaving: str, end: str, none_left: None) -> None:
    if leaving in DAEMONS and sys.platform != "linux":
        pytest.skip("only Linux gives a process the descendants that lost their parent")
    with running(f"{LEAVING[leaving]}\n{ENDS[end]}") as child:
        pids = child.receive(Started, LIMIT_S).pids
        if end != "stays":
            outcome = lost(child)
            assert isinstance(outcome, Crashed), "it is known although what it left holds its pipes open"
            assert ("status 7" if end == "exits" else "SIGKILL") in outcome.reason
    assert pids
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def lost(child: Child) -> Outcome:
    with pytest.raises(ChildError) as raised:
        child.ask({}, Started, LIMIT_S)
    return raised.value.outcome


def await_states(pids: list[int], wanted: Callable[[set[str]], bool]) -> None:
    """A signal that was sent is seen to a little later."""
    deadline = time.monotonic() + LIMIT_S
    while not wanted({psutil.Process(pid).status() for pid in pids}):
        assert time.monotonic() < deadline


def test_a_family_stops_and_goes_on_as_one(none_left: None) -> None:
    with running(
        "say([fork(stay), daemon(stay, os.pipe()) if sys.platform == 'linux' else fork(stay)])\nsys.stdin.read()"
    ) as child:
        pids = [child.pid, *child.receive(Started, LIMIT_S).pids]
        child.suspend()
        await_states(pids, lambda states: states == {psutil.STATUS_STOPPED})
        child.resume()
        await_states(pids, lambda states: psutil.STATUS_STOPPED not in states)


def test_another_childs_family_is_left_alone(none_left: None) -> None:
    with running(
        "say([daemon(stay, os.pipe())] if sys.platform == 'linux' else [fork(stay)])\nsys.stdin.read()"
    ) as stays:
        pids = stays.receive(Started, LIMIT_S).pids
        with running("say([fork(stay)])\nos._exit(7)") as ends:
            ends.receive(Started, LIMIT_S)
            lost(ends)
        assert all(psutil.Process(pid).is_running() for pid in pids)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


FLOODS = {
    "an answer": ("sys.stdout.write('x' * (9 << 20))\nstay()", "answered more than 8 MiB in one line"),
    "output": ("sys.stderr.write('x' * (9 << 20))\nstay()", "wrote more than 8 MiB to its output"),
    "memory": ("held = bytearray(b'x') * (200 << 20)\nstay()", "MiB of memory; the limit is 100 MiB"),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_bound_of_ours_is_an_outcome_of_its_kind(flood: str, none_left: None) -> None:
    code, reason = FLOODS[flood]
    with running(code, limit_bytes=100 << 20) as child:
        outcome = lost(child)
    assert isinstance(outcome, OverLimit)
    assert reason in outcome.reason


def test_a_child_that_cannot_be_started_is_an_outcome(none_left: None) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(ChildError) as raised:
            running("stay()")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(raised.value.outcome, Failed)
    assert raised.value.outcome.reason.startswith("does not start: [Errno 24]")


def test_asking_a_child_that_was_ended_is_an_outcome(none_left: None) -> None:
    with running("say([])\nsys.stdin.read()") as child:
        child.receive(Started, LIMIT_S)
        psutil.Process(child.pid).kill()
        for _again in range(3):
            assert isinstance(lost(child), Crashed)
