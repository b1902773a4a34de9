"""Loops with asyncio's API that this suite has no adapter for: the asyncio idiom serves on them as well."""

import asyncio
import operator
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crossloop.api import styles_of
from crossloop.behaviours.asking import ask
from crossloop.behaviours.catalogue import catalogue
from crossloop.contract.checking import OPENS, check_adapter
from crossloop.contract.peer import Server, echo, serve
from crossloop.contract.promise import Subject
from crossloop.contract.promises import PROMISES
from crossloop.idioms.asyncio_ import StandardLoop
from crossloop.suite import SuiteError, load_suite, with_loops
from tests.documents import ROOT
from tests.own_suite import SUITE

STYLES = StandardLoop.styles["StreamServer"]


class _LoopThatTakes(asyncio.SelectorEventLoop):
    """asyncio's own, which takes what it is given, and watches numbers alone: both as rloop 0.5.0 does."""

    async def create_server(self, *arguments: Any, sock: socket.socket, **options: Any) -> asyncio.Server:  # type: ignore[override]  # with a socket alone
        taken = socket.socket(sock.family, sock.type, sock.proto, sock.detach())
        taken.setblocking(False)
        return await super().create_server(*arguments, sock=taken, **options)

    def remove_reader(self, fd: Any) -> bool:
        return super().remove_reader(operator.index(fd))


@pytest.mark.parametrize("style", STYLES)
def test_a_loop_may_keep_what_it_is_handed(style: str) -> None:
    adapter = StandardLoop(_LoopThatTakes())
    for _ in range(2):  # with another listener it may be called again
        serve(Subject(adapter, style), lambda server: echo(server.connect(), b"served"))
    adapter.close()


@pytest.mark.parametrize("style", STYLES)
def test_a_server_is_closed_with_everything_that_was_handed_over(style: str) -> None:
    adapter = StandardLoop(asyncio.SelectorEventLoop())
    addresses = []

    def client(server: Server) -> None:
        echo(server.connect(), b"served")
        addresses.append(server.address)

    serve(Subject(adapter, style), client)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(addresses[0], timeout=5)
    adapter.close()


# Named on the command line


class WithoutTls(asyncio.SelectorEventLoop):
    """A loop that knows no `ssl`, as rloop 0.5.0 does not."""

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:
        if options.get("ssl") is not None:
            raise NotImplementedError("no TLS yet")
        return await super().create_server(*arguments, **options)


LACKING = with_loops(replace(SUITE, paths=(*SUITE.paths, ROOT)), {"mine": f"{__name__}:WithoutTls"})


def test_a_loop_without_a_file_is_checked_as_any_adapter() -> None:
    names = ["stream-half-close", "timers-order", "adapter-close-releases"]
    records = list(check_adapter("mine", suite=LACKING, promises=names))
    assert [record.outcome for record in records] == ["measured"] * len(records)
    assert {record.behaviour.partition("@")[0] for record in records} == {OPENS, *names}


def test_what_a_loop_lacks_is_unsupported_and_the_rest_goes_on() -> None:
    records = list(check_adapter("mine", suite=LACKING, promises=["tls-echo", "stream-one-byte"]))
    outcomes = {record.behaviour: record.outcome for record in records}
    assert outcomes["tls-echo@protocol"] == "unsupported"
    assert outcomes["stream-one-byte@protocol"] == "measured"
    assert any("lacks what this needs: no TLS yet" in record.reason for record in records)


def test_a_level_that_is_inherited_may_be_lacked() -> None:
    class Lacking(StandardLoop):
        lacks: ClassVar[Mapping[str, str]] = {"TlsServer": "no TLS yet"}

    assert styles_of(StandardLoop).keys() - styles_of(Lacking).keys() == {"TlsServer"}


def test_a_loop_of_the_standard_library_has_pythons_version() -> None:
    suite = with_loops(SUITE, {"mine": "asyncio:SelectorEventLoop"})
    stated = check_adapter("mine", suite=suite, promises=["adapter-states-facts", "adapter-states-the-truth"])
    assert {record.behaviour: record.outcome for record in stated} == {
        OPENS: "measured",
        "adapter-states-facts": "measured",
        "adapter-states-the-truth": "measured",
    }


def test_it_is_asked_what_it_does() -> None:
    record = ask(LACKING, LACKING.adapters["mine"], catalogue()["stop-ends-this-run"])
    assert (record.adapter, record.answer) == ("mine", "yes")


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(SuiteError, match="there is an adapter 'uvloop' already"):
        with_loops(SUITE, {"uvloop": "asyncio:new_event_loop"})


def test_the_command_takes_it() -> None:
    command = [
        "check",
        "--loop",
        "mine=asyncio:new_event_loop",
        "--adapters",
        "mine",
        "--behaviours",
        "stop-ends",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "crossloop", *command], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.startswith("mine: ")


# rloop

RLOOPS_OWN = {
    "stream-half-close": "a transport that is closed keeps its socket: the peer sees no end",
    "stream-half-close-queue": "likewise",
    "stream-end-without-a-word": "likewise",
    "stream-released": "likewise",
    "stream-idle": "likewise",
    "stream-stop-connected": "a transport that is aborted keeps its socket as well",
    "stream-refuses-after-stop": "a server that is closed keeps its listener",
    "timers-far": "an infinite delay counts as none",
    "readiness-exceptions": "the exception handler is called without the loop, its first argument",
    "adapter-close-releases": "a loop that is closed keeps its epoll and its eventfd",
    "push-ended": "a transport that is closed keeps its socket",
    "push-half-close": "likewise",
    "push-raises": "the exception handler is called without the loop",
    "push-raises-at-end": "likewise",
    "datagrams-raises": "likewise",
    "datagrams-stop": "an endpoint that is aborted keeps its socket",
    **{promise.id: "create_server takes no `ssl`" for promise in PROMISES if promise.id.startswith("tls-")},
}
"""Promises that rloop 0.5.0 fails by itself, as tried by hand on Linux and CPython 3.11: they are not asked for."""

LEVELS = ("StreamServer", "Readiness", "Tasks", "NameResolution", "Adapter")
"""What it is asked for: it has no TLS yet (NotImplementedError), and errors of its protocols end elsewhere."""


@pytest.mark.campaign
@pytest.mark.network
@pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info[:2] != (3, 11), reason="tried on Linux and 3.11 alone"
)
def test_rloop_serves_through_an_adapter_of_a_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """54 of 101 promises failed when its listener was used after it had been handed over."""
    suite = load_suite([Path(__file__).parent / "foreign_suite"])
    (requirement,) = suite.adapters["rloop"].about.requires
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    done = subprocess.run([*pip, requirement], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    promises = [promise.id for promise in PROMISES if promise.id not in RLOOPS_OWN]
    records = list(check_adapter("rloop", suite=suite, levels=LEVELS, promises=promises))
    failed = {f"{record.behaviour}: {record.actual}" for record in records if record.outcome != "measured"}
    assert failed == set()
    assert sum(record.behaviour.startswith("stream-") for record in records) > 30
