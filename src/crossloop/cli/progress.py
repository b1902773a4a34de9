"""Progress on stderr: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Self

import click

from crossloop.cli.streams import canvas
from crossloop.plain_text import printable

PLAIN_EVERY_S = 10.0


class ProgressView:
    """Shows how many slices, or other units, are done; a context manager."""

    def __init__(self, total: int, done: int = 0, *, unit: str = "slices"):
        self._unit = unit
        self._total = total
        self._done = done
        self._begin = self._done
        self._start = self._last = time.monotonic()
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                BarColumn(30),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(file=canvas(sys.stderr)),
                # Drawing is work on a measured machine: twice a second is enough to see it live.
                refresh_per_second=2,
                redirect_stdout=sys.stdout.isatty(),  # else results would go to stderr, where the bar is
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total, completed=self._done)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._bar.stop()

    def advance(self, text: str, units: int) -> None:
        """Note so many *units* more as done while *text* is under way."""
        self._done += units
        self._total = max(self._total, self._done)  # a visit that is made again was not in the plan
        if self._live:
            self._bar.update(self._task, completed=self._done, total=self._total, description=printable(text))
        elif (now := time.monotonic()) - self._last >= PLAIN_EVERY_S:
            self._last = now
            click.echo(
                f"crossloop: {self._done}/{self._total} {self._unit}, {self._left(now)}; {text}", err=True
            )

    def _left(self, now: float) -> str:
        done = self._done - self._begin
        if not done:
            return "starting"
        return f"about {(now - self._start) / done * (self._total - self._done):.0f} s left"
