"""Progress on stderr: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Self

import click

from crossloop.bench.progress import TimeLeft, Watch
from crossloop.cli.streams import canvas
from crossloop.plain_text import printable

PLAIN_EVERY_S = 10.0


class ProgressView:
    """Shows how many units are done, and how long the rest takes; a context manager."""

    def __init__(
        self, total: int, done: int = 0, *, unit: str = "slices", left_s: Callable[[], float] | None = None
    ):
        """*left_s*: an estimate of the time that is left; without one all units are held for alike."""
        self._unit = unit
        self._total = total
        self._done = self._begin = done
        self._left_s = left_s if left_s is not None else self._alike_s
        self._start = self._last = time.monotonic()
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

    def advance(self, text: str, units: int) -> None:
        """Note so many *units* more as done while *text* is under way."""
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
        elif (now := time.monotonic()) - self._last >= PLAIN_EVERY_S:
            self._last = now
            click.echo(
                f"crossloop: {self._done}/{self._total} {self._unit}, {self._left()}; {text}", err=True
            )

    def _left(self) -> str:
        return "starting" if self._done == self._begin else f"about {self._left_s():.0f} s left"

    def _alike_s(self) -> float:
        took_s = time.monotonic() - self._start
        return took_s / (self._done - self._begin) * (self._total - self._done)


class PlanView(ProgressView, Watch):
    """The view of a plan whose stages take *planned_s*, by kind."""

    def __init__(self, planned_s: Mapping[str, float], slices: int, done: int = 0):
        self._time = TimeLeft(planned_s)
        self._text = ""
        super().__init__(slices, done, left_s=self._time.left_s)

    def begin(self, kind: str, planned_s: float) -> None:
        """As `Watch` says."""
        self._time.begin(kind, planned_s)

    def tell(self, text: str) -> None:
        """As `Watch` says."""
        self._text = text
        self.advance(text, 0)

    def done(self, planned_s: float, slices: int = 0) -> None:
        """As `Watch` says."""
        self._time.done(planned_s)
        self.advance(self._text, slices)

    def end(self) -> None:
        """As `Watch` says."""
        self._time.end()
