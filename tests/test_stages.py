"""Stages: which comparisons share processes, at what pace, with what beside; and rooms over each transport."""

import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossloop.api import ScenarioAbout, Transport
from crossloop.bench.evidence import subject
from crossloop.bench.header import cpus
from crossloop.bench.plan import make_plan
from crossloop.bench.profiles import PROFILES, Pace, parameter_sets
from crossloop.bench.rooms import open_room
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Comparison, Rounds, Row, Step
from crossloop.journal import PlainPhase
from crossloop.outcomes import Failed, Measured
from crossloop.references import REFERENCES
from crossloop.suite import ScenarioEntry, load_suite
from crossloop.supervise.probe import Probed
from tests.own_suite import SUITE
from tests.plans import echo_of, planned

ECHO = SUITE.scenarios["tcp-echo"]


def entry(name: str, **about: Any) -> ScenarioEntry:
    """A scenario that exists in name alone."""
    declared: dict[str, Any] = {
        "levels": ("StreamServer",), "drive": "exchange", "title": "", "question": "", "unit": "message",
        "sets": (("smoke", {"connections": 10}),),
    }  # fmt: skip
    return ScenarioEntry(
        name, f"scenarios.{name}", Path(f"{name}.py"), ScenarioAbout(**{**declared, **about})
    )


def probed(*scenarios: ScenarioEntry) -> list[Probed]:
    levels = {level: ("native",) for scenario in scenarios for level in scenario.about.levels}
    rows: dict[str, Any] = {scenario.id: ("native",) for scenario in scenarios}
    return [Probed(SUITE.adapters["epoll"], Measured(), levels=levels, rows=rows)]


# Who shares processes


def test_echoes_over_one_transport_share_their_servers() -> None:
    scenarios = [
        entry("plain", serves="echo"),
        entry("own"),
        entry("stormy", serves="echo", drive="connect"),
        entry("local", serves="echo", transport="unix"),
        entry("climb", serves="echo", ladder="connections", sets=(("smoke", {"connections": 1, "rate": 9}),)),
    ]
    plan = planned("quick", scenarios, probed(*scenarios))
    assert [stage.name for stage in plan.stages] == ["plain+stormy", "own", "local", "climb"]


def test_sets_that_a_server_must_know_have_servers_of_their_own() -> None:
    sets = [("smoke", {"connections": number, "body": body}) for number in (1, 2) for body in ("a", "b")]
    scenario = entry("http", sets=sets, server_parameters=("body",))
    plan = planned("quick", [scenario], probed(scenario))
    shared = [[comparison.parameters for comparison in stage.comparisons] for stage in plan.stages]
    assert shared == [[{"connections": number, "body": body} for number in (1, 2)] for body in ("a", "b")]


# What is measured of whom


def test_loads_are_offered_where_requests_come_one_by_one() -> None:
    def rates(scenario: ScenarioEntry, in_flight: int = 1) -> tuple[str, ...]:
        exchanges = {scenario.id: [echo_of(1024, in_flight)]}
        plan = make_plan(PROFILES["quick"], [scenario], probed(scenario), exchanges)
        return plan.comparisons[0].rates

    assert rates(entry("echo")) == ("common",)
    assert rates(entry("echo"), in_flight=8) == ()
    assert rates(entry("echo", drive="connect")) == rates(entry("echo", drive="push")) == ()
    assert rates(entry("echo", sets=(("smoke", {"connections": 1, "rate": 100}),))) == ()


def test_the_common_rate_goes_by_the_bytes_of_the_exchange() -> None:
    small, large = (Comparison(ECHO, {}, (), 1, exchange=echo_of(size)) for size in (1024, 1 << 20))
    assert small.offered_rate("common", 0) == 5000
    assert large.offered_rate("common", 0) == pytest.approx(100e6 / (1 << 20))
    assert small.offered_rate("80%", 1000) == 800


@pytest.mark.parametrize(
    ("about", "references"),
    [
        ({"serves": "echo"}, list(REFERENCES)),
        ({"serves": "echo", "drive": "connect"}, list(REFERENCES)),
        ({"serves": "echo", "transport": "udp", "levels": ("Datagrams",)}, list(REFERENCES)),
        ({"serves": "echo", "transport": "tls", "levels": ("TlsServer",)}, []),
        ({"serves": "echo", "drive": "push", "levels": ("PushServer",)}, []),
        ({}, []),
    ],
    ids=str,
)
def test_a_reference_stands_beside_what_it_serves_and_nothing_else(
    about: dict[str, Any], references: list[str]
) -> None:
    scenario = entry("any", **about)
    plan = planned("quick", [scenario], probed(scenario), references=list(REFERENCES))
    assert [row.adapter for row in plan.comparisons[0].references] == references


def test_exchanges_that_cannot_be_had_are_the_reason_of_every_cell() -> None:
    why = Failed("it raised")
    plan = make_plan(PROFILES["smoke"], [entry("echo")], probed(entry("echo")), {"echo": why})
    assert plan.stages == ()
    assert [(excluded.row, excluded.outcome, excluded.forbidden) for excluded in plan.excluded] == [
        (Row("epoll", "native"), why, False)
    ]


def test_short_profiles_spend_little_on_brief_scenarios() -> None:
    sets = [("smoke", {"connections": number}) for number in (1, 2)]
    whole, brief = entry("whole", sets=sets), entry("brief", sets=sets, brief=True)
    quick, standard = (
        {stage.name: stage for stage in planned(name, [whole, brief], probed(whole, brief)).stages}
        for name in ("quick", "standard")
    )
    assert quick["whole"].pace.generations == 3
    assert quick["brief"].pace.generations == 1
    assert [comparison.rounds for comparison in quick["brief"].comparisons] == [6, 6]
    assert {comparison.rates for comparison in quick["brief"].comparisons} == {()}
    assert [(stage.pace.generations, stage.slices) for stage in standard.values()] == [
        (5, standard["whole"].slices)
    ] * 2


