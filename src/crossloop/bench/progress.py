"""How far a plan is, and how long the rest takes, by what each kind of stage has taken so far. Pure but for a clock."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

EVIDENCE_KIND = "evidence"
"""Of the evidence pass, which comes last and has a planned time of its own."""
PRIOR_S = 10.0
"""So many seconds of a kind weigh as much as what is known without them."""


class Watch:
    """Who is told while a plan is carried out, or a stage measured; this one does not listen."""

    def begin(self, kind: str, planned_s: float) -> None:
        """A stage, or the evidence pass, begins."""

    def tell(self, text: str, lasts_s: float = 0.0) -> None:
        """What is being done now, and how long that is estimated to last."""

    def done(self, planned_s: float, slices: int = 0) -> None:
        """What was planned to take so long is done, and so many slices with it."""

    def end(self) -> None:
        """A stage is over."""


UNWATCHED = Watch()


@dataclass
class TimeLeft:
    """Planned seconds of each kind that are left, times the pace of that kind.

    The pace is elapsed ÷ planned time of what is done. Of a kind that has hardly begun the pace of all stands in.
    """

    planned_s: Mapping[str, float]
    """By kind."""
    clock: Callable[[], float] = time.monotonic
    _left_s: dict[str, float] = field(init=False)
    _done_s: dict[str, float] = field(init=False)
    _took_s: dict[str, float] = field(init=False)
    _kind: str = ""
    _stage_s: float = 0.0
    """Planned time that is left of the stage under way."""
    _last: float = 0.0

    def __post_init__(self) -> None:
        self._left_s = dict(self.planned_s)
        self._done_s = dict.fromkeys(self.planned_s, 0.0)
        self._took_s = dict.fromkeys(self.planned_s, 0.0)

    def begin(self, kind: str, planned_s: float) -> None:
        """A stage begins, which is part of the plan."""
        self._kind, self._stage_s, self._last = kind, planned_s, self.clock()

    def done(self, planned_s: float) -> None:
        """Part of it is done. Not more than was planned is taken off: what is added to a plan was not in it."""
        now = self.clock()
        self._took_s[self._kind] += now - self._last
        self._done_s[self._kind] += planned_s
        self._last = now
        self._take_off(min(planned_s, self._stage_s))

    def end(self) -> None:
        """The stage is over; what was planned and not done falls away."""
        self._take_off(self._stage_s)

    def left_s(self) -> float:
        """Estimated time until the end."""
        overall = self._pace(sum(self._took_s.values()), sum(self._done_s.values()), 1.0)
        return sum(
            left * self._pace(self._took_s[kind], self._done_s[kind], overall)
            for kind, left in self._left_s.items()
        )

    def _take_off(self, planned_s: float) -> None:
        self._stage_s -= planned_s
        self._left_s[self._kind] = max(0.0, self._left_s[self._kind] - planned_s)

    @staticmethod
    def _pace(took_s: float, done_s: float, otherwise: float) -> float:
        return (took_s + PRIOR_S * otherwise) / (done_s + PRIOR_S)
