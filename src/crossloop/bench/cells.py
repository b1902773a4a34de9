"""From slices to cells: figures, regimes and tiers of one comparison. Pure."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Literal

import msgspec

from crossloop import statistics
from crossloop.bench.ladder import judged, latencies
from crossloop.bench.stages import Comparison, Row, cost, row_of, row_seed, speed, values_of
from crossloop.journal import (
    BASELINE,
    MAIN_PHASES,
    SPLIT_TICKS,
    TICK_NS,
    CellRecord,
    ComparisonRecord,
    Connecting,
    Control,
    Estimate,
    Figures,
    Latency,
    Mode,
    Modes,
    Phase,
    PlainPhase,
    RateFigures,
    RatePhase,
    Regime,
    SliceRecord,
    adapter_of,
    combined,
    phase_of,
    processes_of,
)
from crossloop.load.histogram import latency_of
from crossloop.outcomes import (
    Failed,
    Measured,
    Outcome,
    outcome_beside,
    outcome_reason,
    outcome_stderr,
)
from crossloop.statistics import Standing, modes

SERVER_BOUND_SHARE = 0.90
"""From this share of a CPU on the measured process is the limit, unless the load's is higher still. It was
0.93 to 1.00 where the load was not busy; what is missing went to the hypervisor and to the slice's edges."""
CLIENT_BUSY_SHARE = 0.80
"""From this share of its time spent on messages, not on looking for them, the load is the limit."""


def cells_of(
    comparison: Comparison,
    slices: Sequence[SliceRecord],
    failures: Mapping[Row, Outcome],
    seed: int,
    objective_p99_ms: float = 0.0,
    floor: float = 0.0,
) -> list[CellRecord]:
    """One cell per row of *comparison*, in the plan's order.

    *failures* are rows that have no figure because something happened to them; a single wrong answer
    outweighs every slice that went well. *objective_p99_ms* is a ladder's; differences within the noise *floor*,
    a fraction, are ties. Other rows' slices are left alone: the twin of an A/A control is no cell, and native
    references are ranked apart.
    """
    ranked = set(comparison.rows)
    main: dict[Row, list[SliceRecord]] = {}
    rates: dict[Row, dict[str, list[SliceRecord]]] = {}
    connecting: dict[Row, list[SliceRecord]] = {}
    for slice_ in slices:
        row = row_of(slice_)
        if row in failures or row not in ranked:
            continue
        match phase_of(slice_.phase):
            case RatePhase(label=label):
                rates.setdefault(row, {}).setdefault(label, []).append(slice_)
            case PlainPhase.CONNECT:
                connecting.setdefault(row, []).append(slice_)
            case _ if slice_.operations:
                main.setdefault(row, []).append(slice_)
    costs = {row: values_of(taken, cost) for row, taken in main.items()}
    seed = row_seed(seed, comparison.scenario.id, comparison.key)
    standings = statistics.tiers(costs, seed, floor) if costs else {}
    cells = []
    for row in comparison.rows:
        standing = standings.get(row)
        if standing is None:
            reason = Failed("no operation was completed in any slice")
            cells.append(_without_figures(comparison, row, failures.get(row, reason)))
        else:
            own_seed = row_seed(seed, str(row))
            figures = _figures(main[row], rates.get(row, {}), standing, own_seed)
            figures = msgspec.structs.replace(
                figures,
                modes=_modes(row, main, own_seed),
                to_baseline=_to_baseline(row, costs, own_seed),
                to_builds=_to_builds(row, costs, own_seed),
            )
            if phase_of(main[row][0].phase) is PlainPhase.LOAD:
                figures = _with_ladder(
                    figures, main[row], connecting.get(row, ()), objective_p99_ms, own_seed
                )
            server = main[row][-1].server
            cells.append(msgspec.structs.replace(_cell(comparison, row, Measured(), figures), server=server))
    return cells


def comparison_record(
    comparison: Comparison,
    slices: Sequence[SliceRecord],
    failures: Mapping[Row, Outcome],
    seed: int,
    headline_floor: float | None = None,
    precision: float | None = None,
) -> ComparisonRecord:
    """What holds for a comparison as a whole.

    *headline_floor* is the noise floor where it has no control; *precision* what was asked of its intervals.
    """
    control = _control(comparison, slices, failures, row_seed(seed, comparison.scenario.id, comparison.key))
    ratios = ratios_to_best(comparison, slices, failures, seed)
    stopped: Literal["rounds", "precise", "budget"] = "rounds"
    if precision is not None:
        stopped = "precise" if statistics.precise(ratios, precision) else "budget"
    turns = {(slice_.generation, slice_.round) for slice_ in slices}
    enough = control is not None and control.ratio.slices >= statistics.ROUNDS_TO_SEPARATE
    return ComparisonRecord(
        scenario=comparison.scenario.id,
        parameters=dict(comparison.parameters),
        rounds=len(turns),
        generations=len({generation for generation, _round in turns}),
        control=control,
        noise_floor=statistics.noise_floor(control.ratio) if control and enough else headline_floor,
        stopped=stopped,
        half_width=max(map(statistics.half_width, ratios), default=None),
        precision=precision,
    )


