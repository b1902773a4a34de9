"""Counters of slices that are known by name: what they are, and how those of a row's slices become one figure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class KnownCounter:
    """A counter that a report gives a column of its own."""

    title: str
    """What the column is called, without the unit."""
    unit: Literal["", "µs", "MB"]
    """Bytes are shown as MB (10⁶ bytes)."""
    combined: Callable[[Iterable[float]], float]
    """What one figure is made by: of what is counted the sum, of what is computed in each slice the median."""
    meaning: str
    beside: str = ""
    """Of one that every load brings: the counter of the scenarios that it is a figure of, and not only evidence."""


KNOWN_COUNTERS: Mapping[str, KnownCounter] = {
    "lost": KnownCounter("lost", "", sum, "datagrams that were never answered"),
    "duplicates": KnownCounter("duplicates", "", sum, "answers that came more than once"),
    "resumed": KnownCounter("resumed", "", sum, "handshakes that resumed a session of before"),
    "jain": KnownCounter(
        "Jain's index",
        "",
        median,
        "1 where every connection is answered as often as any other",
        "jain_polite",
    ),
    "jain_polite": KnownCounter(
        "Jain's index, polite", "", median, "likewise over the polite connections alone"
    ),
    "polite_p99_us": KnownCounter(
        "p99, polite", "µs", median, "of the requests of polite connections, answered or not"
    ),
    "rss_before_bytes": KnownCounter("memory before", "MB", median, "resident, before the slice"),
    "rss_peak_bytes": KnownCounter(
        "peak memory", "MB", max, "resident, the highest seen in a slice", "rss_stalled_bytes"
    ),
    "connections_so_far": KnownCounter(
        "connections so far", "", max, "that were measured on one server process"
    ),
    "descriptors_more": KnownCounter(
        "descriptors more", "", max, "open when no connection is, beyond those before the first slice"
    ),
    "threads_more": KnownCounter(
        "threads more", "", max, "alive when no connection is, beyond those before the first slice"
    ),
    "rss_more_bytes": KnownCounter(
        "memory more", "MB", max, "resident when no connection is open, beyond that before the first slice"
    ),
    "process_cpu_jain": KnownCounter(
        "Jain's index of CPU time",
        "",
        median,
        "1 where each process of a server takes as much CPU time as any other",
    ),
    "process_cpu_least": KnownCounter(
        "least of the CPU time", "", median, "what one process of several takes of it, as a fraction"
    ),
    "process_cpu_most": KnownCounter(
        "most of the CPU time", "", median, "what one process of several takes of it, as a fraction"
    ),
    "process_connections_jain": KnownCounter(
        "Jain's index of connections",
        "",
        median,
        "1 where each process of a server holds as many as any other",
    ),
    "process_connections_least": KnownCounter(
        "least of the connections", "", median, "what one process of several holds of them, as a fraction"
    ),
    "process_connections_most": KnownCounter(
        "most of the connections", "", median, "what one process of several holds of them, as a fraction"
    ),
    "rss_stalled_bytes": KnownCounter("memory stalled", "MB", max, "resident, while the load did not read"),
}


def combined(counters: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """One figure of each counter over the slices that have it; of counters that are not known the sum."""
    values: dict[str, list[float]] = {}
    for counted in counters:
        for name, value in counted.items():
            values.setdefault(name, []).append(value)
    return {
        name: float(KNOWN_COUNTERS[name].combined(each) if name in KNOWN_COUNTERS else sum(each))
        for name, each in values.items()
    }
