"""What is particular to the adapters with asyncio's API; what all adapters must do is tested elsewhere."""

import asyncio
import importlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crossloop.api import CheckFailedError, Receive, UnsupportedError
from crossloop.idioms.asyncio_ import StandardLoop, selector_mechanism, watches_descriptors
from crossloop.idioms.libuv import decode_version

ADAPTERS = ("asyncio_", "asyncio_select", "asyncio_poll", "uvloop_", "winloop_", "tornado_", "tornado_uvloop")
LIMIT_S = 20.0


def _opened(module: str) -> Any:
    name = f"adapters.{module}"
    try:
        return importlib.import_module(name).Adapter()
    except ImportError as error:
        pytest.skip(f"{module}: {error}")
    except UnsupportedError as error:
        pytest.skip(f"{module}: {error}")


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Iterator[Any]:
    opened = _opened(request.param)
    yield opened
    opened.close()


def _require_readers(adapter: Any) -> None:
    if isinstance(adapter, StandardLoop) and not watches_descriptors(adapter.loop):
        pytest.skip("the default loop of this platform is the Proactor, which has no add_reader")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("number", "version"),
    [(0x013401, "1.52.1"), (0x013000, "1.48.0"), (0x010203, "1.2.3"), (0x02FFFF, "2.255.255")],
)
def test_libuv_states_its_version_as_a_number(number: int, version: str) -> None:
    assert decode_version(number) == version


def _fail(*_: object) -> None:
    raise CheckFailedError("an answer was lost")


