"""Every adapter, level by level, in real processes."""

import itertools
import sys

import pytest

from crossloop.contract.checking import OPENS, check_adapter
from crossloop.contract.promises import LEVELS
from tests.everyday import by_adapter
from tests.own_suite import SUITE
from tests.test_contract import EXPECTATIONS, described

LARGE = ("StreamServer", "TlsServer", "PushServer", "Datagrams", "Readiness")
"""Levels with a process of their own; the promises of the others take a second together."""
WARNS_ITSELF = {"eventlet", "twisted"}
"""Libraries whose own code does what these warnings are about: a socket that is left to the collector, pyOpenSSL's
certificates."""
LEFT_OPEN = {
    # aopen cancelled while its thread opens the file: the file is nobody's (curio 1.6, run_in_thread).
    "curio": ("ignore:unclosed file <_io.FileIO name='/:ResourceWarning",),
    # At the end of each run the loop drops the sockets by which signals wake it (rloop 0.5.0, _ssock_stop).
    "rloop": ("ignore:unclosed <socket.socket:ResourceWarning:rloop.loop",),
    # create_connection(sock=…) takes a duplicate, and nobody closes the socket that was given (veloxloop 0.2.0).
    "veloxloop": ("ignore:unclosed <socket.socket:ResourceWarning:aiohttp.connector",),
}
"""Library → filters for what it leaves to the collector, of this kind and from this place alone."""
GROUPS = [*((name,) for name in LARGE), tuple(level.name for level in LEVELS if level.name not in LARGE)]
CASES = list(itertools.product(SUITE.adapters, GROUPS))


@pytest.mark.parametrize(
    ("adapter", "levels"),
    by_adapter(
        CASES,
        [f"{adapter}-{'others' if len(levels) > 1 else levels[0].lower()}" for adapter, levels in CASES],
    ),
)
def test_adapters_do_what_their_levels_promise(
    adapter: str, levels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What nobody closed and what a coming Python drops is said on standard error, where nothing may be.
    if adapter not in WARNS_ITSELF:
        filters = ("default::ResourceWarning", "default::DeprecationWarning", *LEFT_OPEN.get(adapter, ()))
        monkeypatch.setenv("PYTHONWARNINGS", ",".join(filters))
    about = SUITE.adapters[adapter].about
    if elsewhere := about.why_not_here():
        pytest.skip(f"{adapter} on {sys.platform}: {elsewhere}")
    records = list(check_adapter(adapter, suite=SUITE, levels=levels, expectations=EXPECTATIONS))
    assert records[0].behaviour == OPENS
    if records[0].outcome == "not-installed":
        pytest.skip(f"{adapter}: {records[0].reason}")
    unexpected = [described(record) for record in records if not record.as_expected]
    assert not unexpected, "\n" + "\n".join(unexpected)
    if len(records) == 1:
        pytest.skip(f"{adapter} offers no {' or '.join(levels)}")
