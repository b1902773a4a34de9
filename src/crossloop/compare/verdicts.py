"""From two runs to a verdict on each cell. Pure.

A cell that both measured is a regression where three things hold: chance alone would make such a difference in at
most one of twenty (adjusted for the number of cells); NEW is dearer; and it is so by more than the threshold, which is
never below the noise floor of its parameters in either run. An improvement is the mirror image, everything else a tie.
A cell that BASE measured and NEW, asked for it, did not, is a regression in words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median

import msgspec

from crossloop.compare.change import Change, RowKey, Shift, judged, over_sets, shifts
from crossloop.compare.records import COMPARE_VERSION, CellVerdict, CompareDocument, Interval, Side, Verdict
from crossloop.compare.runs import RunData
from crossloop.journal import (
    LOAD_ENGINE,
    CellRecord,
    SetKey,
    machine_differences,
    row_key,
    row_label,
    set_key,
)

DEFAULT_THRESHOLD = 0.03
DEFAULT_FLOOR = 0.02
"""Of a run without an A/A control: identical servers on a shared machine lay up to 2 % apart (docs/compare.md)."""
MOST_CHANCE = 0.05
"""A probability above this is chance."""


class AnchorError(ValueError):
    """No row, or more than one, goes by the anchor's name."""


@dataclass(frozen=True)
class CellPair:
    """One cell in both runs, before the verdict."""

    cell: CellRecord
    """Of BASE."""
    shift: Shift | str
    raw: tuple[float, float] | None
    """Medians in nanoseconds per operation."""
    floor: float = 0.0
    """What the runs make of no difference, as a part of one: no threshold is below it."""


def compare_runs(base: RunData, new: RunData, *, threshold: float, anchor: str = "") -> CompareDocument:
    """The verdict on every cell that either run has. Raises `AnchorError`."""
    anchored = _anchor(anchor, base, new) if anchor else None
    measured: list[CellPair] = []
    others: list[CellVerdict] = []
    for key in dict.fromkeys((*base.cells, *new.cells)):
        pairs, rest = _one_set(key, base, new, anchored)
        measured += pairs
        others += rest
    rows, cells = verdicts(measured, threshold)
    return CompareDocument(
        schema=COMPARE_VERSION,
        base=side(base),
        new=side(new),
        anchor=row_label(*anchored) if anchored else "",
        threshold=threshold,
        threshold_reason=_why(base, new, threshold),
        paired=False,
        warnings=_doubts(measured),
        rows=rows,
        cells=[*cells, *others],
    )


def side(run: RunData) -> Side:
    """What is said of a run."""
    return Side(
        name=run.name,
        started=run.run.record.started,
        crossloop=run.run.record.crossloop,
        profile=run.run.record.profile,
        python=run.run.record.machine.python,
        place=run.run.place,
        complete=run.run.end is not None,
        noise_floor=run.control_floor,
    )


def _doubts(measured: Sequence[CellPair]) -> list[str]:
    """What the page has to say of a comparison of two rows alone."""
    pairs = [pair for pair in measured if isinstance(pair.shift, Shift) and pair.shift.others == 1]
    if not any(isinstance(pair.shift, Shift) and not pair.shift.anchored for pair in pairs):
        return []
    return [
        "where two rows stand alone, which of them moved cannot be told; --anchor names the one that did not"
    ]


def _why(base: RunData, new: RunData, threshold: float) -> str:
    """What a cell's threshold is made of, in words."""
    without = [name for name, run in (("BASE", base), ("NEW", new)) if not any(map(run.floor, run.cells))]
    note = f"; {' and '.join(without)} had no A/A control that says anything" if without else ""
    return (
        f"{100 * threshold:.3g} % as asked for, and never below the noise floor that either run shows for the cell's "
        f"parameters, {100 * DEFAULT_FLOOR:g} % where it shows none{note}"
    )


def _floor(key: SetKey, base: RunData, new: RunData) -> float:
    """The higher one of the two runs' noise floors for a set of parameters."""
    known = (base.floor(key), new.floor(key))
    return max(DEFAULT_FLOOR if floor is None else floor for floor in known)


