"""What a headline says in sentences: rules that speak where the figures support them and are silent elsewhere. Pure.

A ratio is said where its two rows are told apart (`told_apart`). A row that is not told from the other is called so.
Nothing is said of a column that is not ranked or has no noise floor, and nothing of a row that is not there. Each
sentence names the question, its parameters and the page where the figures stand.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from crossloop.journal import BASELINE, AdapterRecord, MeasuredRow, Run
from crossloop.journal.naming import adapter_of, is_variant
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.report.headline import Headline, HeadlineColumn
from crossloop.report.places import MISSING, place_of_adapter, places_of_scenarios
from crossloop.report.ratios import Ratio, ratio_of
from crossloop.report.texts import ScenarioTexts
from crossloop.statistics import ROUNDS_TO_SEPARATE, costlier, inverse

MOST_SENTENCES = 6
NAMES = 4
"""Adapters that are named in one list; further ones are counted."""
SHARP_FLOOR = 0.1
"""Highest noise floor of a column whose leading tier says something: beyond that nearly every row is in it."""
WIDE_GAP = 10.0
"""Ratio from which a row is a surprise."""

READINESS = frozenset(["select", "poll", "epoll", "kqueue"])
"""Mechanisms that say which descriptor is ready; a raw model on one of them is what other models are held against."""
MODELS: Mapping[str, frozenset[str]] = {
    "callbacks": frozenset(["pyev", "libevent"]),
    "tasks": frozenset(["trio", "curio"]),
    "a thread for each connection": frozenset(["threading"]),
    "greenlets": frozenset(["gevent", "eventlet"]),
}
"""Way to program → the bindings (`AdapterRecord.binding`) that are programmed so."""
CONVENIENCE: Mapping[str, str] = {"streams": "protocol", "bufferevent": "native"}
"""Style that does more for a program → the style of the same library that it is held against."""


@dataclass(frozen=True)
class Subject:
    """What the rules look at."""

    run: Run
    texts: Mapping[str, ScenarioTexts]
    headline: Headline

    @cached_property
    def pages(self) -> Mapping[str, str]:
        """Scenario → file of its page."""
        return places_of_scenarios(self.run)

    def usable(self, columns: Iterable[HeadlineColumn]) -> list[HeadlineColumn]:
        """Those whose rows can be told apart, with a known noise floor."""
        return [column for column in columns if column.ranked and column.noise_floor is not None]

    @property
    def messages(self) -> list[HeadlineColumn]:
        """Usable columns of the group `messages`."""
        return self.usable(self.headline.groups.get("messages", ()))

    @property
    def echo(self) -> HeadlineColumn | None:
        """The first question about messages; None where it cannot be used."""
        first = [column for column in self.headline.groups.get("messages", ()) if not column.servers][:1]
        return next(iter(self.usable(first)), None)

    def record_of(self, adapter: str) -> AdapterRecord | None:
        """What the adapter, or the one that it is a variant of, said of itself."""
        return self.run.adapters.get(adapter) or self.run.adapters.get(adapter_of(adapter))

    def question(self, column: HeadlineColumn) -> str:
        """`[TCP echo](scenarios/tcp-echo.md) (size 1 KiB, connections 10)`."""
        parameters = inline(digits.parameters_text(column.measured.parameters))
        return f"{_link(column.title, self.pages[column.scenario])} ({parameters})"


Rule = Callable[[Subject], str]
"""A sentence or two in markdown; empty where nothing is to be said."""


def sentences_of(run: Run, texts: Mapping[str, ScenarioTexts], headline: Headline) -> tuple[Markdown, ...]:
    """At most `MOST_SENTENCES`, the most useful first."""
    subject = Subject(run, texts, headline)
    spoken = [Markdown(sentence) for rule in RULES if (sentence := rule(subject))]
    return tuple(spoken[:MOST_SENTENCES])


def told_apart(ratio: Ratio, floor: float) -> bool:
    """Whether two rows differ by more than *floor*, a fraction, and more than chance would have it.

    A paired ratio by the rule of tiers (`statistics.costlier`), either way round. A quotient of two ratios with its
    whole interval, because the floor was not measured for it.
    """
    estimate = ratio.estimate
    if ratio.paired:
        return costlier(estimate, floor) or costlier(inverse(estimate), floor)
    clear = estimate.low > 1 + floor or estimate.high < 1 / (1 + floor)
    return clear and estimate.slices >= ROUNDS_TO_SEPARATE


# The rules ----------------------------------------------------------------------------------------


def loops_beside_asyncio(subject: Subject) -> str:
    """What another loop costs a program of asyncio's, over its own protocols and under a web server."""
    clauses = [_loops(subject, subject.echo, "over")]
    servers = [column for column in subject.messages if column.servers]
    clauses += [_loops(subject, column, "under") for column in servers[:1]]
    said = [clause for clause in clauses if clause]
    return f"**Another loop for asyncio's programs.** {' '.join(said)}" if said else ""


