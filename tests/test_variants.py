"""Variants of an adapter: what their workers are asked, that they do it, and how a report shows them."""

import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossloop.api import Echo
from crossloop.bench.header import cpus
from crossloop.bench.profiles import Pace, parameter_sets
from crossloop.bench.rooms import open_room
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Comparison, Rounds, Row, Stage, Step
from crossloop.bench.variants import Build, Fresh, Slowed, Twin, Variant, request_of, variant_name
from crossloop.bench.visits import Taken
from crossloop.journal import EndRecord, Record, adapter_of, is_variant
from crossloop.outcomes import Unsupported
from crossloop.report import render
from crossloop.supervise.child import ChildError
from crossloop.worker.slowing import busy
from tests.journals import ABOUT, LINUX, adapter_record, figures, measured, run_record
from tests.own_suite import SUITE
from tests.pages import pages_of
from tests.plans import echo_of

PACE = Pace(generations=1, slice_ms=300, run_in_ms=5)
"""Long enough for an answer to come on a machine on which every CPU has ten takers."""
ECHO = {"connections": 2, "size": 64}


def stage(scenario: str, parameters: dict[str, Any], variants: dict[str, Variant]) -> Stage:
    """A stage of asyncio and its *variants*."""
    suite = SUITE
    style = "protocol" if scenario == "tcp-echo" else "native"
    rows = tuple(Row(name, style) for name in ("asyncio", *variants))
    exchange = echo_of(64) if scenario == "tcp-echo" else None
    comparison = Comparison(suite.scenarios[scenario], parameters, rows, 1, exchange=exchange)
    return Rounds((comparison,), PACE, variants)


def visit(scenario: str, parameters: dict[str, Any], variant: Variant) -> list[Taken]:
    """One slice of *variant* of asyncio in a room. Raises ChildError."""
    name = variant_name("asyncio", variant)
    staged = stage(scenario, parameters, {name: variant})
    (comparison,) = staged.comparisons
    with Site(SUITE, Conditions(*cpus())) as site, open_room(site, staged) as room:
        return room.visit(staged.rows[1], comparison, [Step(comparison.main)], 1)


def test_names() -> None:
    assert variant_name("uvloop", Build("0.21+dev", ())) == "uvloop@0.21+dev"
    assert (adapter_of("uvloop@0.21"), adapter_of("uvloop")) == ("uvloop", "uvloop")
    assert is_variant("uvloop@0.21")
    assert not is_variant("uvloop")


@pytest.mark.parametrize("label", ["", "a b", "x@y", "é", "x" * 41, "a/b"])
def test_a_label_that_no_journal_holds_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match=r"of uvloop: expected 1 to 40 letters"):
        variant_name("uvloop", Build(label, ()))


def test_what_a_worker_is_asked() -> None:
    request = {"do": "serve", "paths": ["suite"]}
    assert request_of(request, None) == request_of(request, Twin()) == request
    assert request_of(request, Slowed("slow", 7)) == {**request, "busy_iterations": 7}
    built = request_of(request, Build("old", (Path("first"), Path("second"))))
    assert built == {**request, "paths": ["first", "second", "suite"]}
    assert request_of(request, Fresh()) == {**request, "fresh": True}


def test_the_slowed_application_is_the_same_application() -> None:
    """It answers alike; each chunk takes as many turns as it was told to, counted by a trace of its lines."""
    receive = busy(Echo, 5, "StreamServer")()
    turns = _lines(lambda: receive(b"abc") == b"abc")
    frame = _lines(lambda: busy(Echo, 0, "StreamServer")()(b"abc") == b"abc")
    assert turns.count("pass") == 5
    assert frame.count("pass") == 0
    assert frame.count("return receive(data)") == 1


def _lines(check: Callable[[], bool]) -> list[str]:
    """Lines that the slowed frame runs during *check*, which must be true."""
    source = Path(sys.modules[busy.__module__].__file__ or "").read_text().splitlines()
    seen = []

    def trace(frame: Any, event: str, _argument: object) -> Any:
        if frame.f_code.co_name == "slowly" and event == "line":
            seen.append(source[frame.f_lineno - 1].strip())
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        right = check()
    finally:
        sys.settrace(before)
    assert right
    return seen


