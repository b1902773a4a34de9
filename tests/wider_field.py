"""Adapters whose contract and servers are for the campaign (tox -e behaviours): they take a minute each.

They are loops of one idiom, asyncio's, of which the everyday tests try the others. The first style of each is served
every day.
"""

import pytest

CAMPAIGN = ("loopmini", "rloop", "rsloop", "veloxloop", "zuvloop")


def case(adapter: str, *values: object, every_day: bool = False) -> object:
    """A case of *adapter* for `parametrize`, marked `campaign` where it is one of these and not for every day."""
    later = adapter in CAMPAIGN and not every_day
    return pytest.param(adapter, *values, marks=[pytest.mark.campaign] if later else [])
