"""`The same again` in a report: a command that asks for what its run was asked for."""

import html
import re
import shlex
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt

from crossloop.cli.benching import Request
from crossloop.cli.commands import bench
from crossloop.journal import EndRecord, Run, RunRecord
from crossloop.report.run_facts import reproduction
from tests import journals


def request(*arguments: str) -> Request:
    return Request(**bench.make_context("bench", list(arguments), obj=()).params)


def said(original: Request) -> str:
    """The line of a report of such a run, as a page shows it."""
    record = msgspec.structs.replace(
        journals.run_record(), profile=original.profile, seed=original.seed, options=original.options
    )
    return shown(record)


def shown(record: RunRecord) -> str:
    """The line as a reader of the page copies it."""
    page = MarkdownIt().render(reproduction(Run.of([record, EndRecord(elapsed_s=1, cells={})])))
    return html.unescape(re.sub("<[^>]*>", "", page)).strip()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--profile full --seed 9",
        "--adapters uvloop,gevent --scenarios tcp-echo",
        "--engine python --no-references --no-evidence",
        "--budget 2.5 --precision 0.1",
        "--limit 10 --memory 512 --objective 50",
    ],
)
def test_what_a_report_says_asks_the_same(line: str) -> None:
    original = request(*line.split())
    command, verb, *again = shlex.split(said(original))
    assert (command, verb) == ("crossloop", "bench")
    assert request(*again) == original


def test_the_folders_of_ones_own_are_named() -> None:
    folders = (Path("mine"), Path("with a space"))
    arguments = shlex.split(said(replace(request("--adapters", "mine"), suites=folders)))
    assert arguments[:6] == ["crossloop", "--suite", "mine", "--suite", "with a space", "bench"]


def test_what_was_not_asked_for_is_not_said() -> None:
    assert request().options == {}
    assert said(request()) == "crossloop bench --profile quick --seed 1"


def test_where_a_report_goes_is_not_part_of_what_it_measures() -> None:
    assert replace(request("--out", "elsewhere"), out=None) == request()
    assert request("--out", "elsewhere", "--resume").options == {}


def test_a_journal_from_elsewhere_does_not_bring_a_command() -> None:
    hostile = {"adapters": "a; rm -rf $HOME", "out": "/etc", "exec": "x", "engine": "`id`", "suite": "'"}
    record = msgspec.structs.replace(journals.run_record(), options=hostile)
    arguments = shlex.split(shown(record))
    assert arguments[6:] == ["--adapters", "a; rm -rf $HOME", "--engine", "`id`"]
