"""Journals built in code: records with plausible figures, made by arithmetic from the names alone."""

import msgspec

from crossloop.journal import (
    LADDER_RUN_IN_MS,
    LADDER_SLICE_MS,
    SCHEMA_VERSION,
    AdapterRecord,
    AnswerWord,
    BehaviourRecord,
    CellRecord,
    CheckRecord,
    ComparisonRecord,
    Connecting,
    ConnectionMemory,
    Control,
    Difference,
    EndRecord,
    Estimate,
    EvidenceRecord,
    Figures,
    Importing,
    Installed,
    Latency,
    Machine,
    Mode,
    Modes,
    Objective,
    RateFigures,
    Record,
    Regime,
    RunRecord,
    SystemCalls,
    TaxPart,
    TaxRecord,
    WarmUp,
    WarningRecord,
)
from crossloop.journal.records import EVIDENCE
from crossloop.outcomes import OutcomeName
from crossloop.report import ScenarioTexts

LINUX = Machine(
    system="Linux",
    platform="linux",
    release="6.1",
    architecture="x86_64",
    cpu="Example CPU at 2.4 GHz",
    cpus=2,
    memory_bytes=8 * 2**30,
    python="CPython 3.13.1",
    libc="glibc 2.36",
    virtual="KVM",
    descriptors=20_000,
)
WINE = Machine(
    system="Windows",
    platform="win32",
    release="10",
    architecture="AMD64",
    cpu="Example CPU at 2.4 GHz",
    cpus=2,
    memory_bytes=8 * 2**30,
    python="CPython 3.12.8",
    virtual="Wine 10.0",
)
ABOUT = {
    "tcp-echo": ScenarioTexts(
        "TCP echo", "What does it cost to answer messages on many connections?", "message"
    ),
    "timers": ScenarioTexts("Timers", "What does a timer cost, and how late does it fire?", "timer"),
    "dns": ScenarioTexts("Names", "What does it cost to resolve a name?", "query"),
}
ADAPTERS = {
    "asyncio": ("asyncio", "none", 6.8),
    "uvloop": ("libuv", "libuv", 5.8),
    "pyev": ("libev", "libev", 6.3),
    "libevent": ("libevent", "libevent", 6.0),
    "gevent-libev": ("libev", "libev", 11.0),
    "gevent-libuv": ("libuv", "libuv", 28.5),
    "tornado": ("tornado", "none", 14.2),
}
"""Adapter → family, library, CPU µs per operation in these journals."""


TWO_MODES = Modes(
    "operations_per_s",
    Mode(30_000, 60, {"server_share": 0.91, "operations_per_sleep": 1.2, "others": 1.01}),
    Mode(130_000, 30, {"server_share": 0.99, "operations_per_sleep": 45.0, "others": 0.99}),
    0.001,
    ["process", "regime"],
)


def run_record(
    machine: Machine = LINUX, *, adapters: tuple[str, ...] = (), scenarios: tuple[str, ...] = ()
) -> RunRecord:
    """First line of a journal."""
    return RunRecord(
        schema=SCHEMA_VERSION,
        crossloop="0.1.0",
        started="2026-11-23T17:31:05",
        profile="quick",
        seed=7,
        machine=machine,
        adapters=list(adapters or ADAPTERS),
        scenarios=list(scenarios or ABOUT),
        server_cpu=0,
        load_cpu=1,
        slice_ms=100,
        run_in_ms=30,
    )


def adapter_record(name: str, *, outcome: OutcomeName = "measured", reason: str = "") -> AdapterRecord:
    """One adapter as it states itself."""
    family, library, _cost = ADAPTERS.get(name, (name, "none", 1.0))
    usable = outcome == "measured"
    return AdapterRecord(
        adapter=name,
        family=family,
        library=library,
        binding=name,
        usable=usable,
        outcome=outcome,
        reason=reason,
        facts={
            "binding": name,
            "binding_version": "1.2.3",
            "library": library,
            "library_version": "" if library == "none" else "4.33",
            "mechanism": "epoll",
            "io_uring": False,
            "gil": True,
            "loaded_from": f"site-packages/{name}/core.so",
        }
        if usable
        else {},
        installed="wheel" if usable else "",
    )


