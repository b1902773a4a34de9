"""The published claims, read from `claims.toml`: what a claim holds, and how its kind of evidence becomes a verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from crossloop.claims import judging
from crossloop.claims.judging import Judgement, NotMeasuredError, Verdict, shown
from crossloop.claims.sources import Sources, What
from crossloop.journal import Estimate, ParameterSet
from crossloop.markup import digits

Row: TypeAlias = tuple[str, str]
"""(adapter, style)."""
Rule: TypeAlias = Literal["between", "at_least", "below", "about"]
"""Of `judging`, by its name there."""
LADDER = "c10k"
"""The scenario of all claims about many connections."""
TEN_THOUSAND = 10_000


@dataclass(frozen=True)
class Need:
    """Rows of a scenario that a claim is tested by, on sets that have these parameters."""

    scenario: str
    adapters: tuple[str, ...]
    parameters: ParameterSet


class Ratio(Struct, frozen=True):
    """Two rows on one set of parameters."""

    scenario: str
    parameters: ParameterSet
    """Of the first set that has these."""
    dearer: Row
    cheaper: Row
    label: str = ""


class Evidence(Struct, frozen=True, tag_field="kind"):
    """What a claim is tested by, of one of the kinds below."""

    @property
    def needs(self) -> list[Need]:
        """The rows that it takes; none unless the kind says otherwise."""
        return []

    def judged(self, sources: Sources) -> Judgement:
        """The verdict. Raises `NotMeasuredError` where something that it takes is not there."""
        raise NotImplementedError


class Ratios(Evidence, frozen=True, tag="ratios"):
    """Paired ratios of cost per operation, to all of which one rule applies, or to which `neither_wins` does."""

    what: str
    rule: Rule | Literal["neither_wins"]
    ratios: tuple[Ratio, ...]
    bounds: tuple[float, ...] = ()
    """What the rule takes beside a ratio."""
    cost: What = "cpu"

    @property
    def needs(self) -> list[Need]:
        return [
            Need(ratio.scenario, (ratio.dearer[0], ratio.cheaper[0]), ratio.parameters)
            for ratio in self.ratios
        ]

    def judged(self, sources: Sources) -> Judgement:
        estimates = [
            sources.ratio(ratio.scenario, ratio.parameters, ratio.dearer, ratio.cheaper, self.cost)
            for ratio in self.ratios
        ]
        if self.rule == "neither_wins":
            verdict = judging.neither_wins(estimates)
        else:
            verdict = judging.joined([_by_rule(self.rule, estimate, self.bounds) for estimate in estimates])
        labels = (ratio.label for ratio in self.ratios)
        texts = (
            f"{label} {shown(estimate)}".lstrip() for label, estimate in zip(labels, estimates, strict=True)
        )
        return Judgement(verdict, f"{self.what}: {'; '.join(texts)}")


class Slope(Evidence, frozen=True, tag="slope"):
    """The exponent of a row's CPU per request over the number of connections."""

    adapter: str
    rule: Rule
    bounds: tuple[float, ...]

    @property
    def needs(self) -> list[Need]:
        return [Need(LADDER, (self.adapter,), {})]

    def judged(self, sources: Sources) -> Judgement:
        slope = sources.slope(LADDER, "connections", self.adapter)
        measured = f"exponent over connections: {shown(slope)}"
        return Judgement(_by_rule(self.rule, slope, self.bounds), measured)


class TenThousand(Evidence, frozen=True, tag="c10k"):
    """Whether adapters, all of them, serve 10,000 connections within the objective."""

    adapters: tuple[str, ...]
    serves: bool
    """What the claim says."""

    @property
    def needs(self) -> list[Need]:
        return [Need(LADDER, self.adapters, {})]

    def judged(self, sources: Sources) -> Judgement:
        answers = [_serves_ten_thousand(sources, adapter) for adapter in self.adapters]
        verdicts = [
            Verdict.UNDECIDED if served is None else _verdict(served == self.serves)
            for served, _text in answers
        ]
        return Judgement(judging.every(verdicts), "; ".join(text for _served, text in answers))


class Answer(Evidence, frozen=True, tag="program"):
    """What a program of `crossloop.probes` answers."""

    program: str
    question: str
    """In `QUESTIONS`."""

    def judged(self, sources: Sources) -> Judgement:
        return QUESTIONS[self.question](sources.program(self.program))


