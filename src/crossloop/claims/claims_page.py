"""`claims.md`: the claims and what was found, as a page. Pure."""

from collections.abc import Sequence

from crossloop.claims.catalogue import Claim
from crossloop.claims.judging import Judgement, Verdict
from crossloop.journal import Run
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Field, listing, markdown_table, text_field


def claims_page(judged: Sequence[tuple[Claim, Judgement]], run: Run) -> str:
    """The page, ended by a newline."""
    fields: list[Field[tuple[Claim, Judgement]]] = [
        text_field("Claim", lambda pair: Markdown(f"{inline(pair[0].statement)} ({code(pair[0].id)})")),
        text_field("Source", lambda pair: pair[0].source),
        text_field("Tested by", lambda pair: pair[0].test),
        text_field("Measured here (95 %)", lambda pair: pair[1].measured),
        text_field("Verdict", lambda pair: _verdict(pair[1].verdict)),
        text_field("Caveat", lambda pair: pair[0].caveat, optional=True),
    ]
    parts = ["# Published claims", _about(run), markdown_table(listing(judged, fields))]
    return "\n\n".join(parts) + "\n"


def _verdict(verdict: Verdict) -> Markdown:
    return Markdown(verdict.value if verdict is Verdict.NOT_MEASURED else f"**{verdict.value}**")


def summary(judged: Sequence[tuple[Claim, Judgement]]) -> str:
    """`9 hold, 5 do not, 2 undecided, 3 not measured`."""
    counts = {
        verdict: sum(judgement.verdict is verdict for _claim, judgement in judged) for verdict in Verdict
    }
    return (
        f"{counts[Verdict.HOLDS]} hold, {counts[Verdict.DOES_NOT]} do not, {counts[Verdict.UNDECIDED]} undecided, "
        f"{counts[Verdict.NOT_MEASURED]} not measured"
    )


def _about(run: Run) -> Markdown:
    record = run.record
    machine = f"{run.place}; {record.machine.cpu}, {record.machine.cpus} CPUs; {record.machine.python}"
    made = f"crossloop {record.crossloop}, profile {record.profile}, {record.started}"
    return Markdown(
        f"Measured on {inline(machine)}; {inline(made)}. A claim *holds* or *does not hold* where the whole 95 % "
        "interval says so, and is *undecided* where the interval reaches over the edge. Ratios are of CPU time per "
        "operation, paired within rounds, unless it says otherwise. A verdict is of this machine, these versions and "
        "this test."
    )
