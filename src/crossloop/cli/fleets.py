"""`crossloop fleet`: one command on several hosts, their journals here, and one report of them all."""

import secrets
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import click

from crossloop.cli.exits import DONE, FALSE, INTERRUPTED, NOTHING_MEASURED, StopError
from crossloop.cli.load_hosts import config_or_stop
from crossloop.cli.measuring import terminated_is_interrupted
from crossloop.cli.refusing import holding, unwritable
from crossloop.cli.rendering import render_apart
from crossloop.fleet.brought import RECORD, fleet_id, has_journals
from crossloop.fleet.hosts import FleetError, Host, read_fleet
from crossloop.fleet.question import question_of
from crossloop.fleet.visiting import (
    Call,
    Complete,
    Failed,
    Interrupted,
    Outcome,
    Stream,
    Vanished,
    require_same_question,
    visit,
)
from crossloop.plain_text import printable


@dataclass(frozen=True)
class Request:
    """The options of `crossloop fleet`, as typed."""

    file: Path
    command: tuple[str, ...]
    """The command for the hosts, with its options."""
    out: Path
    hosts: str | None
    again: bool
    ssh_config: Path | None


def run(suites: Sequence[Path], request: Request) -> int:
    """Visit every host that has not answered, and render what was brought."""
    try:
        return _run(suites, request)
    except FleetError as error:
        raise StopError(str(error)) from error


def _run(suites: Sequence[Path], request: Request) -> int:
    hosts = _chosen(request)
    question = question_of(request.command, list(hosts.values()))
    for host in hosts.values():
        _refuse_unreadable(question.arguments(host))
    if shutil.which("ssh") is None and not all(host.is_here for host in hosts.values()):
        raise StopError(
            'no ssh here; OpenSSH\'s client brings it, or name this machine alone (ssh = "localhost")'
        )
    with holding(request.out / RECORD), terminated_is_interrupted():
        call = Call(
            question=question,
            out=request.out,
            fleet=_fleet_id(request.out),
            id=secrets.token_hex(16),
            again=request.again,
            ssh_config=config_or_stop(request.ssh_config),
            tell=_tell,
        )
        for host in hosts.values():
            require_same_question(call, host)
        outcomes = _visit_all(call, list(hosts.values()))
        for name, outcome in outcomes.items():
            click.echo(f"{name}: {_described(outcome)}")
        if call.stopped:
            click.echo("crossloop: interrupted; the same command goes on from here", err=True)
            return INTERRUPTED
        brought = [call.folder(host) for host in hosts.values() if has_journals(call.folder(host))]
        if not brought:
            raise StopError("no host brought a journal; above is why", NOTHING_MEASURED)
        render_apart(suites, brought, request.out)
    return DONE if all(outcome in _WELL for outcome in outcomes.values()) else FALSE


def _chosen(request: Request) -> dict[str, Host]:
    """The hosts of the file that were named; all where none was. Raises `StopError`, `FleetError`."""
    hosts = read_fleet(request.file)
    if request.hosts is None:
        return hosts
    names = [name.strip() for name in request.hosts.split(",")]
    for name in names:
        if name not in hosts:
            raise StopError(f"--hosts: unknown host {name!r}; {request.file} has {', '.join(hosts)}")
    return {name: host for name, host in hosts.items() if name in names}


_WELL = [Complete(DONE, resumed, before) for resumed in (False, True) for before in (False, True)]


def _refuse_unreadable(arguments: Sequence[str]) -> None:
    """Refuse here what every host would refuse. A path is one of theirs, and need not be here."""
    from crossloop.cli.commands import cli  # (which imports this module when the command runs)

    name, *options = arguments
    try:
        cli.commands[name].make_context(name, options, parent=click.Context(cli, info_name="crossloop"))
    except click.BadParameter as error:
        if error.param is None or not isinstance(error.param.type, click.Path):
            raise


def _fleet_id(out: Path) -> str:
    try:
        return fleet_id(out)
    except OSError as error:
        raise unwritable(out, error) from error


def _visit_all(call: Call, hosts: Sequence[Host]) -> Mapping[str, Outcome]:
    """Every host at a time; after Ctrl-C what became of each by then."""

    def visited(host: Host) -> Outcome:
        try:
            outcome = visit(call, host)
        except OSError as error:
            outcome = Failed(str(unwritable(call.folder(host), error)))
        _tell(host, "err", _described(outcome))
        return outcome

    with ThreadPoolExecutor(len(hosts)) as pool:
        visits = {host.name: pool.submit(visited, host) for host in hosts}
        try:
            wait(visits.values())
        except KeyboardInterrupt:
            click.echo("crossloop: interrupted; ends what runs", err=True)
            call.stop()
    return {name: visit_.result() for name, visit_ in visits.items()}


def _tell(host: Host, stream: Stream, text: str) -> None:
    click.echo(f"{host.name}: {printable(text)}", err=stream == "err")


def _described(outcome: Outcome) -> str:
    match outcome:
        case Complete(status=status, resumed=resumed, before=before):
            how = "complete, brought by an earlier call" if before else "resumed" if resumed else "complete"
            return f"{how}; its answer is no (status {status})" if status != DONE else how
        case Failed(reason=reason):
            return f"failed: {reason}"
        case Vanished(reason=reason):
            return f"vanished: {reason}"
        case Interrupted():
            return "interrupted"
        case _:
            assert_never(outcome)
