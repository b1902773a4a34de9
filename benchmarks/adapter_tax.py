"""What the common API costs: each adapter's echo server against one written by hand for the same library.

    python benchmarks/adapter_tax.py [--adapters A,B] [--styles S,T] [--against ID | --fresh] [--rounds N]
                                     [--generations G] [--connections 50] [--size 1024] [--limit 1.03] [--seed 1]

The hand-written servers are in `benchmarks/controls`. For each adapter and style a worker (adapter) and a
control live at once, on the first CPU; the load, crossloop's own, is on the second. Slices of 20 ms after
6 ms of run-in alternate in random order, the other process stopped meanwhile, over generations of fresh
processes. The figure is CPU time per message, adapter ÷ control: the median of the paired ratios with its
95 % interval (docs/method.md). The first line is a control against itself: what differs from 1 there is noise.

With `--against` an adapter, in its first style, stands in the place of the hand-written servers: what one binding
costs over another, by the same pairs. With `--fresh` each adapter is compared with itself: in a process like one that
has never freed a large block, and in one whose allocator is aged, as all others here are.

Prints a markdown table as it goes; progress on stderr. Exit 0; 1 when a ratio is above the limit with its
whole interval; 3 when nothing could be measured. Needs two CPUs, and Linux for their pinning.
"""

import argparse
import itertools
import os
import signal
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossloop.bench.beside import Load
from crossloop.bench.measuring import Measuring
from crossloop.bench.profiles import Pace
from crossloop.bench.results import Results
from crossloop.bench.rooms import Room, SliceRoom
from crossloop.bench.site import Conditions, Site
from crossloop.bench.stages import Comparison, Rounds, Row, Stage, cost, values_of
from crossloop.bench.subjects import ServerLaunch, Subjects
from crossloop.bench.variants import Fresh, Variant, variant_name
from crossloop.bench.visits import LoadVisit
from crossloop.journal import Estimate, is_variant
from crossloop.outcomes import outcome_reason
from crossloop.statistics import paired_ratio
from crossloop.suite import AdapterEntry, SuiteError, load_suite, select
from crossloop.supervise.answers import Serving
from crossloop.supervise.child import Child, ChildError
from crossloop.supervise.probe import Probed, exchanges_of, probe

CONTROLS = Path(__file__).parent / "controls"
AGED = Path(__file__).parent / "aged.py"
CONTROL, TWIN = "control", "twin"
"""Adapters of the rows whose style is the command of a hand-written server; the twin is a second of its kind."""
MIN_ROUNDS = 6
GENERATIONS, ROUNDS = 3, 100
SLICE_MS, RUN_IN_MS = 20, 6


@dataclass(frozen=True)
class Pair:
    """Two rows that are compared; *subject* ÷ *control*."""

    name: str
    style: str
    subject: Row
    control: Row


def control_of(adapter: str, style: str) -> Row | None:
    """The hand-written server that does what *adapter* does in *style*; None without one."""
    match adapter:
        case "asyncio" | "asyncio-select" | "asyncio-poll" | "uvloop" | "winloop":
            command = f"asyncio_echo.py {style} {adapter}"
        case "tornado" | "tornado-uvloop":
            command = f"tornado_echo.py {adapter.removeprefix('tornado-').replace('tornado', 'asyncio')}"
        case "gevent-libev":
            command = "gevent_echo.py libev-cext"
        case "gevent-libev-cffi" | "gevent-libuv":
            command = f"gevent_echo.py {adapter.removeprefix('gevent-').removesuffix('-cffi')}-cffi"
        case "gevent-libevent":
            command = "gevent_echo.py crossloop.bindings.gevent_libevent.loop"
        case "twisted" | "eventlet":
            command = f"{adapter}_echo.py {style}"
        case "pyev" | "trio" | "curio":
            command = f"{adapter}_echo.py"
        case "threads" | "spin" | "select" | "poll" | "epoll" | "kqueue":
            command = f"models_echo.py {adapter}"
        case "libevent":
            command = f"libevent_echo.py {style}"
        case _:
            return None
    return Row(CONTROL, command)


