"""`crossloop serve` and `crossloop load`: the two halves of a scenario that is driven from outside, one at a time."""

import contextlib
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, assert_never

import click

from crossloop.api import Transport, UnsupportedError
from crossloop.cli.choosing import one_of, suite_or_stop
from crossloop.cli.exits import BAD_INPUT, DONE, FALSE, NOTHING_MEASURED, StopError
from crossloop.cli.load_hosts import config_or_stop, hosts_or_stop
from crossloop.cli.refusing import require_descriptors, require_loopback
from crossloop.cli.streams import print_document
from crossloop.declarations import parameters_with
from crossloop.native import NotBuiltError, build_of
from crossloop.outcomes import Outcome, outcome_reason
from crossloop.references import REFERENCES, STYLE, Reference
from crossloop.suite import ScenarioEntry, Suite
from crossloop.supervise.answers import LoadFaultError
from crossloop.supervise.certificates import make_certificates
from crossloop.supervise.child import ChildError, suite_paths
from crossloop.supervise.jobs import start_in_job
from crossloop.supervise.load import LoadClient
from crossloop.supervise.load_hosts import LoadHosts
from crossloop.supervise.probe import exchanges_of
from crossloop.supervise.references import reference_words
from crossloop.worker.serving import sharing_option
from crossloop.worker.standalone import reachable_warning

if TYPE_CHECKING:  # (`serve` does without)
    from crossloop.load.commands import Address

DESCRIPTORS = 64
"""What any binding's loop needs for itself, and some connections."""
LOOPBACK = ("127.0.0.1", "localhost")
CLOSED_LOOP = (
    "Each connection waited for its answers before it sent again, so these latencies leave out the time that requests "
    "wait while a server stands still; --rate R has latencies that count from when each request was due."
)
"""Said of every closed loop (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed", NSDI 2006)."""


def run(
    suites: Sequence[Path],
    adapter: str,
    scenario: str,
    loops: Sequence[str],
    style: str | None,
    host: str,
    port: int,
    path: str,
    processes: int,
    settings: Sequence[str],
) -> int:
    """Become the server (POSIX), or run it as the only child and pass its end on (Windows).

    Of several *processes* each is a child, and all end together.
    """
    suite = suite_or_stop(suites, loops)
    workload = _driven_from_outside(suite, scenario)
    about = workload.about
    parameters = _parameters(workload, settings)
    if path and about.transport != "unix":
        raise StopError(
            f"--path {path!r}: scenario {workload.id!r} is served over {about.transport}; leave it out"
        )
    place = _Place(about.transport, host, port, path)
    if processes > 1:
        _require_sharing(workload, adapter, suite, processes)
    if adapter in REFERENCES and adapter not in suite.adapters:
        _become_reference(REFERENCES[adapter], workload, style, place)
    chosen = one_of("adapter", suite.adapters, adapter)
    if elsewhere := chosen.about.why_not_here():
        raise StopError(
            f"{chosen.id}: unsupported: {elsewhere}; `crossloop list` shows what is usable", NOTHING_MEASURED
        )
    place.require()
    request = {
        "adapter": chosen.id,
        "module": chosen.module,
        "scenario": workload.module,
        "parameters": parameters,
        "levels": about.levels,
        "style": style,
        "paths": suite_paths(suite.paths),
        **place.request(),
    }
    if processes > 1:
        from crossloop.cli.serving_together import serve_together

        return serve_together(request, processes)
    command = [sys.executable, "-P", "-m", "crossloop.worker.standalone", json.dumps(request)]
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606  (our own interpreter, our own module)
    return _wait_in_job(command)


@dataclass(frozen=True)
class _Place:
    """Where a server is to be."""

    transport: Transport
    host: str
    port: int
    path: str

    def require(self) -> None:
        """Raises StopError where nothing can be served there."""
        require_descriptors("serve", DESCRIPTORS)
        if self.transport != "unix" and self.host in LOOPBACK:
            require_loopback("serve", "choose another --host")

    def request(self) -> dict[str, object]:
        """What the server's process is told of it; the folder `remove`, made here, is that process's to remove."""
        place: dict[str, object] = {"transport": self.transport, "host": self.host, "port": self.port}
        match self.transport:
            case "tcp" | "udp":
                return place
            case "tls":
                made = make_certificates()
                return {
                    **place,
                    "certificate": str(made.server),
                    "ca": str(made.ca),
                    "remove": str(made.folder),
                }
            case "unix" if self.path:
                return {**place, "path": self.path}
            case "unix":
                folder = tempfile.mkdtemp(prefix="crossloop-")
                return {**place, "path": str(Path(folder) / "socket"), "remove": folder}
            case _:
                assert_never(self.transport)


