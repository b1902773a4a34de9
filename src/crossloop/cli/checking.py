"""`crossloop check`: conformance of every adapter, behaviour by behaviour."""

import importlib.util
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from crossloop.bench.header import run_header
from crossloop.cli.choosing import chosen, suite_or_stop
from crossloop.cli.exits import DONE, FALSE, NOTHING_MEASURED, StopError
from crossloop.conformance.checking import check_adapter
from crossloop.conformance.expectations import Expectation
from crossloop.journal import CheckRecord, JournalWriter
from crossloop.suite import own_folder

CHECKS = "checks.jsonl"
"""Journal of the checks, beside the `run.jsonl` of the bench; the report shows both."""


def run(suites: Sequence[Path], wanted: str | None, out: Path | None, expectations: Path | None) -> int:
    """Check, print one line per adapter and each surprise in full; exit 1 when there was one."""
    suite = suite_or_stop(suites)
    adapters = chosen("adapter", suite.adapters, wanted)
    expected = _expectations(expectations)
    journal = _journal(out, list(adapters)) if out is not None else None
    surprises = usable = 0

    def check(adapter: str) -> list[CheckRecord]:
        return list(check_adapter(adapter, suite=suite, expectations=expected))

    # No speed is judged here, so both CPUs may work.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for adapter, records in zip(adapters, pool.map(check, adapters), strict=True):
            for record in records:
                if journal is not None:
                    journal.write(record, sync=False)
            surprises += sum(not one.as_expected for one in records)
            usable += any(one.outcome == "measured" for one in records)
            _print(adapter, records)
    if not usable:
        raise StopError("no adapter could be opened; `crossloop setup` brings bindings", NOTHING_MEASURED)
    return FALSE if surprises else DONE


def _print(adapter: str, records: Sequence[CheckRecord]) -> None:
    counts = Counter(one.outcome for one in records)
    words = ", ".join(f"{count} {'passed' if name == 'measured' else name}" for name, count in counts.items())
    click.echo(f"{adapter}: {words}")
    for one in records:
        if not one.as_expected:
            click.echo(
                f"  {one.behaviour}: {one.outcome}\n    expected: {one.expected}\n    actual:   {one.actual}"
            )
        elif one.outcome != "measured":
            click.echo(f"  {one.behaviour}: {one.outcome}, as expected: {one.reason or one.actual}")


def _journal(out: Path, adapters: list[str]) -> JournalWriter:
    path = out / CHECKS
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        journal = JournalWriter(path)
    except OSError as error:
        raise StopError(
            f"cannot write into {str(out)!r}: {error.strerror}; choose another folder with --out"
        ) from error
    journal.write(run_header("check", adapters, [], seed=0))
    return journal


def _expectations(path: Path | None) -> tuple[Expectation, ...]:
    """Known limits: a Python file of data, from this checkout or as named by the user; never from a report."""
    path = path if path is not None else own_folder() / "tests" / "expectations.py"
    if not path.is_file():
        return ()
    spec = importlib.util.spec_from_file_location("crossloop_expectations", path)
    if spec is None or spec.loader is None:
        raise StopError(f"--expectations {str(path)!r}: expected a Python file with EXPECTATIONS")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tuple(module.EXPECTATIONS)