REFERENCES = {"c-epoll": ("none", 4.9), "c-libuv": ("libuv", 5.2)}
"""Native reference → library, CPU µs per operation in these journals."""


def reference_record(name: str, *, outcome: OutcomeName = "measured", reason: str = "") -> AdapterRecord:
    """One native reference as its program states itself."""
    library = REFERENCES.get(name, ("libev", 0))[0]
    usable = outcome == "measured"
    facts: dict[str, str | int | bool | None] = {
        "library": library,
        "library_version": "" if library == "none" else "1.44.2",
        "mechanism": "epoll",
        "loaded_from": "libuv.so.1",
    }
    return AdapterRecord(
        adapter=name,
        family="reference",
        library=library,
        binding="C",
        usable=usable,
        outcome=outcome,
        reason=reason,
        facts=facts if usable else {},
    )


def reference_records() -> list[Record]:
    """References beside `tcp_echo_cells`: two that ran, one that could not be built, and the tax of two libraries."""
    records: list[Record] = [reference_record(name) for name in REFERENCES]
    records.append(
        reference_record(
            "c-libev", outcome="not-installed", reason="fatal error: ev.h: No such file or directory"
        )
    )
    regime = Regime("client-bound", 0.81, 0.97, operations_per_sleep=4.1)
    records += [
        measured(name, "tcp-echo", figures(cost, best_us=4.9, regime=regime), size=1024, connections=50)
        for name, (_library, cost) in REFERENCES.items()
    ]
    records.append(measured("c-epoll", "tcp-echo", figures(5.1, best_us=5.1), size=1024, connections=1))
    kernel = TaxPart("system-calls", "c-epoll", "native", Difference(4_300, 4_085, 4_515, 9, 3))
    records += [
        TaxRecord(
            "tcp-echo",
            {"size": 1024, "connections": 50},
            "none",
            [
                kernel,
                TaxPart("library", "c-epoll", "native", Difference(600, 385, 815, 9, 3)),
                TaxPart("binding", "asyncio", "protocol", Difference(1_900, 1_790, 2_010, 9, 3)),
                TaxPart("style", "tornado", "native", Difference(7_400, 7_150, 7_720, 9, 3)),
            ],
        ),
        TaxRecord(
            "tcp-echo",
            {"size": 1024, "connections": 50},
            "libuv",
            [
                kernel,
                TaxPart("library", "c-libuv", "native", Difference(900, 690, 1_115, 9, 3)),
                TaxPart("binding", "uvloop", "protocol", Difference(-60, -210, 95, 9, 3)),
            ],
        ),
    ]
    return records


def estimate(value: float, spread: float = 0.02, slices: int = 90) -> Estimate:
    """A value with an interval of ± *spread*."""
    return Estimate(value, value * (1 - spread), value * (1 + spread), slices=slices, generations=3)


def latency(p50: float, count: int = 20_000) -> Latency:
    """Percentiles that grow as they do."""
    return Latency(count=count, p50=p50, p90=p50 * 1.8, p99=p50 * 4.2, p99_9=p50 * 11, max=p50 * 30)


def rate(label: str, offered: float, p50: float, *, kept_up: float = 1.0, count: int = 20_000) -> RateFigures:
    """One offered load."""
    return RateFigures(
        label=label,
        offered_per_s=offered,
        achieved_per_s=offered * kept_up,
        latency_us=latency(p50, count),
        cpu_ns_per_operation=estimate(9_000),
        regime=Regime("idle", 0.42, 0.38),
    )


def figures(
    cost_us: float,
    *,
    tier: int = 1,
    best_us: float = 5.8,
    regime: Regime | None = None,
    rates: list[RateFigures] | None = None,
    latency_us: Latency | None = None,
    counters: dict[str, float] | None = None,
    modes: list[Modes] | None = None,
) -> Figures:
    """Figures of one cell that takes *cost_us* of CPU per operation."""
    ratio = cost_us / best_us
    return Figures(
        cpu_ns_per_operation=estimate(cost_us * 1000),
        user_share=0.4,
        operations_per_s=estimate(950_000 / cost_us),
        regime=regime or Regime("server-bound", 0.98, 0.61, operations_per_sleep=12.5, steal_share=0.002),
        tier=tier,
        ratio_to_best=Estimate(1, 1, 1, 90, 3) if ratio == 1 else estimate(ratio, 0.005),
        rates=rates or [],
        latency_us=latency_us,
        rss_bytes=31_400_000,
        counters=counters or {},
        modes=modes or [],
    )