def _require_sharing(scenario: ScenarioEntry, adapter: str, suite: Suite, processes: int) -> None:
    """Raises StopError where a server cannot be in several processes."""
    option = f"--processes {processes}"
    if scenario.about.transport not in ("tcp", "tls") or scenario.about.drive == "push":
        raise StopError(
            f"{option}: the connections of scenario {scenario.id!r} cannot be shared out: they take TCP, and no "
            "connection may be told of another's messages; tcp-echo fits"
        )
    if adapter in REFERENCES and adapter not in suite.adapters:
        raise StopError(f"{option}: {adapter} shares its port with nobody; choose an adapter")
    try:
        sharing_option()
    except UnsupportedError as error:
        raise StopError(f"{option}: unsupported: {error}", NOTHING_MEASURED) from error


def _driven_from_outside(suite: Suite, scenario: str) -> ScenarioEntry:
    """The scenario, whose server and load are two. Raises StopError."""
    chosen = one_of("scenario", suite.scenarios, scenario)
    if chosen.about.drive == "work":
        outside = [id_ for id_, entry in suite.scenarios.items() if entry.about.drive != "work"]
        raise StopError(
            f"scenario {chosen.id!r} drives itself, and has neither server nor load; `crossloop list` shows all; "
            f"scenarios with both are {', '.join(outside)}"
        )
    return chosen


def _parameters(scenario: ScenarioEntry, settings: Sequence[str]) -> dict[str, Any]:
    """The scenario's first set, with what `--set` says. Raises StopError."""
    given = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise StopError(f"--set {setting!r}: expected NAME=VALUE")
        given[name] = value
    try:
        return parameters_with(scenario.about, given)
    except ValueError as error:
        raise StopError(f"scenario {scenario.id!r}: {error}") from error


def _wait_in_job(command: Sequence[str]) -> int:
    """Run the server where a process cannot become another; it ends when this one does, however that comes.

    It leads a process group, so Ctrl-C and Ctrl-Break of the console come to this process alone, and are handed on.
    """
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, signal.default_int_handler)
    server, job = start_in_job(command)
    with job or contextlib.nullcontext():
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                if sys.platform == "win32":
                    with contextlib.suppress(OSError):
                        os.kill(server.pid, signal.CTRL_BREAK_EVENT)


def _become_reference(
    reference: Reference, scenario: ScenarioEntry, style: str | None, place: _Place
) -> NoReturn:
    """Become a native echo server, which serves whatever takes an echo."""
    if not reference.serves(scenario.about):
        raise StopError(
            f"{reference.id} serves echoes over {', '.join(reference.transports)}; scenario {scenario.id!r} is "
            f"{'an' if scenario.about.serves else 'no'} echo over {scenario.about.transport}; tcp-echo fits"
        )
    if style not in (None, STYLE):
        raise StopError(f"--style {style!r}: {reference.id} has {STYLE}; choose that, or none")
    if place.transport == "unix" and not place.path:
        raise StopError(f"--path: {reference.id} makes no folder for its unix socket; say where it is to be")
    try:
        program = str(build_of(reference.part))
    except NotBuiltError as error:
        raise StopError(f"{reference.id}: not-installed: {error}", NOTHING_MEASURED) from error
    place.require()
    if place.transport != "unix" and (warning := reachable_warning(place.host)):
        click.echo(f"crossloop: {warning}", err=True)
    sys.stdout.flush()
    flags = [*reference_words(place.transport, place.path), "--host", place.host, "--port", str(place.port)]
    os.execv(program, [program, *flags])  # noqa: S606  (built by setup from our source)


