"""What the libraries do: what differs between runs, what differs between libraries, then everything. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from crossloop.journal import BASELINE, BehaviourRecord, Record, Run, adapter_of
from crossloop.markup import digits
from crossloop.markup.escaping import Markdown, code, file_stem, inline
from crossloop.markup.tables import Column, Table, table
from crossloop.report.places import place_of_adapter, place_of_behaviour
from crossloop.report.portability import facts_of
from crossloop.report.texts import BehaviourTexts

Said: TypeAlias = tuple[str, str]
"""(answer, how): what is compared."""
Texts: TypeAlias = Mapping[str, BehaviourTexts]
FEW = 3
"""So many libraries that keep a rule are named beside it."""


@dataclass(frozen=True)
class Asking:
    """One run in which libraries were asked, and what it is called."""

    label: str
    run: Run

    @property
    def heading(self) -> Markdown:
        """The label; Wine is always said."""
        return Markdown(inline(self.label) + (" (Wine)" if self.run.wine else ""))


@dataclass(frozen=True)
class _Column:
    """The answers of one run: of each library one build. Where several builds of one were asked, each has a column."""

    heading: Markdown
    answers: Mapping[tuple[str, str], BehaviourRecord]
    """(behaviour, adapter without its version) → answer."""


def _columns(askings: Sequence[Asking]) -> list[_Column]:
    columns = []
    for asking in askings:
        builds: dict[str, list[str]] = {}
        for name in dict.fromkeys(answer.adapter for answer in asking.run.behaviours):
            builds.setdefault(adapter_of(name), []).append(name)
        for number in range(max(map(len, builds.values()), default=0)):
            names = {
                of_adapter[number]: adapter
                for adapter, of_adapter in builds.items()
                if number < len(of_adapter)
            }
            answers = {
                (answer.behaviour, names[answer.adapter]): answer
                for answer in asking.run.behaviours
                if answer.adapter in names
            }
            further = f" ({number + 1})" if number else ""
            columns.append(_Column(Markdown(f"{asking.heading}{further}"), answers))
    return columns


def said(record: BehaviourRecord | None) -> Markdown:
    """An answer in a cell: the word, and how where it is not yes."""
    if record is None:
        return Markdown(digits.MISSING)
    version = record.adapter[len(adapter_of(record.adapter)) + 1 :]
    word = record.answer.replace("-", " ") + (f" ({inline(version)})" if version else "")
    return Markdown(f"{word}: {inline(record.how)}" if record.how else word)


def _behaviours(askings: Iterable[Asking]) -> list[str]:
    """Every behaviour that was asked about, groups together."""
    group_of: dict[str, str] = {}
    for asking in askings:
        for answer in asking.run.behaviours:
            group_of.setdefault(answer.behaviour, answer.group)
    groups = list(dict.fromkeys(group_of.values()))
    return sorted(group_of, key=lambda behaviour: groups.index(group_of[behaviour]))


def question(behaviour: str, texts: Texts, *, up: str = "") -> Markdown:
    """The question, with a link to the behaviour's own page; the id alone where nothing is known of it here."""
    known = texts.get(behaviour)
    if known is None:
        return code(behaviour)
    return Markdown(f"[{inline(known.question)}]({up}{place_of_behaviour(behaviour)})")


def changes(askings: Sequence[Asking], texts: Texts) -> Table:
    """What one library answers in one run and not in another; rows that are the same everywhere are not there."""
    columns = _columns(askings)
    by_column = [column.answers for column in columns]
    adapters = dict.fromkeys(adapter for answers in by_column for _behaviour, adapter in answers)
    rows = []
    for behaviour in _behaviours(askings):
        alike: dict[tuple[Markdown, ...], list[str]] = {}
        for adapter in adapters:
            records = [answers.get((behaviour, adapter)) for answers in by_column]
            if len({(record.answer, record.how) for record in records if record is not None}) > 1:
                alike.setdefault(tuple(map(said, records)), []).append(adapter)
        rows += [(question(behaviour, texts), ", ".join(names), *cells) for cells, names in alike.items()]
    headings = [Column("Behaviour"), Column("Library"), *(Column(column.heading) for column in columns)]
    return table(headings, rows)


