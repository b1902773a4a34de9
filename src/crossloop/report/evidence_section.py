"""How each row does what it does: the table of the evidence pass, and what is peculiar to whom, in sentences. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from crossloop.journal import (
    ConnectionMemory,
    EvidenceRecord,
    Importing,
    Installed,
    Run,
    SetKey,
    SystemCalls,
    WarmUp,
    row_label,
    set_key,
)
from crossloop.markup import digits
from crossloop.markup.digits import MISSING, parameters_text
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Column, Field, Table, listing, number_field, table, text_field
from crossloop.report.texts import ScenarioTexts

NOTED = 0.1
"""Calls per operation from which a row is said to make a call: one in ten messages."""
NAMED = 0.05
"""Calls per operation from which the table names a call."""
NAMES_SHOWN = 8
ROWS_NAMED = 8
NONE = 0.005
LEAST_ROWS = 3
"""Fewer rows have no neighbours that most of them could be."""
MANY, MORE = 1.5, 0.25
"""A row receives or sends in more calls than others from this multiple of the median row's, and so many more."""

KINDS: Mapping[str, frozenset[str]] = {
    "receiving": frozenset(("read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg", "preadv", "pread64")),
    "sending": frozenset(("write", "writev", "send", "sendto", "sendmsg", "sendmmsg", "pwritev", "pwrite64")),
    "waiting": frozenset(
        ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "kevent")
    ),
}
"""Calls that do the same: a row is not peculiar for the name of the one that it takes. How often one waits depends
on how slow it is, so that only the others are counted against each other."""
PURPOSES: Mapping[str, str] = {
    "accept4": "looks for a new connection",
    "brk": "moves the heap's end",
    "epoll_ctl": "changes what the kernel watches",
    "fcntl": "asks or sets a descriptor's mode",
    "futex": "wakes a thread or waits for one",
    "getpid": "asks whether it has been forked",
    "getsockopt": "asks a socket for its state",
    "io_uring_enter": "hands requests to the kernel's ring",
    "ioctl": "asks a descriptor what there is",
    "madvise": "gives memory back",
    "mmap": "takes memory from the kernel",
    "mremap": "changes the size of mapped memory",
    "munmap": "gives mapped memory back",
    "rt_sigtimedwait": "takes a signal from the queue",
    "timerfd_settime": "sets a timer",
}
_FIGURES: Mapping[str, str] = {
    "system-calls": "system calls",
    "wake-ups": "wake-ups",
    "connection-memory": "memory per connection",
    "importing": "import",
    "cold-start": "cold start",
    "installed": "installed size",
    "warm-up": "warm-up",
}


@dataclass(frozen=True)
class EvidenceSection:
    """What the page says of one scenario's rows."""

    scenario: str
    heading: str
    main: Table
    sentences: tuple[Markdown, ...]
    missing: Table


def evidence_sections(run: Run, texts: Mapping[str, ScenarioTexts]) -> tuple[EvidenceSection, ...]:
    """One section for each scenario and parameter set that there is evidence of."""
    groups: dict[SetKey, list[EvidenceRecord]] = {}
    for record in run.evidence:
        groups.setdefault(set_key(record), []).append(record)
    return tuple(_section(records, texts[records[0].scenario]) for records in groups.values())


def _section(records: Sequence[EvidenceRecord], texts: ScenarioTexts) -> EvidenceSection:
    return EvidenceSection(
        scenario=records[0].scenario,
        heading=parameters_text(records[0].parameters),
        main=_main(records, texts),
        sentences=peculiarities(records, texts.unit),
        missing=_missing(records),
    )


