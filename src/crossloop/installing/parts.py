"""Parts of crossloop that `crossloop setup` brings beside the adapters: none has to be there for a run."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from crossloop.installing.compiling import bring_native
from crossloop.installing.recipes.reference_servers import bring_reference
from crossloop.installing.results import InstallResult
from crossloop.native import LIBEVENT_CALLS, LOAD_ENGINE
from crossloop.references import GROUP, REFERENCES

Bring: TypeAlias = Callable[[], InstallResult]

PARTS: Mapping[str, Bring] = {
    LOAD_ENGINE.id: partial(bring_native, LOAD_ENGINE),
    LIBEVENT_CALLS.id: partial(bring_native, LIBEVENT_CALLS),
    **{reference.id: partial(bring_reference, reference) for reference in REFERENCES.values()},
}
"""By the names that the command line knows, in the order in which they are brought."""
GROUPS: Mapping[str, tuple[str, ...]] = {GROUP: tuple(REFERENCES)}
"""Names for several parts at once."""
