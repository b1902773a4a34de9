"""A behaviour and its answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Word: TypeAlias = Literal["yes", "no", "differs", "not-there"]
"""What a program can find. `yes`: as the rule has it. `no`: not so. `differs`: something that is neither, which `how`
says. `not-there`: the library has no such thing. That a process crashed or hangs is found from outside."""
LIMIT_S = 8.0
"""After this time a program hangs, unless its behaviour says otherwise. Most take a tenth of a second."""


@dataclass(frozen=True)
class Answer:
    """What a program found out."""

    word: Word
    how: str = ""
    """In words, and the same on every run: answers are compared by `word` and `how`. No figure that varies."""
    seen: str = ""
    """Evidence of this run: counts, times, the text of an error. Never compared."""


def yes(seen: str = "") -> Answer:
    """As the rule has it."""
    return Answer("yes", "", seen)


def no(how: str, seen: str = "") -> Answer:
    """Not as the rule has it; *how* says what happens instead."""
    return Answer("no", how, seen)


def differs(how: str, seen: str = "") -> Answer:
    """Neither as the rule has it nor the contrary."""
    return Answer("differs", how, seen)


def not_there(why: str) -> Answer:
    """The library has no such thing."""
    return Answer("not-there", why)


def answered(holds: bool, how: str, seen: str = "") -> Answer:
    """`yes` if *holds*, else `no` with *how*."""
    return yes(seen) if holds else no(how, seen)


Program: TypeAlias = Callable[..., Answer]
"""Asks one library of a family; `families.FAMILIES` says what it is given."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What is asked. The programs stand beside it in its file: `on_asyncio`, `on_gevent`, … (`families.FAMILIES`)."""

    question: str
    """As a user would ask it; "yes" is the answer of a library that keeps the rule."""
    rule: str
    """What documentation, standard or manual page says, in our words."""
    source: str
    """Address of who says so."""
    reports: tuple[str, ...] = ()
    """Addresses of reports by users who met the contrary."""
    limit_s: float = LIMIT_S
    platforms: tuple[str, ...] = ("linux", "darwin", "bsd", "win32")
    """Where it can be asked, as `AdapterAbout.platforms`."""
