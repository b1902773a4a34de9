"""The loop's core as scenarios, on asyncio's loop, and what each check says when something of it is broken."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import pytest

from adapters.asyncio_select import Adapter as SelectAdapter
from crossloop.api import CheckFailedError, UnsupportedError, styles_of
from crossloop.api.levels import lacks_of
from crossloop.idioms.asyncio_ import AsyncioLoop
from crossloop.idioms.foreign_loop import foreign
from crossloop.worker.working import with_children
from scenarios import (
    call_soon,
    call_soon_threadsafe,
    cascade,
    cold_start,
    file_read,
    getaddrinfo,
    signals,
    spawn_task,
    subprocess_,
    subprocess_pipe,
    yield_,
)
from tests.workloads import Opened, nth

SOON = {"callbacks": 50, "arguments": 0}
SOON_WITH_ARGUMENTS = {"callbacks": 50, "arguments": 1}
CHAINS = {"chains": 5}
AT_A_TIME = {"at_a_time": 10}
FILES = {"size": 5000, "at_a_time": 3}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a selector's loop has neither there")
Change = Callable[[Callable[..., object], tuple[Any, ...]], object]


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Iterator[AsyncioLoop]:
    """asyncio on a selector; what is lost is given up after a moment."""
    for module in (call_soon, call_soon_threadsafe, cascade, signals):
        monkeypatch.setattr(module, "_LIMIT_S", 0.2)
    opened = SelectAdapter()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("module", "parameters", "operations"),
    [
        pytest.param(call_soon, SOON, 50, id="call-soon"),
        pytest.param(call_soon, SOON_WITH_ARGUMENTS, 50, id="call-soon-with-arguments"),
        pytest.param(cascade, CHAINS, 1000, id="cascade"),
        pytest.param(call_soon_threadsafe, AT_A_TIME, 1000, id="call-soon-threadsafe"),
        pytest.param(call_soon_threadsafe, {"at_a_time": 1}, 1000, id="call-soon-threadsafe-one"),
        pytest.param(yield_, {"tasks": 1}, 1000, id="yield"),
        pytest.param(yield_, {"tasks": 10}, 1000, id="yield-many"),
        pytest.param(spawn_task, {"tasks": 50}, 50, id="spawn-task"),
        pytest.param(signals, {"sender": "callback"}, 200, id="signals", marks=POSIX),
        pytest.param(signals, {"sender": "thread"}, 200, id="signals-from-a-thread", marks=POSIX),
        pytest.param(subprocess_, {"at_a_time": 4}, 20, id="subprocess", marks=POSIX),
        pytest.param(subprocess_pipe, {"mebibytes": 2}, 2, id="subprocess-pipe", marks=POSIX),
        pytest.param(file_read, FILES, 50, id="file-read"),
        pytest.param(cold_start, {"bytecode": "cached"}, 1, id="cold-start"),
        pytest.param(getaddrinfo, {"family": "ipv4"}, 100, id="getaddrinfo"),
        pytest.param(getaddrinfo, {"family": "ipv6"}, 100, id="getaddrinfo-6"),
    ],
)
def test_each_operation_is_counted(
    adapter: AsyncioLoop, module: ModuleType, parameters: Mapping[str, Any], operations: int
) -> None:
    with Opened(module, adapter, parameters) as opened:
        assert opened.repeat(3) == 3 * operations


def lose(_plain: Callable[..., object], _arguments: tuple[Any, ...]) -> None:
    """The call comes to nothing."""


def repeat(plain: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    plain(*arguments)
    plain(*arguments)


def with_nth(adapter: AsyncioLoop, member: str, number: int, change: Change) -> None:
    """Have *change* done instead of the n-th call of a member."""
    plain, is_it = getattr(adapter, member), nth(number)

    def changed(*arguments: Any) -> object:
        return change(plain, arguments) if is_it() else plain(*arguments)

    setattr(adapter, member, changed)


def swap(adapter: AsyncioLoop, member: str, number: int) -> None:
    """Have the n-th call of a member made after the one behind it."""
    held: list[tuple[Any, ...]] = []
    plain = getattr(adapter, member)
    is_it = nth(number)

    def swapped(*arguments: Any) -> None:
        if is_it():
            held.append(arguments)
            return
        plain(*arguments)
        while held:
            plain(*held.pop())

    setattr(adapter, member, swapped)


@pytest.mark.parametrize("parameters", [SOON, SOON_WITH_ARGUMENTS], ids=["plain", "with-arguments"])
@pytest.mark.parametrize(
    ("change", "reason"), [(lose, r"of 50 callbacks 49 ran.* 1 not within"), (repeat, "1 of them once more")]
)
def test_a_callback_that_does_not_run_once(
    adapter: AsyncioLoop, parameters: Mapping[str, Any], change: Change, reason: str
) -> None:
    with_nth(adapter, "call_soon", 10, change)
    with Opened(call_soon, adapter, parameters) as opened, pytest.raises(CheckFailedError, match=reason):
        opened.repeat()


def test_callbacks_out_of_order(adapter: AsyncioLoop) -> None:
    swap(adapter, "call_soon", 10)
    with (
        Opened(call_soon, adapter, SOON) as opened,
        pytest.raises(CheckFailedError, match="not run in the order"),
    ):
        opened.repeat()


def test_a_link_that_is_lost(adapter: AsyncioLoop) -> None:
    with_nth(adapter, "call_soon", 100, lose)
    with (
        Opened(cascade, adapter, CHAINS) as opened,
        pytest.raises(CheckFailedError, match=r"links of 5 chains ran within 0\.2 s, expected 1000"),
    ):
        opened.repeat()


def test_links_that_run_at_once(adapter: AsyncioLoop) -> None:
    """A chain runs to its end before the others have begun."""
    plain, is_start = adapter.call_soon, nth(1)

    def at_once(callback: Callable[..., object], *arguments: Any) -> object:
        return plain(callback, *arguments) if is_start() else callback(*arguments)

    adapter.call_soon = at_once
    with (
        Opened(cascade, adapter, CHAINS) as opened,
        pytest.raises(CheckFailedError, match="one after another"),
    ):
        opened.repeat()


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        pytest.param(
            20, lose, r"of 1000 callbacks 19 ran.* 981 not within", id="lost"
        ),  # the last of a round
        pytest.param(15, repeat, "1 of them once more", id="repeated"),
    ],
)
def test_a_thread_safe_call_that_does_not_run_once(
    adapter: AsyncioLoop, number: int, change: Change, reason: str
) -> None:
    with_nth(adapter, "wake", number, change)
    with (
        Opened(call_soon_threadsafe, adapter, AT_A_TIME) as opened,
        pytest.raises(CheckFailedError, match=reason),
    ):
        opened.repeat()


def test_thread_safe_calls_out_of_order(adapter: AsyncioLoop) -> None:
    swap(adapter, "wake", 15)
    with (
        Opened(call_soon_threadsafe, adapter, AT_A_TIME) as opened,
        pytest.raises(CheckFailedError, match="not run in the order"),
    ):
        opened.repeat()


def test_a_turn_that_gives_way_to_nobody(adapter: AsyncioLoop) -> None:
    async def go_on() -> None:
        """Not even for a turn."""

    adapter.turn = go_on
    with (
        Opened(yield_, adapter, {"tasks": 5}) as opened,
        pytest.raises(CheckFailedError, match="only 1 of 5 tasks had their turn"),
    ):
        opened.repeat()


def test_a_task_that_never_ran(adapter: AsyncioLoop) -> None:
    def close(_plain: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        arguments[0].close()

    with_nth(adapter, "spawn", 10, close)  # the first is main
    with (
        Opened(spawn_task, adapter, {"tasks": 50}) as opened,
        pytest.raises(CheckFailedError, match="of 50 tasks 49 ran, 0 of them once more"),
    ):
        opened.repeat()


@POSIX
@pytest.mark.parametrize("sender", ["callback", "thread"])
def test_a_signal_that_is_lost(adapter: AsyncioLoop, sender: str) -> None:
    hear, is_it = adapter.hear_signals, nth(100)

    def hear_others(number: int, begin: Callable[[], object], heard: Callable[[], bool]) -> None:
        hear(number, begin, lambda: not is_it() and heard())

    adapter.hear_signals = hear_others  # type: ignore[method-assign]
    with (
        Opened(signals, adapter, {"sender": sender}) as opened,
        pytest.raises(
            CheckFailedError, match=r"99 of 200 signals were heard, the next one not within 0\.2 s"
        ),
    ):
        opened.repeat()


Changed = Callable[[list[Any]], Sequence[Any]]


@pytest.mark.parametrize(
    ("module", "parameters", "member", "change", "reason"),
    [
        pytest.param(
            subprocess_,
            {"at_a_time": 2},
            "run_children",
            lambda statuses: [*statuses[:3], statuses[4], statuses[3], *statuses[5:]],
            "20 of 20 children ended; number 3 with status 4, expected another",
            id="subprocess-crossed",
            marks=POSIX,
        ),
        pytest.param(
            subprocess_,
            {"at_a_time": 2},
            "run_children",
            lambda statuses: statuses[:-1],
            "19 of 20 children ended",
            id="subprocess-lost",
            marks=POSIX,
        ),
        pytest.param(
            file_read,
            FILES,
            "read_files",
            lambda contents: [contents[1], contents[0], *contents[2:]],
            "file 0 was read as 5000 bytes that are not its content",
            id="file-crossed",
        ),
        pytest.param(
            file_read,
            FILES,
            "read_files",
            lambda contents: [*contents[:7], contents[7][:-1], *contents[8:]],
            "file 7 was read as 4999 bytes",
            id="file-cut",
        ),
        pytest.param(
            getaddrinfo,
            {"family": "ipv4"},
            "look_up",
            lambda infos: [*infos[:9], [("127.0.0.2", 4711)], *infos[10:]],
            r"lookup 9 gave \[\('127.0.0.2', 4711\)\], expected",
            id="another-address",
        ),
    ],
)
def test_a_result_that_is_wrong(
    adapter: AsyncioLoop,
    module: ModuleType,
    parameters: Mapping[str, Any],
    member: str,
    change: Changed,
    reason: str,
) -> None:
    plain = getattr(adapter, member)
    setattr(adapter, member, lambda *arguments: change(list(plain(*arguments))))
    with Opened(module, adapter, parameters) as opened, pytest.raises(CheckFailedError, match=reason):
        opened.repeat()


@POSIX
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-1], "of a child's output [0-9]+ bytes of 1048576 were read"),
        (lambda data: data[:-1] + b"?", "of a child's output other bytes were read"),
    ],
    ids=["cut", "altered"],
)
def test_output_that_is_wrong(adapter: AsyncioLoop, change: Callable[[bytes], bytes], reason: str) -> None:
    plain = adapter.read_child
    adapter.read_child = lambda command, take: plain(  # type: ignore[method-assign]
        command, lambda data: take(change(data))
    )
    with (
        Opened(subprocess_pipe, adapter, {"mebibytes": 1}) as opened,
        pytest.raises(CheckFailedError, match=reason),
    ):
        opened.repeat()


@POSIX
def test_the_cpu_time_of_children_counts() -> None:
    """A child that computes for a tenth of a second, in a process that sleeps meanwhile."""
    busy = "import time\nwhile time.process_time() < 0.1: pass"
    clock = with_children(time.process_time_ns)
    before, own_before = clock(), time.process_time_ns()
    subprocess.run([sys.executable, "-S", "-c", busy], check=True)
    own_ns = time.process_time_ns() - own_before
    assert clock() - before - own_ns >= 90_000_000


def test_a_level_that_extends_a_lacked_one_is_lacked_for_the_same_reason() -> None:
    class Adapter(SelectAdapter):
        lacks: ClassVar[Mapping[str, str]] = {"Tasks": "nothing in it suspends", "FileReads": "no threads"}

    offered = styles_of(Adapter)
    assert {"Tasks", "Turns", "FileReads"}.isdisjoint(offered)
    assert "Callbacks" in offered
    assert lacks_of(Adapter) == {
        "Tasks": "nothing in it suspends", "Turns": "nothing in it suspends", "FileReads": "no threads"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        (
            "import Echo",
            "import Nothing",
            r"answered b'' and ended with status 1.*cannot import name 'Nothing'",
        ),
        ("listener, Echo,", "listener, lambda: bytes.upper,", r"answered b'IS ANYBODY THERE\?"),
        ("adapter.close()", "sys.exit(3)", "and ended with status 3"),
    ],
    ids=["breaks", "lies", "ends-badly"],
)
def test_a_start_that_goes_wrong(
    adapter: AsyncioLoop, line: str, instead: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program: str = cold_start._CHILD
    assert line in program
    monkeypatch.setattr(cold_start, "_CHILD", program.replace(line, instead))
    with (
        Opened(cold_start, adapter, {"bytecode": "cached"}) as opened,
        pytest.raises(CheckFailedError, match=f"(?s){reason}"),
    ):
        opened.repeat()


def test_a_loop_without_a_file_has_no_cold_start() -> None:
    adapter = foreign("asyncio:SelectorEventLoop")()
    try:
        with pytest.raises(UnsupportedError, match="has no file in adapters/"):
            cold_start.Scenario(adapter, "native", {"bytecode": "cached"}, None)
    finally:
        adapter.close()


def test_modes_that_there_are_not(adapter: AsyncioLoop) -> None:
    with pytest.raises(UnsupportedError, match="no bytecode 'old', but cached, none"):
        cold_start.Scenario(adapter, "native", {"bytecode": "old"}, None)
    with pytest.raises(UnsupportedError, match="no family 'ipx', but ipv4, ipv6"):
        getaddrinfo.Scenario(adapter, "native", {"family": "ipx"}, None)
    if sys.platform != "win32":
        with pytest.raises(UnsupportedError, match="no sender 'nobody', but callback, thread"):
            signals.Scenario(adapter, "native", {"sender": "nobody"}, None)
