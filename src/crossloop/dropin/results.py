"""What a loop's run comes to: counts, and what fails, grouped by what a user would miss. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from crossloop.dropin.features import FEATURE_TITLES, SYMPTOM_TITLES
from crossloop.journal import DropinRecord

NOT_PASSED = ("failed", "hung", "crashed")


@dataclass(frozen=True)
class Counts:
    """How many tests came to what; a test that looks at private parts is counted as such, whatever it came to."""

    passed: int
    failed: int
    """Those that crashed included."""
    hung: int
    skipped: int
    private: int
    crashed: int


@dataclass(frozen=True)
class Lack:
    """One thing that a user would miss."""

    id: str
    missing: Sequence[DropinRecord]
    """The tests that do not pass for it."""
    of: int
    """All tests of it that were run."""

    @property
    def whole(self) -> bool:
        """Whether nothing of it is there: none of its tests passes."""
        return len(self.missing) == self.of

    @property
    def title(self) -> str:
        """`no TLS` where nothing of it is there, else `TLS`; of a symptom its sentence."""
        if self.id in SYMPTOM_TITLES:
            return SYMPTOM_TITLES[self.id]
        return f"no {FEATURE_TITLES[self.id]}" if self.whole else FEATURE_TITLES[self.id]


def counts(records: Sequence[DropinRecord]) -> Counts:
    """Count the tests of one loop."""
    by_outcome = Counter("private" if record.private else record.outcome for record in records)
    return Counts(
        passed=by_outcome["passed"],
        failed=by_outcome["failed"] + by_outcome["crashed"],
        hung=by_outcome["hung"],
        skipped=by_outcome["skipped"],
        private=by_outcome["private"],
        crashed=by_outcome["crashed"],
    )


def lacks(records: Sequence[DropinRecord]) -> list[Lack]:
    """What a user of one loop would miss, the most first; private tests and skipped ones count for nothing."""
    counted = [record for record in records if not record.private and record.outcome != "skipped"]
    missing: dict[str, list[DropinRecord]] = {}
    for record in counted:
        if record.outcome in NOT_PASSED:
            missing.setdefault(record.feature, []).append(record)
    of = Counter(record.feature for record in counted)
    lacked = [Lack(id_, tests, of[id_]) for id_, tests in missing.items()]
    return sorted(lacked, key=lambda lack: (-len(lack.missing), lack.id))
