"""The head of a journal: what was asked for, on which machine, on which CPUs."""

import datetime
import sys
from collections.abc import Mapping, Sequence

import psutil

import crossloop
from crossloop.installing import machine
from crossloop.journal import SCHEMA_VERSION, RunRecord, fitted


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
) -> RunRecord:
    """The first record of a journal that begins now, on this machine.

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
    )
    return fitted(header)  # as it will be read, so that `--resume` can hold one against the other


def cpus() -> tuple[int | None, int | None]:
    """(server's, load's): the first and the last CPU this process may use.

    None for both where there is no pinning (macOS), or only one CPU.
    """
    try:
        allowed = sorted(psutil.Process().cpu_affinity() or [])
    except (AttributeError, psutil.Error):
        return None, None
    if len(allowed) < 2 or sys.platform != "linux":
        return None, None
    return allowed[0], allowed[-1]