class NoEvidence(Evidence, frozen=True, tag="none"):
    """Nothing here tells."""

    why: str

    def judged(self, _sources: Sources) -> Judgement:
        raise NotMeasuredError(self.why)


class Claim(Struct, frozen=True):
    """One claim."""

    id: str
    statement: str
    source: str
    """Who, where, when."""
    test: str
    """How it is tested, in words."""
    evidence: Ratios | Slope | TenThousand | Answer | NoEvidence
    caveat: str = ""


@cache
def catalogue() -> tuple[Claim, ...]:
    """All claims, in the order of the file."""
    text = Path(__file__).with_name("claims.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, tuple[Claim, ...]])["claims"]


def evaluate(claims: Sequence[Claim], sources: Sources) -> list[tuple[Claim, Judgement]]:
    """What is found of each claim; what a claim lacks is its reason and costs only itself."""
    judged = []
    for claim in claims:
        try:
            judgement = claim.evidence.judged(sources)
        except NotMeasuredError as error:
            judgement = Judgement(Verdict.NOT_MEASURED, str(error))
        judged.append((claim, judgement))
    return judged


def _by_rule(rule: Rule, figure: Estimate, bounds: tuple[float, ...]) -> Verdict:
    decide: Callable[..., Verdict] = getattr(judging, rule)
    return decide(figure, *bounds)


def _verdict(holds: bool) -> Verdict:
    return Verdict.HOLDS if holds else Verdict.DOES_NOT


def _serves_ten_thousand(sources: Sources, adapter: str) -> tuple[bool | None, str]:
    """Whether an adapter served 10,000 connections within the objective, and in words what came of it.

    None where that is not known: it was ended because it held more memory than a worker may here, a bound of ours
    and not of the world's; another process failed beside it; or its climb ended on a
    lower rung, and 10,000 were not tried.
    """
    cell = sources.cell(LADDER, {"connections": TEN_THOUSAND}, adapter)
    if cell.figures is None:
        if cell.outcome in {"not-installed", "unsupported"}:
            raise NotMeasuredError(f"{adapter} is {cell.outcome}: {cell.reason}")
        unknown = cell.outcome == "over-limit" or cell.beside or cell.reason.startswith("stopped at ")
        return None if unknown else False, f"{adapter}: {cell.outcome}: {cell.reason}"
    latency, objective = cell.figures.latency_us, cell.figures.objective
    p99 = f"p99 {digits.number(latency.p99 / 1000)} ms" if latency is not None else "no latency"
    met = objective is None or objective.met
    slices = cell.figures.cpu_ns_per_operation.slices
    return met, f"{adapter}: {'served' if met else 'too slow'}, {p99}, every answer verified; {slices} slices"


def _libev_watcher(sizes: Mapping[str, Any]) -> Judgement:
    size = max(int(sizes["libev_bytes"]), int(sizes["libev_timer_bytes"]))
    measured = f"ev_io {sizes['libev_bytes']}, ev_timer {sizes['libev_timer_bytes']} bytes ({sizes['libev']})"
    return Judgement(_verdict(size <= 56), measured)


def _libevent_watcher(sizes: Mapping[str, Any]) -> Judgement:
    measured = f"struct event {sizes['libevent_bytes']} bytes (libevent {sizes['libevent']})"
    return Judgement(_verdict(int(sizes["libevent_bytes"]) == 152), measured)


def _libuv_pool(counted: Mapping[str, Any]) -> Judgement:
    start, sockets, names = (len(counted[when]) for when in ("start", "sockets", "names"))
    alone = int(counted["python_threads"]) == 1
    threads = f"threads: {start} at the start, {sockets} after {counted['messages']:,} messages, {names} after one name"
    holds = sockets == start and names > sockets and alone
    return Judgement(_verdict(holds), f"{threads} (uvloop {counted['uvloop']})")


def _libuv_poller(counted: Mapping[str, Any]) -> Judgement:
    kinds = [str(kind) for kind in counted["kernel_objects"]]
    measured = f"with a connection under way it holds {', '.join(kinds) or 'no kernel object'}"
    return Judgement(_verdict("eventpoll" in kinds), measured)


QUESTIONS: Mapping[str, Callable[[Mapping[str, Any]], Judgement]] = {
    "libev-watcher": _libev_watcher,
    "libevent-watcher": _libevent_watcher,
    "libuv-pool": _libuv_pool,
    "libuv-poller": _libuv_poller,
}
"""What a program's answer says of a claim."""
