"""`crossloop selftest`: known slowdowns, injected and looked for; what this machine and method can tell apart."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from crossloop.bench.detection import Injection, Line, doubts, lines, shortfalls
from crossloop.bench.header import cpus, run_header
from crossloop.bench.loading import LoadEngine, ask_load_engine
from crossloop.bench.plan import CONTROLLED
from crossloop.bench.profiles import Pace
from crossloop.bench.progress import Watch
from crossloop.bench.selftest import MOST_REPEATS, SLOWDOWNS, SelfTest, Trial
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Row
from crossloop.bench.variants import Slowed
from crossloop.cli.benching import refuse_other
from crossloop.cli.choosing import one_of, records_or_stop, suite_or_stop
from crossloop.cli.exits import DONE, FALSE, INTERRUPTED, NOTHING_MEASURED, StopError
from crossloop.cli.measuring import terminated_is_interrupted
from crossloop.cli.progress import PLAIN_EVERY_S
from crossloop.cli.refusing import begun, holding, require_loopback
from crossloop.journal import (
    LOAD_ENGINE,
    DetectionRecord,
    EndRecord,
    JournalWriter,
    RunRecord,
    SliceRecord,
)
from crossloop.markup import digits
from crossloop.markup.tables import Column, markdown_table, table
from crossloop.outcomes import outcome_reason
from crossloop.statistics import wilson
from crossloop.suite import Suite
from crossloop.supervise.child import ChildError
from crossloop.supervise.probe import exchanges_of, probe

JOURNAL = "selftest.jsonl"
SCENARIO = "tcp-echo"
PARAMETERS = {"size": 1024, "connections": 50}
GENERATIONS = 5
SLICE_MS, RUN_IN_MS = 20.0, 6.0
"""Short, since the time goes further in many pairs than in long ones: docs/diary.md has the figures."""


@dataclass(frozen=True)
class Request:
    """The options of `crossloop selftest`, as typed."""

    adapters: str | None
    """None: the first that the A/A control of a run takes, too, and that is there."""
    comparisons: int
    seconds: float
    seed: int
    out: Path
    resume: bool

    @property
    def pace(self) -> Pace:
        """Of every comparison."""
        return Pace(generations=GENERATIONS, slice_ms=SLICE_MS, run_in_ms=RUN_IN_MS)

    @property
    def rounds(self) -> int:
        """Rounds a generation that fill `seconds` of each row, run-ins included; six pairs at least."""
        return max(2, round(self.seconds * 1e3 / (SLICE_MS + RUN_IN_MS) / GENERATIONS))


def run(suites: Sequence[Path], request: Request) -> int:
    """Inject, look, count. Status 1 when 2 % is missed too often or nothing is found too often."""
    suite = suite_or_stop(suites)
    entry = one_of("adapter", suite.adapters, request.adapters or _usual(suite))
    require_loopback(SCENARIO, "run it on another machine")
    probed = probe(suite, entry, {SCENARIO: suite.scenarios[SCENARIO]})
    styles = probed.rows.get(SCENARIO, ())
    if not probed.usable or not isinstance(styles, tuple) or not styles:
        reason = outcome_reason(probed.outcome) or "it offers no StreamServer"
        raise StopError(
            f"{entry.id} cannot be tried: {reason}; choose another with --adapters", NOTHING_MEASURED
        )
    scenario = suite.scenarios[SCENARIO]
    try:
        (exchange,) = exchanges_of(suite, scenario, [PARAMETERS])
    except ChildError as error:
        raise StopError(f"{SCENARIO}: {outcome_reason(error.outcome)}", NOTHING_MEASURED) from error
    row = Row(entry.id, styles[0])
    trial = Trial(scenario, row, PARAMETERS, exchange, request.pace, request.rounds)
    with holding(request.out / JOURNAL):
        return Session(suite, trial, request, ask_load_engine()).run()


def _usual(suite: Suite) -> str:
    """The id of the adapter that is slowed when none is named."""
    here = [adapter.id for adapter in suite.adapters.values() if not adapter.about.why_not_here()]
    return next((name for name in CONTROLLED if name in here), here[0] if here else CONTROLLED[0])


class Session(Watch):
    """One self-test from the journal to the verdict."""

    def __init__(self, suite: Suite, trial: Trial, request: Request, engine: LoadEngine):
        self._trial = trial
        self._request = request
        self._path = request.out / JOURNAL
        self._engine = engine
        self._site = Site(suite, Conditions(*cpus(), engine=engine.name))
        self._test = SelfTest(self._site, trial, request.seed, watch=self)
        self._last_told = time.monotonic()
        self._injected: list[Injection] = []
        self._records: list[DetectionRecord] = []

    def run(self) -> int:
        """Everything; prints what there is, also when interrupted."""
        if self._request.resume and self._path.exists():
            self._take_over()
        self._say_how_long()
        status = DONE
        with terminated_is_interrupted():
            try:
                with self._site:
                    self._measure()
            except KeyboardInterrupt:
                status = INTERRUPTED
                self._say(f"interrupted; `--resume --out {self._request.out}` goes on from here")
        counted = lines(self._injected, self._records)
        if self._records:
            click.echo(rendered(counted, self._trial, self._request))
            for doubt in doubts(counted):
                self._say(doubt)
        if status == INTERRUPTED:
            return status
        missed = shortfalls(counted)
        click.echo(f"Falls short: {'; '.join(missed)}." if missed else "Passed.")
        return FALSE if missed else DONE

    def _measure(self) -> None:
        start = time.monotonic()
        with self._opened() as journal:
            if self._done >= self._request.comparisons:
                return  # a complete one stays as it is
            self._test.record = lambda record: journal.write(record, sync=False)
            for number in range(self._done, self._request.comparisons):
                records = self._compared(number)
                for record in records:
                    journal.write(record)
                self._records += records
                self._say(f"comparison {number + 1} of {self._request.comparisons}: {_in_short(records)}")
            elapsed_s = round(time.monotonic() - start, 1)
            journal.write(EndRecord(elapsed_s=elapsed_s, cells={}))

    @property
    def _done(self) -> int:
        return max((record.comparison + 1 for record in self._records), default=0)

    def _calibrated(self) -> list[Injection]:
        try:
            injected = self._test.calibrate()
        except ChildError as error:
            raise StopError(f"calibration: {outcome_reason(error.outcome)}", NOTHING_MEASURED) from error
        except ValueError as error:
            raise StopError(
                f"calibration: {error}; try again on a quieter machine", NOTHING_MEASURED
            ) from error
        worth = ", ".join(
            f"{injection.worth:.2%} by {injection.variant.iterations} turns" for injection in injected
        )
        self._say(f"calibrated: {worth}")
        return injected

    def _compared(self, number: int) -> list[DetectionRecord]:
        for attempt in range(MOST_REPEATS):
            try:
                return self._test.compare(number, self._injected)
            except ChildError as error:
                reason = outcome_reason(error.outcome)
                self._say(f"comparison {number + 1} broke off and is taken again: {reason}")
                if attempt + 1 == MOST_REPEATS:
                    raise StopError(f"comparison {number + 1}: {reason}", NOTHING_MEASURED) from error
        raise AssertionError("unreachable")

    # The journal ----------------------------------------------------------------------------------

    def _header(self) -> RunRecord:
        settings: dict[str, int | float | bool | str] = {
            LOAD_ENGINE: self._engine.name,
            "rounds": self._trial.rounds,
            "generations": self._trial.pace.generations,
        }
        for injection in self._injected:
            settings[f"{injection.variant.label}-turns"] = injection.variant.iterations
            settings[f"{injection.variant.label}-worth"] = injection.worth
        return run_header(
            "selftest",
            [self._trial.row.adapter],
            [SCENARIO],
            seed=self._request.seed,
            slice_ms=SLICE_MS,
            run_in_ms=RUN_IN_MS,
            settings=settings,
        )

    def _opened(self) -> JournalWriter:
        """The journal that was taken over, or a new one, for which the slowdowns are calibrated first."""
        if self._injected:
            return JournalWriter(self._path, append=True)
        self._injected = self._calibrated()
        return begun(self._path, self._header())

    def _take_over(self) -> None:
        """Calibration and complete comparisons of an interrupted self-test that asked the same."""
        records = records_or_stop(self._path)
        before = records[0]
        assert isinstance(before, RunRecord)
        self._injected = _injections_of(before)
        refuse_other(self._path, before, self._header())
        detections = [record for record in records if isinstance(record, DetectionRecord)]
        rows = Counter(record.comparison for record in detections)
        self._records = [record for record in detections if rows[record.comparison] == len(self._injected)]
        generations = [record.generation for record in records if isinstance(record, SliceRecord)]
        self._test.begin_after(max(generations, default=-1))

    # Telling --------------------------------------------------------------------------------------

    def _say_how_long(self) -> None:
        left = self._request.comparisons - self._done
        seconds = left * self._trial.seconds + (0 if self._injected else self._trial.calibration_s)
        measured_s = self._trial.rounds * GENERATIONS * (SLICE_MS + RUN_IN_MS) / 1e3
        self._say(
            f"{left} comparisons of {len(SLOWDOWNS) + 2} rows of {self._trial.row}, {measured_s:.1f} s of measuring "
            f"a row in each ({GENERATIONS} generations × {self._trial.rounds} rounds), load engine "
            f"{self._engine.name}: about {seconds / 60:.0f} minutes"
        )

    def _say(self, text: str) -> None:
        self._last_told = time.monotonic()
        click.echo(f"crossloop: {text}", err=True)

    def tell(self, text: str, lasts_s: float = 0.0) -> None:
        """As `Watch` says; now and then."""
        if time.monotonic() - self._last_told >= PLAIN_EVERY_S:
            self._say(text)


def _injections_of(header: RunRecord) -> list[Injection]:
    """What a self-test's journal says that it injected. Raises StopError for the journal of something else."""
    injected = []
    for fraction in SLOWDOWNS:
        label = f"slow-{100 * fraction:g}"
        turns, worth = header.settings.get(f"{label}-turns"), header.settings.get(f"{label}-worth")
        if not isinstance(turns, int) or not isinstance(worth, int | float):
            raise StopError(
                "--resume: the journal is not that of a self-test; leave out --resume to begin anew"
            )
        injected.append(Injection(fraction, float(worth), Slowed(label, turns)))
    return injected