def test_short_profiles_take_the_first_style_of_some_levels_and_every_server() -> None:
    web = entry(
        "web", levels=("StreamServer", "HttpServer"), brief=True, brief_first_styles=("StreamServer",)
    )
    styles = {"StreamServer": ("protocol", "streams"), "HttpServer": ("one", "two")}
    both = (*styles["StreamServer"], *styles["HttpServer"])
    adapters = [Probed(SUITE.adapters["asyncio"], Measured(), levels=styles, rows={"web": both})]
    rows = {name: planned(name, [web], adapters).comparisons[0].rows for name in ("quick", "standard")}
    assert [row.style for row in rows["quick"]] == ["protocol", "one", "two"]
    assert [row.style for row in rows["standard"]] == list(both)


def test_a_brief_scenario_spreads_its_rounds_over_the_generations_that_it_shares() -> None:
    whole, brief = entry("whole", serves="echo"), entry("brief", serves="echo", brief=True)
    (stage,) = planned("quick", [whole, brief], probed(whole, brief)).stages
    assert (stage.pace.generations, [comparison.rounds for comparison in stage.comparisons]) == (3, [5, 2])


def test_evidence_is_taken_of_an_echo_that_is_not_brief_whatever_stands_first() -> None:
    scenarios = [
        entry("another"),
        entry("brief", serves="echo", brief=True),
        entry("climb", serves="echo", ladder="connections", sets=(("smoke", {"connections": 1, "rate": 9}),)),
        entry("plain", serves="echo"),
    ]
    for wanted, name in ((scenarios, "plain"), (scenarios[:3], "another"), (scenarios[1:3], "brief")):
        chosen = subject(planned("quick", wanted, probed(*wanted)))
        assert chosen is not None
        assert chosen[1].scenario.id == name
    assert subject(planned("quick", scenarios[2:3], probed(*scenarios))) is None


# Rooms


def staged(transport: Transport, level: str, *adapters: str) -> Rounds:
    """A stage of tcp-echo's application over another transport."""
    about = dataclasses.replace(ECHO.about, transport=transport, levels=(level,))
    scenario = dataclasses.replace(ECHO, about=about)
    rows = tuple(Row(name, "protocol" if name == "asyncio" else "native") for name in adapters)
    comparison = Comparison(scenario, {"connections": 2, "size": 64}, rows, 1, exchange=echo_of(64))
    return Rounds((comparison,), Pace(generations=1, slice_ms=100, run_in_ms=5))


@pytest.mark.parametrize(
    ("transport", "level"), [("tcp", "StreamServer"), ("unix", "StreamServer"), ("tls", "TlsServer")]
)
def test_a_room_is_visited_over_each_transport_and_leaves_nothing(transport: Transport, level: str) -> None:
    if transport == "unix" and os.name == "nt":
        pytest.skip("Python has no unix sockets on Windows")
    stage = staged(transport, level, "asyncio", "select")
    others = psutil.Process().children(recursive=True)  # of other tests in this process
    with Site(SUITE, Conditions(*cpus())) as site:
        with open_room(site, stage) as room:
            assert room.start(stage.rows) == {}
            for row in stage.rows:
                (taken,) = room.visit(row, stage.comparisons[0], [Step(PlainPhase.CAPACITY)], 1)
                assert taken.figures.answered > 0
        folder = Path(site.socket_path()).parent
        certificate = Path(site.certificate())
        assert folder.is_dir()
        assert certificate.is_file()
    assert not folder.exists()
    assert not certificate.exists()
    assert not set(psutil.Process().children(recursive=True)) - set(others)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are moved where they are pinned")
def test_processes_that_were_started_side_by_side_are_on_the_servers_cpu() -> None:
    server, load = cpus()
    if server is None:
        pytest.skip("this machine cannot pin")
    stage = staged("tcp", "StreamServer", "asyncio", "select", "epoll", "threads")
    others = psutil.Process().children()  # of other tests in this process
    with Site(SUITE, Conditions(server, load)) as site, open_room(site, stage) as room:
        assert room.start(stage.rows) == {}
        ours = set(psutil.Process().children()) - set(others)
        workers = [process for process in ours if "crossloop.worker" in process.cmdline()]
        assert len(workers) == len(stage.rows)
        for worker in workers:
            for thread in worker.threads():
                if sys.platform == "linux":
                    assert os.sched_getaffinity(thread.id) == {server}
            limit = time.monotonic() + 10  # a signal is heard when the process gets the CPU
            while worker.status() != psutil.STATUS_STOPPED:
                assert time.monotonic() < limit


def test_one_that_fails_at_its_start_costs_the_others_nothing() -> None:
    suite = load_suite((Path(__file__).parent / "faulty_suite",))
    stage = staged("tcp", "StreamServer", "misses", "asyncio", "raises", "select")
    with Site(suite, Conditions(*cpus())) as site, open_room(site, stage) as room:
        failed = room.start(stage.rows)
        assert "misses" in {row.adapter for row in failed}
        assert not {row.adapter for row in failed} & {"asyncio", "select"}
        assert room.visit(stage.rows[3], stage.comparisons[0], [Step(PlainPhase.CAPACITY)], 1)


def test_every_profile_runs_the_smallest_profiles_headline() -> None:
    headlines = {name: parameter_sets(ECHO.about, name)[0] for name in PROFILES}
    assert len({str(parameters) for parameters in headlines.values()}) == 1
