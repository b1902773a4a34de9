"""`crossloop setup` and `crossloop doctor`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from crossloop.cli.choosing import chosen, suite_or_stop
from crossloop.cli.exits import DONE, FALSE, StopError
from crossloop.cli.streams import print_document
from crossloop.installing import GROUPS, PARTS, InstallFailed, RecordError, bring_all
from crossloop.machine import examine


def setup(suites: Sequence[Path], wanted: Sequence[str]) -> int:
    """Bring what the adapters need, and crossloop's own parts; one that fails is said and costs only itself.

    Exit 0 when everything that exists for this platform came, or when nothing was named: what
    cannot be had is a result. Exit 1 when one that was asked for by name failed.
    """
    suite = suite_or_stop(suites)
    wanted = [name for word in wanted for name in GROUPS.get(word, (word,))]
    names = chosen(
        "adapter or part", {id_: id_ for id_ in (*suite.adapters, *PARTS)}, ",".join(wanted) or None
    )
    adapters = {id_: entry.about for id_, entry in suite.adapters.items() if id_ in names}
    failed = 0
    try:
        for brought in bring_all(
            adapters.items(),
            # Parts alone need nothing of what the scenarios do.
            [(id_, entry.about) for id_, entry in suite.scenarios.items() if adapters],
            [(id_, bring) for id_, bring in PARTS.items() if id_ in names],
            progress=lambda id_, what: click.echo(f"crossloop: {id_}: {what}", err=True),
        ):
            failed += isinstance(brought.result, InstallFailed)
            click.echo(f"{brought.id}: {brought.result}")
    except RecordError as error:
        raise StopError(str(error)) from error
    return FALSE if wanted and failed else DONE


def doctor(*, as_json: bool) -> int:
    """Examine the machine; exit 1 when a problem makes a run impossible."""
    findings = []
    for name, diagnosis in examine():
        findings.append({"name": name, **dataclasses.asdict(diagnosis)})
        if not as_json:
            remedy = f"\n    → {diagnosis.remedy}" if diagnosis.remedy else ""
            click.echo(f"{diagnosis.status:8} {name}: {diagnosis.detail}{remedy}")
    if as_json:
        print_document({"findings": findings}, indent=2)
    return FALSE if any(finding["status"] == "problem" for finding in findings) else DONE
