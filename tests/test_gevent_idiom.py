"""What is particular to gevent's loops; what all adapters share is in the contract."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crossloop.api import CheckFailedError, UnsupportedError

pytest.importorskip("gevent", reason="gevent is not installed")
if TYPE_CHECKING:
    from crossloop.idioms.gevent_ import GeventHub

WAIT_S = 20.0
LOOPS = {
    "gevent_libev": ("gevent.libev.corecext", "libev"),
    "gevent_libev_cffi": ("gevent.libev.corecffi", "libev"),
    "gevent_libuv": ("gevent.libuv.loop", "libuv"),
    "gevent_libevent": ("crossloop.bindings.gevent_libevent.core", "libevent"),
}


def opened(module: str) -> "GeventHub":
    try:
        adapter: GeventHub = import_module(f"adapters.{module}").Adapter()
    except (ImportError, UnsupportedError) as error:
        pytest.skip(str(error))
    return adapter


@pytest.fixture(params=LOOPS)
def module(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def adapter(module: str) -> "Iterator[GeventHub]":
    adapter = opened(module)
    guard = adapter.call_later(WAIT_S, lambda *_: pytest.fail(f"still running after {WAIT_S} s"))
    yield adapter
    adapter.cancel(guard)
    adapter.close()


def test_the_loop_is_the_one_that_was_asked_for(adapter: "GeventHub", module: str) -> None:
    loop_module, library = LOOPS[module]
    facts = adapter.facts()
    assert (type(adapter.loop).__module__, facts.library) == (loop_module, library)
    assert facts.library_version[0].isdigit()
    if library == "libevent":
        assert "event_core" in facts.loaded_from
    else:
        assert facts.loaded_from.startswith("site-packages/gevent/")
        assert facts.loaded_from.endswith((".so", ".pyd"))
    if sys.platform == "linux":
        assert facts.mechanism == "epoll"


def test_nothing_is_patched_and_the_environment_stays(module: str) -> None:
    from gevent import monkey

    before = dict(os.environ)
    opened(module).close()
    assert dict(os.environ) == before
    assert not any(map(monkey.is_module_patched, ("socket", "threading", "time", "select")))


def test_a_thread_has_one_hub(adapter: "GeventHub", module: str) -> None:
    other = "gevent_libuv" if module == "gevent_libev" else "gevent_libev"  # those that every platform has
    with pytest.raises(RuntimeError, match="but this thread's hub has"):
        import_module(f"adapters.{other}").Adapter()


def test_an_unknown_loop_is_unsupported() -> None:
    from crossloop.idioms.gevent_ import GeventHub

    class Unknown(GeventHub):
        def facts(self) -> None:  # type: ignore[override]  # never reached
            raise AssertionError

    with pytest.raises(UnsupportedError, match=r"has no 'gevent\.nothing\.loop' here"):
        Unknown("gevent.nothing.loop")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_opening_and_closing_leaves_no_descriptors(module: str) -> None:
    counts = []
    for _ in range(4):
        adapter = opened(module)
        adapter.call_later(0, lambda *_, adapter=adapter: adapter.stop())
        adapter.run()
        adapter.close()
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    assert counts[1:] == [counts[0]] * 3


def fail(*_: object) -> None:
    raise CheckFailedError("the scenario's own")


def fail_when_readable(adapter: "GeventHub") -> None:
    near, far = socket.socketpair()
    far.send(b"x")

    def failing(*_: object) -> None:
        adapter.unwatch(near.fileno())
        near.close()
        far.close()
        fail()

    adapter.watch(near.fileno(), failing)


def fail_rearmed(adapter: "GeventHub") -> None:
    adapter.rearm(adapter.call_later(WAIT_S, fail), 0.001, fail)


WAYS_TO_FAIL: dict[str, Callable[["GeventHub"], object]] = {
    "timer": lambda adapter: adapter.call_later(0.001, fail),
    "rearmed": fail_rearmed,
    "wake-up": lambda adapter: adapter.wake(fail),
    "descriptor": fail_when_readable,
}


@pytest.mark.parametrize("way", WAYS_TO_FAIL)
def test_a_callbacks_exception_leaves_run_and_is_not_printed(
    adapter: "GeventHub", way: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        WAYS_TO_FAIL[way](adapter)
        with pytest.raises(CheckFailedError, match="the scenario's own"):
            adapter.run()
    adapter.wake(adapter.stop)
    adapter.run()
    assert capfd.readouterr() == ("", "")


def test_closing_after_a_failure_is_quiet(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    adapter = opened(module)
    adapter.call_later(0, fail)
    with pytest.raises(CheckFailedError):
        adapter.run()
    adapter.close()
    assert capfd.readouterr() == ("", "")


def test_the_first_of_several_failures_is_raised_once(adapter: "GeventHub") -> None:
    adapter.wake(fail)
    adapter.wake(lambda: 1 // 0)
    with pytest.raises(CheckFailedError):
        adapter.run()
    adapter.wake(adapter.stop)
    adapter.run()


def test_every_wake_up_runs_once_and_in_its_threads_order(adapter: "GeventHub") -> None:
    count, threads_count = 2000, 3
    seen: list[tuple[int, int]] = []

    def call_many(thread: int) -> None:
        for number in range(count):
            adapter.wake(lambda thread=thread, number=number: seen.append((thread, number)))

    def finish() -> None:
        for thread in threads:
            thread.join(WAIT_S)
        adapter.wake(adapter.stop)

    threads = [threading.Thread(target=call_many, args=(number,)) for number in range(threads_count)]
    finisher = threading.Thread(target=finish)
    for thread in (*threads, finisher):
        thread.start()
    adapter.run()
    finisher.join(WAIT_S)
    for number in range(threads_count):
        assert [call for thread, call in seen if thread == number] == list(range(count))


def test_reading_and_writing_of_one_descriptor_are_apart(adapter: "GeventHub") -> None:
    near, far = socket.socketpair()
    events: list[str] = []

    def writable(*_: object) -> None:
        events.append("writable")
        adapter.unwatch_write(near.fileno())
        far.send(b"x")

    def readable(*_: object) -> None:
        events.append("readable")
        near.recv(1)
        adapter.stop()

    with near, far:
        adapter.watch(near.fileno(), readable)
        for _ in range(3):
            adapter.watch_write(near.fileno(), writable)
            adapter.run()
        adapter.unwatch(near.fileno())
    assert events == ["writable", "readable"] * 3


def test_a_descriptors_number_may_come_back(adapter: "GeventHub") -> None:
    numbers = set()
    for _ in range(20):
        near, far = socket.socketpair()
        with near, far:
            numbers.add(near.fileno())
            adapter.watch(near.fileno(), lambda *_: adapter.stop())
            far.send(b"x")
            adapter.run()
            adapter.unwatch(near.fileno())
    assert len(numbers) < 20


def test_timers_of_no_and_of_part_of_a_millisecond(adapter: "GeventHub") -> None:
    fired: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for delay_s in (0.0, 0.0002, 0.0011):
            adapter.call_later(delay_s, lambda *_, delay_s=delay_s: fired.append(delay_s))
        adapter.call_later(0.01, lambda *_: adapter.stop())
        adapter.run()
    assert sorted(fired) == [0.0, 0.0002, 0.0011]


def test_a_timer_does_not_fire_early_after_the_loop_stood_still(adapter: "GeventHub") -> None:
    """The loop's clock is old when its last turn was long ago; a timer counts from now all the same."""
    import time

    adapter.wake(adapter.stop)
    adapter.run()
    time.sleep(0.05)
    started = time.monotonic()
    adapter.call_later(0.02, lambda *_: adapter.stop())
    adapter.run()
    assert time.monotonic() - started >= 0.019  # epoll's and libuv's clocks are cut to milliseconds