def _in_short(records: Sequence[DetectionRecord]) -> str:
    parts = [
        f"{record.adapter.partition('@')[2]} {record.ratio.value:.4f}{'!' if record.costlier or record.leaner else ''}"
        for record in records
    ]
    floor = records[0].noise_floor if records else 0.0
    return f"{', '.join(parts)}; floor {digits.percent(floor)} (! called different)"


def rendered(counted: Sequence[Line], trial: Trial, request: Request) -> str:
    """The table on stdout, in markdown."""
    columns = (
        Column("Injected", "right"),
        Column("turns", "right"),
        Column("worth", "right"),
        Column("found as", "right"),
        Column("sd between comparisons", "right"),
        Column("called slower", "right"),
        Column("95 % (Wilson)", "right"),
        Column("called leaner", "right"),
    )
    rows = [
        (
            "0 % (A/A)" if not line.injection.wanted else digits.percent(line.injection.wanted),
            digits.integer(line.injection.variant.iterations),
            f"{line.injection.worth:.2%}",
            digits.MISSING if line.found_as is None else f"{line.found_as:+.2%}",
            digits.MISSING if line.spread is None else f"{line.spread:.2%}",
            f"{line.slower} of {line.trials}",
            "{:.0%} to {:.0%}".format(*wilson(line.slower, line.trials)),
            f"{line.leaner} of {line.trials}",
        )
        for line in counted
    ]
    caption = (
        f"Slowdowns injected into {trial.row}, CPU per message in {SCENARIO} with {PARAMETERS['connections']} "
        f"connections of {digits.binary_size(PARAMETERS['size'])}: {request.seconds:g} s of measuring a row and "
        f"comparison, {trial.rounds * trial.pace.generations} rounds in {trial.pace.generations} generations of "
        "processes of the comparison's own. A row is called slower when the 95 % interval of its ratio to the base "
        "lies above 1 and the ratio above the noise floor of the comparison's own twin."
    )
    return markdown_table(table(columns, rows, caption))
