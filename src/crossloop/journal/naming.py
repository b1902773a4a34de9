"""Names of rows in a journal: an adapter's id, alone or with the variant of it that was measured.

`uvloop` is the adapter as it is installed; `uvloop@0.21` is a variant of it (`crossloop.bench.variants` says which
there are). What stands before the `@` names the adapter in the suite, what follows is the variant's label.
"""

MARK = "@"
BASELINE = "asyncio"
"""Adapter that every row is held against beside the leanest: what a program on the standard library has."""


def adapter_of(name: str) -> str:
    """The adapter's id in the suite: `uvloop@0.21` → `uvloop`."""
    return name.partition(MARK)[0]


def is_variant(name: str) -> bool:
    """Whether *name* is a variant of an adapter and not the adapter itself."""
    return MARK in name


def row_label(adapter: str, style: str) -> str:
    """Name of a row: `uvloop (protocol)`; an adapter's only style, `native`, goes without saying."""
    return adapter if style in {"", "native"} else f"{adapter} ({style})"