def since(earlier: tuple[str, Sequence[Record]] | None, askings: Sequence[Asking], texts: Texts) -> Table:
    """What changed since an earlier run; empty without one."""
    before = [Asking(earlier[0], Run.of(earlier[1]))] if earlier else []
    return changes([*before, *askings] if before else [], texts)


def between_libraries(asking: Asking, texts: Texts) -> Table:
    """The behaviours in which the libraries of one run differ: who keeps the rule, and what the others do."""
    rows = []
    for behaviour in _behaviours([asking]):
        by_said = _by_said(answer for answer in asking.run.behaviours if answer.behaviour == behaviour)
        if len(by_said) > 1:
            keep = by_said.pop(("yes", ""), [])
            others = Markdown("<br>".join(_others(by_said)))
            rows.append((question(behaviour, texts), _few(keep), others))
    return table([Column("Behaviour"), Column("Yes"), Column("Otherwise")], rows)


def _by_said(records: Iterable[BehaviourRecord]) -> dict[Said, list[str]]:
    by_said: dict[Said, list[str]] = {}
    for answer in records:
        by_said.setdefault((answer.answer, answer.how), []).append(answer.adapter)
    return by_said


def _others(by_said: Mapping[Said, Sequence[str]]) -> Iterator[Markdown]:
    for (answer, how), adapters in by_said.items():
        word = answer.replace("-", " ")
        yield Markdown(f"**{word}**: {f'{inline(how)}: ' if how else ''}{_names(adapters)}")


def _few(adapters: Sequence[str]) -> Markdown:
    """Their names where they are few, else how many they are: the behaviour's page names all."""
    if len(adapters) > FEW:
        return Markdown(f"{digits.integer(len(adapters))} libraries")
    return _names(adapters) or Markdown(digits.MISSING)


def _names(adapters: Iterable[str]) -> Markdown:
    return Markdown(", ".join(f"[{inline(adapter)}]({place_of_adapter(adapter)})" for adapter in adapters))


def everything(asking: Asking, texts: Texts) -> list[tuple[str, Table]]:
    """Every answer of one run: (group, behaviours × libraries)."""
    adapters = list(dict.fromkeys(answer.adapter for answer in asking.run.behaviours))
    answers = {(answer.behaviour, answer.adapter): answer for answer in asking.run.behaviours}
    groups = {answer.behaviour: answer.group for answer in asking.run.behaviours}
    tables = []
    for group, members in groupby(_behaviours([asking]), groups.__getitem__):
        rows = [
            (question(behaviour, texts), *(_word(answers.get((behaviour, adapter))) for adapter in adapters))
            for behaviour in members
        ]
        heading = next(
            (texts[name].group for name in groups if groups[name] == group and name in texts), group
        )
        tables.append((heading, table([Column("Behaviour"), *map(Column, adapters)], rows)))
    return tables


def _word(record: BehaviourRecord | None) -> str:
    return digits.MISSING if record is None else record.answer.replace("-", " ")


def count(run: Run) -> str:
    """How much was asked, in a sentence."""
    adapters = {answer.adapter for answer in run.behaviours}
    behaviours = {answer.behaviour for answer in run.behaviours}
    return (
        f"{digits.integer(len(behaviours))} behaviours were asked of {digits.integer(len(adapters))} libraries, each "
        f"in its own words and in a process of its own: {digits.integer(len(run.behaviours))} answers."
    )


# Pages ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BehaviourPage:
    """What is known of one behaviour."""

    id: str
    texts: BehaviourTexts
    answers: Table