def _anchor(name: str, base: RunData, new: RunData) -> RowKey:
    """The row of that name: `uvloop`, or with its style, `uvloop/streams`; the first style where none is named."""
    adapter, _slash, style = name.partition("/")
    rows = list(dict.fromkeys(row for run in (base, new) for by_row in run.costs.values() for row in by_row))
    fitting = [row for row in rows if row[0] == adapter and (not style or row[1] == style)]
    for row in fitting:
        if all(any(row in by_row for by_row in run.costs.values()) for run in (base, new)):
            return row
    known = ", ".join(dict.fromkeys("/".join(row) for row in rows))[:300]
    raise AnchorError(f"no row {name!r} is measured in both runs; they have {known or 'none'}")


def _one_set(
    key: SetKey, base: RunData, new: RunData, anchor: RowKey | None
) -> tuple[list[CellPair], list[CellVerdict]]:
    before, after = base.cells.get(key, {}), new.cells.get(key, {})
    costs = base.costs.get(key, {}), new.costs.get(key, {})
    row_shifts = shifts(*costs, anchor)
    pairs, rest = [], []
    for row in dict.fromkeys((*before, *after)):
        old, now = before.get(row), after.get(row)
        if old is None or now is None or old.figures is None or now.figures is None:
            verdict = without_ratio(old, now, base, new)
            rest += [verdict] if verdict is not None else []
        else:
            shift = row_shifts.get(row, "a journal without its slices holds no rounds to compare")
            raw = (
                (math.exp(median(costs[0][row].values())), math.exp(median(costs[1][row].values())))
                if row in costs[0] and row in costs[1]
                else None
            )
            pairs.append(CellPair(old, shift, raw, _floor(key, base, new)))
    return pairs, rest


def without_ratio(
    old: CellRecord | None, now: CellRecord | None, base: RunData, new: RunData
) -> CellVerdict | None:
    """The verdict where one of the two has no figures; None where neither has."""
    if old is not None and old.figures is not None:
        return _gone(old, now, base, new)
    if now is None or now.figures is None:
        return None
    if old is None:
        return _in_words(now, "not comparable", "only NEW has it")
    unknown = _unknown(old, base, new)
    if unknown:
        return _in_words(
            now, "not comparable", f"{unknown}: it was {old.outcome}: {old.reason}; now measured"
        )
    return _in_words(now, "improvement", f"was {old.outcome}: {old.reason}; now measured")


def _unknown(unmeasured: CellRecord, base: RunData, new: RunData) -> str:
    """Why a cell without figures says nothing of its row; empty where it does."""
    if unmeasured.beside:
        return f"the {unmeasured.beside} failed, not the row"
    bounds = [side.run.record.options.get("memory") for side in (base, new)]
    return (
        "another `--memory` was allowed"
        if unmeasured.outcome == "over-limit" and bounds[0] != bounds[1]
        else ""
    )


def _gone(cell: CellRecord, now: CellRecord | None, base: RunData, new: RunData) -> CellVerdict:
    """A cell that BASE measured and NEW did not: a regression, unless nobody asked for it."""
    if now is not None:
        if unknown := _unknown(now, base, new):
            return _in_words(
                cell, "not comparable", f"{unknown}: it was measured; now {now.outcome}: {now.reason}"
            )
        return _in_words(cell, "regression", f"was measured; now {now.outcome}: {now.reason}")
    if not new.was_asked_for(cell):
        return _in_words(cell, "not comparable", "NEW was not asked for it")
    other_profile = new.run.record.profile != base.run.record.profile
    if other_profile and set_key(cell) not in new.cells:
        return _in_words(cell, "not comparable", "NEW, of another profile, has no such parameters")
    adapter = new.run.adapters.get(cell.adapter)
    if adapter is not None and not adapter.usable:
        return _in_words(cell, "regression", f"was measured; now {adapter.outcome}: {adapter.reason}")
    cut = "; its run is incomplete" if new.run.end is None else ""
    return _in_words(cell, "regression", f"was measured; NEW has no such cell{cut}")


def _in_words(cell: CellRecord, verdict: Verdict, reason: str) -> CellVerdict:
    return CellVerdict(cell.adapter, cell.style, cell.scenario, cell.parameters, verdict, reason)


