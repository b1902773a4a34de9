"""What a scenario's class derives from: a served scenario (load from outside) or a workload (from within)."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from crossloop.api.exchange import Exchange
from crossloop.api.http import HttpSite
from crossloop.api.levels import Adapter
from crossloop.api.streams import DatagramApplication, PushApplication, StreamApplication

Parameters: TypeAlias = Mapping[str, Any]


class ServedScenario(ABC):
    """A server in the measured process, driven by the load generator in another one.

    Made in the server's process with its parameters, and once more where the load is told what to exchange. Parameters:
    `connections`, what the scenario itself declares, and for a fixed load `rate`, exchanges a second over all
    connections: an open loop then takes the place of the closed one, each request on a connection drawn at random.
    """

    def __init__(self, parameters: Parameters):
        self.parameters = parameters

    @abstractmethod
    def application(self) -> StreamApplication | PushApplication | DatagramApplication:
        """The sans-I/O application that the adapter serves: of the kind that the scenario's level takes."""

    def served_on(self, level: str) -> StreamApplication | PushApplication | DatagramApplication | HttpSite:
        """What the adapter serves on *level*; a scenario that is written for levels of two kinds overrides it."""
        return self.application()

    @abstractmethod
    def exchange(self) -> Exchange:
        """What the load sends, and what must come back."""


class Workload(ABC):
    """Work that the measured process does by itself, in repetitions of some milliseconds each.

    The worker makes one object per set of parameters and calls `prepare`, `run`, `verify` over and over.
    Only `run` lies inside the timed region; what it needs is built before, what it did is judged after.
    Made inside the worker process, after the adapter.
    """

    counts_children: ClassVar[bool] = False
    """Whether the CPU time of child processes that end within `run`, and are waited for, is part of its cost."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """*server*: address of the scenario's companion process, None without one."""
        self.adapter = adapter
        self.style = style
        self.parameters = parameters
        self.server = server
        self.samples_ns: array[int] = array("q")
        """Latencies or lateness of single operations, in nanoseconds; below zero: before it was due.

        The worker empties it after a slice."""
        self.counters: dict[str, float] = {}
        """Sums that belong in the journal beside the count (`retransmits`, `late`); emptied after a slice.

        Finite numbers, and names of letters, digits and `_.@+-`; anything else makes the row `failed`."""

    @classmethod
    def styles(cls, adapter: type[Adapter]) -> tuple[str, ...]:
        """Rows that this scenario gives an adapter of this class; `("native",)` unless overridden."""
        return ("native",)

    @abstractmethod
    def prepare(self) -> None:
        """Untimed: bring everything into the state that `run` starts from."""

    @abstractmethod
    def run(self) -> int:
        """Timed: do one repetition; returns how many operations (of the scenario's unit) were done, an int."""

    @abstractmethod
    def verify(self) -> None:
        """Untimed: raise `CheckFailedError` unless exactly the right things happened in `run`."""

    @abstractmethod
    def close(self) -> None:
        """Release descriptors, timers, threads."""
