"""What an `ABOUT` may say: every field within bounds, so that a plan, a journal and a page can be made of it.

A declaration is a stranger's. One that is refused here is left out with its file's name and the value; nothing behind
this module meets it. Types are checked before (`crossloop.suite`), what a worker answers later (`supervise.answers`).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields

import msgspec

from crossloop.api.about import AdapterAbout, ScenarioAbout
from crossloop.api.levels import LEVEL_NAMES
from crossloop.journal.parameters import parameters_key
from crossloop.journal.records import Parameters
from crossloop.plain_text import printable, shown
from crossloop.worker.serving import TRANSPORTS

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
"""Of an adapter or a scenario."""
STYLE = re.compile(r"[A-Za-z0-9_.+-]{1,40}")
MAX_ID = 60
"""Longest id. Names of a journal hold 80: rows under another label, and settings, are longer than the id."""
LONGEST: Mapping[str, int] = {
    "family": 40,
    "library": 40,
    "binding": 40,
    "mechanism": 40,
    "recipe": 40,
    "unit": 40,
    "ladder": 40,
    "title": 120,
    "summary": 400,
    "question": 400,
    "homepage": 400,
    "elsewhere": 1000,
}
"""Characters of each text; the first three are the journal's. A field that is not here may have `MAX_ITEM`."""
MAX_ITEM = 200
MAX_ITEMS = 64
MAX_SETS = 1000
LARGEST = 1e15
"""No parameter is larger: as a float it is exact, and products of two are finite."""
CONNECTIONS = (1, 1_000_000)
"""What the load generator takes (`crossloop load --help`)."""
PROFILES = ("smoke", "quick", "standard", "full")
SERVES = ("echo", "")
MAX_OBJECTIVE_MS = 60_000.0


def refuse_odd(about: AdapterAbout | ScenarioAbout) -> None:
    """Raise ValueError, which names the field and the value, for what nothing can be made of."""
    for field in fields(about):
        value = getattr(about, field.name)
        if isinstance(value, str):
            _refuse_text(field.name, value, LONGEST.get(field.name, MAX_ITEM))
        elif isinstance(value, tuple):
            _refuse_items(field.name, value)
    if isinstance(about, ScenarioAbout):
        _refuse_scenario(about)


def _refuse_text(name: str, text: str, longest: int) -> None:
    if printable(text) != text or len(text) > longest:
        raise ValueError(
            f"{name} is {shown(text)}, expected one line of at most {longest} printable characters"
        )


def _refuse_items(name: str, items: Sequence[str]) -> None:
    for item in items:
        if not item:
            raise ValueError(f"{name} holds an empty text")
        _refuse_text(name, item, MAX_ITEM)
    if len(items) > MAX_ITEMS or len(set(items)) < len(items):
        raise ValueError(f"{name} is {shown(items)}, expected at most {MAX_ITEMS}, each once")


def _refuse_scenario(about: ScenarioAbout) -> None:
    unknown = [level for level in about.levels if level not in LEVEL_NAMES]
    if unknown or not about.levels:
        what = f"level {shown(unknown[0])} is unknown" if unknown else "levels is empty"
        raise ValueError(f"{what}; expected one or more of {', '.join(LEVEL_NAMES)}")
    _refuse_drive(about)
    _refuse_styles(about)
    if (beyond := about.primary_styles_only_beyond) is not None and beyond < 0:
        raise ValueError(f"primary_styles_only_beyond is {shown(beyond)}, expected 0 or more, or None")
    if not 0 <= about.objective_p99_ms <= MAX_OBJECTIVE_MS:
        raise ValueError(
            f"objective_p99_ms is {shown(about.objective_p99_ms)}, expected 0 to {MAX_OBJECTIVE_MS:.0f}"
        )
    for name, (lowest, highest) in about.limits.items():
        if not (_number(lowest) and _number(highest) and lowest <= highest):
            raise ValueError(
                f"limits of {shown(name)} are {shown((lowest, highest))}, expected the lower one first"
            )
    _refuse_sets(about)


def _refuse_styles(about: ScenarioAbout) -> None:
    for style, requirements in about.style_requires.items():
        if not STYLE.fullmatch(style):
            raise ValueError(
                f"style_requires names {shown(style)}, expected a style: at most 40 letters, digits and `_.+-`"
            )
        _refuse_items(f"style_requires[{style}]", requirements)
    if len(about.style_requires) > MAX_ITEMS:
        raise ValueError(
            f"style_requires: there are {len(about.style_requires)}, expected at most {MAX_ITEMS}"
        )
    if others := [level for level in about.brief_first_styles if level not in about.levels]:
        raise ValueError(f"brief_first_styles has {shown(others[0])}, expected one of the scenario's levels")