def test_a_rearmed_timer_fires_once_when_it_is_left_alone(adapter: "GeventHub") -> None:
    fired: list[str] = []
    handle = adapter.call_later(0.005, lambda *_: fired.append("first"))
    for _ in range(3):
        handle = adapter.rearm(handle, 0.005, lambda *_: fired.append("again"))
    adapter.call_later(0.03, lambda *_: adapter.stop())
    adapter.run()
    assert fired == ["again"]
    handle = adapter.rearm(handle, 0.005, lambda *_: fired.append("after it fired"))
    handle = adapter.rearm(handle, 0.002, lambda *_: fired.append("with another delay"))
    adapter.call_later(0.02, lambda *_: adapter.stop())
    adapter.run()
    assert fired == ["again", "with another delay"]
    adapter.cancel(handle)
    adapter.cancel(handle)


def test_a_tasks_failure_ends_the_others_and_is_raised(
    adapter: "GeventHub", capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[str] = []

    async def waiting() -> None:
        try:
            await adapter.sleep(WAIT_S)
        finally:
            ended.append("waiting")

    async def failing() -> None:
        raise CheckFailedError("a task's")

    async def spawning() -> None:
        adapter.spawn(waiting())  # after the failure, hence killed before it starts

    async def main() -> None:
        for task in (waiting(), failing(), spawning()):
            adapter.spawn(task)

    with pytest.raises(CheckFailedError, match="a task's"):
        adapter.run_main(main())
    assert ended == ["waiting"]
    assert capfd.readouterr() == ("", "")


def test_a_task_that_suspends_is_told(adapter: "GeventHub") -> None:
    async def main() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="suspended by something other than"):
        adapter.run_main(main())