def _loops(subject: Subject, column: HeadlineColumn | None, preposition: str) -> str:
    base = column.best_of(BASELINE) if column is not None else None
    if column is None or base is None:
        return ""
    loops = [row for row in column.rows if row.style == base.style and _is_another_loop(subject, row.adapter)]
    compared = _compared(loops, base, column)
    if not compared.apart and not compared.tied:
        return ""
    where = f"For {subject.question(column)} {preposition} {code(base.style)}"
    return f"{where}, {_of(compared, inline(BASELINE))}."


def _is_another_loop(subject: Subject, adapter: str) -> bool:
    """Whether it is no variant, and of another package than the baseline."""
    record, baseline = subject.record_of(adapter), subject.record_of(BASELINE)
    return (
        not is_variant(adapter)
        and record is not None
        and baseline is not None
        and record.binding != baseline.binding
    )


def models(subject: Subject) -> str:
    """What a way to program costs against the leanest loop over a readiness call."""
    column = subject.echo
    if column is None:
        return ""
    base = next((row for row in column.rows if _is_readiness(subject, row.adapter)), None)
    if base is None:
        return ""
    leanest = {name: row for name, bindings in MODELS.items() if (row := _leanest(subject, column, bindings))}
    compared = _compared(list(leanest.values()), base, column)
    if not compared.apart:
        return ""
    names = {id(row): f"{name} ({_adapter(row.adapter)})" for name, row in leanest.items()}
    return (
        f"**Ways to program.** For {subject.question(column)}, "
        f"{_of(compared, f'a bare loop on {_adapter(base.adapter)}', lambda row: names[id(row)])}."
    )


def _is_readiness(subject: Subject, adapter: str) -> bool:
    record = subject.record_of(adapter)
    return record is not None and record.family == "model" and record.facts.get("mechanism") in READINESS


def _leanest(subject: Subject, column: HeadlineColumn, bindings: frozenset[str]) -> MeasuredRow | None:
    for row in column.rows:
        record = subject.record_of(row.adapter)
        if record is not None and record.binding in bindings and not is_variant(row.adapter):
            return row
    return None


def leaders(subject: Subject) -> str:
    """Who is most often in the leading tier, where the noise floor is low enough for that to mean something."""
    sharp = [column for column in subject.messages if (column.noise_floor or 0.0) <= SHARP_FLOOR]
    if len(sharp) < 2:
        return ""
    counts = {
        adapter: sum(
            any(row.adapter == adapter and column.leads(row) for row in column.rows) for column in sharp
        )
        for adapter in subject.headline.adapters
    }
    most = sorted({count for count in counts.values() if count >= 2}, reverse=True)[:2]
    if not most:
        return ""
    groups = [
        f"{_listed([_adapter(name) for name, count in counts.items() if count == number])} "
        f"({digits.integer(number)})"
        for number in most
    ]
    return (
        f"**Most often among the leanest.** Of the {digits.integer(len(sharp))} questions about messages with a noise "
        f"floor of {digits.percent(SHARP_FLOOR)} at most, in the leading tier of most: {', then '.join(groups)}."
    )


def convenience(subject: Subject) -> str:
    """Within which library the style that does more for a program costs most."""
    steps: list[tuple[Ratio, MeasuredRow, MeasuredRow, HeadlineColumn]] = []
    for column in subject.messages:
        for row in column.rows:
            base = _row(column, row.adapter, CONVENIENCE.get(row.style, ""))
            ratio = None if base is None or is_variant(row.adapter) else _ratio(row, base)
            if base is None or ratio is None:
                continue
            if ratio.estimate.low > 1 and told_apart(ratio, column.noise_floor or 0.0):
                steps.append((ratio, row, base, column))
    if not steps:
        return ""
    ratio, row, base, column = max(steps, key=lambda each: each[0].estimate.low)
    return (
        f"**What convenience costs.** The widest step within one library is that of {_adapter(row.adapter)}. For "
        f"{subject.question(column)}, {code(row.style)} {_times(ratio)} {code(base.style)}."
    )


def _row(column: HeadlineColumn, adapter: str, style: str) -> MeasuredRow | None:
    return next((row for row in column.rows if (row.adapter, row.style) == (adapter, style)), None)