def measured(
    adapter: str, scenario: str, values: Figures, *, style: str = "native", **parameters: int
) -> CellRecord:
    """A cell with figures."""
    return CellRecord(adapter, style, scenario, dict(parameters), "measured", figures=values)


def tcp_echo_cells(connections: int = 50, size: int = 1024) -> list[Record]:
    """A row for each adapter, offered rates included."""
    order = sorted(ADAPTERS, key=lambda name: ADAPTERS[name][2])
    cells: list[Record] = []
    for name, (_family, _library, cost) in ADAPTERS.items():
        rates = [
            rate("common", 20_000, cost * 20, kept_up=0.91 if name == "gevent-libuv" else 1.0),
            *(rate(f"{part}%", 9_500 / cost * part, cost * part / 2, count=4_000) for part in (50, 80, 95)),
        ]
        modes = [TWO_MODES] if name == "tornado" else []
        values = figures(
            cost, tier=max(1, order.index(name)), rates=rates, latency_us=latency(cost * 50), modes=modes
        )
        values = msgspec.structs.replace(values, of_native=estimate(4.9 / cost, 0.01))
        style = {"asyncio": "protocol", "uvloop": "protocol"}.get(name, "native")
        cells.append(measured(name, "tcp-echo", values, style=style, size=size, connections=connections))
    return cells


def whole_run(machine: Machine = LINUX) -> list[Record]:
    """A complete run with every outcome, every regime, checks and warnings."""
    records: list[Record] = [run_record(machine, adapters=(*ADAPTERS, "winloop", "rsloop", "trio"))]
    records += [adapter_record(name) for name in ADAPTERS]
    records += [
        adapter_record(
            "winloop",
            outcome="unsupported",
            reason="winloop is published for Windows alone; uvloop is its sibling",
        ),
        adapter_record(
            "rsloop", outcome="not-installed", reason="no wheel for CPython 3.13; its sdist needs cargo"
        ),
    ]
    records.append(
        ComparisonRecord(
            "tcp-echo",
            {"size": 1024, "connections": 50},
            rounds=90,
            generations=3,
            control=Control("asyncio", "protocol", estimate(1.002, 0.006)),
            noise_floor=0.008,
        )
    )
    records += tcp_echo_cells()
    records.append(ComparisonRecord("tcp-echo", {"size": 1024, "connections": 1}, 90, 3, None, 0.008))
    records += tcp_echo_cells(connections=1)
    records += reference_records()
    records.append(
        measured(
            "asyncio",
            "tcp-echo",
            figures(7.9, tier=6, regime=Regime("client-bound", 0.71, 0.99, steal_share=0.03)),
            style="streams",
            size=1024,
            connections=50,
        )
    )
    records += [
        measured(
            "asyncio",
            "timers",
            figures(
                1.31,
                best_us=0.62,
                tier=2,
                regime=Regime("self-driven", 0.98, 0),
                latency_us=latency(40, 900),
                counters={"late": 3},
            ),
            timers=1000,
        ),
        measured(
            "uvloop", "timers", figures(0.62, best_us=0.62, regime=Regime("self-driven", 1.0, 0)), timers=1000
        ),
        CellRecord(
            "pyev",
            "native",
            "timers",
            {"timers": 1000},
            "crashed",
            "ended by signal 11 (SIGSEGV)",
            'Fatal Python error: Segmentation fault\n\nCurrent thread 0x01:\n  File "timers.py", line 42 in run\n',
        ),
        CellRecord(
            "libevent", "native", "timers", {"timers": 1000}, "timed-out", "no answer within 20 s; ended", ""
        ),
        CellRecord(
            "tornado",
            "native",
            "timers",
            {"timers": 1000},
            "failed",
            "connection 3: expected sequence 41, got 42",
            "Traceback (most recent call last):\n  CheckFailedError\n",
        ),
        CellRecord(
            "gevent-libev",
            "native",
            "timers",
            {"timers": 1000},
            "unsupported",
            "gevent's hub has no one-shot timer | for this",
        ),
        CellRecord(
            "gevent-libuv", "native", "timers", {"timers": 1000}, "not-installed", "pycares is not installed"
        ),
    ]
    records += [
        CheckRecord(
            "uvloop",
            "half-close",
            "measured",
            "end of stream after the answer",
            "end of stream after the answer",
        ),
        CheckRecord("uvloop", "reset", "measured", "server goes on", "server goes on"),
        CheckRecord(
            "pyev",
            "half-close",
            "failed",
            "end of stream",
            "nothing within 5 s",
            as_expected=False,
            reason="answer lost",
        ),
    ]
    records += evidence()
    records += [
        WarningRecord(
            "noisy-machine",
            "slices of one cell differ by 34 %",
            "close other programs, or use --profile full",
        ),
        EndRecord(
            elapsed_s=492.4,
            cells={"measured": 17},
            peak_rss_bytes=88_000_000,
            noise_floor=estimate(1.002, 0.006),
        ),
    ]
    return records


