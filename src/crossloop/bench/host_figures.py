"""What each of several load hosts did for a cell, and what became of those that were lost. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from crossloop.bench.cells import CLIENT_BUSY_SHARE
from crossloop.bench.stages import row_of
from crossloop.journal import MAIN_PHASES, CellRecord, HostFigures, SliceRecord, WarningRecord, phase_of
from crossloop.load.shares import added_up
from crossloop.outcomes import Outcome, outcome_reason

NAME = "lost-load-host"


def with_hosts(
    cells: Sequence[CellRecord],
    slices: Sequence[SliceRecord],
    hosts: Sequence[str],
    lost: Mapping[str, Outcome],
) -> list[CellRecord]:
    """*cells* with the part that each of *hosts* had in them; *lost* says what became of those that are gone."""
    extended = []
    for cell in cells:
        figures = cell.figures
        if figures is not None and hosts:
            of_row = [slice_ for slice_ in slices if row_of(slice_) == row_of(cell)]
            figures = msgspec.structs.replace(
                figures, hosts=[_figures(host, of_row, lost.get(host)) for host in hosts]
            )
        extended.append(msgspec.structs.replace(cell, figures=figures))
    return extended


def _figures(host: str, slices: Sequence[SliceRecord], lost: Outcome | None) -> HostFigures:
    why = "" if lost is None else outcome_reason(lost)
    driven = [slice_ for slice_ in slices if phase_of(slice_.phase) in MAIN_PHASES]
    shares = [share for slice_ in driven for share in slice_.hosts if share.host == host]
    if not shares:
        return HostFigures(host, 0, lost=why)
    operations = sum(slice_.operations for slice_ in driven)
    total = added_up(shares)
    busy = total.load_cpu_ns / total.elapsed_ns
    return HostFigures(
        host=host,
        slices=len(shares),
        connections=total.connections,
        operations_share=total.operations / operations if operations else 0.0,
        load_share=busy,
        regime="client-bound" if busy >= CLIENT_BUSY_SHARE else "idle",
        start_error_us=total.start_error_ns / 1000,
        lost=why,
    )


def lost_warning(host: str, outcome: Outcome, left: Sequence[str]) -> WarningRecord:
    """The warning of a run that lost a load host; *left* are those that went on."""
    rest = f"the load came from {', '.join(left)} alone" if left else "no other was left"
    return WarningRecord(
        NAME,
        f"The load host {host} was lost ({outcome_reason(outcome)}); from then on {rest}. A cell has the slices of one "
        "set of hosts, and says which hosts they were.",
        "See whether the host can be reached by ssh, and measure again.",
    )
