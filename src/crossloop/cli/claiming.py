"""`crossloop claims`: published claims, each with what this machine says of it."""

import difflib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from crossloop.bench.loading import ask_exchanges
from crossloop.claims import Answer, Claim, Sources, Verdict, catalogue, claims_page, evaluate, summary
from crossloop.cli.choosing import records_or_stop, suite_or_stop
from crossloop.cli.claims_plan import adapters_of, claims_plan, scenarios_of
from crossloop.cli.exits import DONE, INTERRUPTED, NOTHING_MEASURED, StopError
from crossloop.cli.measuring import adapter_record, measure, terminated_is_interrupted
from crossloop.cli.refusing import probe_writable, require_descriptors, require_loopback, unwritable
from crossloop.installing import recorded_setup
from crossloop.journal import Record, RunRecord
from crossloop.load.walls import walls
from crossloop.machine import machine
from crossloop.replacing import replace_file
from crossloop.suite import Suite
from crossloop.supervise.probe import probe_all

PROGRAM_LIMIT_S = 60.0
DESCRIPTORS = 128


def run(
    suites: Sequence[Path],
    ids: Sequence[str],
    source: Path | None,
    out: Path | None,
    budget_min: float,
    seed: int,
) -> int:
    """Test the claims with *ids* (all, without any) by the run in *source*, or by one of their own."""
    claims = _chosen(ids)
    if out is not None:
        probe_writable(out)
    with (
        nullcontext(str(out)) if out is not None else TemporaryDirectory(prefix="crossloop-claims-") as folder
    ):
        if source is not None:
            records = records_or_stop(source)
        else:
            try:
                with terminated_is_interrupted():
                    records = _measured(suite_or_stop(suites), claims, Path(folder), budget_min, seed)
            except KeyboardInterrupt:
                click.echo("crossloop: interrupted; the claims begin anew", err=True)
                return INTERRUPTED
    sources = Sources.of(records, _programs(claims, records[0]))
    judged = evaluate(claims, sources)
    page = claims_page(judged, sources.run)
    click.echo(page, nl=False)
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            replace_file(out / "claims.md", page.encode())
        except OSError as error:
            raise unwritable(out, error) from error
    click.echo(f"crossloop: {summary(judged)}", err=True)
    if all(judgement.verdict is Verdict.NOT_MEASURED for _claim, judgement in judged):
        raise StopError(
            "no claim could be tested; the table says why, and `crossloop setup` brings bindings",
            NOTHING_MEASURED,
        )
    return DONE


def _chosen(ids: Sequence[str]) -> list[Claim]:
    known = {claim.id: claim for claim in catalogue()}
    for id_ in ids:
        if id_ not in known:
            near = difflib.get_close_matches(id_, known, n=1, cutoff=0.0)[0]
            raise StopError(
                f"unknown claim {id_!r}; did you mean {near!r}? known: {', '.join(known)}; "
                "`crossloop claims` tests them all"
            )
    return [known[id_] for id_ in dict.fromkeys(ids)] or list(known.values())


def _measured(
    suite: Suite, claims: Sequence[Claim], folder: Path, budget_min: float, seed: int
) -> list[Record]:
    """Measure what the claims need, and no more, into a journal in *folder*."""
    needs = [need for claim in claims for need in claim.evidence.needs]
    require_descriptors("claims", DESCRIPTORS)
    require_loopback("claims", "test an earlier run with --from")
    scenarios = {id_: entry for id_, entry in suite.scenarios.items() if id_ in scenarios_of(needs)}
    click.echo("crossloop: asking each adapter what it is", err=True)
    entries = {id_: entry for id_, entry in suite.adapters.items() if id_ in adapters_of(needs)}
    probed = list(probe_all(suite, entries, scenarios))
    workloads = list(scenarios.values())
    plan = claims_plan(
        needs,
        workloads,
        probed,
        partial(ask_exchanges, suite, workloads),
        budget_s=60 * budget_min,
        walls=walls(),
    )
    click.echo(
        f"crossloop: profile {plan.profile.name}, {plan.slices} slices, about {plan.seconds / 60:.1f} minutes",
        err=True,
    )
    installed = recorded_setup()
    adapters = [adapter_record(adapter, installed.get(adapter.entry.id, "")) for adapter in probed]
    measure(suite, plan, adapters, list(entries), folder, seed)
    return records_or_stop(folder)


def _programs(claims: Sequence[Claim], record: Record) -> dict[str, Mapping[str, Any]]:
    """Answers of the programs that the claims need; none where the run is another machine's."""
    wanted = dict.fromkeys(claim.evidence.program for claim in claims if isinstance(claim.evidence, Answer))
    assert isinstance(record, RunRecord)
    here = machine()
    if (record.machine.platform, record.machine.architecture) != (here.platform, here.architecture):
        return {
            name: {"error": "the run is of another machine, where no program can be run now"}
            for name in wanted
        }
    return {name: _answer(f"crossloop.probes.{name.replace('-', '_')}") for name in wanted}


def _answer(module: str) -> Mapping[str, Any]:
    """What a program prints, in a process of its own: the supervisor imports no binding."""
    command = [sys.executable, "-P", "-m", module]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_LIMIT_S, check=False)
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {PROGRAM_LIMIT_S:g} s"}
    except ValueError:
        return {"error": f"it ended with status {done.returncode} and no answer"}
    return answer if isinstance(answer, dict) else {"error": "it answered something else than an object"}