def evidence() -> list[Record]:
    """How four rows of tcp-echo do it: all figures, some, and none."""
    plain = {"recvfrom": 1.0, "sendto": 1.0, "epoll_wait": 0.104, "getpid": 0.001}
    parameters: dict[str, int | float | bool | str] = {"size": 1024, "connections": 50}
    calls = {
        "asyncio": {**plain, "mmap": 1.0, "munmap": 1.0},
        "uvloop": {"read": 1.0, "write": 1.0, "epoll_pwait": 0.11},
        "gevent-libuv": {**plain, "recvfrom": 1.61, "epoll_ctl": 2.0},
        "libevent": plain,
    }
    records: list[Record] = [
        EvidenceRecord(
            name,
            "protocol" if name in ("asyncio", "uvloop") else "native",
            "tcp-echo",
            parameters,
            system_calls=SystemCalls(12_345, made, {"recvfrom": 0.61} if name == "gevent-libuv" else {}),
            sleeps_per_operation=0.013,
            connection_memory=ConnectionMemory(500, 1_710.5, None if name == "libevent" else 6_210.0),
            importing=Importing(3, 29.1, 30.4),
            cold_start_ms=91.3,
            installed=Installed(14_044_311, {"uvloop 0.23.0": 14_044_311})
            if name == "uvloop"
            else Installed(0),
            warm_up=WarmUp(9_000, 6_000, 0.05, 0.41, 0.03, 1_246)
            if name != "libevent"
            else WarmUp(9, 6, 0.2, 0.4),
        )
        for name, made in calls.items()
    ]
    why = "strace is not on PATH; `sudo apt-get install strace`, or its like, brings it"
    return [
        *records,
        EvidenceRecord(
            "pyev",
            "native",
            "tcp-echo",
            parameters,
            missing={**dict.fromkeys(EVIDENCE, "a | b"), "system-calls": why},
        ),
    ]


LADDER_ABOUT = {
    "c10k": ScenarioTexts("C10K", "What do ten thousand connections cost?", "request", "connections")
}
CLIMBS = {
    "uvloop": ("libuv", 28.0, 0.02, 10_000, None),
    "asyncio": ("none", 41.0, 0.05, 10_000, None),
    "pyev": ("libev", 30.0, -0.01, 10_000, None),
    "poll": ("none", 22.0, 0.9, 1_000, None),
    "select": (
        "none", 21.0, 0.8, 100, CellRecord("select", "native", "c10k", {}, "unsupported", "1,014 | FD_SETSIZE")
    ),
    "processes": (
        "none", 60.0, 0.3, 100, CellRecord("processes", "native", "c10k", {}, "over-limit", "held 2,050 MiB of memory")
    ),
}  # fmt: skip
"""Adapter → library, µs at 100 connections, exponent, highest rung, and what became of the next one (None: the
objective was missed on the highest, or the ladder ended)."""
RUNGS = (100, 1_000, 10_000)


