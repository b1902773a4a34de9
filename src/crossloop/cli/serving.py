"""`crossloop serve` and `crossloop load`: the two halves of a stream scenario, one at a time."""

import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from crossloop.cli.choosing import one_of, suite_or_stop
from crossloop.cli.exits import DONE, FALSE, NOTHING_MEASURED, StopError
from crossloop.cli.refusing import require_descriptors, require_loopback
from crossloop.cli.streams import print_document
from crossloop.native import NotBuiltError, build_of
from crossloop.references import REFERENCES, STYLE, Reference
from crossloop.suite import Suite
from crossloop.supervise.child import suite_paths
from crossloop.supervise.jobs import start_in_job
from crossloop.worker.standalone import reachable_warning

DESCRIPTORS = 64
"""What any binding's loop needs for itself, and some connections."""
LOOPBACK = ("127.0.0.1", "localhost")


def run(suites: Sequence[Path], adapter: str, scenario: str, style: str | None, host: str, port: int) -> int:
    """Become the server (POSIX), or run it as the only child and pass its end on (Windows)."""
    suite = suite_or_stop(suites)
    if adapter in REFERENCES and adapter not in suite.adapters:
        _become_reference(suite, REFERENCES[adapter], scenario, style, host, port)
    chosen = one_of("adapter", suite.adapters, adapter)
    workload = one_of("scenario", suite.scenarios, scenario)
    if "StreamServer" not in workload.about.levels:
        raise StopError(
            f"scenario {workload.id!r} has no server of its own (levels: {', '.join(workload.about.levels)}); "
            "`crossloop list` shows which have StreamServer"
        )
    if elsewhere := chosen.about.why_not_here():
        raise StopError(
            f"{chosen.id}: unsupported: {elsewhere}; `crossloop list` shows what is usable", NOTHING_MEASURED
        )
    require_descriptors("serve", DESCRIPTORS)
    if host in LOOPBACK:
        require_loopback("serve", "choose another --host")
    request = {
        "adapter": chosen.id,
        "module": chosen.module,
        "scenario": workload.module,
        "style": style,
        "host": host,
        "port": port,
        "paths": suite_paths(suite.paths),
    }
    command = [sys.executable, "-P", "-m", "crossloop.worker.standalone", json.dumps(request)]
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606  (our own interpreter, our own module)
    return _wait_in_job(command)


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
    suite: Suite, reference: Reference, scenario: str, style: str | None, host: str, port: int
) -> NoReturn:
    """Become a native echo server, which serves whatever takes an echo."""
    from crossloop.bench.plan import takes_references  # what only this case needs

    workload = one_of("scenario", suite.scenarios, scenario)
    if not takes_references(workload):
        raise StopError(f"{reference.id} serves echoes; scenario {workload.id!r} is none, tcp-echo is")
    if style not in (None, STYLE):
        raise StopError(f"--style {style!r}: {reference.id} has {STYLE}; choose that, or none")
    try:
        program = str(build_of(reference.part))
    except NotBuiltError as error:
        raise StopError(f"{reference.id}: not-installed: {error}", NOTHING_MEASURED) from error
    require_descriptors("serve", DESCRIPTORS)
    if host in LOOPBACK:
        require_loopback("serve", "choose another --host")
    if warning := reachable_warning(host):
        click.echo(f"crossloop: {warning}", err=True)
    sys.stdout.flush()
    os.execv(program, [program, "--host", host, "--port", str(port)])  # noqa: S606  (built by setup from our source)


def load(
    suites: Sequence[Path],
    scenario: str,
    connect: str,
    connections: int,
    size: int,
    rate: float | None,
    duration: float,
    engine: str | None,
    as_json: bool,
) -> int:
    """Drive any server; exit 1 when an answer was wrong."""
    from crossloop.load.command import run_load
    from crossloop.load.errors import LoadError, VerificationError

    workload = one_of("scenario", suite_or_stop(suites).scenarios, scenario)
    if "StreamServer" not in workload.about.levels:
        raise StopError(
            f"scenario {workload.id!r} takes no load from outside; `crossloop list` shows which do"
        )
    host, port = _address(connect)
    try:
        result = run_load(host, port, connections, size, rate, duration, engine=engine or "")
    except VerificationError as error:
        raise StopError(str(error), FALSE) from error
    except LoadError as error:
        raise StopError(str(error)) from error
    if as_json:
        print_document(result)
    else:
        _print(result)
    return DONE if not result["errors"] else FALSE


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    try:
        host.encode("idna")  # as the socket module will; a label too long ends there in a UnicodeError
        named = bool(colon and host)
    except UnicodeError:
        named = False
    if not (named and re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise StopError(f"--connect {text!r}: expected HOST:PORT, for instance 127.0.0.1:8000 or [::1]:8000")
    return host.strip("[]"), int(port)


def _print(result: dict[str, object]) -> None:
    latency = result["latency_us"]
    assert isinstance(latency, dict)
    if result["engine_reason"]:
        click.echo(f"crossloop: the load ran on its engine in Python: {result['engine_reason']}", err=True)
    click.echo(
        f"{result['messages']:,} messages in {result['duration_s']:.2f} s, {result['messages_per_s']:,.0f} a second, "
        f"{result['verified']:,} verified, {result['errors']} errors ({result['engine']})"
    )
    click.echo("latency in µs: " + ", ".join(f"{name} {value:,.0f}" for name, value in latency.items()))