def verdicts(measured: Sequence[CellPair], threshold: float) -> tuple[list[CellVerdict], list[CellVerdict]]:
    """(rows over their cells, cells) of what has figures in both runs; one family of chances."""
    rows = _over_sets(measured)
    families: dict[tuple[str, str], list[Shift]] = {}
    for level, members in (("cells", measured), ("rows", rows)):
        for pair in members:
            if isinstance(pair.shift, Shift):
                families.setdefault((level, pair.cell.scenario), []).append(pair.shift)
    changes = {name: iter(family) for name, family in judged(families).items()}

    def verdict(level: str, pair: CellPair) -> CellVerdict:
        change = next(changes[level, pair.cell.scenario]) if isinstance(pair.shift, Shift) else None
        return _verdict(pair, change, threshold)

    return [verdict("rows", pair) for pair in rows], [verdict("cells", pair) for pair in measured]


def _over_sets(pairs: Sequence[CellPair]) -> list[CellPair]:
    """Each row of a scenario over all its sets of parameters, where it has more than one."""
    by_row: dict[tuple[str, RowKey], list[tuple[CellPair, Shift]]] = {}
    for pair in pairs:
        if isinstance(pair.shift, Shift):
            by_row.setdefault((pair.cell.scenario, row_key(pair.cell)), []).append((pair, pair.shift))
    rows = []
    for members in by_row.values():
        shift = over_sets([shift for _pair, shift in members])
        if isinstance(shift, Shift):
            raws = [pair.raw for pair, _shift in members if pair.raw is not None]
            rows.append(
                CellPair(
                    msgspec.structs.replace(members[0][0].cell, parameters={}),
                    shift,
                    (geometric_mean(old for old, _now in raws), geometric_mean(now for _old, now in raws))
                    if raws
                    else None,
                    median(pair.floor for pair, _shift in members),
                )
            )
    return rows


def _verdict(pair: CellPair, change: Change | None, threshold: float) -> CellVerdict:
    cell, raw = pair.cell, pair.raw
    known = CellVerdict(
        cell.adapter,
        cell.style,
        cell.scenario,
        cell.parameters,
        "not comparable",
        str(pair.shift),
        raw_ratio=raw[1] / raw[0] if raw else None,
        base_ns_per_operation=raw[0] if raw else None,
        new_ns_per_operation=raw[1] if raw else None,
    )
    if change is None or isinstance(pair.shift, str):
        return known
    threshold = max(threshold, pair.floor)
    return msgspec.structs.replace(
        known,
        verdict=verdict_of(change, threshold),
        threshold=threshold,
        reason="no other row here in both runs: the machine's drift is in it"
        if pair.shift.others == 0
        else "",
        ratio=Interval(change.ratio, change.low, change.high),
        chance=change.chance,
        repeats=list(pair.shift.repeats),
        repeated=pair.shift.repeated,
        slices=list(pair.shift.slices),
    )


def verdict_of(change: Change, threshold: float) -> Verdict:
    """What a change is, of the three that have a ratio."""
    if change.chance <= MOST_CHANCE:
        if change.ratio > 1 + threshold:
            return "regression"
        if change.ratio < 1 / (1 + threshold):
            return "improvement"
    return "tie"


def differences(base: RunData, new: RunData) -> tuple[list[str], list[str]]:
    """(what forbids a comparison, what makes it less sure), each in words with both values."""
    old, now = base.run.record, new.run.record
    machine, other = old.machine, now.machine
    doubtful: dict[str, tuple[object, object]] = {
        "Python": (machine.python, other.python),
        "crossloop": (old.crossloop, now.crossloop),
        "profile": (old.profile, now.profile),
        "kernel": (machine.release, other.release),
        "libc": (machine.libc, other.libc),
        "memory": (machine.memory_bytes, other.memory_bytes),
        "slices, in ms,": (old.slice_ms, now.slice_ms),
        "pinning": ((old.server_cpu, old.load_cpu), (now.server_cpu, now.load_cpu)),
    }
    engines = old.settings.get(LOAD_ENGINE), now.settings.get(LOAD_ENGINE)
    if None not in engines:
        doubtful["load engine"] = engines
    warnings = [f"{what} differs: {a} in BASE, {b} in NEW" for what, (a, b) in doubtful.items() if a != b]
    warnings += [
        f"{name} is incomplete: it has no end record"
        for name, run in (("BASE", base), ("NEW", new))
        if run.run.end is None
    ]
    return machine_differences(machine, other), warnings
