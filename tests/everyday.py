"""Which adapters the everyday tests take in full: one of each idiom, and what is this project's own code.

The others share their idioms, and `tox -e campaign` asks them as well.
"""

from collections.abc import Collection, Sequence
from typing import Any

import pytest

EVERYDAY = frozenset(
    [
        *("asyncio", "asyncio-proactor", "uvloop", "winloop", "tornado", "gevent-libev", "gevent-libevent"),
        *("pyev", "libevent", "trio"),
        *("threads", "select", "epoll", "kqueue", "iouring", "iocp"),
    ]
)


def by_adapter(
    cases: Sequence[tuple[Any, ...]], ids: Sequence[str], everyday: Collection[tuple[Any, ...]] = ()
) -> list[Any]:
    """Parameters of a test whose first is an adapter's id.

    Those of adapters that are not for every day belong to the campaign, but for the cases in *everyday*.
    """
    return [
        pytest.param(
            *case, id=id_, marks=() if case[0] in EVERYDAY or case in everyday else pytest.mark.campaign
        )
        for case, id_ in zip(cases, ids, strict=True)
    ]
