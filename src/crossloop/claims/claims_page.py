"""`claims.md`: the claims and what was found, as a page. Pure."""

from collections.abc import Sequence

from crossloop.claims.catalogue import Claim
from crossloop.claims.judging import Judgement, NotMeasuredError, Verdict
from crossloop.claims.sources import Sources
from crossloop.journal import Run
from crossloop.markup.escaping import Markdown, code, inline
from crossloop.markup.tables import Column, markdown_table, table


def evaluate(claims: Sequence[Claim], sources: Sources) -> list[tuple[Claim, Judgement]]:
    """What is found of each claim; what a claim lacks is its reason and costs only itself."""
    found = []
    for claim in claims:
        try:
            judgement = claim.find(sources)
        except NotMeasuredError as error:
            judgement = Judgement(Verdict.NOT_MEASURED, str(error))
        found.append((claim, judgement))
    return found


def claims_page(found: Sequence[tuple[Claim, Judgement]], run: Run) -> str:
    """The page, ended by a newline."""
    columns = [
        Column("Claim"),
        Column("Source"),
        Column("Tested by"),
        Column("Measured here (95 %)"),
        Column("Verdict"),
        Column("Caveat", optional=True),
    ]
    rows = [
        (
            Markdown(f"{inline(claim.words)} ({code(claim.id)})"),
            claim.source,
            claim.test,
            judgement.measured,
            Markdown(f"**{judgement.verdict.value}**")
            if judgement.verdict is not Verdict.NOT_MEASURED
            else "not measured",
            claim.caveat,
        )
        for claim, judgement in found
    ]
    parts = ["# Published claims", _about(run), markdown_table(table(columns, rows))]
    return "\n\n".join(parts) + "\n"


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
