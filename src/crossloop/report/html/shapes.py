"""The shape of the JSON in `report.html`. Everything that the page shows comes from here.

Times are in nanoseconds, latencies in microseconds, shares are fractions. Numbers have seven significant digits.
"""

from typing import TypeAlias

from msgspec import Struct

from crossloop.report.html.packing import PackedTable, Shared, SharedList
from crossloop.report.html.spans import Sentence

Interval: TypeAlias = tuple[float, float, float, int, int]
"""Value, low and high end of its 95 % interval, slices (of a ratio: rounds), generations."""
Percentiles: TypeAlias = tuple[int, float | None, float | None, float | None, float | None]
"""Samples, p50, p90, p99, p99.9 in µs; None where too few samples lie beyond."""


class Adapter(Struct, frozen=True):
    """One adapter that has a figure, or has a reason for having none."""

    id: Shared
    family: Shared
    """The C library under it, or its family where there is none."""
    binding: Shared
    """With its version."""
    library: Shared
    """With its version; empty: none."""
    mechanism: Shared
    installed: Shared
    outcome: Shared
    """`measured`: usable."""
    reason: Shared
    measured: bool
    """Whether it has a figure in any column."""
    checked: int
    """Promises of its levels that were checked."""
    kept: int


class Broken(Struct, frozen=True):
    """A promise that an adapter did not keep, or could not be asked for."""

    adapter: Shared
    promise: Shared
    outcome: Shared
    reason: Shared
    as_expected: bool


class Row(Struct, frozen=True):
    """One measured row of a parameter set. Its own number in the set is how columns refer to it."""

    adapter: Shared
    style: Shared
    label: Shared
    server: Shared
    """Of a web server: its name, version and parser; else empty."""
    tier: int
    base: bool
    """Whether the others of its set are divided by it."""
    ratio: Interval
    """CPU per operation ÷ that of the base."""
    to_baseline: tuple[tuple[str, Interval], ...]
    """Style of asyncio's row, paired ratio to that row."""
    cpu_ns: Interval
    user_share: float | None
    operations_per_s: Interval
    at_least: bool
    """The rate is a lower bound."""
    near_load: bool
    """The rate is near what the load generator can do."""
    fell_behind: bool
    """It answered less than it was offered while its latency was measured."""
    regime: Shared
    server_share: float
    load_share: float
    latency_us: Percentiles | None
    rss_bytes: int | None
    counters: tuple[tuple[str, float], ...]
    modes: tuple[tuple[str, float, int, float, int], ...]
    """Figure, value and slices of the lower mode, of the higher mode."""


class Unmeasured(Struct, frozen=True):
    """A cell of a parameter set without a figure."""

    adapter: Shared
    label: Shared
    outcome: Shared
    reason: Shared


class ParameterSet(Struct, frozen=True):
    """One parameter set of a scenario."""

    key: str
    """What a link names it by."""
    title: str
    why_unranked: str
    """Empty: its rows are in tiers."""
    noise_floor: float | None
    rounds: int | None
    generations: int | None
    latencies: str
    """What the percentiles are of."""
    rows: PackedTable
    """Of `Row`."""
    references: PackedTable
    """Of `Row`: native references, ranked with nobody."""
    unmeasured: PackedTable
    """Of `Unmeasured`."""


class Scenario(Struct, frozen=True):
    """One scenario; its first parameter set is the main one."""

    id: str
    title: str
    question: str
    unit: str
    units: str
    driven: str
    answers: tuple[Sentence, ...]
    """Who leads its main parameter set; where web servers took part, of these as well."""
    sets: tuple[ParameterSet, ...]


class Column(Struct, frozen=True):
    """One question of the headline."""

    id: str
    scenario: str
    title: str
    head: str
    """The title in a word or two, for the head of a column."""
    group: str
    rows: tuple[int, ...]
    """Of the scenario's main set, the leanest first."""
    leaders: tuple[int, ...]
    """Those of the first tier; none where there are no tiers."""


class Word(Struct, frozen=True):
    """What stands in a cell of the headline that has no ratio."""

    adapter: Shared
    column: Shared
    word: Shared
    reasons: SharedList


class Missing(Struct, frozen=True):
    """Cells that ended alike, of all adapters."""

    outcome: Shared
    reason: Shared
    adapters: SharedList
    scenarios: SharedList
    """Empty: the adapters are not usable at all."""
    cells: int
    stderr: str


class Behaviour(Struct, frozen=True):
    """One behaviour that was asked about."""

    id: Shared
    group: Shared
    question: str
    """The id where nothing is known of it here."""
    rule: str
    source: str
    reports: tuple[str, ...]


class Answer(Struct, frozen=True):
    """What one adapter answered."""

    behaviour: Shared
    adapter: Shared
    answer: Shared
    how: Shared
    seen: Shared


class Loop(Struct, frozen=True):
    """What one loop does with CPython's own tests."""

    name: str
    passed: int
    failed: int
    hung: int
    skipped: int
    missed: str
    """What a user would miss, and how many tests say so."""


class Document(Struct, frozen=True):
    """All of `report.html`."""

    texts: tuple[str, ...]
    """What packed tables refer to by index."""
    title: str
    """System and release."""
    machine: Sentence
    """Where and how it was measured, and how far the figures carry."""
    baseline: str
    """The adapter that is divided by until the reader chooses; empty: the leanest."""
    paired_with: str
    """The adapter whose rows have paired ratios beside the leanest."""
    command: str
    """What makes such a run."""
    facts: tuple[tuple[str, str], ...]
    """What was run: name and value."""
    doubts: tuple[Sentence, ...]
    """What makes figures less sure, worst first."""
    sentences: tuple[Sentence, ...]
    """What the headline says in words."""
    groups: tuple[tuple[str, str], ...]
    """Id and heading of the groups that columns are in."""
    scenarios: tuple[Scenario, ...]
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    """Adapters of the headline."""
    adapters: PackedTable
    """Of `Adapter`."""
    cell_words: PackedTable
    """Of `Word`."""
    missing: PackedTable
    """Of `Missing`."""
    broken: PackedTable
    """Of `Broken`."""
    behaviour_groups: tuple[tuple[str, str], ...]
    """Id and heading."""
    behaviours: PackedTable
    """Of `Behaviour`."""
    answers: PackedTable
    """Of `Answer`."""
    loops: tuple[Loop, ...]