def _refuse_drive(about: ScenarioAbout) -> None:
    """Raise ValueError where drive, level, transport and server do not fit each other."""
    if about.serves not in SERVES:
        raise ValueError(f"serves is {shown(about.serves)}, expected 'echo', or '' for anything else")
    if about.drive == "work":
        for name, value in (("transport", "tcp"), ("serves", ""), ("server_parameters", ())):
            if getattr(about, name) != value:
                raise ValueError(
                    f"{name} is {shown(getattr(about, name))}, expected none where drive is 'work'"
                )
        return
    serving = (
        ["PushServer"] if about.drive == "push" else [name for name in TRANSPORTS if name != "PushServer"]
    )
    for level in about.levels:
        if level not in serving:
            raise ValueError(
                f"level is {level!r}, expected {' or '.join(serving)} where drive is {about.drive!r}; "
                "a scenario that drives itself has drive='work'"
            )
        if about.transport not in TRANSPORTS[level]:
            fit = " or ".join(map(repr, TRANSPORTS[level]))
            raise ValueError(f"transport is {about.transport!r}, expected {fit} where the level is {level!r}")
    if about.drive == "connect" and about.transport == "udp":
        raise ValueError("drive is 'connect', expected 'exchange' over 'udp', which has no connections")
    if about.companion:
        raise ValueError(
            f"companion is True, expected False where drive is {about.drive!r}: the load is beside it"
        )


def _refuse_sets(about: ScenarioAbout) -> None:
    if not 0 < len(about.sets) <= MAX_SETS:
        raise ValueError(f"sets: there are {len(about.sets)}, expected 1 to {MAX_SETS}")
    names = list(about.sets[0][1])
    if unknown := [name for name in about.server_parameters if name not in names]:
        raise ValueError(f"server_parameters has {unknown[0]!r}, expected names of the sets: {shown(names)}")
    seen = set()
    for profile, parameters in about.sets:
        if profile not in PROFILES:
            raise ValueError(
                f"sets: profile {shown(profile)} is unknown; expected one of {', '.join(PROFILES)}"
            )
        _refuse_set(about, parameters)
        if set(parameters) != set(names):
            raise ValueError(
                f"sets: {shown(dict(parameters))} has other names than the first: {shown(names)}"
            )
        key = parameters_key(parameters)
        if key in seen:
            raise ValueError(f"sets: {shown(dict(parameters))} is there twice")
        seen.add(key)


def parameters_with(about: ScenarioAbout, texts: Mapping[str, str]) -> dict[str, object]:
    """The first set of a scenario, with *texts* for some of its values. Raises ValueError, which says what fits."""
    parameters = dict(about.sets[0][1])
    for name, text in texts.items():
        if name not in parameters:
            raise ValueError(f"{shown(name)} is no parameter, expected one of {', '.join(parameters)}")
        kind = float if name == "rate" else type(parameters[name])
        try:
            parameters[name] = msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"{name} is {shown(text)}: {error}") from error
    _refuse_set(about, parameters)
    return parameters


def _refuse_set(about: ScenarioAbout, parameters: Mapping[str, object]) -> None:
    for name, value in parameters.items():
        _refuse_parameter(about, name, value)
    _expect_numbers(about, parameters)


def _refuse_parameter(about: ScenarioAbout, name: str, value: object) -> None:
    place = f"sets: {shown(name)} is {shown(value)}"
    try:
        msgspec.convert({name: value}, Parameters)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(f"{place}: {error}") from error
    if isinstance(value, str):
        _refuse_text(f"sets: {shown(name)}", value, MAX_ITEM)
    elif not _number(value):
        raise ValueError(f"{place}, expected at most {LARGEST:g}")
    elif name in about.limits and not isinstance(value, bool):
        _refuse_outside(place, value, about.limits[name])


def _refuse_outside(place: str, value: object, limits: tuple[float, float]) -> None:
    lowest, highest = limits
    if not (isinstance(value, int | float) and lowest <= value <= highest):
        raise ValueError(f"{place}, expected {lowest:g} to {highest:g}")


def _expect_numbers(about: ScenarioAbout, parameters: Mapping[str, object]) -> None:
    """Raise ValueError where a set lacks what the load needs, or the number that it is a rung by."""
    wanted = [about.ladder] if about.ladder else []
    if about.drive != "work":
        _expect_whole(parameters, "connections", CONNECTIONS)
        wanted += ["rate"] if about.ladder or "rate" in parameters else []
    elif "connections" in parameters:
        _expect_whole(parameters, "connections", CONNECTIONS)
    for name in wanted:
        value = parameters.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or (name == "rate" and value <= 0):
            raise ValueError(
                f"sets: {name} is {shown(value)}, expected a number"
                + (" above 0" if name == "rate" else ": the scenario has a ladder")
            )


def _expect_whole(parameters: Mapping[str, object], name: str, limits: tuple[int, int]) -> None:
    place = f"sets: {name} is {shown(parameters.get(name))}"
    if type(parameters.get(name)) is not int:
        raise ValueError(f"{place}, expected a whole number")
    _refuse_outside(place, parameters.get(name), limits)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST
