"""A few kills of the campaign: whoever is killed, a run ends in words, is resumed and leaves nothing behind."""

import sys
from pathlib import Path

import pytest

from tests.hostile.campaign import run_part
from tests.hostile.kills import PART


@pytest.mark.campaign
@pytest.mark.skipif(
    sys.platform == "win32", reason="the kinds of processes are told by their commands on POSIX"
)
def test_a_few_trials_of_the_campaign(tmp_path: Path) -> None:
    tally = run_part(PART, seed=1, count=2, folder=tmp_path)
    assert tally.tried == 2
    assert not tally.faults