def _main(records: Sequence[EvidenceRecord], texts: ScenarioTexts) -> Table:
    fields: list[Field[EvidenceRecord]] = [
        text_field("Adapter (style)", lambda record: row_label(record.adapter, record.style)),
        number_field(
            f"system calls per {texts.unit}", lambda record: _all_calls(record.system_calls), optional=True
        ),
        text_field("by name (of these in vain)", lambda record: _names(record.system_calls), optional=True),
        number_field(
            f"sleeps per {texts.unit}",
            lambda record: digits.number(record.sleeps_per_operation),
            optional=True,
        ),
        number_field("KiB per connection", lambda record: _kib(record.connection_memory)[0], optional=True),
        number_field(
            "kernel KiB per connection", lambda record: _kib(record.connection_memory)[1], optional=True
        ),
        number_field("import CPU ms (elapsed)", lambda record: _importing(record.importing), optional=True),
        number_field("cold start ms", lambda record: digits.number(record.cold_start_ms), optional=True),
        number_field("installed MB", lambda record: _installed(record.installed), optional=True),
        number_field(f"warm after s ({texts.units})", lambda record: _warm(record.warm_up)[0], optional=True),
        number_field("first ÷ steady", lambda record: _warm(record.warm_up)[1], optional=True),
    ]
    caption = (
        "Measured after the slices, one server at a time. System calls: by strace, closed loop; strace slows the "
        f"server, which then waits more often. Sleeps: voluntary context switches per {texts.unit}, without strace. "
        "Memory: of idle connections that were used once; the kernel's is of the whole machine, both ends. Cold start: "
        "from starting the interpreter to the first answer. Installed: distributions imported, and own libraries. "
        "Warm: until CPU time stays within a band of its later level."
    )
    return listing(records, fields, caption, _notes(records))


def _all_calls(calls: SystemCalls | None) -> str:
    return MISSING if calls is None else digits.number(sum(calls.per_operation.values()))


def _kib(memory: ConnectionMemory | None) -> tuple[str, str]:
    """Of the process, and of the kernel."""
    if memory is None:
        return MISSING, MISSING
    kernel = memory.kernel_bytes_per_connection
    return (
        digits.number(memory.rss_bytes_per_connection / 1024),
        digits.number(None if kernel is None else kernel / 1024),
    )


def _importing(importing: Importing | None) -> str:
    return (
        MISSING
        if importing is None
        else f"{digits.number(importing.cpu_ms)} ({digits.number(importing.wall_ms)})"
    )


def _names(calls: SystemCalls | None) -> str:
    """The calls that are made most, with their counts per operation."""
    if calls is None:
        return MISSING
    most = sorted(calls.per_operation.items(), key=lambda item: (-item[1], item[0]))[:NAMES_SHOWN]
    shown = []
    for name, count in most:
        vain = calls.failed_per_operation.get(name, 0.0)
        if count >= NAMED:
            in_vain = f" ({digits.number(vain, 2)})" if vain >= NAMED else ""
            shown.append(f"{name} {digits.number(count, 2)}{in_vain}")
    return ", ".join(shown) or MISSING


def _installed(installed: Installed | None) -> str:
    if installed is None:
        return MISSING
    return digits.megabytes(installed.total_bytes) if installed.parts else "0 (standard library)"


def _warm(warming: WarmUp | None) -> tuple[str, str]:
    if warming is None:
        return MISSING, MISSING
    if warming.steady_s is None or warming.steady_operations is None:
        warm = f"> {digits.number(warming.observed_s, 2)}"
    else:
        warm = f"{digits.number(warming.steady_s, 2)} ({digits.integer(warming.steady_operations)})"
    level = warming.steady_ns_per_operation
    excess = digits.number(warming.first_ns_per_operation / level) if level else MISSING
    return f"{warm} ± {digits.percent(warming.band)}", excess


def _notes(records: Sequence[EvidenceRecord]) -> list[str]:
    notes = []
    warm = [record.warm_up for record in records if record.warm_up is not None]
    if any(record.steady_s is None for record in warm):
        notes.append(">: not steady in that time. ±: the band that was held for steady.")
    elif warm:
        notes.append("±: the band that was held for steady; it is as wide as the last stretches were noisy.")
    return notes


