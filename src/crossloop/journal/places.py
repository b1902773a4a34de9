"""Where the files of a run lie in its folder."""

from pathlib import Path

_JOURNAL, _CHECKS, _BEHAVIOURS, _DROPIN = "run.jsonl", "checks.jsonl", "behaviours.jsonl", "dropin.jsonl"


def journal_path(folder: Path) -> Path:
    """Where a run keeps its journal."""
    return folder / _JOURNAL


def checks_path(folder: Path) -> Path:
    """Where `crossloop check --out` puts its records; a report of that folder shows them."""
    return folder / _CHECKS


def behaviours_path(folder: Path) -> Path:
    """Where `crossloop check --out` puts what the libraries do; a report of that folder shows it."""
    return folder / _BEHAVIOURS


def dropin_path(folder: Path) -> Path:
    """Where `crossloop dropin --out` puts what became of CPython's own tests on each loop."""
    return folder / _DROPIN


def journal_at(path: Path) -> Path:
    """The journal that *path* is, or that lies in it."""
    return path if path.is_file() else journal_path(path)