def load(
    suites: Sequence[Path],
    scenario: str,
    connect: str,
    connections: int | None,
    size: int | None,
    settings: Sequence[str],
    ca: str,
    rate: float | None,
    duration: float,
    engine: str | None,
    as_json: bool,
    hosts: str | None = None,
    ssh_config: Path | None = None,
) -> int:
    """Drive any server; exit 1 when an answer was wrong."""
    from crossloop.load.command import run_load
    from crossloop.load.commands import Open
    from crossloop.load.errors import VerificationError

    suite = suite_or_stop(suites)
    workload = _driven_from_outside(suite, scenario)
    given = {"connections": connections, "size": size}
    as_settings = [f"{name}={value}" for name, value in given.items() if value is not None]
    parameters = _parameters(workload, [*settings, *as_settings])
    address = _address(workload.about.transport, connect, ca)
    try:
        (exchange,) = exchanges_of(suite, workload, [parameters])
        lost: dict[str, Outcome] = {}
        load_hosts, config = hosts_or_stop("--from", hosts), config_or_stop(ssh_config)
        with (
            LoadHosts(load_hosts, lost, engine=engine or "", ssh_config=config)
            if load_hosts
            else LoadClient(engine or "")
        ) as client:
            opening = Open(
                target=connect,
                address=address,
                connections=parameters["connections"],
                exchange=exchange,
                pids=[],  # the server's is not known, and its clocks are not shown
                drive=workload.about.drive,
            )
            result = run_load(client, opening, rate or parameters.get("rate"), duration, lost=lost)
    except LoadFaultError as error:
        raise StopError(
            str(error), FALSE if error.fault.kind == VerificationError.kind else BAD_INPUT
        ) from error
    except ChildError as error:
        raise StopError(f"{workload.id}: {outcome_reason(error.outcome)}", NOTHING_MEASURED) from error
    if as_json:
        print_document(result)
    else:
        _print(result, workload.about.unit)
    return DONE if not result["errors"] else FALSE


def _address(transport: Transport, text: str, ca: str) -> "Address":
    """Where the server is. Raises StopError."""
    from crossloop.load.commands import Address

    if (transport == "tls") != bool(ca):
        raise StopError(
            "--ca: expected the file that `crossloop serve` names as ca, for a server over tls"
            if not ca
            else f"--ca {ca!r}: the transport is {transport}, which has no certificates; leave out --ca"
        )
    if transport == "unix":
        return Address(transport=transport, path=text)
    host, colon, port = text.rpartition(":")
    try:
        host.encode("idna")  # as the socket module will; a label too long ends there in a UnicodeError
        named = bool(colon and host)
    except UnicodeError:
        named = False
    if not (named and re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise StopError(f"--connect {text!r}: expected HOST:PORT, for instance 127.0.0.1:8000 or [::1]:8000")
    return Address(transport=transport, host=host.strip("[]"), port=int(port), ca=ca)


def _print(result: dict[str, Any], unit: str) -> None:
    if result["engine_reason"]:
        click.echo(f"crossloop: the load ran on its engine in Python: {result['engine_reason']}", err=True)
    from crossloop.report import ScenarioTexts  # takes a while, and a document does without

    units = ScenarioTexts("", unit=unit).units
    click.echo(
        f"{result['messages']:,} {units} in {result['duration_s']:.2f} s, {result['messages_per_s']:,.0f} a second, "
        f"{result['verified']:,} verified, {result['errors']} errors ({result['engine']})"
    )
    if result["counters"]:
        click.echo(", ".join(f"{name} {value:,.0f}" for name, value in result["counters"].items()))
    for host in result["hosts"]:
        part = (
            f"{host['host']}: {host['connections']:,} connections, {host['share']:.1%} of the {units}, "
            f"busy {host['busy']:.0%}, began within {host['start_error_us']:,.0f} µs"
        )
        click.echo(f"{part}; lost: {host['lost']}" if host["lost"] else part)
    latency = {
        name: "–" if value is None else f"{value:,.0f}" for name, value in result["latency_us"].items()
    }
    click.echo("latency in µs: " + ", ".join(f"{name} {value}" for name, value in latency.items()))
    if not result["offered_per_s"]:
        click.echo(CLOSED_LOOP)
