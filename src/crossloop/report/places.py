"""Where each page of a report lies, as seen from its first page. Pure."""

from collections.abc import Mapping, Sequence

from crossloop.journal import Run
from crossloop.markup.escaping import file_stem

FIRST = "README.md"
BEHAVIOURS = "behaviours.md"
CONTRACT = "contract.md"
"""Of several runs: drop-in tests, and promises kept."""
DOUBTS = "doubts.md"
MISSING = "missing.md"
RUN = "run.md"
SCENARIOS = "scenarios/"
"""Folder of the scenarios' pages and pictures."""


def stems(scenarios: Sequence[str]) -> dict[str, str]:
    """Scenario → stem of its files' names, unlike for all of them."""
    by_scenario: dict[str, str] = {}
    taken: set[str] = set()
    for scenario in scenarios:
        stem = file_stem(scenario)
        number = 2
        while stem in taken:
            stem = f"{file_stem(scenario)}-{number}"
            number += 1
        taken.add(stem)
        by_scenario[scenario] = stem
    return by_scenario


def places_of_scenarios(run: Run) -> Mapping[str, str]:
    """Scenario → its page; scenarios without a cell have none."""
    return {
        name: f"{SCENARIOS}{stem}.md" for name, stem in stems(run.scenario_ids).items() if name in run.sets
    }


def place_of_adapter(adapter: str) -> str:
    """The page of an adapter or of a variant of it."""
    return f"adapters/{file_stem(adapter)}.md"


def adapters_with_pages(run: Run) -> tuple[str, ...]:
    """Adapters and variants of which the run knows more than that they are not there, in the journal's order."""
    known = {
        *(cell.adapter for cell in run.cells if cell.figures is not None),
        *(answer.adapter for answer in run.behaviours),
    }
    names = dict.fromkeys(
        (*run.adapter_ids, *run.adapters, *(cell.adapter for cell in run.cells), *sorted(known))
    )
    usable = {name for name, record in run.adapters.items() if record.usable}
    return tuple(name for name in names if name in known or name in usable)


def place_of_behaviour(behaviour: str) -> str:
    """The page of a behaviour."""
    return f"behaviours/{file_stem(behaviour)}.md"