@pytest.mark.parametrize(
    "variant", [Twin(), Slowed("slow", 3), Build("again", ()), Fresh()], ids=lambda variant: variant.label
)
def test_every_variant_serves(variant: Variant) -> None:
    (answer,) = visit("tcp-echo", ECHO, variant)
    assert answer.figures.operations > 0


MAPPED = """
import ctypes, sys
from crossloop.worker.process import settle
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd u fs f x k".split()]
mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Info
settle(None, fresh=sys.argv[1] == "fresh")
if sys.argv[1] == "fresh":
    bytes(512 << 10)  # freed at once, as what is imported later is
before = mallinfo().hblks
held = bytes(256 << 10)
print(mallinfo().hblks - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the threshold that moves is glibc's")
@pytest.mark.parametrize(("age", "mappings"), [("fresh", "1"), ("aged", "0")])
def test_only_a_fresh_process_maps_what_asyncio_takes_for_a_receive(age: str, mappings: str) -> None:
    command = [sys.executable, "-c", MAPPED, age]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == mappings


@pytest.mark.parametrize("variant", [Twin(), Build("again", ())], ids=lambda variant: variant.label)
def test_variants_drive_themselves(variant: Variant) -> None:
    parameters = dict(parameter_sets(SUITE.scenarios["timers"].about, "smoke")[0])
    (answer,) = visit("timers", parameters, variant)
    assert answer.figures.operations > 0


def test_a_slowed_variant_needs_an_application() -> None:
    parameters = dict(parameter_sets(SUITE.scenarios["timers"].about, "smoke")[0])
    with pytest.raises(ChildError) as refusal:
        visit("timers", parameters, Slowed("slow", 3))
    assert refusal.value.outcome == Unsupported(
        "a slowed variant needs an application to slow: choose a stream scenario"
    )


def test_a_build_takes_the_place_of_what_is_installed(tmp_path: Path) -> None:
    """The folder stands before the installed package: one with another `asyncio` in it is the one that is used."""
    package = tmp_path / "asyncio"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('the other build was imported')\n")
    with pytest.raises(ChildError, match=r"the other build was imported; `crossloop setup asyncio` brings"):
        visit("tcp-echo", ECHO, Build("other", (tmp_path,)))


def test_a_variant_that_the_stage_does_not_explain_is_refused() -> None:
    staged = stage("tcp-echo", ECHO, {"asyncio@twin": Twin()})
    unexplained = Rounds(staged.comparisons, staged.pace)
    with (
        Site(SUITE, Conditions(None, None)) as site,
        open_room(site, unexplained) as room,
        pytest.raises(ValueError, match=r"asyncio@twin/protocol names a variant"),
    ):
        room.start(unexplained.rows)


def variant_run() -> list[Record]:
    """A run of two builds of one binding beside asyncio."""
    return [
        run_record(LINUX, adapters=("asyncio", "uvloop@0.21", "uvloop@0.23"), scenarios=("tcp-echo",)),
        adapter_record("asyncio"),
        adapter_record("uvloop@0.21"),
        adapter_record("uvloop@0.23"),
        measured("asyncio", "tcp-echo", figures(6.8), style="protocol"),
        measured("uvloop@0.21", "tcp-echo", figures(6.0), style="protocol"),
        measured("uvloop@0.23", "tcp-echo", figures(5.8), style="protocol"),
        EndRecord(elapsed_s=3, cells={"measured": 3}),
    ]


def test_a_report_shows_variants_as_rows_and_their_adapter_once() -> None:
    pages = pages_of(render(variant_run(), ABOUT))
    assert "| uvloop@0.21 (protocol) |" in pages["scenarios/tcp-echo.md"]
    assert "| uvloop@0.23 (protocol) |" in pages["scenarios/tcp-echo.md"]
    assert "| [uvloop@0.21](adapters/uvloop-0-21.md) |" in pages["README.md"]
    assert pages["adapters/uvloop-0-21.md"].startswith("# uvloop@0.21\n")
    assert "Not run" not in pages["missing.md"]
