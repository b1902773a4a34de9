"""Which engine carries the load: the native one where it is built, Python's otherwise, and why."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from crossloop.load.errors import LoadUsageError
from crossloop.load.loops import PYTHON
from crossloop.load.native import native_engine
from crossloop.load.turns import Engine
from crossloop.native import NotBuiltError

EngineName: TypeAlias = Literal["native", "python"]
ENGINE_NAMES: tuple[str, ...] = get_args(EngineName)


@dataclass(frozen=True)
class Chosen:
    """An engine, and the reason why it is not the native one; empty where it is, or where it was asked for."""

    engine: Engine
    reason: str = ""


def choose_engine(wanted: str = "") -> Chosen:
    """The engine that is *wanted* by name, or the best there is.

    Raises `LoadUsageError` for an unknown name, and for `native` where it cannot be had.
    """
    if wanted and wanted not in ENGINE_NAMES:
        raise LoadUsageError(f"engine {wanted!r}: expected one of {', '.join(ENGINE_NAMES)}")
    if wanted == "python":
        return Chosen(PYTHON)
    try:
        return Chosen(native_engine())
    except NotBuiltError as error:
        if wanted:
            raise LoadUsageError(f"engine {wanted!r}: {error}") from error
        return Chosen(PYTHON, str(error))
