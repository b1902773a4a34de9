"""What stands in the tables of rows, where several tables have it. Pure."""

from collections.abc import Callable, Iterable

from crossloop.journal import Figures, Latency, MeasuredRow, RateFigures, Regime
from crossloop.markup import digits
from crossloop.markup.digits import MISSING
from crossloop.markup.tables import Field, Subject, number_field, text_field
from crossloop.references import MARKED_SHARE

BEYOND = 10
"""A percentile is printed when at least so many samples lie beyond it; fewer make it a matter of luck."""
SAMPLES = {"p50": 2 * BEYOND, "p90": 10 * BEYOND, "p99": 100 * BEYOND, "p99.9": 1000 * BEYOND}
"""Percentile → samples that it takes."""
KEPT_UP = 0.98
"""Achieved ÷ offered below which a row did not keep up: its queue, and so its latency, grew all the time."""
US = 1e-3
"""A nanosecond, in µs."""

LABEL: Field[MeasuredRow] = text_field("Adapter (style)", lambda row: row.label)
REGIME: Field[MeasuredRow] = text_field("regime (server / load CPU)", lambda row: regime(row.figures.regime))
USER: Field[MeasuredRow] = number_field("user µs", lambda row: _split(row.figures)[0], optional=True)
SYSTEM: Field[MeasuredRow] = number_field("system µs", lambda row: _split(row.figures)[1], optional=True)
MEMORY: Field[MeasuredRow] = number_field(
    "memory MB", lambda row: digits.megabytes(row.figures.rss_bytes), optional=True
)
SLICES: Field[MeasuredRow] = number_field("slices (generations)", lambda row: _slices(row.figures))


def cpu(unit: str) -> Field[MeasuredRow]:
    """CPU time of an operation, with its interval."""
    return number_field(
        f"CPU µs per {unit}", lambda row: digits.estimate(row.figures.cpu_ns_per_operation, US)
    )


def sleeps(units: str) -> Field[MeasuredRow]:
    """Operations per sleep."""
    return number_field(
        f"{units} per sleep",
        lambda row: digits.number(row.figures.regime.operations_per_sleep),
        optional=True,
    )


def percentiles(latency: Callable[[Subject], Latency | None]) -> list[Field[Subject]]:
    """All that is kept of a latency."""
    return [
        *(percentile_field(name, latency) for name in SAMPLES),
        number_field(
            "max µs",
            lambda subject: (
                digits.number(latencies.max)
                if (latencies := latency(subject)) and latencies.count
                else MISSING
            ),
            optional=True,
        ),
        number_field(
            "samples",
            lambda subject: (
                MISSING if (latencies := latency(subject)) is None else digits.integer(latencies.count)
            ),
            optional=True,
        ),
    ]


def percentile_field(
    name: str,
    latency: Callable[[Subject], Latency | None],
    mark: Callable[[Subject], str] = lambda _subject: "",
) -> Field[Subject]:
    """One percentile, with a *mark* behind it."""
    return number_field(
        f"{name} µs", lambda subject: percentile(latency(subject), name) + mark(subject), optional=True
    )


def percentile(latency: Latency | None, name: str) -> str:
    """One percentile in µs, below zero what is earlier than due; a dash when too few samples lie beyond it."""
    if latency is None or latency.count < SAMPLES[name]:
        return MISSING
    return digits.number(getattr(latency, name.replace(".", "_")))


def shown_latency(row: MeasuredRow, open_loop: bool) -> Latency | None:
    """Latency at the common rate where the comparison has one, else the workload's own samples."""
    if not open_loop:
        return row.figures.latency_us
    rate = row.common_rate
    return rate.latency_us if rate else None


def own_samples(rows: Iterable[MeasuredRow]) -> str:
    """What latencies are of where no load was offered."""
    driven = any(row.figures.regime.name != "self-driven" for row in rows)
    return "the answers of the closed loop" if driven else "the workload's own samples"


def regime(measured: Regime) -> str:
    """`server-bound (0.98 / 0.61)`."""
    shares = digits.share(measured.server_share)
    if measured.name != "self-driven":
        shares += f" / {digits.share(measured.load_share)}"
    return f"{measured.name} ({shares})"


def near_the_load(figures: Figures) -> bool:
    """Whether a rate takes so much of the load's reach that it is marked; not where neither side was at its limit."""
    share = figures.of_native
    return share is not None and share.value > MARKED_SHARE and figures.regime.name != "idle"


def web_server(row: MeasuredRow) -> str:
    """`uvicorn 0.54.0, httptools (compiled)`: the package or library that parses, and whether by compiled code.

    A dash where no web server answered.
    """
    server = row.server
    if server is None:
        return MISSING
    parser = server.library or server.parser.partition(".")[0]
    return (
        f"{server.server} {server.server_version}, {parser} ({'compiled' if server.compiled else 'Python'})"
    )


def lower_bound(row: MeasuredRow) -> bool:
    """Whether its rate is only a lower bound of what it can do; of a fixed load nobody asks for that."""
    return row.figures.offered_per_s is None and row.figures.regime.name in {"client-bound", "idle"}


def kept_up(rate: RateFigures) -> bool:
    """Whether the row answered as fast as it was asked."""
    return rate.achieved_per_s >= KEPT_UP * rate.offered_per_s


def _split(figures: Figures) -> tuple[str, str]:
    """User and system time per operation; two digits, which is more than ticks tell."""
    share, cost_us = figures.user_share, figures.cpu_ns_per_operation.value * US
    if share is None:
        return MISSING, MISSING
    return digits.number(cost_us * share, 2), digits.number(cost_us * (1 - share), 2)


def _slices(figures: Figures) -> str:
    counted = figures.cpu_ns_per_operation
    return f"{digits.integer(counted.slices)} ({digits.integer(counted.generations)})"
