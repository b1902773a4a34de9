"""Opening an adapter or a scenario in this process, with every way it can fail told apart."""

import importlib
import traceback
from dataclasses import dataclass
from typing import Any

from crossloop.api.errors import CheckFailedError, UnsupportedError
from crossloop.api.facts import Facts
from crossloop.api.levels import Adapter, lacks_of, styles_of

MAX_REASON = 3000


@dataclass(frozen=True)
class Refusal:
    """Why a worker could not do what was asked, ready for the journal."""

    outcome: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"outcome": self.outcome, "reason": self.reason}


def refusal_of(error: BaseException) -> Refusal:
    """The typed outcome that an exception stands for; also one that content raises to end its process."""
    match error:
        case UnsupportedError():
            return Refusal("unsupported", _message_of(error))
        case ImportError():
            return Refusal("not-installed", f"{type(error).__name__}: {_message_of(error)}")
        case CheckFailedError():
            return Refusal("failed", f"wrong result: {_message_of(error)}")
        case _:
            last = traceback.extract_tb(error.__traceback__)[-1:]
            where = f" ({last[0].filename.rpartition('/')[2]}, line {last[0].lineno})" if last else ""
            return Refusal("failed", f"{type(error).__name__}: {_message_of(error)}{where}")


def _message_of(error: BaseException) -> str:
    """The message of an exception, which is a stranger's: it may be long, or raise itself."""
    try:
        return str(error)[:MAX_REASON]
    except BaseException as another:
        return f"its message cannot be had: {type(another).__name__}"


def open_adapter(module: str) -> Adapter:
    """Import an adapter's module and open it; `module:factory` is a loop with asyncio's API that has no file.

    Raises ImportError, UnsupportedError, or what it raises.
    """
    if ":" in module:
        from crossloop.idioms.foreign_loop import foreign  # imports asyncio

        return foreign(module)()
    adapter = importlib.import_module(module).Adapter()
    if not isinstance(adapter, Adapter):
        raise TypeError(
            f"{module}.Adapter is {type(adapter).__name__}, expected a subclass of crossloop.api.Adapter"
        )
    return adapter


def describe(adapter: Adapter) -> dict[str, Any]:
    """What the supervisor learns of an open adapter."""
    kind, facts = type(adapter), adapter.facts()
    if not isinstance(facts, Facts):
        raise TypeError(f"facts() returned {facts!r}, expected crossloop.api.Facts")
    return {
        "facts": facts.as_dict(),
        "levels": styles_of(kind),
        "lacks": lacks_of(kind),
        "entered_once": kind.entered_once,
    }