def peculiarities(records: Sequence[EvidenceRecord], unit: str) -> tuple[Markdown, ...]:
    """A sentence for each call that some rows make and most do not, and for more receiving or sending than is usual.

    Rows with the same peculiar calls share one. Empty for fewer than `LEAST_ROWS` rows with system calls.
    """
    traced = {
        row_label(record.adapter, record.style): record.system_calls.per_operation
        for record in records
        if record.system_calls is not None
    }
    if len(traced) < LEAST_ROWS:
        return ()
    return (*_unusual_calls(traced, unit), *_many_calls(traced, unit))


def _unusual_calls(traced: Mapping[str, Mapping[str, float]], unit: str) -> list[Markdown]:
    alike = frozenset().union(*KINDS.values())
    makers: dict[tuple[str, ...], list[str]] = {}
    for name in sorted({name for calls in traced.values() for name in calls} - alike):
        rows = tuple(row for row, calls in traced.items() if calls.get(name, 0.0) >= NOTED)
        if rows and len(rows) < len(traced) / 2:
            makers.setdefault(rows, []).append(name)
    sentences = []
    for rows, names in sorted(makers.items(), key=lambda item: (item[1], item[0])):
        others = [calls for row, calls in traced.items() if row not in rows]
        none = all(calls.get(name, 0.0) < NONE for calls in others for name in names)
        counts = _joined(
            [f"{_range([traced[row][name] for row in rows])} {_with_purpose(name)}" for name in names]
        )
        sentences.append(
            Markdown(
                f"{_rows(rows)} {'makes' if len(rows) == 1 else 'make'} {counts} a {inline(unit)}; "
                f"{digits.integer(len(others))} of {digits.integer(len(traced))} rows make "
                + ("none." if none else f"fewer than {digits.number(NOTED, 1)}.")
            )
        )
    return sentences


def _many_calls(traced: Mapping[str, Mapping[str, float]], unit: str) -> list[Markdown]:
    sentences = []
    for kind in ("receiving", "sending"):
        counts = {
            row: sum(count for name, count in calls.items() if name in KINDS[kind])
            for row, calls in traced.items()
        }
        usual = median(counts.values())
        rows = [row for row, count in counts.items() if count >= MANY * usual and count >= usual + MORE]
        if rows:
            sentences.append(
                Markdown(
                    f"{_rows(rows)} {'makes' if len(rows) == 1 else 'make'} "
                    f"{_range([counts[row] for row in rows])} {kind} calls a {inline(unit)}; "
                    f"the median row makes {digits.number(usual, 2)}."
                )
            )
    return sentences


def _with_purpose(name: str) -> str:
    purpose = PURPOSES.get(name)
    return f"{inline(name)} ({purpose})" if purpose else inline(name)


def _range(values: Sequence[float]) -> str:
    low, high = digits.number(min(values), 2), digits.number(max(values), 2)
    return low if low == high else f"{low} to {high}"


def _rows(labels: Sequence[str]) -> str:
    names: list[str] = [code(label) for label in labels[:ROWS_NAMED]]
    if len(labels) > ROWS_NAMED:
        names.append(f"{digits.integer(len(labels) - ROWS_NAMED)} more rows")
    return _joined(names)


def _joined(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _missing(records: Sequence[EvidenceRecord]) -> Table:
    """Figures that could not be had: each reason once, for all rows and figures that share it."""
    rows: dict[tuple[str, str], list[str]] = {}
    for record in records:
        for name, reason in record.missing.items():
            rows.setdefault((name, reason), []).append(row_label(record.adapter, record.style))
    figures: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for (kind, reason), labels in rows.items():
        figures.setdefault((tuple(labels), reason), []).append(_FIGURES.get(kind, kind))
    cells = [
        (", ".join(names), "every row" if len(who) == len(records) > 1 else ", ".join(who), reason)
        for (who, reason), names in figures.items()
    ]
    return table([Column("Figure"), Column("not of"), Column("because")], cells)
