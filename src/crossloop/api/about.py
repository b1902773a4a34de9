"""The declarations at the head of each adapter and scenario.

They are *read, not run*: `crossloop.suite` takes them from the syntax tree as literals, so that the
supervisor lists, plans and installs content without importing a line of it. Hence every argument
in `ABOUT = AdapterAbout(...)` is a literal: strings, numbers, tuples, lists, dicts.
"""

import select
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

AskedAs: TypeAlias = Literal[
    "asyncio",
    "tornado",
    "twisted",
    "gevent",
    "eventlet",
    "trio",
    "curio",
    "pyev",
    "libevent",
    "readiness",
    "server",
]
"""Family of libraries that are asked in the same words; see `crossloop.behaviours.families`."""
_BSDS = ("freebsd", "openbsd", "netbsd", "dragonfly")


@dataclass(frozen=True, kw_only=True)
class AdapterAbout:
    """What an adapter wraps and what it needs; the id is the file's name (`uvloop_.py` is `uvloop`)."""

    family: str
    """The group it is listed in: `asyncio`, `libuv`, `libev`, `libevent`, `tornado`, `model`, …"""
    library: str
    """The C library between Python and the kernel: `libevent`, `libev`, `libuv`, or `none`."""
    binding: str
    """The Python package that a program imports."""
    summary: str
    """One sentence for people who choose."""
    requires: tuple[str, ...] = ()
    """Requirements for pip (PEP 508, environment markers included). Empty: standard library."""
    recipe: str = ""
    """A build recipe of `crossloop.installing` that runs instead of, or after, pip: `pyev`, `libevent`."""
    platforms: tuple[str, ...] = ("linux", "darwin", "bsd", "win32")
    """What `sys.platform` begins with where the binding is published (`freebsd` of `freebsd14`); `bsd` is each BSD."""
    mechanism: str = ""
    """A name in Python's module `select`, such as `kqueue`: where it is there the adapter runs, whatever the platform
    is called, and nowhere else."""
    elsewhere: str = ""
    """Why it is not on the other platforms, and what to use there; shown as the reason of the outcome."""
    homepage: str = ""
    asked_as: AskedAs = "readiness"
    """In which words `check` asks the library what it does; `readiness` and `server` are those of raw models."""
    loop: str = ""
    """What those words make a loop with: `module:factory` for `asyncio` and `tornado`, gevent's name of its loop."""

    def why_not_here(self) -> str:
        """Why it is not for this platform, by what is declared; empty where it is."""
        here = hasattr(select, self.mechanism) if self.mechanism else is_on(self.platforms)
        return "" if here else self.elsewhere or f"not published for {sys.platform}"


def is_on(platforms: Sequence[str]) -> bool:
    """Whether this platform is one of *platforms*, as `AdapterAbout.platforms` names them."""
    return any(sys.platform.startswith(_BSDS if name == "bsd" else name) for name in platforms)


Drive: TypeAlias = Literal["work", "exchange", "connect", "push"]
"""Who makes a scenario's operations. `work`: the measured process itself. The others come from the load process:
`exchange`: requests and answers on connections that stay; `connect`: each operation is a connection of its own with one
exchange; `push`: a message goes in on one connection and comes out on all."""
Transport: TypeAlias = Literal["tcp", "unix", "tls", "udp"]
"""What the load and the server speak through."""


Group: TypeAlias = Literal["messages", "connections", "clients", "loop", "system"]
"""What a scenario asks about. `messages`: traffic on connections that stay; `connections`: making and holding them;
`clients`: asking other servers; `loop`: the loop's own work; `system`: processes, files, signals, starting."""


@dataclass(frozen=True, kw_only=True)
class ScenarioAbout:
    """What a scenario measures; the id is the file's name (`tcp_echo.py` is `tcp-echo`)."""

    levels: tuple[str, ...]
    """The levels it is written for; an adapter with none of them gets `Unsupported`. Driven from outside, an adapter's
    styles of each of them are rows, so no two of these levels may have a style of one name."""
    drive: Drive
    transport: Transport = "tcp"
    """Of a scenario that is driven from outside."""
    title: str
    short_title: str = ""
    """What heads its column in a table of many scenarios: a word or two. Empty: the title."""
    question: str
    """The question that its table answers, as a reader would ask it."""
    group: Group | None = None
    """The table of a report that it stands in; None: `loop` of those that drive themselves, else `messages`."""
    place: int = 50
    """Where it stands among its group: the lowest first, then by id."""
    unit: str
    """What one operation is: `message`, `event`, `timer`, `wake-up`, `name`."""
    sets: Sequence[tuple[str, Mapping[str, object]]]
    """Pairs of a profile and a parameter set: the smallest profile that runs the set; all larger ones do too.
    `smoke`, `quick`, `standard`, `full`. The first set of a profile is its headline. Driven from outside, each has
    `connections`."""
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Parameter → lowest and highest value that make sense; what lies outside is refused."""
    requires: tuple[str, ...] = ()
    """Requirements for pip beside those of the adapter."""
    style_requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Style → requirements for pip of that style alone, whatever the adapter: of a server that adapters run here. Each
    style's are brought by themselves; without them its rows are `not-installed`, and the others go on."""
    brief_first_styles: tuple[str, ...] = ()
    """Levels of which short profiles take each adapter's first style alone; of the other levels they take all."""
    companion: bool = False
    """True: the module has `companion(ready, stop)`, a server process that the workload talks to:
    it calls `ready(host, port)` once it listens and returns when the socket *stop* is readable."""
    serves: str = ""
    """`echo`: the server is an echo whatever the parameters, so that scenarios of one transport share its processes and
    native references can stand beside. Empty: it is the scenario's own."""
    server_parameters: tuple[str, ...] = ()
    """Parameters that the server must know: sets that differ in them have servers of their own."""
    brief: bool = False
    """Short profiles spend little on it: fewer generations and rounds than on the others, and no offered loads."""
    primary_styles_only_beyond: int | None = None
    """After this many parameter sets of a profile only each adapter's first style runs; 0: in all of them,
    None: in none."""
    ladder: str = ""
    """The number among the parameters that the sets of a profile climb, such as `connections`. Sets that differ
    in nothing else are the rungs of one ladder, and the report draws curves over it. A ladder that is driven from
    outside is climbed rung by rung from the lowest, each rung with processes of its own, until one fails."""
    objective_p99_ms: float = 0.0
    """Of a ladder: the last rung of an adapter is the one where the slowest hundredth of its answers takes longer
    than this; 0: it climbs as long as it answers."""
