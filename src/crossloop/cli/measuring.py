"""A plan of a command's own, carried out into a journal: what `compare --adapters` and `claims` share with `bench`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossloop.bench.header import run_header
from crossloop.bench.loading import LoadEngine
from crossloop.bench.plan import Plan
from crossloop.bench.rooms import Conditions
from crossloop.bench.run import Bench, Past
from crossloop.cli.benching import load_engine, warnings_of
from crossloop.cli.progress import ProgressView
from crossloop.cli.refusing import begun, holding
from crossloop.installing import recorded_setup
from crossloop.journal import LOAD_ENGINE, AdapterRecord, journal_path
from crossloop.suite import Suite


def measure(
    suite: Suite, plan: Plan, adapters: Sequence[AdapterRecord], names: Sequence[str], folder: Path, seed: int
) -> None:
    """Measure *plan* into a new journal in *folder*; *names* are its adapters as the first record lists them.

    Raises `StopError`, and KeyboardInterrupt as it comes.
    """
    scenarios = {stage.scenario.id: stage.scenario for stage in plan.stages}
    engine = load_engine(None, scenarios, dry_run=False)
    header = run_header(
        plan.profile.name,
        names,
        list(dict.fromkeys((*scenarios, *(one.scenario for one in plan.excluded)))),
        seed=seed,
        slice_ms=plan.profile.slice_ms,
        run_in_ms=plan.profile.run_in_ms,
        settings=_settings(plan, engine),
    )
    with holding(journal_path(folder)), begun(journal_path(folder), header) as journal:
        for one in adapters:
            journal.write(one, sync=False)
        for warning in warnings_of(header, engine, recorded_setup()):
            journal.write(warning, sync=False)
        conditions = Conditions(
            header.server_cpu, header.load_cpu, engine=engine.name if engine is not None else ""
        )
        with ProgressView(plan.slices) as view:
            bench = Bench(
                suite,
                plan,
                journal,
                conditions=conditions,
                seed=seed,
                past=Past(),
                progress=view.advance,
                evidence=False,  # nothing here concludes anything of it
            )
            bench.run()


def _settings(plan: Plan, engine: LoadEngine | None) -> Mapping[str, int | float | str]:
    settings: dict[str, int | float | str] = {
        "generations": plan.profile.generations,
        "headline-rounds": plan.profile.headline_rounds,
        "rounds": plan.profile.rounds,
    }
    if engine is not None:
        settings[LOAD_ENGINE] = engine.name
    return settings
