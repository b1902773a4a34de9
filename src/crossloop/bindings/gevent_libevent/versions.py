"""The gevent releases that this loop was tested with, and the refusal of all others.

What a loop owes to gevent is written down in `gevent._interfaces.ILoop`, whose own text says that it may
change between minor versions. A loop that runs on a release it was not tried with may lose events, which
looks like a hang in somebody's program. So a release outside of the series below is refused by name.
"""

import re

TESTED: tuple[str, ...] = ("24.11", "25.9", "26.9")
"""Series (`year.month` of the release) on which gevent's own test modules were run: `tests/gevent_suite.py`."""

_SERIES = re.compile(r"(\d+)\.(\d+)")


class UnsupportedGeventError(ImportError):
    """gevent is of a release that this loop was not tested with.

    An `ImportError`, because gevent goes on to the next loop of a list in GEVENT_LOOP on that alone.
    """


def check_version(version: str) -> None:
    """Raise `UnsupportedGeventError` unless *version* belongs to a series in `TESTED`."""
    match = _SERIES.match(version)
    if match is None or match[0] not in TESTED:
        series = ", ".join(f"{tested}.*" for tested in TESTED)
        raise UnsupportedGeventError(
            f"crossloop's libevent loop for gevent was tested with gevent {series}; this is gevent {version}. "
            f"Next: python -m pip install 'gevent=={TESTED[-1]}.*', or another GEVENT_LOOP"
        )
