"""The releases of gevent that are taken, and how others are refused."""

from collections.abc import Callable

import pytest

from crossloop.bindings.gevent_libevent.versions import TESTED, UnsupportedGeventError, check_version


@pytest.mark.parametrize("series", TESTED)
def test_a_tested_series_is_taken(series: str) -> None:
    for version in (f"{series}.0", f"{series}.1", f"{series}.2.post1"):
        check_version(version)


@pytest.mark.parametrize("version", ["1.5.0", "23.9.1", "27.1.0", "2.4", "", "unknown"])
def test_another_one_is_refused_by_name(version: str) -> None:
    with pytest.raises(
        UnsupportedGeventError, match=rf"was tested with gevent .*; this is gevent {version}\."
    ):
        check_version(version)


def test_a_program_on_another_gevent_is_told(program: Callable[..., str]) -> None:
    printed = program(
        """
        import gevent
        gevent.__version__ = "21.1.0"
        try:
            gevent.config.loop = "crossloop.bindings.gevent_libevent.loop"
            print(gevent.config.loop)
        except ImportError as error:
            print(error)
        """,
        loop="",
    )
    assert "this is gevent 21.1.0" in printed
    assert "Next: python -m pip install" in printed
