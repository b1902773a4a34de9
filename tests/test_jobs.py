"""Windows' job objects: a family ends with its supervisor, whatever became of that and of its members."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from crossloop.supervise.family import Family
from crossloop.supervise.jobs import Job, start_in_job

LIMIT_S = 30.0
SLEEPER = "import time; time.sleep(600)"
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
print(child.pid, flush=True)
time.sleep(600)
"""
SUPERVISOR = f"""
import json, os, sys, time
from crossloop.supervise.family import Family
family = Family.start([sys.executable, "-c", {PARENT!r}], os.environ)
below = int(family.process.stdout.readline())
if sys.argv[1] == "suspended":
    family.suspend()
print(json.dumps([family.pid, below]), flush=True)
time.sleep(600)
"""

windows = pytest.mark.skipif(sys.platform != "win32", reason="job objects are part of Windows")


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(0.1)
        if not psutil.pid_exists(pid):
            return True
    return False


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


@windows
@pytest.mark.parametrize("state", ["running", "suspended"])
def test_a_family_ends_when_its_supervisor_is_killed(state: str) -> None:
    with _running("-c", SUPERVISOR, state) as supervisor:
        assert supervisor.stdout is not None
        pids = json.loads(supervisor.stdout.readline())
        assert all(map(psutil.pid_exists, pids))
        supervisor.kill()
        assert all(map(_gone, pids))


@windows
def test_a_job_lists_all_that_are_in_it_and_ends_them() -> None:
    process, job = start_in_job([sys.executable, "-c", PARENT], pipe=subprocess.PIPE)
    assert job is not None
    with process, job:
        assert process.stdout is not None
        below = int(process.stdout.readline())
        assert {process.pid, below} <= set(job.pids())
        job.terminate()
        assert _gone(below)
    assert job.pids() == []


@windows
def test_a_family_is_stopped_and_goes_on_and_is_asked_to_end() -> None:
    family = Family.start([sys.executable, "-c", PARENT], os.environ)
    with family.process as process:
        assert process.stdout is not None
        below = int(process.stdout.readline())
        family.suspend()
        family.resume()
        family.end()
        assert not family.leads()
        assert _gone(below)


@windows
def test_a_server_ends_when_the_command_that_started_it_is_killed() -> None:
    arguments = ("-m", "crossloop", "serve", "asyncio", "tcp-echo", "--port", "0")
    with _running(*arguments) as command:
        assert command.stdout is not None
        server = int(json.loads(command.stdout.readline())["pid"])
        assert server != command.pid
        command.kill()
        assert _gone(server)


@pytest.mark.skipif(sys.platform == "win32", reason="this is where they are at home")
def test_elsewhere_there_are_none() -> None:
    with pytest.raises(OSError, match="part of Windows"):
        Job()
