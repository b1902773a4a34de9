"""The head of a journal: what was asked for, on which machine, on which CPUs."""

import datetime
from collections.abc import Mapping, Sequence

import crossloop
from crossloop.journal import SCHEMA_VERSION, RunRecord, fitted
from crossloop.machine import machine
from crossloop.worker.pinning import pinnable


def run_header(
    profile: str,
    adapters: Sequence[str],
    scenarios: Sequence[str],
    *,
    seed: int,
    slice_ms: float = 0,
    run_in_ms: float = 0,
    settings: Mapping[str, int | float | str] | None = None,
    options: Mapping[str, int | float | str] | None = None,
    left_out: Mapping[str, Mapping[str, int]] | None = None,
    processes: int = 1,
) -> RunRecord:
    """The first record of a journal that begins now, on this machine; *processes*: the most that a server has.

    Raises `UnfitRecordError` where what was asked for is longer than a journal holds.
    """
    server_cpu, load_cpu = cpus()
    header = RunRecord(
        schema=SCHEMA_VERSION,
        crossloop=crossloop.__version__,
        started=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        profile=profile,
        seed=seed,
        machine=machine(),
        adapters=list(adapters),
        scenarios=list(scenarios),
        server_cpu=server_cpu,
        load_cpu=load_cpu,
        slice_ms=slice_ms,
        run_in_ms=run_in_ms,
        settings=dict(settings or {}),
        options=dict(options or {}),
        left_out={scenario: dict(sets) for scenario, sets in (left_out or {}).items()},
        process_cpus=process_cpus(processes) if processes > 1 else [],
    )
    return fitted(header)  # as it will be read, so that `--resume` can hold one against the other


def cpus() -> tuple[int | None, int | None]:
    """(server's, load's): the first and the last CPU this process may use.

    None for both where there is no pinning (macOS, a sandbox), or only one CPU.
    """
    allowed = _pinnable()
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (None, None)


def process_cpus(processes: int) -> list[int]:
    """CPUs of so many *processes* of a server: those that the load does not take, then the load's own.

    Not more than there are processes; empty where there is no pinning.
    """
    allowed = _pinnable()
    return allowed[:processes] if len(allowed) > 1 else []


def _pinnable() -> list[int]:
    try:
        return pinnable()
    except OSError:
        return []