def widest_gap(subject: Subject) -> str:
    """The adapter that is farthest from the leanest, where that is more than tenfold."""
    gaps: list[tuple[Ratio, MeasuredRow, HeadlineColumn]] = []
    for column in subject.usable(subject.headline.columns):
        for adapter in subject.headline.adapters:
            row = column.best_of(adapter)
            ratio = None if row is None or is_variant(adapter) else _ratio(row, column.rows[0])
            if row is not None and ratio is not None and ratio.estimate.low > WIDE_GAP:
                gaps.append((ratio, row, column))
    if not gaps:
        return ""
    ratio, row, column = max(gaps, key=lambda each: each[0].estimate.low)
    unit = (subject.texts.get(column.scenario) or ScenarioTexts("")).unit
    cost, least = (
        digits.number(each.figures.cpu_ns_per_operation.value / 1000) for each in (row, column.rows[0])
    )
    return (
        f"**The widest gap.** For {subject.question(column)}, {_adapter(row.adapter)} {_times(ratio)} "
        f"{_adapter(column.rows[0].adapter)}: {cost} µs per {inline(unit)} against {least}."
    )


def not_here(subject: Subject) -> str:
    """Which adapters have no figure at all, by reason."""
    by_outcome: dict[str, list[str]] = {}
    for outcome, _reason, adapters in subject.headline.absent:
        by_outcome.setdefault(outcome, []).extend(adapters)
    clauses = [
        f"{meaning}: {', '.join(map(inline, sorted(by_outcome[outcome])))}"
        for outcome, meaning in _ABSENT.items()
        if outcome in by_outcome
    ]
    if not clauses:
        return ""
    first, *rest = clauses
    text = "; ".join([first[0].upper() + first[1:], *rest])
    return f"**Without any figure.** {text} ({_link('why', MISSING)})."


_ABSENT: Mapping[str, str] = {
    "unsupported": "not for this platform",
    "not-installed": "not installed here",
    "failed": "failed",
    "crashed": "crashed",
    "timed-out": "timed out",
    "over-limit": "over a limit",
}
"""Outcome → what it means of a whole adapter. Those that were not run are no news."""

RULES: Sequence[Rule] = (loops_beside_asyncio, models, leaders, convenience, widest_gap, not_here)
"""The most useful first."""


# Their parts --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """Rows against one other row."""

    apart: tuple[tuple[MeasuredRow, Ratio], ...]
    """Told from it, the leanest first."""
    tied: tuple[MeasuredRow, ...]
    """Not told from it."""


def _compared(rows: Sequence[MeasuredRow], base: MeasuredRow, column: HeadlineColumn) -> Compared:
    ratios = [(row, ratio) for row in rows if (ratio := _ratio(row, base)) is not None]
    floor = column.noise_floor or 0.0
    apart = [(row, ratio) for row, ratio in ratios if told_apart(ratio, floor)]
    apart.sort(key=lambda each: each[1].estimate.value)
    tied = [row for row, ratio in ratios if not told_apart(ratio, floor)]
    return Compared(tuple(apart), tuple(tied))


def _of(compared: Compared, base: str, name: Callable[[MeasuredRow], str] | None = None) -> str:
    """`CPU time ÷ that of asyncio: rloop 0.80 (0.79–0.82), uvloop 0.83 (…); not told from it: loopmini`."""
    called = name or (lambda row: _adapter(row.adapter))
    clauses = []
    if compared.apart:
        ratios = [f"{called(row)} {digits.ratio(ratio.estimate)}" for row, ratio in compared.apart]
        clauses.append(f"CPU time ÷ that of {base}: {', '.join(ratios)}")
    if compared.tied:
        other = "it" if clauses else base
        clauses.append(f"not told from {other}: {_listed([called(row) for row in compared.tied])}")
    return "; ".join(clauses)


def _ratio(row: MeasuredRow, base: MeasuredRow) -> Ratio | None:
    """*row* ÷ *base*; None where that is no number above zero, as a journal from elsewhere may have it."""
    ratio = ratio_of(row, base)
    if ratio is None:
        return None
    parts = (ratio.estimate.value, ratio.estimate.low, ratio.estimate.high)
    return ratio if all(math.isfinite(part) and part > 0 for part in parts) else None


def _times(ratio: Ratio) -> str:
    return f"takes {digits.ratio(ratio.estimate)} times the CPU time of"


def _link(text: str, place: str) -> str:
    return f"[{inline(text)}]({place})"


def _adapter(adapter: str) -> str:
    return _link(adapter, place_of_adapter(adapter))


def _listed(names: Sequence[str]) -> str:
    """The first `NAMES` of them; the rest is counted."""
    if len(names) <= NAMES + 1:
        return _joined(names)
    return f"{', '.join(names[:NAMES])} and {digits.integer(len(names) - NAMES)} more"


def _joined(parts: Sequence[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
