"""What a run, and two small programs, know about the claims. Pure, given the records and the programs' answers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from crossloop import statistics
from crossloop.claims.judging import NotMeasuredError
from crossloop.journal import (
    CellRecord,
    Estimate,
    ParameterSet,
    Record,
    Run,
    row_label,
)
from crossloop.markup.digits import parameters_text

What = Literal["cpu", "time"]
"""CPU time per operation, or elapsed time per operation."""


@dataclass(frozen=True)
class Sources:
    """One run, and what the programs answered (`crossloop.probes`)."""

    run: Run
    programs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Program → its answer; `{"error": …}` where it could not be had."""

    @classmethod
    def of(
        cls, records: Sequence[Record], programs: Mapping[str, Mapping[str, Any]] | None = None
    ) -> "Sources":
        """Raises ValueError without a record of kind `run`."""
        return cls(Run.of(records), programs or {})

    def cell(
        self, scenario: str, parameters: ParameterSet, adapter: str, style: str | None = None
    ) -> CellRecord:
        """The cell of an adapter on the first set that has these *parameters*; of the first style with figures.

        Raises `NotMeasuredError` where there is none.
        """
        fitting = [
            cell
            for cell in self.run.cells
            if cell.scenario == scenario
            and cell.adapter == adapter
            and (style is None or cell.style in {style, ""})
            and all(cell.parameters.get(name) == value for name, value in parameters.items())
        ]
        if not fitting:
            wanted = parameters_text(parameters)
            row = row_label(adapter, style or "")
            raise NotMeasuredError(f"the run has no {row} in {scenario} with {wanted}")
        return next((cell for cell in fitting if cell.figures is not None), fitting[0])

    def ratio(
        self,
        scenario: str,
        parameters: ParameterSet,
        dearer: tuple[str, str],
        cheaper: tuple[str, str],
        what: What = "cpu",
    ) -> Estimate:
        """Paired ratio of two rows' cost per operation. Raises `NotMeasuredError`."""
        a, b = (self._costs(self.cell(scenario, parameters, *row), what) for row in (dearer, cheaper))
        try:
            return statistics.paired_ratio(a, b, self.run.record.seed)
        except ValueError as error:
            raise NotMeasuredError(
                f"{row_label(*dearer)} and {row_label(*cheaper)} share no round"
            ) from error

    def _costs(self, cell: CellRecord, what: What) -> list[tuple[int, int, float]]:
        if cell.figures is None:
            raise NotMeasuredError(f"{row_label(cell.adapter, cell.style)} is {cell.outcome}: {cell.reason}")
        slices = self.run.slices_of(cell)
        if not slices:
            raise NotMeasuredError(f"the journal has no slices of {row_label(cell.adapter, cell.style)}")
        return [
            (*turn, max(slice_.cpu_ns if what == "cpu" else slice_.elapsed_ns, 1) / slice_.operations)
            for turn, slice_ in slices.items()
        ]

    def slope(self, scenario: str, ladder: str, adapter: str) -> Estimate:
        """Exponent of a row's CPU per operation over the rungs of a ladder. Raises `NotMeasuredError`."""
        rungs: dict[float, Estimate] = {}
        for cell in self.run.cells:
            height = cell.parameters.get(ladder)
            if (
                (cell.scenario, cell.adapter) == (scenario, adapter)
                and cell.figures is not None
                and isinstance(height, int | float)
            ):
                rungs[float(height)] = cell.figures.cpu_ns_per_operation
        slope = statistics.log_slope(sorted(rungs.items()))
        if slope is None or not all(map(math.isfinite, (slope.value, slope.low, slope.high))):
            raise NotMeasuredError(f"{adapter} has fewer than two rungs of {scenario} with figures")
        return slope

    def program(self, name: str) -> Mapping[str, Any]:
        """A program's answer. Raises `NotMeasuredError`."""
        answer = self.programs.get(name, {"error": "it was not run"})
        if "error" in answer:
            raise NotMeasuredError(f"{name}: {answer['error']}")
        return answer
