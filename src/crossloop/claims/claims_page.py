"""`claims.md`: the claims and what was found, as a page. Pure."""

from collections.abc import Sequence

from crossloop.claims.catalogue import Claim
from crossloop.claims.judging import Judgement, Verdict
from crossloop.journal import Run
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Field, listing, markdown_table, text_field


def claims_page(found: Sequence[tuple[Claim, Judgement]], run: Run) -> str:
    """The page, ended by a newline."""
    fields: list[Field[tuple[Claim, Judgement]]] = [
        text_field("Claim", lambda one: Markdown(f"{inline(one[0].words)} ({code(one[0].id)})")),
        text_field("Source", lambda one: one[0].source),
        text_field("Tested by", lambda one: one[0].test),
        text_field("Measured here (95 %)", lambda one: one[1].measured),
        text_field("Verdict", lambda one: _verdict(one[1].verdict)),
        text_field("Caveat", lambda one: one[0].caveat, optional=True),
    ]
    parts = ["# Published claims", _about(run), markdown_table(listing(found, fields))]
    return "\n\n".join(parts) + "\n"


def _verdict(verdict: Verdict) -> Markdown:
    return Markdown(verdict.value if verdict is Verdict.NOT_MEASURED else f"**{verdict.value}**")


def summary(found: Sequence[tuple[Claim, Judgement]]) -> str:
    """`9 hold, 5 do not, 2 undecided, 3 not measured`."""
    counts = {
        verdict: sum(judgement.verdict is verdict for _claim, judgement in found) for verdict in Verdict
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
