"""Scenario `task-switch` on coroutines, greenlets and threads, and what its check says to wrong ones."""

import importlib
import itertools
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from crossloop.api import Adapter, CheckFailedError, Tasks
from scenarios import task_switch
from tests.workloads import Opened, nth

SMALL = {"tasks": 4, "messages": 3}


@pytest.fixture(params=["asyncio_select", "threads", "gevent_libev"])
def adapter(request: pytest.FixtureRequest) -> Iterator[Tasks]:
    """Coroutines, threads, greenlets."""
    module = f"adapters.{request.param}"
    try:
        opened: Adapter = importlib.import_module(module).Adapter()
    except ImportError as error:
        pytest.skip(f"{module}: {error}")
    assert isinstance(opened, Tasks)
    yield opened
    opened.close()


@pytest.mark.parametrize("parameters", [SMALL, {"tasks": 50, "messages": 1}, {"tasks": 2, "messages": 100}])
def test_every_hop_is_counted(adapter: Tasks, parameters: dict[str, Any]) -> None:
    with Opened(task_switch, adapter, parameters) as opened:
        hops = 1000 // parameters["messages"] * parameters["messages"]
        assert opened.repeat(3) == 3 * hops


def sending(adapter: Tasks, number: int, *instead: Any) -> None:
    """Have the n-th message replaced by *instead*: functions of the message, one for each that is sent."""
    plain, is_it = adapter.send_all, nth(number)

    async def send_all(sock: socket.socket, data: bytes) -> None:
        for change in instead if is_it() else (bytes,):
            await plain(sock, change(data))

    adapter.send_all = send_all


def test_a_message_that_is_lost(adapter: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_switch, "_LIMIT_S", 0.5)
    sending(adapter, 300)
    with (
        Opened(task_switch, adapter, SMALL) as opened,
        pytest.raises(CheckFailedError, match=r"task \d waited 0\.5 s for a message; one is lost"),
    ):
        opened.repeat()


def test_a_message_that_is_repeated(adapter: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_switch, "_LIMIT_S", 2.0)
    sending(adapter, 990, bytes, bytes)
    with (
        Opened(task_switch, adapter, SMALL) as opened,
        pytest.raises(CheckFailedError, match=r"more than once|holds a message more"),
    ):
        opened.repeat()


def test_a_message_that_is_harmed(adapter: Tasks) -> None:
    sending(adapter, 100, lambda data: struct.pack("=Q", 77) + data[8:])
    with (
        Opened(task_switch, adapter, SMALL) as opened,
        pytest.raises(CheckFailedError, match=r"expected \d+; not expected, or more than once: 4d00"),
    ):
        opened.repeat()


def test_messages_that_come_in_parts_are_put_together(adapter: Tasks) -> None:
    plain, turns = adapter.receive, itertools.count()

    async def receive(sock: socket.socket, n: int) -> bytes:
        return await plain(sock, min(n, 1 + next(turns) % 16))

    adapter.receive = receive
    with Opened(task_switch, adapter, SMALL) as opened:
        assert opened.repeat() == 999


def test_the_guard_ends_with_the_workload(adapter: Tasks) -> None:
    with Opened(task_switch, adapter, SMALL) as opened:
        opened.workload.prepare()
        guard = opened.workload._guard  # type: ignore[attr-defined]  # its thread is what is asked about
    assert not guard.is_alive()
