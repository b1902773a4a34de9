"""An answer that is wrong, missing or too much fails the cell, whoever resolved the name.

The loop is asyncio's, a real one. A fault is provoked by putting something of ours between the workload and
one of the adapter's callables; the check that ought to see it must.
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from adapters.asyncio_select import Adapter as SelectAdapter
from crossloop.api import CheckFailedError, UnsupportedError
from crossloop.companions.dns_zone import address_of
from crossloop.idioms.asyncio_ import AsyncioLoop
from scenarios import dns
from tests.workloads import (
    Callback,
    Opened,
    Server,
    nth,
    running,
    watch_with,
)


@pytest.fixture
def adapter() -> Iterator[AsyncioLoop]:
    """asyncio on a selector, on every platform."""
    opened = SelectAdapter()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The DNS server of the suite."""
    with running(dns.companion) as address:
        yield address


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests in which something is lost: it is given up after a moment."""
    monkeypatch.setattr(dns, "_LIMIT_S", 0.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda name, _right: ["10.1.2.3"], "10.1.2.3", id="wrong"),
        pytest.param(lambda name, right: [*right, "10.1.2.3"], "10.1.2.3", id="one-more"),
        pytest.param(lambda name, _right: [], r"\[\] was the answer", id="empty"),
        pytest.param(lambda name, _right: socket.EAI_NONAME, "was the answer", id="denied"),
        pytest.param(lambda name, _right: None, "has no answer", id="missing"),
    ],
)
def test_an_answer_that_is_wrong(
    adapter: AsyncioLoop, server: Server, change: Callable[[str, list[str]], Any], said: str
) -> None:
    is_it = nth(3)

    def resolve(_style: str, _server: Server, names: Sequence[str], _in_flight: int) -> Mapping[str, Any]:
        return {name: change(name, [address_of(name)]) if is_it() else [address_of(name)] for name in names}

    adapter.resolve = resolve  # type: ignore[method-assign,assignment]  # the fault that is provoked
    parameters = {"names": 10, "in_flight": 1, "kind": "plain"}
    style = SelectAdapter.styles["NameResolution"][0]
    with (
        Opened(dns, adapter, parameters, style, server) as opened,
        pytest.raises(CheckFailedError, match=said),
    ):
        opened.repeat()


def test_a_name_that_should_not_exist(adapter: AsyncioLoop, server: Server) -> None:
    adapter.resolve = lambda _style, _server, names, _in_flight: {  # type: ignore[method-assign,assignment]  # as above
        name: [address_of(name)] for name in names
    }
    parameters = {"names": 10, "in_flight": 1, "kind": "nxdomain"}
    style = SelectAdapter.styles["NameResolution"][0]
    with (
        Opened(dns, adapter, parameters, style, server) as opened,
        pytest.raises(CheckFailedError, match=r"is -?[0-9]"),
    ):
        opened.repeat()


@pytest.mark.usefixtures("short_limits")
def test_an_answer_that_the_loop_does_not_tell_c_ares(adapter: AsyncioLoop, server: Server) -> None:
    watch_with(adapter, lambda fd, _callback: lambda *_: adapter.unwatch(fd))
    parameters = {"names": 5, "in_flight": 5, "kind": "plain"}
    with Opened(dns, adapter, parameters, "pycares", server) as opened, pytest.raises(CheckFailedError):
        opened.repeat()


def test_c_ares_on_a_loop_that_cannot_watch(adapter: AsyncioLoop, server: Server) -> None:
    def refuse(_fd: int, _callback: Callback) -> None:
        raise UnsupportedError("completions only")

    adapter.watch = refuse
    parameters = {"names": 5, "in_flight": 5, "kind": "plain"}
    with (
        Opened(dns, adapter, parameters, "pycares", server) as opened,
        pytest.raises(UnsupportedError, match="completions only"),
    ):
        opened.repeat()


def test_the_server_that_is_not_there(adapter: AsyncioLoop) -> None:
    """Nothing listens at the port: what c-ares says to that, at once or later, is no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reserved:
        reserved.bind(("127.0.0.1", 0))
        nobody = reserved.getsockname()
    with (
        Opened(dns, adapter, {"names": 5, "in_flight": 5, "kind": "plain"}, "pycares", nobody) as opened,
        pytest.raises(CheckFailedError),
    ):
        opened.repeat()
