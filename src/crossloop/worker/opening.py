"""Opening an adapter or a scenario in this process, with every way it can fail told apart."""

import importlib
import traceback
from dataclasses import dataclass
from typing import Any

from crossloop.api.errors import CheckFailedError, UnsupportedError
from crossloop.api.levels import Adapter, level_names, resolver_styles_of, styles_of


@dataclass(frozen=True)
class Refusal:
    """Why a worker could not do what was asked, ready for the journal."""

    outcome: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"outcome": self.outcome, "reason": self.reason}


def refusal_of(error: BaseException) -> Refusal:
    """The typed outcome that an exception stands for."""
    match error:
        case UnsupportedError():
            return Refusal("unsupported", str(error))
        case ImportError():
            return Refusal("not-installed", f"{type(error).__name__}: {error}")
        case CheckFailedError():
            return Refusal("failed", f"wrong result: {error}")
        case _:
            last = traceback.extract_tb(error.__traceback__)[-1:]
            where = f" ({last[0].filename.rpartition('/')[2]}, line {last[0].lineno})" if last else ""
            return Refusal("failed", f"{type(error).__name__}: {error}{where}")


def open_adapter(module: str) -> Adapter:
    """Import an adapter's module and open it. Raises ImportError, UnsupportedError, or what it raises."""
    adapter = importlib.import_module(module).Adapter()
    if not isinstance(adapter, Adapter):
        raise TypeError(
            f"{module}.Adapter is {type(adapter).__name__}, expected a subclass of crossloop.api.Adapter"
        )
    return adapter


def describe(adapter: Adapter) -> dict[str, Any]:
    """What the supervisor learns of an open adapter."""
    kind = type(adapter)
    return {
        "facts": adapter.facts().as_dict(),
        "levels": list(level_names(kind)),
        "styles": list(styles_of(kind)),
        "resolver_styles": list(resolver_styles_of(kind)),
    }