def ratios_to_best(
    comparison: Comparison, slices: Sequence[SliceRecord], failures: Mapping[Row, Outcome], seed: int
) -> list[Estimate]:
    """Each ranked row's ratio to the leanest, that one left out; none for fewer than two rows."""
    ranked = [row for row in comparison.rows if row not in failures]
    costs = {row: values for row in ranked if (values := values_of(slices, cost, row, MAIN_PHASES))}
    if not costs:
        return []
    standings = statistics.tiers(costs, row_seed(seed, comparison.scenario.id, comparison.key))
    return [standing.ratio_to_best for standing in standings.values()][1:]


def _control(
    comparison: Comparison, slices: Sequence[SliceRecord], failures: Mapping[Row, Outcome], seed: int
) -> Control | None:
    row, twin = comparison.control, comparison.twin
    if row is None or twin is None or row in failures or twin in failures:
        return None
    control_costs, twin_costs = (values_of(slices, cost, which, MAIN_PHASES) for which in (row, twin))
    if not {turn[:2] for turn in control_costs} & {turn[:2] for turn in twin_costs}:
        return None
    return Control(
        row.adapter, row.style, statistics.paired_ratio(twin_costs, control_costs, row_seed(seed, str(twin)))
    )


def _without_figures(comparison: Comparison, row: Row, outcome: Outcome) -> CellRecord:
    return _cell(comparison, row, outcome, None)


def _cell(comparison: Comparison, row: Row, outcome: Outcome, figures: Figures | None) -> CellRecord:
    return CellRecord(
        adapter=row.adapter,
        style=row.style,
        scenario=comparison.scenario.id,
        parameters=dict(comparison.parameters),
        outcome=outcome.name,
        reason=outcome_reason(outcome),
        stderr_tail=outcome_stderr(outcome),
        beside=outcome_beside(outcome),
        figures=figures,
    )


def _figures(
    slices: Sequence[SliceRecord], rates: Mapping[str, Sequence[SliceRecord]], standing: Standing, seed: int
) -> Figures:
    return Figures(
        cpu_ns_per_operation=statistics.estimate(values_of(slices, cost), seed),
        user_share=_user_share([*slices, *(slice_ for taken in rates.values() for slice_ in taken)]),
        operations_per_s=statistics.estimate(values_of(slices, speed), seed),
        regime=regime(slices),
        tier=standing.tier,
        ratio_to_best=standing.ratio_to_best,
        rates=[_rate(label, taken, seed) for label, taken in rates.items() if _answered(taken)],
        latency_us=latency(slices),
        rss_bytes=next(
            (slice_.rss_bytes for slice_ in reversed(slices) if slice_.rss_bytes is not None), None
        ),
        counters=combined(slice_.counters for slice_ in slices),
    )


def _with_ladder(
    figures: Figures,
    slices: Sequence[SliceRecord],
    connecting: Sequence[SliceRecord],
    objective_p99_ms: float,
    seed: int,
) -> Figures:
    """*figures* with what only a rung of a ladder has."""
    return msgspec.structs.replace(
        figures,
        offered_per_s=sum(slice_.offered_per_s for slice_ in slices) / len(slices),
        connecting=_connecting(connecting, seed) if connecting else None,
        objective=judged(latencies(slices), objective_p99_ms),
    )


def _connecting(slices: Sequence[SliceRecord], seed: int) -> Connecting:
    merged = latency(slices)
    kernel = [
        (counters["kernel_bytes"] - counters["kernel_before_bytes"]) / slice_.operations
        for slice_ in slices
        if "kernel_bytes" in (counters := slice_.counters)
    ]
    return Connecting(
        connections=slices[0].operations,
        accepted_per_s=statistics.estimate(values_of(slices, speed), seed),
        cpu_ns_per_connection=statistics.estimate(values_of(slices, cost), seed),
        latency_us=merged if merged is not None else Latency(0, 0, 0, 0, 0, 0),
        rss_bytes_per_connection=median(
            ((slice_.rss_bytes or 0) - slice_.counters["rss_before_bytes"]) / slice_.operations
            for slice_ in slices
        ),
        kernel_bytes_per_connection=median(kernel) if kernel else None,
    )


def _to_baseline(row: Row, costs: Mapping[Row, statistics.Slices], seed: int) -> dict[str, Estimate]:
    """The paired ratio of *row* to each row of the baseline that it shares a round with, by that row's style."""
    bases = {base.style: base for base in costs if base.adapter == BASELINE}
    return _paired(row, bases, costs, seed, "to")


def _to_builds(row: Row, costs: Mapping[Row, statistics.Slices], seed: int) -> dict[str, Estimate]:
    """The paired ratio of *row* to each other build of its adapter in its style, by that build's name."""
    bases = {
        base.adapter: base
        for base in costs
        if base.style == row.style
        and adapter_of(base.adapter) == adapter_of(row.adapter)
        and processes_of(base.adapter) == 1
    }
    return _paired(row, bases, costs, seed, "build")


