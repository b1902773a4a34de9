"""A few trials of the campaign's part: commands in odd surroundings."""

import os
from pathlib import Path

import pytest

from tests.hostile.campaign import run_part
from tests.hostile.surroundings import PART

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits, streams and mounts of POSIX")


def test_a_few_odd_surroundings(tmp_path: Path) -> None:
    tally = run_part(PART, seed=1, count=6, folder=tmp_path)
    assert tally.tried == 6
    assert tally.faults == []