class Control(Child):
    """A hand-written server. It does not watch its input: it is told to end by signal, at once."""

    def end(self, grace_s: float = 0.0) -> None:
        """As any child ends."""
        super().end(grace_s=0.0)


@dataclass(frozen=True)
class ControlledLaunch(ServerLaunch):
    """A row may be a hand-written server, which says by itself when it is ready, instead of a worker."""

    def __call__(self, row: Row, cpu: int | None) -> tuple[Child, Mapping[str, Any]]:
        """As `Launch` says."""
        if row.adapter not in (CONTROL, TWIN):
            return super().__call__(row, cpu)
        file, *arguments = row.style.split()
        return Control([str(AGED), str(CONTROLS / file), *arguments], name=str(row)), {}


def controlled_room(site: Site, stage: Stage) -> SliceRoom:
    """A room of workers and hand-written servers."""
    load = Load(site)
    subjects = Subjects(site, ControlledLaunch(site, stage), Serving)
    return Room(site, subjects, LoadVisit(site, load, stage.pace), load, lasting=True)


class Session:
    """What all pairs of one call have in common. Raises ChildError where tcp-echo cannot be asked what it exchanges."""

    def __init__(self, site: Site, options: argparse.Namespace):
        self._site = site
        self._options = options
        self._scenario = site.suite.scenarios["tcp-echo"]
        self._parameters = {"connections": options.connections, "size": options.size}
        (self._exchange,) = exchanges_of(site.suite, self._scenario, [self._parameters])

    def slices(self, pair: Pair) -> Mapping[Row, list[tuple[int, int, float]]]:
        """CPU nanoseconds per message by row, as `paired_ratio` takes them. Raises ChildError."""
        rows, options = (pair.subject, pair.control), self._options
        comparison = Comparison(
            self._scenario, self._parameters, rows, options.rounds, exchange=self._exchange
        )
        variants: dict[str, Variant] = {row.adapter: Fresh() for row in rows if is_variant(row.adapter)}
        pace = Pace(generations=options.generations, slice_ms=SLICE_MS, run_in_ms=RUN_IN_MS)
        stage = Rounds((comparison,), pace, variants)
        measuring = Measuring(
            self._site, stage, Results(stage, strict=True), options.seed, opened=controlled_room
        )
        taken = list(measuring.slices())
        return {row: values_of(taken, cost, row) for row in rows}

    def line(self, pair: Pair) -> tuple[str, str]:
        """(line of the table, verdict) of one pair."""
        try:
            taken = self.slices(pair)
        except ChildError as error:
            return (
                f"| {pair.name} | {pair.style} | – | – | – | not measured: {outcome_reason(error.outcome)} |",
                "none",
            )
        ratio = paired_ratio(taken[pair.subject], taken[pair.control], self._options.seed)
        control_us = statistics.median(value for _g, _t, value in taken[pair.control]) / 1000
        verdict = verdict_on(ratio, self._options.limit)
        return (
            f"| {pair.name} | {pair.style} | {ratio.value:.3f} ({ratio.low:.3f} – {ratio.high:.3f}) "
            f"| {control_us:.1f} | {ratio.slices} in {ratio.generations} | {verdict} |"
        ), verdict


def verdict_on(ratio: Estimate, limit: float) -> str:
    """`yes`: the whole interval is within the limit; `no`: all of it is above; `undecided` otherwise."""
    if ratio.high <= limit:
        return "yes"
    return "no" if ratio.low > limit else "undecided"


def styles_of(probed: Probed) -> Sequence[str]:
    """Those in which an adapter serves streams."""
    return probed.levels.get("StreamServer", ())


def fresh_pairs(usable: Sequence[Probed], styles: str | None) -> Iterator[Pair]:
    """Every adapter and style in a fresh process, against itself in one whose allocator is aged."""
    for adapter in usable:
        for style in styles_of(adapter):
            if styles is None or style in styles.split(","):
                fresh = Row(variant_name(adapter.entry.id, Fresh()), style)
                yield Pair(adapter.entry.id, style, fresh, Row(adapter.entry.id, style))