def _paired(
    row: Row, bases: Mapping[str, Row], costs: Mapping[Row, statistics.Slices], seed: int, purpose: str
) -> dict[str, Estimate]:
    """The paired ratio of *row* to each other row of *bases* that it shares a round with, by that row's key."""
    turns = {value[:2] for value in costs[row]}
    return {
        key: statistics.paired_ratio(costs[row], costs[base], row_seed(seed, purpose, key))
        for key, base in bases.items()
        if base != row and turns & {value[:2] for value in costs[base]}
    }


def _answered(slices: Sequence[SliceRecord]) -> bool:
    return any(slice_.operations for slice_ in slices)


def _rate(label: str, slices: Sequence[SliceRecord], seed: int) -> RateFigures:
    answered = [slice_ for slice_ in slices if slice_.operations]
    elapsed_s = sum(slice_.elapsed_ns for slice_ in answered) / 1e9
    merged = latency(answered)
    return RateFigures(
        label=label,
        offered_per_s=sum(slice_.offered_per_s for slice_ in answered) / len(answered),
        achieved_per_s=sum(slice_.operations for slice_ in answered) / elapsed_s,
        latency_us=merged if merged is not None else Latency(0, 0, 0, 0, 0, 0),
        cpu_ns_per_operation=statistics.estimate(values_of(answered, cost), seed),
        regime=regime(answered),
    )


def _modes(row: Row, slices: Mapping[Row, Sequence[SliceRecord]], seed: int) -> list[Modes]:
    """Figures of *row* whose slices fall into two clusters; *slices* of all rows tell what the machine did."""
    bimodal = []
    values: Mapping[modes.Figure, Callable[[SliceRecord], float]] = {
        "cpu_ns_per_operation": cost,
        "operations_per_s": speed,
    }
    for figure, value in values.items():
        others = modes.usual(
            {other: values_of(taken, value) for other, taken in slices.items() if other != row}
        )
        two = modes.two_modes(
            [
                modes.Slice(slice_.generation, slice_.round, value(slice_), _conditions(slice_, others))
                for slice_ in slices[row]
            ],
            seed,
        )
        if two is not None:
            low, high = (
                Mode(cluster.value, cluster.slices, cluster.conditions) for cluster in (two.low, two.high)
            )
            bimodal.append(Modes(figure, low, high, two.chance, list(two.explained_by)))
    return bimodal


def _conditions(slice_: SliceRecord, others: Mapping[tuple[int, int], float]) -> dict[str, float]:
    """What may tell one mode from another, as far as it is known of a slice."""
    known = {
        "server_share": slice_.cpu_ns / slice_.elapsed_ns,
        "load_share": slice_.load_cpu_ns / slice_.elapsed_ns,
    }
    if slice_.sleeps is not None:
        known["operations_per_sleep"] = slice_.operations / max(slice_.sleeps, 1)
    if slice_.steal_ns is not None:
        known["steal_share"] = slice_.steal_ns / slice_.elapsed_ns
    if (slice_.generation, slice_.round) in others:
        known[modes.OTHERS] = others[slice_.generation, slice_.round]
    return known


def _user_share(slices: Sequence[SliceRecord]) -> float | None:
    """User time ÷ all CPU time over the whole run; None of too few of the ticks by which the kernel samples it."""
    user = sum(slice_.user_ns for slice_ in slices if slice_.user_ns is not None)
    both = user + sum(slice_.system_ns for slice_ in slices if slice_.system_ns is not None)
    return user / both if both >= SPLIT_TICKS * TICK_NS else None


def regime(slices: Sequence[SliceRecord], busiest: float = 1.0) -> Regime:
    """Who was the limit over *slices*; *busiest* is the part of the CPU time that one process took, of several."""
    elapsed = sum(slice_.elapsed_ns for slice_ in slices)
    server = sum(slice_.cpu_ns for slice_ in slices) / elapsed
    load = sum(slice_.load_cpu_ns for slice_ in slices) / elapsed
    steal = [slice_.steal_ns for slice_ in slices if slice_.steal_ns is not None]
    sleeps = [slice_.sleeps for slice_ in slices if slice_.sleeps is not None]
    operations = sum(slice_.operations for slice_ in slices)
    return Regime(
        name=_regime_name(phase_of(slices[0].phase), server * busiest, load),
        server_share=server,
        load_share=load,
        operations_per_sleep=operations / sum(sleeps) if sum(sleeps) else None,
        steal_share=sum(steal) / elapsed if steal else None,
    )


def _regime_name(phase: Phase | None, server: float, load: float) -> Any:
    if phase is PlainPhase.WORK:
        return "self-driven"
    if server >= SERVER_BOUND_SHARE and server >= load:
        return "server-bound"
    return (
        "client-bound"
        if load >= CLIENT_BUSY_SHARE and phase in {PlainPhase.CAPACITY, PlainPhase.LOAD}
        else "idle"
    )


def latency(slices: Sequence[SliceRecord]) -> Latency | None:
    """Percentiles over the merged histograms of *slices*; None when they hold no sample."""
    return latency_of(slice_.latency for slice_ in slices)