RESOLVER_SCRIPT = """
import sys
from importlib import import_module
from tests.dns_server import servers
from crossloop.api import UnsupportedError
adapter = import_module("adapters." + sys.argv[1]).Adapter()
names = [f"name{number}.example" for number in range(40)] + ["large.example", "missing.example"]
with servers("192.0.2.7") as (server,):
    for repetition in range(12):
        server.questions.clear()
        try:
            answers = adapter.resolve(sys.argv[2], ("127.0.0.1", server.port), names, 16)
        except UnsupportedError as error:
            print("unsupported:", error)
            break
        assert answers.pop("missing.example") == __import__("socket").EAI_NONAME, answers
        assert sorted(answers) == sorted(names[:-1]), answers
        assert all(list(found) == ["192.0.2.7"] for found in answers.values()), answers
        assert sorted(name for _, name in server.questions) == sorted(f"{name}." for name in [*names, names[-2]])
        assert ("tcp", "large.example.") in server.questions
    else:
        print("verified")
adapter.close()
"""


@pytest.mark.parametrize("style", ["gevent-thread", "gevent-ares", "gevent-dnspython"])
def test_each_resolver_asks_the_server_anew_and_leaves_nothing_behind(module: str, style: str) -> None:
    """In a process of its own, because what is left behind in libuv's list of handles ends in a crash."""
    pytest.importorskip("dns", reason="dnspython answers the queries of this test")
    opened(module).close()
    done = run_python("-c", RESOLVER_SCRIPT, module, style)
    assert (done.stderr, done.returncode) == ("", 0)
    if done.stdout.startswith("unsupported:"):
        pytest.skip(done.stdout.strip())
    assert done.stdout == "verified\n"


SERVER_SCRIPT = """
import json, os, signal, socket, sys
from importlib import import_module
if len(sys.argv) > 2:
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]),) * 2)
from crossloop.api import Echo
adapter = import_module("adapters." + sys.argv[1]).Adapter()
listener = socket.create_server(("127.0.0.1", 0), backlog=256)
listener.setblocking(False)
stop, stopper = socket.socketpair()
stop.setblocking(False)
stopper.setblocking(False)
signal.signal(signal.SIGTERM, lambda *_: None)
signal.set_wakeup_fd(stopper.fileno())
print(json.dumps(listener.getsockname()), flush=True)
adapter.serve_streams(listener, Echo, adapter.styles["StreamServer"][0], stop)
adapter.close()
stop.close()
stopper.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM to another process, no limit on descriptors")
def test_a_server_without_descriptors_rests_recovers_and_says_nothing(module: str) -> None:
    opened(module).close()
    limit, clients_count, kept = 64, 90, 30
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", SERVER_SCRIPT, module, str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as server:
        watchdog = threading.Timer(2 * WAIT_S, server.kill)
        watchdog.start()
        assert server.stdout is not None
        address = tuple(json.loads(server.stdout.readline()))
        clients = [socket.create_connection(address, WAIT_S) for _ in range(clients_count)]
        try:
            for client in clients:
                client.sendall(b"hello")
            assert clients[0].recv(5) == b"hello"
            for client in clients[:-kept]:
                client.close()
            for client in clients[-kept:]:
                assert client.recv(5) == b"hello"
        finally:
            server.terminate()
            output, errors = server.communicate()
            watchdog.cancel()
            for client in clients:
                client.close()
    assert (output, errors, server.returncode) == ("", "", 0)


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=4 * WAIT_S,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
