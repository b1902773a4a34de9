"""First versions of content: an adapter or a scenario that works as it stands, with its test. Pure: names in, text out.

The templates beside this file are what `crossloop new` writes. `tests/test_new.py` checks and measures what becomes of
them, as `tests/test_adding.py` does with the examples of docs/adding.md.
"""

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from crossloop.declarations import MAX_ID

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""Of a new adapter or scenario: stricter than the ids that are read, so that the file's name gives it back."""
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
)
"""No file of Windows has such a name, whatever its ending."""


@dataclass(frozen=True)
class Draft:
    """The files of a new adapter or scenario."""

    id: str
    content: str
    """Path of the adapter or the scenario below the suite's folder, with `/`."""
    files: Mapping[str, str]
    """Path below the suite's folder, with `/` → text; the content first, then its test."""


def is_name(text: str) -> bool:
    """Whether *text* can be the id of a draft."""
    return NAME.fullmatch(text) is not None and len(text) <= MAX_ID


def adapter_draft(id_: str, loop: tuple[str, str] | None = None) -> Draft:
    """An adapter: a stream server on the standard library's selectors; or, with *loop* (module and factory), asyncio's
    API on that loop. *id_* is a name by `is_name`."""
    if loop is None:
        return _draft("adapters", id_, "selectors", "server")
    module, factory = loop
    top = module.partition(".")[0]
    return _draft(
        "adapters",
        id_,
        top,
        "loop",
        module=module,
        factory=factory,
        top=top,
        requires="" if top in sys.stdlib_module_names else top,
    )


def scenario_draft(id_: str, drive: Literal["exchange", "work"]) -> Draft:
    """A scenario whose operations the load makes (`exchange`), or the measured process (`work`)."""
    return _draft("scenarios", id_, "", drive, title=id_.replace("-", " ").capitalize())


def _draft(
    kind: Literal["adapters", "scenarios"], id_: str, wrapped: str, template: str, **texts: str
) -> Draft:
    content = f"{kind}/{_stem(kind, id_, wrapped)}.py"
    test = f"tests/test_{id_.replace('-', '_')}.py"
    files = {
        content: _rendered(f"{template}.py.j2", id=id_, **texts),
        test: _rendered(f"test_{kind}.py.j2", id=id_, **texts),
    }
    return Draft(id_, content, files)


def _stem(kind: Literal["adapters", "scenarios"], id_: str, wrapped: str) -> str:
    """Name of the module: never that of what it wraps, nor a word that Python or Windows keeps for itself."""
    stem = id_.replace("-", "_")
    taken = stem == wrapped or keyword.iskeyword(stem) or stem in _DEVICES
    return f"{stem}_" if taken or (kind == "adapters" and "_" not in stem) else stem


def _rendered(template: str, **texts: str) -> str:
    # Python, not HTML: what is put in has been checked to be names.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("crossloop.drafts"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**texts)