@pytest.mark.parametrize("where", ["call_later", "call_every", "wake", "watch", "watch_write"])
def test_what_a_callback_raises_comes_out_of_run(
    adapter: Any,
    where: str,
    pair: tuple[socket.socket, socket.socket],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _require_readers(adapter)
    ours, theirs = pair
    theirs.send(b"x")
    handle = None
    match where:
        case "wake":
            adapter.wake(_fail)
        case "watch" | "watch_write":
            getattr(adapter, where)(ours.fileno(), _fail)
        case _:
            handle = getattr(adapter, where)(0.001, _fail)
    late = adapter.call_later(LIMIT_S, adapter.stop)
    with pytest.raises(CheckFailedError, match="an answer was lost"):
        adapter.run()
    adapter.cancel(late)
    if handle is not None:
        adapter.cancel(handle)
    adapter.unwatch(ours.fileno())
    adapter.unwatch_write(ours.fileno())
    adapter.wake(adapter.stop)
    adapter.run()  # the failure was handed out once, and the loop runs on
    assert capfd.readouterr().err == ""


def test_a_repeating_timer_can_end_itself(adapter: Any) -> None:
    fired: list[None] = []

    def tick(*_: object) -> None:
        fired.append(None)
        if len(fired) == 3:
            adapter.cancel(ticks)
            adapter.call_later(0.02, adapter.stop)

    ticks = adapter.call_every(0.002, tick)
    adapter.run()
    assert len(fired) == 3


def test_a_timer_is_pushed_back_also_after_it_fired(adapter: Any) -> None:
    fired: list[None] = []

    def fire(*_: object) -> None:
        fired.append(None)
        adapter.stop()

    first = adapter.call_later(LIMIT_S, fire)
    second = adapter.rearm(first, 0.001, fire)
    adapter.run()
    adapter.rearm(second, 0.001, fire)
    adapter.run()
    assert len(fired) == 2


def test_reading_and_writing_are_watched_apart_on_one_descriptor(
    adapter: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    _require_readers(adapter)
    ours, theirs = pair
    fd = ours.fileno()
    seen: list[str] = []

    def write(*_: object) -> None:
        seen.append("write")
        adapter.unwatch_write(fd)
        theirs.send(b"x")

    def read(*_: object) -> None:
        seen.append("read")
        ours.recv(1)
        adapter.unwatch(fd)
        adapter.stop()

    adapter.watch(fd, read)
    adapter.watch_write(fd, write)
    adapter.run()
    adapter.watch_write(fd, write)
    adapter.watch(fd, read)
    adapter.run()
    assert seen == ["write", "read", "write", "read"]


def test_the_first_failure_of_a_task_ends_the_others(adapter: Any) -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await adapter.sleep(LIMIT_S)
        finally:
            ended.append("cancelled")

    async def main() -> None:
        adapter.spawn(wait())
        await adapter.sleep(0.001)
        _fail()

    with pytest.raises(CheckFailedError):
        adapter.run_main(main())
    assert ended == ["cancelled"]


def _broken() -> Receive:
    def receive(data: bytes) -> bytes:
        raise CheckFailedError(f"cannot serve {data!r}")

    return receive


def _serving_styles() -> list[Any]:
    return [
        pytest.param(module, style, id=f"{module.rstrip('_')}-{style}")
        for module in ADAPTERS
        for style in (("iostream",) if module.startswith("tornado") else ("protocol", "streams", "sockets"))
    ]


@pytest.mark.parametrize(("module", "style"), _serving_styles())
def test_a_broken_application_ends_the_server_with_its_own_error(
    module: str, style: str, capfd: pytest.CaptureFixture[str]
) -> None:
    adapter = _opened(module)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    stop, stopper = socket.socketpair()
    stop.setblocking(False)
    with socket.create_connection(listener.getsockname(), timeout=LIMIT_S) as client, stop, stopper:
        client.sendall(b"hello")
        give_up = threading.Timer(LIMIT_S, stopper.send, (b"x",))
        give_up.start()
        try:
            with pytest.raises(CheckFailedError, match="cannot serve b'hello'"):
                adapter.serve_streams(listener, _broken, style, stop)
        finally:
            give_up.cancel()
            give_up.join()
            adapter.close()
    assert listener.fileno() == -1
    assert capfd.readouterr().err == ""


class _LoopWithoutReaders(asyncio.SelectorEventLoop):
    """Refuses readers as asyncio's base class does, and Proactor with it."""

    add_reader = asyncio.AbstractEventLoop.add_reader


def test_a_loop_without_readers_says_so_and_keeps_its_timers() -> None:
    loop = _LoopWithoutReaders()
    assert not watches_descriptors(loop)
    adapter = StandardLoop(loop)
    with pytest.raises(UnsupportedError, match="_LoopWithoutReaders has no add_reader"):
        adapter.watch(0, _fail)
    adapter.call_later(0.001, adapter.stop)
    adapter.run()
    adapter.close()


@pytest.mark.parametrize(
    ("module", "mechanism"), [("asyncio_select", "select"), ("asyncio_poll", "poll"), ("asyncio_", None)]
)
def test_the_selector_asked_for_is_the_one_in_use(module: str, mechanism: str | None) -> None:
    adapter = _opened(module)
    assert adapter.facts().mechanism == selector_mechanism(adapter.loop)
    assert adapter.facts().mechanism in ({mechanism} if mechanism else {"epoll", "kqueue", "iocp"})
    adapter.close()


def test_select_refuses_what_lies_past_its_set(pair: tuple[socket.socket, socket.socket]) -> None:
    fcntl = pytest.importorskip("fcntl", reason="descriptors are not numbered from 0 on Windows")
    select_module = importlib.import_module("adapters.asyncio_select")
    size = select_module.set_size()
    try:
        high = fcntl.fcntl(pair[0].fileno(), fcntl.F_DUPFD, size)
    except OSError:  # EINVAL: F_DUPFD's floor is past RLIMIT_NOFILE
        pytest.skip(f"the limit of open files is below FD_SETSIZE ({size})")
    adapter = select_module.Adapter()
    with socket.socket(fileno=high) as beyond:
        with pytest.raises(UnsupportedError, match=f"FD_SETSIZE is {size} and its number is too high"):
            adapter.watch(beyond.fileno(), _fail)
        adapter.wake(adapter.stop)
        adapter.run()  # the refused descriptor is not in the set
    adapter.close()


def test_select_refuses_more_than_its_set_holds(pair: tuple[socket.socket, socket.socket]) -> None:
    select_module = importlib.import_module("adapters.asyncio_select")
    ours, theirs = pair
    with select_module.SelectSelector(1, counted=True) as selector:
        selector.register(ours, 1)
        with pytest.raises(UnsupportedError, match="FD_SETSIZE is 1 and so many are watched already"):
            selector.register(theirs, 1)


def test_libuvs_own_lookups_say_why_they_cannot_be_measured() -> None:
    adapter = _opened("uvloop_")
    with pytest.raises(UnsupportedError, match="threads of libuv's own"):
        adapter.resolve("getaddrinfo-libuv", ("127.0.0.1", 5353), ["a.test"], 1)
    adapter.close()


def test_members_are_the_loops_own_callables() -> None:
    adapter = _opened("asyncio_select")  # which has readers on every platform
    pairs: list[tuple[Callable[..., Any], str]] = [
        (adapter.watch, "add_reader"),
        (adapter.unwatch, "remove_reader"),
        (adapter.call_later, "call_later"),
        (adapter.wake, "call_soon_threadsafe"),
        (adapter.receive, "sock_recv"),
    ]
    for member, name in pairs:
        assert member == getattr(adapter.loop, name)
    adapter.close()
