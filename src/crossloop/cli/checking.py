"""`crossloop check`: the contract of every adapter, promise by promise; then what the libraries do."""

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from crossloop.bench.header import run_header
from crossloop.cli.asking import answers_of, show, wanted_behaviours
from crossloop.cli.builds import Target, targets
from crossloop.cli.choosing import suite_or_stop
from crossloop.cli.exits import DONE, FALSE, NOTHING_MEASURED, StopError
from crossloop.cli.progress import ProgressView
from crossloop.cli.refusing import begun, holding, require_descriptors, require_loopback, require_ports
from crossloop.contract.checking import OPENS, check_adapter
from crossloop.contract.expectations import Expectation
from crossloop.contract.known_limits import known_limits
from crossloop.installing.versions import outside_range
from crossloop.journal import CheckRecord, EndRecord, JournalWriter, Record, behaviours_path, checks_path
from crossloop.suite import Suite, SuiteError
from crossloop.supervise.family import kill_all

AT_A_TIME = 6
"""Adapters that are checked at a time."""
PORTS = 6144
"""A thousand connections for each adapter that is checked at a time, and those that wait for their end (TIME_WAIT)."""
DESCRIPTORS = 512
"""What the promises need but for the one with 1,000 connections, which says so itself when it lacks them."""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    adapters: str | None
    loops: tuple[str, ...]
    out: Path | None
    expectations: Path | None
    only: str | None
    """`contract` or `behaviours`; None: both."""
    behaviours: str | None
    first_styles: bool
    """Of each level the first style alone."""
    cache: Path | None = None
    """Where builds of bindings are kept; None: in a temporary folder."""


def run(suites: Sequence[Path], request: Request) -> int:
    """Check the contract, then ask for behaviours; exit 1 when an adapter does not keep its contract.

    A behaviour is a fact about a library and fails nothing.
    """
    suite = suite_or_stop(suites, request.loops)
    wanted = wanted_behaviours(request.behaviours)
    status = DONE
    with targets(suite, request.adapters, request.cache) as adapters:
        for target in adapters.values():
            for remark in outside_range(target.entry.about.requires, target.first):
                click.echo(f"crossloop: {target.label}: {remark}", err=True)
        if request.only != "behaviours" and request.behaviours is None:
            status = _check_contract(suite, adapters, request)
        if request.only != "contract":
            status = max(status, _ask(adapters, wanted, request.out))
    return status


def _ask(adapters: Mapping[str, Target], wanted: Collection[str], out: Path | None) -> int:
    usable = 0
    with contextlib.ExitStack() as stack:
        journal = (
            stack.enter_context(_journal(behaviours_path(out), list(adapters))) if out is not None else None
        )
        for adapter, answers in answers_of(adapters, wanted):
            records: list[Record] = [adapter, *answers]
            if journal is not None:
                for record in records:
                    journal.write(record, sync=False)
            usable += adapter.usable
            show(adapter, answers)
    return DONE if usable else _nothing_usable()


def _nothing_usable() -> NoReturn:
    raise StopError("no adapter could be opened; `crossloop setup` brings bindings", NOTHING_MEASURED)


def _check_contract(suite: Suite, adapters: Mapping[str, Target], request: Request) -> int:
    """Print one line per adapter and each surprise in full."""
    out, expectations = request.out, request.expectations
    try:
        expected = known_limits(suite, [expectations] if expectations is not None else [])
    except SuiteError as error:
        raise StopError(str(error)) from error
    require_descriptors("check", DESCRIPTORS)
    require_ports("check", PORTS)
    require_loopback("check", "run it where there is one")
    surprises = usable = 0
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(_journal(checks_path(out), list(adapters))) if out is not None else None
        for adapter, records in _checked(adapters, expected, first_styles=request.first_styles):
            for record in records:
                if journal is not None:
                    journal.write(record, sync=False)
            surprises += sum(not record.as_expected for record in records)
            usable += any(record.outcome == "measured" for record in records)
            _print(adapter, records)
    if not usable:
        _nothing_usable()
    return FALSE if surprises else DONE


def _checked(
    adapters: Mapping[str, Target], expected: Sequence[Expectation], *, first_styles: bool
) -> Iterator[tuple[str, list[CheckRecord]]]:
    """Each adapter with its records, some at a time: no speed is judged here, and most of a check waits."""
    stopping = threading.Event()

    def check(target: Target) -> list[CheckRecord]:
        def progress(behaviour: str, before: int, of: int) -> None:
            with guard:
                view.advance(f"{target.label}: {behaviour}, {before + 1} of {of}", 0)

        checked = check_adapter(
            target.entry.id,
            suite=target.suite,
            first_styles=first_styles,
            expectations=expected,
            progress=progress,
        )
        records = list(itertools.takewhile(lambda _record: not stopping.is_set(), checked))
        with guard:
            view.advance(f"{target.label}: done", 1)
        return [_named(record, target) for record in records]

    guard = threading.Lock()
    with (
        ProgressView(len(adapters), unit="adapters") as view,
        ThreadPoolExecutor(max_workers=AT_A_TIME) as pool,
    ):
        try:
            checks = {
                label: pool.submit(check, adapters[label]) for label in _slowest_first(adapters, expected)
            }
            for label in adapters:
                yield label, checks[label].result()
        except BaseException:  # interrupted: the threads wait for answers that nobody wants any more
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            kill_all()
            raise


def _slowest_first(adapters: Mapping[str, Target], expected: Sequence[Expectation]) -> list[str]:
    """Labels, those first of whom most is expected to fail: a promise that is not kept takes its whole time limit."""
    failures = {
        label: sum(expectation.names(target.entry.id) for expectation in expected)
        for label, target in adapters.items()
    }
    return sorted(adapters, key=lambda label: -failures[label])


def _named(record: CheckRecord, target: Target) -> CheckRecord:
    """*record* under the target's label; where the adapter does not open, with the versions that may be why."""
    remarks = outside_range(target.entry.about.requires, target.first)
    if record.behaviour == OPENS and record.outcome != "measured" and remarks:
        reason = "; ".join([record.reason, *remarks])
        return msgspec.structs.replace(record, adapter=target.label, reason=reason, actual=reason)
    return msgspec.structs.replace(record, adapter=target.label)


def _print(adapter: str, records: Sequence[CheckRecord]) -> None:
    counts = Counter(record.outcome for record in records)
    tally = ", ".join(f"{count} {'passed' if name == 'measured' else name}" for name, count in counts.items())
    click.echo(f"{adapter}: {tally}")
    for record in records:
        if not record.as_expected:
            click.echo(
                f"  {record.behaviour}: {record.outcome}\n"
                f"    expected: {record.expected}\n    actual:   {record.actual}"
            )
        elif record.outcome != "measured":
            click.echo(
                f"  {record.behaviour}: {record.outcome}, as expected: {record.reason or record.actual}"
            )


@contextlib.contextmanager
def _journal(path: Path, adapters: list[str]) -> Iterator[JournalWriter]:
    """A new journal, with its end record unless something ends the block before."""
    begun_s = time.monotonic()
    with holding(path), begun(path, run_header("check", adapters, [], seed=0)) as journal:
        yield journal
        journal.write(EndRecord(elapsed_s=time.monotonic() - begun_s, cells={}))
