"""Which engine the load generator of a run has: asked of a load process, as adapters are asked what they are."""

from dataclasses import dataclass

from crossloop.journal import PYTHON_LOAD, WarningRecord
from crossloop.outcomes import outcome_reason
from crossloop.plain_text import without_folders
from crossloop.supervise.child import ChildError
from crossloop.supervise.load import LoadClient


@dataclass(frozen=True)
class LoadEngine:
    """The engine that load processes are to be started with."""

    name: str
    """`native` or `python`."""
    reason: str = ""
    """Why it is not the native one; empty where it is, or where Python's was asked for."""


def ask_load_engine() -> LoadEngine:
    """What a load process would take here: Python's engine where the native one ends its process.

    Raises ChildError when none can be started.
    """
    try:
        return _answer("")
    except ChildError as error:
        _answer("python")
        return LoadEngine("python", f"a load process with the native one {outcome_reason(error.outcome)}")


def _answer(engine: str) -> LoadEngine:
    with LoadClient(engine) as load:
        answer = load.engine()
    return LoadEngine(answer.engine, without_folders(answer.reason))


def engine_warning(engine: LoadEngine, recorded: str) -> WarningRecord | None:
    """The warning of a run that had to do with Python's engine; *recorded* is what the last setup said of the other."""
    if not engine.reason:
        return None
    setup = f"; the last setup: {recorded}" if recorded.startswith("failed") else ""
    return WarningRecord(
        PYTHON_LOAD,
        f"The load generator ran on its engine in Python: {engine.reason}{setup}.",
        "crossloop setup load-engine, which takes a C compiler. Python's engine is the limit sooner: a fast server "
        "on few connections is then client-bound.",
    )