def pairs_of(usable: Sequence[Probed], styles: str | None, against: Row | None = None) -> Iterator[Pair]:
    """A control against itself, then every adapter and style that has a control (or *against* for all of them)."""
    pairs = [
        Pair(adapter.entry.id, style, Row(adapter.entry.id, style), control)
        for adapter in usable
        for style in styles_of(adapter)
        if styles is None or style in styles.split(",")
        if (control := against or control_of(adapter.entry.id, style)) is not None
    ]
    if against is not None:
        yield from (pair for pair in pairs if pair.subject != against)
        return
    for first in itertools.islice(pairs, 1):
        twin = Row(TWIN, first.control.style)
        yield Pair("A/A", f"control of {first.name}/{first.style}", twin, first.control)
    yield from pairs


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapters", help="ids or prefixes, separated by commas")
    parser.add_argument("--styles", help="only these, separated by commas")
    parser.add_argument("--against", help="an adapter's id: compare with it, not with hand-written servers")
    parser.add_argument("--fresh", action="store_true", help="compare with the same in an aged process")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="in each generation")
    parser.add_argument("--generations", type=int, default=GENERATIONS)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--limit", type=float, default=1.03)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.fresh and options.against:
        parser.error("--fresh and --against: one of them")
    if options.rounds * options.generations < MIN_ROUNDS or options.generations < 1:
        parser.error(f"--rounds × --generations: fewer than {MIN_ROUNDS} pairs decide nothing")
    return options


def measure(site: Site, chosen: Mapping[str, AdapterEntry], options: argparse.Namespace) -> list[str]:
    """Print the table; returns the verdicts on adapters."""
    suite = site.suite
    probed = [probe(suite, entry, {}) for entry in chosen.values()]
    session = Session(site, options)
    print(f"{options.connections} connections, {options.size} bytes a message, limit {options.limit:g}\n")
    against = None
    if options.against:
        control = probe(suite, suite.adapters[options.against], {})
        if not control.usable:
            print(f"adapter_tax: --against: {outcome_reason(control.outcome)}", file=sys.stderr)
            return []
        print(f"control: {options.against}\n")
        against = Row(options.against, styles_of(control)[0])
    print("| adapter | style | adapter ÷ control (95 %) | control, µs CPU | pairs, generations | within |")
    print("| --- | --- | --- | ---: | ---: | --- |", flush=True)
    verdicts = []
    usable = [adapter for adapter in probed if adapter.usable]
    by_age = fresh_pairs(usable, options.styles)
    for pair in by_age if options.fresh else pairs_of(usable, options.styles, against):
        line, verdict = session.line(pair)
        print(line, flush=True)
        if pair.name != "A/A":
            verdicts.append(verdict)
    for adapter in probed:
        if not adapter.usable:
            print(
                f"| {adapter.entry.id} | | – | – | – | not measured: {outcome_reason(adapter.outcome)} |",
                flush=True,
            )
    return verdicts


def main() -> int:
    """Measure and print the table; returns the exit status."""
    options = parse()
    if sys.platform != "linux":
        print(f"adapter_tax: pins processes to CPUs as Linux does; this is {sys.platform}", file=sys.stderr)
        return 3
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        print(f"adapter_tax: needs 2 CPUs, this process may use {len(cpus)}", file=sys.stderr)
        return 3
    # Controls do not know whose they are: told to end, this process ends them first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    suite = load_suite()
    try:
        chosen = select("adapter", suite.adapters, options.adapters)
        if options.against:
            (options.against,) = select("adapter", suite.adapters, options.against)
    except SuiteError as error:
        print(f"adapter_tax: --adapters, --against: {error}", file=sys.stderr)
        return 2
    except ValueError:
        print(
            f"adapter_tax: --against: expected one adapter, {options.against!r} is several", file=sys.stderr
        )
        return 2
    with Site(suite, Conditions(server_cpu=cpus[0], load_cpu=cpus[1])) as site:
        verdicts = measure(site, chosen, options)
    if all(verdict == "none" for verdict in verdicts):  # no adapter, no style or no library to measure
        return 3
    return 1 if "no" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
