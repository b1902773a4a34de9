"""Progress on stderr: a live bar on a terminal, plain lines elsewhere."""

import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Self

import click

from crossloop.bench.progress import EVIDENCE_KIND, TimeLeft, Watch
from crossloop.cli.streams import canvas
from crossloop.plain_text import printable

PLAIN_EVERY_S = 10.0


def left_text(least_s: float, most_s: float) -> str:
    """`about 4 min left`, or `4 to 6 min left`: the estimated rest, and how long it may become.

    In seconds below a minute and a half, in steps of five; then in minutes; from an hour and a half on in hours as
    well. All are rounded up.
    """
    least, most = _time(least_s), _time(max(least_s, most_s))
    if least == most:
        return f"about {least} left"
    unit = least.rpartition(" ")[2]
    same_unit = most.endswith(unit) and "h" not in most
    return f"{least.removesuffix(f' {unit}') if same_unit else least} to {most} left"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(5, 5 * math.ceil(seconds / 5))} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class ProgressView:
    """Shows what is under way, how many units of how many are done, and how long the rest takes; a context manager."""

    def __init__(
        self,
        total: int,
        done: int = 0,
        *,
        unit: str = "slices",
        left: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """*left*: how long the rest takes, in words; without it all units are held for alike."""
        self._unit = unit
        self._total = total
        self._done = self._begin = done
        self._left_text = left if left is not None else self._alike
        self._clock = clock
        self._start = self._last = clock()
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._bar = Progress(
                BarColumn(30),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}  {task.description}", markup=False),
                console=Console(file=canvas(sys.stderr)),
                # Drawing is work on a measured machine: twice a second is enough to see it live.
                refresh_per_second=2,
                redirect_stdout=sys.stdout.isatty(),  # else results would go to stderr, where the bar is
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total, completed=self._done, left=self._left())
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._bar.stop()

    def advance(self, text: str, units: int, *, at_once: bool = False) -> None:
        """Note so many *units* more as done while *text* is under way. A plain line comes *at_once*, or in its time."""
        self._done += units
        self._total = max(self._total, self._done)  # a visit that is made again was not in the plan
        if self._live:
            self._bar.update(
                self._task,
                completed=self._done,
                total=self._total,
                description=printable(text),
                left=self._left(),
            )
        elif (now := self._clock()) - self._last >= PLAIN_EVERY_S or at_once:
            self._last = now
            click.echo(
                f"crossloop: {self._done:,}/{self._total:,} {self._unit}, {self._left()}; {text}", err=True
            )

    def _left(self) -> str:
        return "starting" if self._done == self._begin else self._left_text()

    def _alike(self) -> str:
        took_s = self._clock() - self._start
        left_s = took_s / (self._done - self._begin) * (self._total - self._done)
        return left_text(left_s, left_s)


class PlanView(ProgressView, Watch):
    """The view of a plan: which of its parts is under way, and an estimate by what each kind of part has taken."""

    def __init__(
        self,
        planned_s: Mapping[str, float],
        slices: int,
        done: int = 0,
        *,
        parts: int,
        most_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        """*planned_s*: by kind of part. *parts*: stages, and the evidence pass. *most_s*: what a run may take from now
        on that goes on until its intervals are narrow; 0 for one that takes its plan and no more."""
        self._time = TimeLeft(planned_s, clock)
        self._text = ""
        self._parts, self._part = parts, 0
        self._most_s = most_s
        super().__init__(slices, done, left=self._between, clock=clock)

    def begin(self, kind: str, planned_s: float) -> None:
        """As `Watch` says."""
        self._part += 1
        self._parts = max(self._parts, self._part)
        if kind == EVIDENCE_KIND:
            self._most_s = 0.0  # what was left of a budget is not spent any more
        self._time.begin(kind, planned_s)

    def tell(self, text: str, lasts_s: float = 0.0) -> None:
        """As `Watch` says. What lasts longer than a line of progress may is told before it begins."""
        self._text = text
        self.advance(self._place(), 0, at_once=lasts_s >= PLAIN_EVERY_S)

    def done(self, planned_s: float, slices: int = 0) -> None:
        """As `Watch` says."""
        self._time.done(planned_s)
        self.advance(self._place(), slices)

    def end(self) -> None:
        """As `Watch` says."""
        self._time.end()

    def _place(self) -> str:
        return f"part {self._part} of {self._parts}: {self._text}"

    def _between(self) -> str:
        return left_text(self._time.left_s(), self._most_s - (self._clock() - self._start))
