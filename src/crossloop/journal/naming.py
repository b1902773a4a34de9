"""Names of rows in a journal: an adapter's id, alone or with the variant of it that was measured.

`uvloop` is the adapter as it is installed; `uvloop@0.21` is a variant of it (`crossloop.bench.variants` says which
there are). What stands before the `@` names the adapter in the suite, what follows is the variant's label. Labels like
`x4` are kept for servers in several processes: `uvloop@x4` is uvloop's server in four.
"""

import re

MARK = "@"
_PROCESSES = re.compile(r"x([1-9][0-9]{0,3})")
BASELINE = "asyncio"
"""Adapter that every row is held against beside the leanest: what a program on the standard library has."""


def adapter_of(name: str) -> str:
    """The adapter's id in the suite: `uvloop@0.21` → `uvloop`."""
    return name.partition(MARK)[0]


def is_variant(name: str) -> bool:
    """Whether *name* is a variant of an adapter and not the adapter itself."""
    return MARK in name


def processes_label(count: int) -> str:
    """Label of a server in *count* processes on one port: `x4`."""
    return f"x{count}"


def processes_of(name: str) -> int:
    """Processes of the server that *name* stands for: 4 of `uvloop@x4`, 1 of every other name."""
    number = _PROCESSES.fullmatch(name.partition(MARK)[2])
    return int(number[1]) if number else 1


def row_label(adapter: str, style: str) -> str:
    """Name of a row: `uvloop (protocol)`; an adapter's only style, `native`, goes without saying."""
    return adapter if style in {"", "native"} else f"{adapter} ({style})"
