"""Pinning is asked for in one place, and CPU time is as fine as it is said to be."""

import subprocess
import sys
import time

import psutil
import pytest

from crossloop.bench.header import cpus
from crossloop.bench.profiles import PROFILES, STEPS
from crossloop.machine import PROBES
from crossloop.measure import clocks
from crossloop.worker.cycles import cycles, cycles_per_ns, own_cpu_clock
from crossloop.worker.pinning import pin, pinnable

PINNED = """
import sys
from crossloop.worker.process import settle
settle(int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


def _pinnable() -> list[int]:
    try:
        return pinnable()
    except OSError as error:
        pytest.skip(f"no pinning here: {error}")


def test_doctor_the_header_and_the_worker_agree() -> None:
    try:
        possible = pinnable()
    except OSError:
        possible = []
    assert (PROBES["pinning"]().status == "ok") == bool(possible)
    assert (cpus() != (None, None)) == (len(possible) > 1)


def test_trying_leaves_the_process_where_it_was() -> None:
    assert _pinnable() == _pinnable()


def test_a_worker_is_on_the_cpu_that_it_was_given() -> None:
    cpu = _pinnable()[-1]
    command = [sys.executable, "-c", PINNED, str(cpu)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "ready\n"
        assert psutil.Process(child.pid).cpu_affinity() == [cpu]
        child.stdin.close()


@pytest.mark.parametrize(("cpu", "error"), [(-1, ValueError), (1023, OSError)])
def test_a_cpu_that_is_not_there_is_refused(cpu: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        pin(cpu)


def test_slices_are_long_enough_for_a_coarse_clock_and_as_they_were_for_a_fine_one() -> None:
    for profile in PROFILES.values():
        assert profile.for_clock(1) == profile
        coarse = profile.for_clock(clocks.TICK_NS)
        assert coarse.pace.slice_ms >= STEPS * clocks.TICK_NS / 1e6
        assert coarse.climb.slice_ms >= STEPS * clocks.TICK_NS / 1e6


def test_a_clock_that_is_called_fine_sees_two_milliseconds() -> None:
    if clocks.cpu_step_ns() > 1:
        pytest.skip(f"CPU time is counted in steps of {clocks.cpu_step_ns()} ns here")
    clock = own_cpu_clock()
    before, end = clock(), time.perf_counter() + 0.002
    while time.perf_counter() < end:
        pass
    assert clock() > before


@pytest.mark.skipif(sys.platform == "win32", reason="this is where they are counted")
def test_elsewhere_no_cycles_are_counted() -> None:
    assert cycles_per_ns() is None
    with pytest.raises(OSError, match="on Windows"):
        cycles(None)