def ladder_cells() -> list[Record]:
    """The scenario `c10k` of six adapters that get to different heights."""
    cells: list[Record] = []
    for name, (_library, cost_us, exponent, top, end) in CLIMBS.items():
        stopped = ""
        for connections in RUNGS:
            parameters: dict[str, int | float | bool | str] = {
                "connections": connections,
                "rate": 1000,
                "size": 64,
            }
            if connections <= top:
                missed = connections == top < RUNGS[-1] and end is None
                values = _rung(cost_us * (connections / 100) ** exponent, connections, missed=missed)
                cells.append(CellRecord(name, "native", "c10k", parameters, "measured", figures=values))
                stopped = "too slow, p99 143 ms where 100 ms are allowed" if missed else ""
            elif end is not None and not stopped:
                cells.append(CellRecord(name, "native", "c10k", parameters, end.outcome, end.reason))
                stopped = end.reason
            else:
                reason = f"stopped at {top:,} connections: {stopped}"
                outcome: OutcomeName = "timed-out" if end is None else end.outcome
                cells.append(CellRecord(name, "native", "c10k", parameters, outcome, reason))
    return cells


def _rung(cost_us: float, connections: int, *, missed: bool) -> Figures:
    p99_us = 143_000 if missed else 900 + connections / 10
    return Figures(
        cpu_ns_per_operation=estimate(cost_us * 1000),
        user_share=0.3,
        operations_per_s=estimate(1000),
        regime=Regime("idle", cost_us / 1000, 0.04, operations_per_sleep=1.1),
        tier=1,
        ratio_to_best=estimate(cost_us / 20, 0.005),
        latency_us=latency(p99_us / 4.2, 3_000),
        rss_bytes=20_000_000 + 900 * connections,
        offered_per_s=1000,
        connecting=Connecting(
            connections=connections,
            accepted_per_s=estimate(20_000 / cost_us * 28),
            cpu_ns_per_connection=estimate(cost_us * 1300),
            latency_us=latency(150, connections),
            rss_bytes_per_connection=900 + cost_us * 10,
            kernel_bytes_per_connection=8_100 + cost_us,
        ),
        objective=Objective(allowed_p99_us=100_000, p99_us=p99_us, met=not missed),
    )


def ladder_run() -> list[Record]:
    """A complete run of one ladder."""
    record = run_record(adapters=tuple(CLIMBS), scenarios=("c10k",))
    return [
        msgspec.structs.replace(record, settings={LADDER_SLICE_MS: 370, LADDER_RUN_IN_MS: 30}),
        *(
            msgspec.structs.replace(
                adapter_record(name), library=library, family="model" if library == "none" else library
            )
            for name, (library, *_rest) in CLIMBS.items()
        ),
        *ladder_cells(),
        EndRecord(elapsed_s=52, cells={"measured": 14, "unsupported": 2, "failed": 2, "timed-out": 1}),
    ]


def asked_run(
    python: str, *, uvloop: str = "uvloop", answers: tuple[AnswerWord, AnswerWord] = ("no", "yes")
) -> list[Record]:
    """A run of `check` in which two libraries were asked about two behaviours.

    *uvloop*: name of the second, perhaps with a version; *answers*: what it says to each.
    """
    names = ("asyncio", uvloop)
    run = run_record(msgspec.structs.replace(LINUX, python=python), adapters=names)
    records: list[Record] = [msgspec.structs.replace(run, scenarios=[], profile="check")]
    records += map(adapter_record, names)
    for behaviour, answer in zip(("never-early", "far-future"), answers, strict=True):
        how = "up to 2 ms early" if answer == "no" else ""
        sound = BehaviourRecord("asyncio", behaviour, "timers", "yes", seen=f"{python} saw")
        records += [sound, BehaviourRecord(uvloop, behaviour, "timers", answer, how, seen=f"{python} saw")]
    return [*records, EndRecord(elapsed_s=3.0, cells={})]