def behaviour_pages(askings: Sequence[Asking], texts: Texts) -> Iterator[BehaviourPage]:
    """A page for each behaviour that was asked about and is known here."""
    columns = _columns(askings)
    by_column = [column.answers for column in columns]
    for behaviour in _behaviours(askings):
        if behaviour not in texts:
            continue
        adapters = dict.fromkeys(
            adapter for answers in by_column for other, adapter in answers if other == behaviour
        )
        rows = [
            (adapter, *(_in_full(answers.get((behaviour, adapter))) for answers in by_column))
            for adapter in adapters
        ]
        headings = [Column("Library"), *(Column(column.heading) for column in columns)]
        yield BehaviourPage(behaviour, texts[behaviour], table(headings, rows))


def _in_full(record: BehaviourRecord | None) -> Markdown:
    seen = f"<br>{inline(record.seen)}" if record is not None and record.seen else ""
    return Markdown(said(record) + seen)


@dataclass(frozen=True)
class LibraryPage:
    """What one library does, in one run, beside the yardstick."""

    adapter: str
    facts: tuple[str, ...]
    given_up: Table
    """Rules that the yardstick keeps and this library does not."""
    gained: Table
    """Rules that it keeps and the yardstick does not."""
    otherwise: Table
    """Rules that neither keeps, or that the yardstick is not asked about."""
    kept: tuple[Markdown, ...]


def library_pages(asking: Asking, texts: Texts) -> Iterator[LibraryPage]:
    """A page for each library of a run: what one gives up and gains with it against the yardstick."""
    by_adapter: dict[str, list[BehaviourRecord]] = {}
    for answer in asking.run.behaviours:
        by_adapter.setdefault(answer.adapter, []).append(answer)
    of_yardstick = {answer.behaviour: answer for answer in by_adapter.get(BASELINE, ())}
    for adapter, answers in by_adapter.items():
        given_up, gained, otherwise, kept = [], [], [], []
        for answer in answers:
            theirs = of_yardstick.get(answer.behaviour)
            row = (
                question(answer.behaviour, texts, up="../"),
                said(theirs),
                said(answer),
                inline(answer.seen),
            )
            if answer.answer == "yes":
                kept.append(question(answer.behaviour, texts, up="../"))
                if theirs is not None and theirs.answer != "yes":
                    gained.append(row)
            elif theirs is not None and theirs.answer == "yes" and adapter != BASELINE:
                given_up.append(row)
            else:
                otherwise.append(row)
        columns = [Column("Behaviour"), Column(BASELINE), Column(adapter), Column("Seen")]
        yield LibraryPage(
            adapter,
            facts_of(asking.run.adapters.get(adapter)),
            table(columns, given_up),
            table(columns, gained),
            table(columns, otherwise),
            tuple(kept),
        )


@dataclass(frozen=True)
class GroupPage:
    """Every answer of one group of behaviours, in each run that asked."""

    file: str
    heading: str
    answers: tuple[tuple[Markdown, Table], ...]
    """(run, behaviours × libraries)."""


def group_pages(askings: Sequence[Asking], texts: Texts) -> list[GroupPage]:
    """A page for each group of behaviours that some run asked about."""
    groups: dict[str, str] = {}
    for asking in askings:
        for answer in asking.run.behaviours:
            groups.setdefault(answer.group, answer.behaviour)
    return [
        GroupPage(
            f"behaviours/group-{file_stem(group)}.md",
            texts[behaviour].group if behaviour in texts else group,
            tuple(
                (asking.heading, answers)
                for asking in askings
                if (answers := _answers_of(asking, group, texts))
            ),
        )
        for group, behaviour in groups.items()
    ]


def _answers_of(asking: Asking, group: str, texts: Texts) -> Table:
    adapters = list(dict.fromkeys(answer.adapter for answer in asking.run.behaviours))
    answers = {
        (answer.behaviour, answer.adapter): answer
        for answer in asking.run.behaviours
        if answer.group == group
    }
    rows = [
        (
            question(behaviour, texts, up="../"),
            *(_word(answers.get((behaviour, adapter))) for adapter in adapters),
        )
        for behaviour in dict.fromkeys(behaviour for behaviour, _adapter in answers)
    ]
    return table([Column("Behaviour"), *map(Column, adapters)], rows)
