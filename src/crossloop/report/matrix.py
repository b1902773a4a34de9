"""Several runs side by side: what differs between them, what leads where, each run's ratios. Never times over times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossloop.journal import Record, Run, adapter_of
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, inline
from crossloop.markup.tables import Column, Field, Table, listing, table, text_field
from crossloop.report import behaviours, portability
from crossloop.report.across import Across, Labelled, across, leaders
from crossloop.report.behaviours import Asking, GroupPage
from crossloop.report.dropin import dropins
from crossloop.report.page import (
    METHOD_LINK,
    Rendered,
    behaviour_pages,
    environment,
    library_pages,
    texts_for,
)
from crossloop.report.places import BEHAVIOURS, CONTRACT, SCENARIOS, place_of_adapter, stems
from crossloop.report.portability import Reasons, absent_text, outcomes_text
from crossloop.report.texts import BehaviourTexts, ScenarioTexts

FIRST_ROWS = 25
"""Rows of what differs between the runs that the first page shows; the page of behaviours has all."""
OPEN_ROWS = 120
"""Rows of a long table that are shown open; further ones are folded."""


@dataclass(frozen=True)
class Between:
    """What differs between the libraries of one run."""

    heading: Markdown
    count: str
    first: Table
    rest: Table


def render_matrix(
    runs: Sequence[tuple[str, Sequence[Record]]],
    about: Mapping[str, ScenarioTexts] | None = None,
    questions: Mapping[str, BehaviourTexts] | None = None,
    *,
    since: tuple[str, Sequence[Record]] | None = None,
    method_link: str = METHOD_LINK.removeprefix("../"),
) -> Rendered:
    """Render the pages of several runs, each with the name of its folder.

    Raises ValueError without runs, for a label that is there twice, or for records that hold no run.
    """
    labels = [label for label, _records in runs]
    if not runs or len(set(labels)) != len(labels):
        raise ValueError(f"a matrix needs runs with labels unlike each other, not {labels!r}")
    pages = _Matrix(
        [Labelled(label, Run.of(records)) for label, records in runs], about or {}, questions or {}
    )
    files = {name: text.encode() for name, text in pages.further(Markdown(method_link)).items()}
    files |= behaviour_pages(pages.askings, pages.questions, BEHAVIOURS)
    files |= library_pages(pages.askings, pages.questions)
    return Rendered(pages.first(since, Markdown(method_link)), files)


@dataclass(frozen=True)
class _Matrix:
    """What the pages of several runs are made of."""

    sides: Sequence[Labelled]
    about: Mapping[str, ScenarioTexts]
    questions: Mapping[str, BehaviourTexts]

    @property
    def measured(self) -> list[Labelled]:
        """The runs that have cells."""
        return [side for side in self.sides if side.run.cells]

    @property
    def askings(self) -> list[Asking]:
        """The runs that asked what libraries do."""
        return [Asking(side.label, side.run) for side in self.sides if side.run.behaviours]

    @property
    def scenarios(self) -> dict[str, Across]:
        """File → page of each scenario that two runs measured."""
        measured = self.measured
        names = tuple(dict.fromkeys(name for side in measured for name in side.run.scenario_ids))
        texts, files = texts_for(names, self.about), stems(names)
        pages = {}
        for name in names:
            page = across(measured, name, texts[name])
            if page is not None:
                pages[f"{SCENARIOS}{files[name]}.md"] = page
        return pages

    def first(self, since: tuple[str, Sequence[Record]] | None, method_link: Markdown) -> str:
        """What a reader sees first."""
        askings, scenarios = self.askings, self.scenarios
        changes = behaviours.changes(askings, self.questions)
        return (
            environment()
            .get_template("matrix.md.j2")
            .render(
                sides=self.sides,
                machines=_machines(self.sides),
                since=since[0] if since else "",
                since_then=behaviours.since(since, askings, self.questions),
                asked=bool(askings),
                changes=_head(changes, FIRST_ROWS),
                more_changes=max(0, len(changes.rows) - FIRST_ROWS),
                between=_between(askings[0], self.questions) if len(self.sides) == 1 and askings else None,
                leaders=leaders(self.measured, scenarios) if scenarios else None,
                works=_works(self.measured) if len(self.measured) > 1 else None,
                nowhere=_nowhere(self.measured) if len(self.measured) > 1 else None,
                links=self._links(scenarios),
                method_link=method_link,
            )
        )

    def _links(self, scenarios: Mapping[str, Across]) -> list[tuple[str, Markdown]]:
        """Question, and links to the pages that answer it."""
        links = []
        if self.askings:
            adapters = dict.fromkeys(
                answer.adapter for asking in self.askings for answer in asking.run.behaviours
            )
            links += [
                ("What differs between the libraries", Markdown(f"[all behaviours]({BEHAVIOURS})")),
                ("What a library does", _linked({name: place_of_adapter(name) for name in adapters})),
            ]
        if self._has_contract:
            links.append(("Drop-in tests, and promises kept", Markdown(f"[the contract]({CONTRACT})")))
        if scenarios:
            places = {page.texts.title: file for file, page in scenarios.items()}
            links.append(("Ratios in every run, by scenario", _linked(places)))
        reports = [side.link for side in self.measured if side.link != inline(side.label)]
        if reports:
            links.append(("Times, plots and doubts of a run", Markdown(", ".join(reports))))
        return links

    @property
    def _has_contract(self) -> bool:
        return any(side.run.checks or side.run.dropins for side in self.sides)

    def further(self, method_link: Markdown) -> dict[str, str]:
        """Every page but the first, those of single behaviours and of libraries, by its name."""
        pages = {}
        if self.askings:
            changes = behaviours.changes(self.askings, self.questions)
            groups = behaviours.group_pages(self.askings, self.questions)
            pages[BEHAVIOURS] = _page(
                "matrix_behaviours.md.j2",
                several=len(self.sides) > 1,
                changes=_head(changes, OPEN_ROWS),
                more_changes=_tail(changes, OPEN_ROWS),
                between=[_between(asking, self.questions) for asking in self.askings],
                groups=_linked({group.heading: group.file for group in groups}),
            )
            pages |= {group.file: _group_page(group) for group in groups}
        if self._has_contract:
            pages[CONTRACT] = _page(
                "matrix_contract.md.j2",
                loops=dropins([(side.heading, side.run) for side in self.sides if side.run.dropins]),
                contract=portability.contract(
                    [(side.heading, side.run) for side in self.sides if side.run.checks]
                ),
            )
        for file, scenario in self.scenarios.items():
            pages[file] = _page(
                "matrix_scenario.md.j2", page=scenario, method_link=Markdown(f"../{method_link}")
            )
        return pages


def _page(template: str, **variables: object) -> str:
    return environment().get_template(template).render(**variables)


def _group_page(group: GroupPage) -> str:
    return _page("matrix_group.md.j2", group=group)


def _linked(links: Mapping[str, str]) -> Markdown:
    return Markdown(", ".join(f"[{inline(name)}]({place})" for name, place in links.items()))


def _head(whole: Table, rows: int) -> Table:
    return Table(whole.columns, whole.rows[:rows], whole.caption, whole.notes)


def _tail(whole: Table, rows: int) -> Table:
    return Table(whole.columns, whole.rows[rows:])


def _between(asking: Asking, questions: Mapping[str, BehaviourTexts]) -> Between:
    whole = behaviours.between_libraries(asking, questions)
    return Between(
        asking.heading, behaviours.count(asking.run), _head(whole, OPEN_ROWS), _tail(whole, OPEN_ROWS)
    )


def _machines(sides: Sequence[Labelled]) -> Table:
    fields: list[Field[Labelled]] = [
        text_field("Run", lambda side: side.link),
        text_field("System", lambda side: side.run.place),
        text_field("Known", lambda side: "ran under Wine" if side.run.wine else "ran there"),
        text_field("Processor", lambda side: side.run.record.machine.cpu),
        text_field("CPUs", lambda side: digits.integer(side.run.record.machine.cpus)),
        text_field("Python", lambda side: side.run.record.machine.python),
        text_field("Profile", lambda side: side.run.record.profile),
        text_field("Started (UTC)", lambda side: side.run.record.started),
        text_field("Cells measured", _measured, optional=True),
        text_field("State", lambda side: "complete" if side.run.end else "incomplete: no end record"),
    ]
    return listing(sides, fields)


def _measured(side: Labelled) -> str:
    if not side.run.cells:
        return digits.MISSING
    measured = sum(cell.figures is not None for cell in side.run.cells)
    return f"{digits.integer(measured)} of {digits.integer(len(side.run.cells))}"


def _somewhere(sides: Sequence[Labelled]) -> dict[str, bool]:
    """Adapter → whether some run could open it, or has a figure of it."""
    names = dict.fromkeys(name for side in sides for name in side.run.adapter_ids)
    return {
        name: any(
            ((record := side.run.adapters.get(name)) is not None and record.usable)
            or any(cell.figures is not None and adapter_of(cell.adapter) == name for cell in side.run.cells)
            for side in sides
        )
        for name in names
    }


def _works(sides: Sequence[Labelled]) -> Table:
    """What became of the cells of each adapter that some run could open."""
    reasons = Reasons()

    def outcomes(side: Labelled, adapter: str) -> Markdown:
        cells = [cell for cell in side.run.cells if adapter_of(cell.adapter) == adapter]
        return (
            outcomes_text(cells, reasons) if cells else absent_text(side.run.adapters.get(adapter), reasons)
        )

    rows = [
        (adapter, *(outcomes(side, adapter) for side in sides))
        for adapter, there in _somewhere(sides).items()
        if there
    ]
    caption = "Cells (scenarios × styles × parameter sets) of each adapter in each run, by outcome."
    return table([Column("Adapter"), *(Column(side.heading) for side in sides)], rows, caption, reasons.notes)


def _nowhere(sides: Sequence[Labelled]) -> Table:
    """Adapters that no run could open, alike reasons together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for adapter, there in _somewhere(sides).items():
        if not there:
            record = next(
                (record for side in sides if (record := side.run.adapters.get(adapter)) is not None), None
            )
            why = (record.outcome, record.reason) if record is not None else ("not run", "")
            alike.setdefault(why, []).append(adapter)
    rows = [
        (", ".join(names), outcome, reason or digits.MISSING) for (outcome, reason), names in alike.items()
    ]
    return table([Column("Adapters"), Column("Outcome"), Column("Reason")], rows)
