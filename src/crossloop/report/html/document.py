"""The data of `report.html`: a journal's records in, a document out. Pure: same records, same document."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from crossloop.journal import (
    BASELINE,
    CellRecord,
    CheckRecord,
    Estimate,
    Latency,
    MeasuredRow,
    MeasuredSet,
    Record,
    Run,
    adapter_of,
    row_key,
    row_label,
)
from crossloop.markup.digits import MISSING, parameters_text
from crossloop.markup.escaping import Markdown
from crossloop.report.certainty import ranked, too_few_rounds
from crossloop.report.doubts import doubts
from crossloop.report.dropin import loop_counts
from crossloop.report.fields import (
    SAMPLES,
    kept_up,
    lower_bound,
    near_the_load,
    own_samples,
    shown_latency,
    web_server,
)
from crossloop.report.first_screen import first_screen
from crossloop.report.headline import GROUPS, Headline, HeadlineColumn, headline_of
from crossloop.report.html import shapes
from crossloop.report.html.packing import PackedTable, SharedTexts
from crossloop.report.html.spans import Sentence, sentence_of
from crossloop.report.ladder import from_the_top
from crossloop.report.missing import plain_reason
from crossloop.report.page import texts_for
from crossloop.report.places import (
    BEHAVIOURS,
    DOUBTS,
    FIRST,
    RUN,
    adapters_with_pages,
    place_of_adapter,
    places_of_scenarios,
)
from crossloop.report.places import MISSING as MISSING_PAGE
from crossloop.report.plots import family_of
from crossloop.report.portability import binding_of, library_of
from crossloop.report.run_facts import reproduction_command, run_table
from crossloop.report.scenario_page import answer
from crossloop.report.texts import BehaviourTexts, ScenarioTexts


def document_of(
    records: Sequence[Record],
    about: Mapping[str, ScenarioTexts] | None = None,
    questions: Mapping[str, BehaviourTexts] | None = None,
    *,
    baseline: str = "",
) -> shapes.Document:
    """All that the page shows. Raises ValueError without a record of kind `run`, or for a baseline without a figure."""
    run = Run.of(records)
    texts = texts_for(run.scenario_ids, about or {})
    run = from_the_top(run, texts)
    headline = headline_of(run, texts, baseline)
    shared = SharedTexts()
    behaviour_groups, behaviours = _behaviours(run, questions or {}, shared)
    views = _views(run)
    first = first_screen(run, texts, headline)

    def sentences(markdown: Iterable[Markdown]) -> tuple[Sentence, ...]:
        return tuple(sentence_of(line, views) for line in markdown)

    scenarios = tuple(
        _scenario(
            texts[name],
            sets,
            sentences(answer(column, texts[name]) for column in headline.columns if column.scenario == name),
            shared,
        )
        for name, sets in run.sets.items()
    )
    adapters = shared.table(shapes.Adapter, _adapters(run, headline))
    cell_words = shared.table(shapes.Word, _cell_words(headline))
    missing = shared.table(shapes.Missing, _missing(run))
    broken = shared.table(shapes.Broken, _broken(run))
    answers = shared.table(shapes.Answer, _answers(run))
    return shapes.Document(
        texts=shared.texts,
        title=run.place,
        machine=sentence_of(first.machine, views),
        baseline=baseline,
        paired_with=BASELINE,
        command=reproduction_command(run),
        facts=tuple((name, value) for name, value in run_table(run).rows),
        doubts=sentences(doubts(run, texts).lines),
        sentences=sentences(first.sentences),
        groups=tuple((group, GROUPS[group]) for group in headline.groups),
        scenarios=scenarios,
        columns=tuple(map(_column, headline.columns)),
        order=headline.adapters,
        adapters=adapters,
        cell_words=cell_words,
        missing=missing,
        broken=broken,
        behaviour_groups=behaviour_groups,
        behaviours=behaviours,
        answers=answers,
        loops=tuple(
            shapes.Loop(loop.name, loop.passed, loop.failed, loop.hung, loop.skipped, loop.missed)
            for loop in loop_counts(run)
        ),
    )


def _views(run: Run) -> dict[str, str]:
    """File of the markdown pages → address of the view that shows the same."""
    views = {MISSING_PAGE: "/missing", DOUBTS: "/run", RUN: "/run", BEHAVIOURS: "/behaviours", FIRST: "/"}
    views |= {place: f"/scenario/{quote(name, safe='')}" for name, place in places_of_scenarios(run).items()}
    views |= {place_of_adapter(name): f"/adapter/{quote(name, safe='')}" for name in adapters_with_pages(run)}
    return views


# Figures ------------------------------------------------------------------------------------------


def _scenario(
    texts: ScenarioTexts, sets: Sequence[MeasuredSet], answers: tuple[Sentence, ...], shared: SharedTexts
) -> shapes.Scenario:
    return shapes.Scenario(
        sets[0].scenario,
        texts.title,
        texts.question,
        texts.unit,
        texts.units,
        texts.driven,
        answers,
        tuple(_set(measured, shared) for measured in sets),
    )


def _set(measured: MeasuredSet, shared: SharedTexts) -> shapes.ParameterSet:
    record, rows = measured.record, measured.rows
    open_loop = any(row.common_rate for row in rows)
    fixed = any(row.figures.offered_per_s is not None for row in rows)
    return shapes.ParameterSet(
        key=",".join(f"{name}={value}" for name, value in measured.parameters.items()),
        title=parameters_text(measured.parameters),
        why_unranked="" if not rows or ranked(measured) else too_few_rounds(measured),
        noise_floor=None if record is None else record.noise_floor,
        rounds=None if record is None else record.rounds,
        generations=None if record is None else record.generations,
        latencies=_latencies(rows, open_loop=open_loop, fixed=fixed),
        rows=shared.table(shapes.Row, [_row(row, open_loop=open_loop) for row in rows]),
        references=shared.table(shapes.Row, [_row(row, open_loop=open_loop) for row in measured.references]),
        unmeasured=shared.table(
            shapes.Unmeasured,
            [
                shapes.Unmeasured(cell.adapter, row_label(*row_key(cell)), cell.outcome, plain_reason(cell))
                for cell in measured.others
            ],
        ),
    )


def _latencies(rows: Sequence[MeasuredRow], *, open_loop: bool, fixed: bool) -> str:
    """What the percentiles of a set are of; empty where there are none."""
    if fixed:
        return "the open loop at its fixed rate, from the scheduled time"
    if open_loop:
        return "the open loop at the rate common to all rows, from the scheduled time"
    return own_samples(rows) if any(row.figures.latency_us for row in rows) else ""


def _row(row: MeasuredRow, *, open_loop: bool) -> shapes.Row:
    figures = row.figures
    server = web_server(row)
    return shapes.Row(
        adapter=row.adapter,
        style=row.style,
        label=row.label,
        server="" if server == MISSING else server,
        tier=figures.tier,
        base=row.is_base,
        ratio=_interval(figures.ratio_to_best),
        to_baseline=tuple((style, _interval(ratio)) for style, ratio in figures.to_baseline.items()),
        cpu_ns=_interval(figures.cpu_ns_per_operation),
        user_share=figures.user_share,
        operations_per_s=_interval(figures.operations_per_s),
        at_least=lower_bound(row),
        near_load=near_the_load(figures),
        fell_behind=row.common_rate is not None and not kept_up(row.common_rate),
        regime=figures.regime.name,
        server_share=figures.regime.server_share,
        load_share=figures.regime.load_share,
        latency_us=_percentiles(shown_latency(row, open_loop)),
        rss_bytes=figures.rss_bytes,
        counters=tuple(figures.counters.items()),
        modes=tuple(
            (modes.figure, modes.low.value, modes.low.slices, modes.high.value, modes.high.slices)
            for modes in figures.modes
        ),
    )


def _interval(figure: Estimate) -> shapes.Interval:
    return figure.value, figure.low, figure.high, figure.slices, figure.generations


def _percentiles(latency: Latency | None) -> shapes.Percentiles | None:
    if latency is None or not latency.count:
        return None
    values = {"p50": latency.p50, "p90": latency.p90, "p99": latency.p99, "p99.9": latency.p99_9}
    p50, p90, p99, p99_9 = (
        values[name] if latency.count >= samples else None for name, samples in SAMPLES.items()
    )
    return latency.count, p50, p90, p99, p99_9


# The headline and the adapters --------------------------------------------------------------------


def _column(column: HeadlineColumn) -> shapes.Column:
    places = {id(row): place for place, row in enumerate(column.measured.rows)}
    return shapes.Column(
        column.id,
        column.scenario,
        column.title,
        column.head,
        column.group,
        tuple(places[id(row)] for row in column.rows),
        tuple(places[id(row)] for row in column.rows if column.leads(row)),
    )


def _cell_words(headline: Headline) -> list[shapes.Word]:
    return [
        shapes.Word(adapter, column, cell.word, cell.reasons)
        for (adapter, column), cell in headline.cells.items()
        if cell.row is None
    ]


def _adapters(run: Run, headline: Headline) -> list[shapes.Adapter]:
    checks: dict[str, list[CheckRecord]] = {}
    for check in run.checks:
        checks.setdefault(check.adapter, []).append(check)
    names = dict.fromkeys((*headline.adapters, *run.adapter_ids, *run.adapters))
    return [_adapter(name, run, headline, checks.get(name, ())) for name in names]


def _adapter(name: str, run: Run, headline: Headline, checks: Sequence[CheckRecord]) -> shapes.Adapter:
    record = run.adapters.get(name) or run.adapters.get(adapter_of(name))
    checked, kept = len(checks), sum(check.outcome == "measured" for check in checks)
    measured, family = name in headline.adapters, family_of(name, run)
    if record is None:
        return shapes.Adapter(name, family, "", "", "", "", "", "", measured, checked, kept)
    facts = record.facts
    return shapes.Adapter(
        id=name,
        family=family,
        binding=binding_of(record),
        library=library_of(record),
        mechanism=str(facts.get("mechanism") or ""),
        installed=record.installed,
        outcome=record.outcome,
        reason=record.reason,
        measured=measured,
        checked=checked,
        kept=kept,
    )


def _broken(run: Run) -> list[shapes.Broken]:
    return [
        shapes.Broken(
            check.adapter, check.behaviour, check.outcome, check.reason or check.actual, check.as_expected
        )
        for check in run.checks
        if check.outcome != "measured" or not check.as_expected
    ]


# What has no figure -------------------------------------------------------------------------------


def _missing(run: Run) -> list[shapes.Missing]:
    alike: dict[tuple[str, str, str], list[CellRecord]] = {}
    unusable: dict[tuple[str, str, str], list[str]] = {}
    for name, record in run.adapters.items():
        if not record.usable:
            unusable.setdefault((record.outcome, record.reason, ""), []).append(name)
    absent = {name for names in unusable.values() for name in names}
    for cell in run.cells:
        if cell.figures is None and cell.adapter not in absent:
            alike.setdefault((cell.outcome, plain_reason(cell), cell.stderr_tail), []).append(cell)
    return [
        *(
            shapes.Missing(outcome, reason, tuple(names), (), 0, stderr)
            for (outcome, reason, stderr), names in unusable.items()
        ),
        *(
            shapes.Missing(
                outcome,
                reason,
                tuple(dict.fromkeys(cell.adapter for cell in cells)),
                tuple(dict.fromkeys(cell.scenario for cell in cells)),
                len(cells),
                stderr,
            )
            for (outcome, reason, stderr), cells in alike.items()
        ),
    ]


# Behaviours ---------------------------------------------------------------------------------------


def _behaviours(
    run: Run, questions: Mapping[str, BehaviourTexts], shared: SharedTexts
) -> tuple[tuple[tuple[str, str], ...], PackedTable]:
    """(groups, behaviours), groups together and in the order of the journal."""
    groups: dict[str, str] = {}
    by_id: dict[str, shapes.Behaviour] = {}
    for record in run.behaviours:
        known = questions.get(record.behaviour)
        groups.setdefault(record.group, record.group if known is None else known.group)
        if record.behaviour in by_id:
            continue
        by_id[record.behaviour] = shapes.Behaviour(
            record.behaviour,
            record.group,
            record.behaviour if known is None else known.question,
            "" if known is None else known.rule,
            "" if known is None else known.source,
            () if known is None else tuple(known.reports),
        )
    order = list(groups)
    ordered = sorted(by_id.values(), key=lambda behaviour: order.index(behaviour.group))
    return tuple(groups.items()), shared.table(shapes.Behaviour, ordered)


def _answers(run: Run) -> list[shapes.Answer]:
    return [
        shapes.Answer(record.behaviour, record.adapter, record.answer, record.how, record.seen)
        for record in run.behaviours
    ]
