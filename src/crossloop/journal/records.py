"""The records of a journal, one JSON object a line, told apart by `kind`.

Units are in the names. Everything is bounded, and the bounds hold for writers and readers alike: `bounds` cuts what
is only shown to people, and refuses the rest. Strings are escaped where they are rendered. Unknown keys are
ignored, so that newer journals can be read; another `schema` number is refused.

No record can refer to itself, hence `gc=False`: the cycle collector need not walk some 10⁵ of them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from crossloop.outcomes import OutcomeName

__all__ = [
    "LADDER_RUN_IN_MS",
    "LADDER_SLICE_MS",
    "LOAD_ENGINE",
    "LOAD_FROM",
    "PYTHON_LOAD",
    "SCHEMA_VERSION",
    "SLICES_LEFT_OUT",
    "SPLIT_TICKS",
    "SUITES",
    "TICK_NS",
    "AdapterRecord",
    "AnswerWord",
    "BehaviourRecord",
    "CellRecord",
    "CheckRecord",
    "ComparisonRecord",
    "Connecting",
    "ConnectionMemory",
    "Control",
    "DetectionRecord",
    "Difference",
    "DropinOutcome",
    "DropinRecord",
    "EndRecord",
    "Estimate",
    "EvidenceRecord",
    "FigureName",
    "Figures",
    "HostFigures",
    "HostShare",
    "Importing",
    "InProcesses",
    "Installed",
    "Latency",
    "Machine",
    "Mode",
    "Modes",
    "Objective",
    "RateFigures",
    "Record",
    "Regime",
    "RunRecord",
    "ScenarioRecord",
    "SliceRecord",
    "SystemCalls",
    "TaxPart",
    "TaxRecord",
    "WarmUp",
    "WarningRecord",
    "WebServer",
]

SCHEMA_VERSION = 1
LADDER_SLICE_MS, LADDER_RUN_IN_MS = "ladder-slice-ms", "ladder-run-in-ms"
"""Names of settings: how long the slices of a run's ladders are, which are others than those of the rest."""
LOAD_ENGINE = "load-engine"
"""Name of a setting: the load generator's engine, `native` or `python`; journals of before have it not."""
LOAD_FROM = "load-from"
"""Name of a setting: the hosts that the load came from, where it was not one process of the machine itself."""
SLICES_LEFT_OUT = "slices-left-out"
"""Name of a setting: how many slices a journal had before `crossloop export journal` left them out."""
SUITES = "suite"
"""Name of an option: the folders of `--suite`, as typed, in a shell's quoting."""
PYTHON_LOAD = "python-load"
"""Name of the warning that says why it is Python's, where nobody asked for that."""

TICK_NS = 10e6
"""Steps in which Linux shows user and system time (USER_HZ is 100, proc_pid_stat(5)); its own may be finer."""
SPLIT_TICKS = 25
"""Ticks of CPU time from which a row's user and system time are told apart: a share of 25 samples is known to ± 0.2 at
worst (95 %, the normal interval of a proportion). Journals of before have the share of fewer."""

CUT = "cut"
"""Key of a string's `Meta.extra`: a writer may cut it, from `"end"` or from `"begin"` on. What names something, or is
asked for again, is never cut: two names could become one. In all patterns `$(?!\\n)` is the very end: Python's `$`
alone lets a newline follow."""

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@+-]*$(?!\n)")]
"""Adapters and scenarios have 80 characters at most; variants and settings are named after them."""
LoopName = Annotated[str, Meta(min_length=1, max_length=200)]
"""An adapter's id, the name that `--loop` gave, or `module:factory`."""
Style = Annotated[str, Meta(max_length=80, pattern=r"^[A-Za-z0-9_.+-]*$(?!\n)")]
CallName = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$(?!\n)")]
"""Of a system call, as strace prints it."""
Label = Annotated[str, Meta(max_length=80)]
"""What slices and rates are told apart by."""
Phrase = Annotated[str, Meta(max_length=200, extra={CUT: "end"})]
Text = Annotated[str, Meta(max_length=4000, extra={CUT: "end"})]
Tail = Annotated[str, Meta(max_length=4000, extra={CUT: "begin"})]
"""Of an output, the end of which says most."""

MOST_COUNT = (1 << 63) - 1
MOST, LEAST = 1e60, 1e-60
"""Bounds of real numbers, far beyond any measurement; products and quotients of a few of them are still finite.
Neither infinity nor NaN lies within."""
Count = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
Counted = Annotated[int, Meta(ge=1, le=MOST_COUNT)]
"""Something is divided by it."""
Integer = Annotated[int, Meta(ge=-MOST_COUNT, le=MOST_COUNT)]
Real = Annotated[float, Meta(ge=-MOST, le=MOST)]
Positive = Annotated[float, Meta(ge=0, le=MOST)]
Above = Annotated[float, Meta(ge=LEAST, le=MOST)]
"""Above zero: something is divided by it, or its logarithm taken."""
Parameter: TypeAlias = Integer | Real | bool | Annotated[str, Meta(max_length=200)]
Parameters: TypeAlias = dict[Name, Parameter]
Setting: TypeAlias = Integer | Real | bool | Annotated[str, Meta(max_length=4000)]


class Estimate(Struct, frozen=True, gc=False):
    """A figure with its uncertainty: median, 95 % bootstrap interval, and from how much it was made."""

    value: Above
    low: Above
    high: Above
    slices: Count
    generations: Count


class Difference(Estimate, frozen=True, gc=False):
    """An estimate of what was left over when one figure was taken from another: it may be negative."""

    value: Real
    low: Real
    high: Real


class Latency(Struct, frozen=True, gc=False, rename={"p99_9": "p99.9"}):
    """Percentiles in microseconds, from a histogram (`worker.buckets`); below zero: earlier than due."""

    count: Count
    p50: Real
    p90: Real
    p99: Real
    p99_9: Real
    max: Real
    min: Real | None = None
    """The earliest; None in journals that did not keep it."""
    early_share: Annotated[float, Meta(ge=0, le=1)] = 0
    """Of samples below zero."""


class Regime(Struct, frozen=True, gc=False):
    """Who was the limit while a figure was made. Shares are CPU time ÷ elapsed time (1.0 = one CPU)."""

    name: Literal["server-bound", "client-bound", "idle", "self-driven"]
    server_share: Positive
    load_share: Positive
    operations_per_sleep: Positive | None = None
    """Operations ÷ voluntary context switches of the measured process tree; None where not to be had."""
    steal_share: Positive | None = None
    """CPU time taken by the hypervisor ÷ elapsed time, over all CPUs; None where not to be had."""


class RateFigures(Struct, frozen=True, gc=False):
    """One offered load (open loop): arrivals by a Poisson process, latency from the scheduled time."""

    label: Label
    """`common`, or the share of the row's own capacity: `50%`, `80%`, `95%`."""
    offered_per_s: Positive
    achieved_per_s: Positive
    latency_us: Latency
    cpu_ns_per_operation: Estimate
    regime: Regime


class Connecting(Struct, frozen=True, gc=False):
    """What connections cost to make and to hold, on one rung of a ladder."""

    connections: Count
    accepted_per_s: Estimate
    """Connections ÷ time from the first packet until each was answered one verified message; a hundred at most
    are under way at a time, and the load's own work is part of that time."""
    cpu_ns_per_connection: Estimate
    """CPU of the measured process tree for accepting one and answering its first message."""
    latency_us: Latency
    """From before a connection was made until its first answer was compared."""
    rss_bytes_per_connection: Real
    """(resident memory of the process tree with all connections, each used once − before the first) ÷ number.
    Median of the visits. Forked children share pages, which count once (PSS)."""
    kernel_bytes_per_connection: Real | None = None
    """Likewise of the kernel's own memory, which is the whole machine's (Linux: Slab, KernelStack and PageTables
    of /proc/meminfo, TCP mem of /proc/net/sockstat): both ends of each connection are in it. None where it is
    not shown."""


class Objective(Struct, frozen=True, gc=False):
    """What a rung of a ladder was asked for beside right answers."""

    allowed_p99_us: Positive
    p99_us: Positive
    """Median of the slices' own p99: one slice that a neighbour disturbed does not decide."""
    met: bool
    """False: the rung has its figures, and none above it was tried."""


class Mode(Struct, frozen=True, gc=False):
    """One of the two clusters that the slices of a cell fall into."""

    value: Positive
    """Median of its slices; the unit is that of the figure."""
    slices: Count
    conditions: dict[Name, Real] = {}
    """Medians of what may tell the modes apart (`crossloop.statistics.modes.CONDITIONS`), over its slices."""


class Modes(Struct, frozen=True, gc=False):
    """Slices of one figure that fall into two clusters, and what the clusters go with."""

    figure: Literal["cpu_ns_per_operation", "operations_per_s"]
    low: Mode
    high: Mode
    chance: Annotated[float, Meta(ge=0, le=1)]
    """Highest probability with which slices of one mode alone would look as divided as these (dip test)."""
    explained_by: Annotated[list[Literal["machine", "process", "age", "regime"]], Meta(max_length=4)] = []
    """What goes with the mode: the same moment in the other rows, the process (generation), its age (round within
    the generation), who was the limit (shares, sleeps, steal). Empty: nothing that was recorded."""


class HostFigures(Struct, frozen=True, gc=False):
    """What one of several load hosts did for a cell."""

    host: Phrase
    slices: Count
    """Of the cell's slices, those that it took part in."""
    connections: Count = 0
    operations_share: Annotated[float, Meta(ge=0, le=1)] = 0
    """Its part of all operations of the cell's slices."""
    load_share: Positive = 0
    """CPU time of its load process, less looking in vain, ÷ elapsed time."""
    regime: Literal["", "client-bound", "idle"] = ""
    """Whether it was a limit; empty where it took no part."""
    start_error_us: Positive = 0
    """Largest of the slices."""
    lost: Text = ""
    """What became of a host that the run lost, before this cell or within it."""


class InProcesses(Struct, frozen=True, gc=False):
    """A server in several processes on one port, against the same row in one process: medians of paired ratios."""

    operations_per_s: Estimate
    cpu_ns_per_operation: Estimate


class Figures(Struct, frozen=True, gc=False):
    """Everything measured of one cell."""

    cpu_ns_per_operation: Estimate
    """CPU of the whole measured process tree, user and system, per operation, at capacity or at `offered_per_s`."""
    user_share: Annotated[float, Meta(ge=0, le=1)] | None
    """Part of that CPU time spent in user mode, 0 to 1; from the kernel's tick-based split, None of fewer ticks than
    `SPLIT_TICKS`."""
    operations_per_s: Estimate
    """Closed loop (capacity), the rate at which the workload ran, or what was answered of `offered_per_s`."""
    regime: Regime
    tier: Counted
    """Rank group within the comparison by CPU per operation, 1 the leanest; ties share a number."""
    ratio_to_best: Estimate
    """CPU per operation ÷ that of the leanest row: median of paired ratios."""
    rates: list[RateFigures] = []
    latency_us: Latency | None = None
    """Of the workload's own samples (lateness, wake-up latency), or of the loop's answers."""
    rss_bytes: Count | None = None
    """Resident memory of the measured process tree after its last slice."""
    counters: dict[Name, Real] = {}
    """One figure of each over the slices (`crossloop.journal.counters`)."""
    offered_per_s: Positive | None = None
    """Rate of the open loop that all these figures were made at (arrivals by a Poisson process, each on a
    connection drawn at random, latency from the scheduled time); None: closed loop, or self-driven."""
    connecting: Connecting | None = None
    objective: Objective | None = None
    modes: Annotated[list[Modes], Meta(max_length=2)] = []
    """Figures whose slices fall into two clusters; their medians above stand in the larger one."""
    of_native: Estimate | None = None
    """Operations a second ÷ those of the first native reference (an echo in C) in the same rounds: what the row
    takes of the load's reach. None where none was measured beside it."""
    to_baseline: dict[Style, Estimate] = {}
    """Style of the baseline (`BASELINE`) → CPU per operation ÷ that of the baseline's row of this style: median of
    paired ratios. Without the row itself; empty where the baseline has no figure here, and in older journals."""
    to_builds: dict[Name, Estimate] = {}
    """Another build of the adapter that was measured beside it (`uvloop@0.21.0`) → CPU per operation ÷ that of this
    build's row of the same style: median of paired ratios."""
    hosts: Annotated[list[HostFigures], Meta(max_length=256)] = []
    """Where the load came from, when it came from several hosts."""
    to_one_process: InProcesses | None = None
    """Of a server in several processes (`uvloop@x4`), where the row of one process shares a round with it."""


class Machine(Struct, frozen=True, gc=False):
    """The machine in general terms: nothing that identifies it."""

    system: Phrase
    platform: Phrase
    """`sys.platform`."""
    release: Phrase
    architecture: Phrase
    cpu: Phrase
    cpus: Count
    memory_bytes: Count
    python: Phrase
    libc: Phrase = ""
    virtual: Phrase = ""
    """Hypervisor or emulation, where it is seen; `Wine` is always said."""
    descriptors: Count = 0


class RunRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="run"):
    """First line: what was asked for, where."""

    schema: int
    crossloop: Phrase
    started: Phrase
    """UTC, ISO 8601, to the second."""
    profile: Name
    seed: Integer
    machine: Machine
    adapters: list[Name]
    scenarios: list[Name]
    server_cpu: Count | None
    """CPU the measured processes were pinned to; None where the platform cannot pin."""
    load_cpu: Count | None
    slice_ms: Positive
    run_in_ms: Positive
    settings: dict[Name, Setting] = {}
    options: dict[Name, Setting] = {}
    """What was asked for beside profile and seed, by the option's name; false for one that was turned off."""
    left_out: dict[Name, dict[Name, Count]] = {}
    """Scenario → larger profile → parameter sets that it runs beyond those of the profile before it."""
    process_cpus: Annotated[list[Count], Meta(max_length=4096)] = []
    """CPUs of the processes of a server in several, in their order; the load's comes last. Empty: none are pinned."""


class AdapterRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="adapter"):
    """One adapter on this machine, as its own process stated it."""

    adapter: Name
    family: Phrase
    library: Phrase
    binding: Phrase
    usable: bool
    outcome: OutcomeName
    """`measured` stands for usable here; otherwise why not."""
    reason: Text = ""
    facts: dict[Name, Text | Integer | bool | None] = {}
    levels: list[Name] = []
    styles: list[Style] = []
    installed: Phrase = ""
    """How `crossloop setup` brought it: `wheel`, `built from source in 14 s`, `standard library`, …"""
    distributions: dict[Name, Phrase] = {}
    """What it requires and what came with that → version, as the installed metadata say."""


class ScenarioRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="scenario"):
    """What a scenario uses beside the adapters."""

    scenario: Name
    versions: dict[Name, Phrase]
    """Library → version: as it says itself (`c-ares`), else as the installed metadata say."""


class WebServer(Struct, frozen=True, gc=False):
    """Which server made the answers of a row, as its own process stated it (`crossloop.api.HttpFacts`)."""

    server: Phrase
    server_version: Phrase
    parser: Phrase
    """Type that parses requests, with its module; of a server in C the function."""
    compiled: bool
    """Whether that type is of an extension module, or Python code."""
    library: Phrase = ""
    """Of a server in C the file of the library that the function is in."""


class HostShare(Struct, frozen=True, gc=False):
    """What one of several load hosts did in a slice."""

    host: Phrase
    connections: Count
    operations: Count
    elapsed_ns: Counted
    load_cpu_ns: Count
    """CPU time of its load process, less what it spent on looking in vain for an answer."""
    start_error_ns: Count
    """Its measured part began at most so long before or after the common start."""


class SliceRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="slice"):
    """One measured stretch; with these an interrupted run goes on where it ended."""

    adapter: Name
    style: Style
    scenario: Name
    parameters: Parameters
    phase: Label
    """`capacity` (closed loop), `work` (the process drives itself), `rate:LABEL` (open loop beside one of these),
    `load` (open loop at a scenario's own rate, on connections drawn at random), or `connect` (operations are
    connections made and answered once; memory before that is among the counters)."""
    generation: Count
    round: Count
    operations: Count
    elapsed_ns: Counted
    cpu_ns: Count
    load_cpu_ns: Count = 0
    """CPU time of the load generator, less what it spent on looking in vain for an answer."""
    sleeps: Count | None = None
    steal_ns: Count | None = None
    offered_per_s: Positive = 0
    user_ns: Count | None = None
    system_ns: Count | None = None
    rss_bytes: Count | None = None
    latency: list[tuple[Integer, Count]] = []
    """Histogram: pairs of (nanoseconds, count); below zero: earlier than due."""
    counters: dict[Name, Real] = {}
    run_in_wait_ns: Count | None = None
    """Closed loop and work: the longest that was waited for in the run-in before it, which is not measured."""
    server: WebServer | None = None
    """Of a row whose style is a web server."""
    hosts: Annotated[list[HostShare], Meta(max_length=256)] = []
    """Where the load came from, when it came from several hosts; then `load_cpu_ns` is that of the busiest."""


class CellRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="cell"):
    """What became of one cell. `figures` is present exactly when the outcome is `measured`."""

    adapter: Name
    style: Style
    scenario: Name
    parameters: Parameters
    outcome: OutcomeName
    reason: Text = ""
    stderr_tail: Tail = ""
    beside: Text = ""
    """Of a `failed` cell: the process that failed, where it was not the measured one; nothing is known of that then."""
    figures: Figures | None = None
    server: WebServer | None = None
    """Of a row whose style is a web server, once it was measured."""


class Control(Struct, frozen=True, gc=False):
    """A/A control: one row that ran twice, in processes of their own, under two names."""

    adapter: Name
    style: Style
    ratio: Estimate
    """CPU per operation of the twin ÷ that of the row: median of paired ratios."""


class ComparisonRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="comparison"):
    """What holds for one scenario on one set of parameters as a whole; written before its cells."""

    scenario: Name
    parameters: Parameters
    rounds: Count
    """Rounds in all generations, those included that not every row completed."""
    generations: Count
    control: Control | None = None
    """None: this set of parameters has none of its own, or the row or its twin has no figure."""
    noise_floor: Positive | None = None
    """As a fraction: differences within it are ties. From the control of this set of parameters, or else of the
    scenario's headline; None where neither has pairs enough to say anything (`statistics.ROUNDS_TO_SEPARATE`)."""
    stopped: Literal["rounds", "precise", "budget"] = "rounds"
    """Why no more rounds were taken: the plan's number was reached, each interval was as narrow as `precision`, or
    the budget was spent."""
    half_width: Positive | None = None
    """Half width of the widest interval of a ratio to the leanest row, as a fraction; None without two rows."""
    precision: Positive | None = None
    """Half width that was enough; None in a run of fixed length."""


class TaxPart(Struct, frozen=True, gc=False):
    """One step of what a message costs, on top of the steps before it."""

    part: Literal["system-calls", "library", "binding", "style"]
    """`system-calls`: the kernel's share of `c-epoll`. `library`: the reference on the library, less that. `binding`:
    the leanest adapter on the library, less its reference. `style`: another row on it, less the leanest."""
    adapter: Name
    style: Style
    """The row whose figure ends with this step; that of `system-calls` is `c-epoll`."""
    cpu_ns_per_operation: Difference
    """`slices` counts the rounds that all rows share."""


class TaxRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="tax"):
    """The binding tax of one library on one set of parameters, from the rounds that all its rows share."""

    scenario: Name
    parameters: Parameters
    library: Phrase
    """`none`: straight on the kernel's epoll."""
    parts: list[TaxPart]


class SystemCalls(Struct, frozen=True, gc=False):
    """System calls of the whole process tree under strace(1), while a counted number of operations was done."""

    operations: Counted
    """Messages sent and verified between strace's attaching and its detaching."""
    per_operation: Annotated[dict[CallName, Positive], Meta(max_length=64)]
    """Calls ÷ operations. Waiting calls serve several messages at once, and more of them the slower the server:
    under strace it is slow. The other counts do not depend on that."""
    failed_per_operation: Annotated[dict[CallName, Positive], Meta(max_length=64)] = {}
    """Those of them that returned an error, mostly EAGAIN."""


class ConnectionMemory(Struct, frozen=True, gc=False):
    """Memory with idle connections, each used once, less that before, ÷ their number (see `Connecting`)."""

    connections: Counted
    rss_bytes_per_connection: Real
    kernel_bytes_per_connection: Real | None = None


class Importing(Struct, frozen=True, gc=False):
    """Import of the adapter's module with its library in fresh interpreters: medians, less the bare interpreter."""

    imports: Counted
    cpu_ms: Positive
    wall_ms: Positive


class Installed(Struct, frozen=True, gc=False):
    """Size of what the adapter's process had imported from outside the standard library, and crossloop's own."""

    total_bytes: Count
    parts: Annotated[dict[Phrase, Count], Meta(max_length=32)] = {}
    """Distribution, or mapped library that none of them brought → bytes. Empty: all is the standard library."""


class WarmUp(Struct, frozen=True, gc=False):
    """How long a fresh process takes until its CPU per operation is what it stays at."""

    first_ns_per_operation: Positive
    """In the first stretch, from the first message on."""
    steady_ns_per_operation: Positive
    """Median of the stretches that are held for steady."""
    band: Positive
    """Part of the steady level by which a stretch may differ and still be steady."""
    observed_s: Positive
    steady_s: Positive | None = None
    """Elapsed time before the first steady stretch; None: not steady within `observed_s`."""
    steady_operations: Count | None = None
    """Operations before it."""


FigureName: TypeAlias = Literal[
    "system-calls", "wake-ups", "connection-memory", "importing", "cold-start", "installed", "warm-up"
]


class EvidenceRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="evidence"):
    """How one row does what it does: a pass of its own, outside the timed one. What is None has its reason."""

    adapter: Name
    style: Style
    scenario: Name
    parameters: Parameters
    system_calls: SystemCalls | None = None
    sleeps_per_operation: Positive | None = None
    """Voluntary context switches of the process tree ÷ operations, in the closed loop, untraced."""
    connection_memory: ConnectionMemory | None = None
    importing: Importing | None = None
    cold_start_ms: Positive | None = None
    """From starting an interpreter until its server had answered the first message."""
    installed: Installed | None = None
    warm_up: WarmUp | None = None
    missing: dict[FigureName, Text] = {}
    """Why a figure is None, and what would bring it."""


EVIDENCE: Mapping[FigureName, str] = {
    "system-calls": "system_calls",
    "wake-ups": "sleeps_per_operation",
    "connection-memory": "connection_memory",
    "importing": "importing",
    "cold-start": "cold_start_ms",
    "installed": "installed",
    "warm-up": "warm_up",
}
"""Figure of an evidence record, as its `missing` names it → its field. Each record has one or the other."""


class DetectionRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="detection"):
    """One slowed variant in one comparison of `crossloop selftest`, as the rule for ratios judged it."""

    adapter: Name
    """The variant: `asyncio@slow-2`."""
    style: Style
    comparison: Count
    ratio: Estimate
    """CPU per message ÷ that of the base, which is in the same frame and does nothing in it."""
    noise_floor: Positive
    """Of this comparison, from its own twin."""
    costlier: bool
    leaner: bool


class CheckRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="check"):
    """One behaviour of one adapter, by `crossloop check`."""

    adapter: Name
    behaviour: Name
    outcome: OutcomeName
    """`measured` stands for passed."""
    expected: Text
    actual: Text
    as_expected: bool = True
    reason: Text = ""


AnswerWord: TypeAlias = Literal["yes", "no", "differs", "crashed", "hangs", "not-there"]


class BehaviourRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="behaviour"):
    """What one library does, asked in its own words, by `crossloop check`. A fact: nothing passes or fails."""

    adapter: Name
    """With its version where that was asked for: `uvloop@0.21.0`."""
    behaviour: Name
    group: Name
    answer: AnswerWord
    """`yes`: as the rule has it."""
    how: Text = ""
    """What happens otherwise. The same on every run: answers are compared by `answer` and `how`."""
    seen: Text = ""
    """Evidence of this run, never compared."""


DropinOutcome: TypeAlias = Literal["passed", "failed", "hung", "crashed", "skipped"]


class DropinRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="dropin"):
    """One of CPython's own tests of loops on one loop, by `crossloop dropin`. A fact about the loop."""

    loop: LoopName
    version: Phrase
    """Of the package that the loop is from; empty where it says none."""
    python: Phrase
    test: Name
    """Module and name: `test_events.test_call_soon`."""
    feature: Name
    """What a user would miss without it: `tls`, `unix-sockets`, …"""
    outcome: DropinOutcome
    reason: Text = ""
    """Why it did not pass; of a private one first what it looks at."""
    private: bool = False
    """It looks at CPython's private parts, and counts for nothing."""
    control: bool = False
    """This is asyncio's own loop, as the control: what it does not pass here is not run on the others, and says nothing
    of any loop."""
    elapsed_s: Positive = 0.0


class WarningRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="warning"):
    """Something that makes figures less sure, with its remedy."""

    name: Name
    cause: Text
    remedy: Text = ""


class EndRecord(Struct, frozen=True, gc=False, tag_field="kind", tag="end"):
    """Last line of a complete run. Without it the report says that the run is incomplete."""

    elapsed_s: Positive
    cells: dict[OutcomeName, Count]
    resumed: Count = 0
    peak_rss_bytes: Count | None = None
    """Highest resident memory of the supervisor itself."""
    noise_floor: Estimate | None = None
    """A/A control: paired ratio of one adapter that ran under two names, of the comparison in which that shows
    the highest noise floor; None without that control."""
    in_slices_share: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Part of the time outside ladders that lay in slices and their run-ins; None where nothing was measured there."""


Record: TypeAlias = (
    RunRecord
    | AdapterRecord
    | ScenarioRecord
    | SliceRecord
    | CellRecord
    | ComparisonRecord
    | TaxRecord
    | EvidenceRecord
    | DetectionRecord
    | CheckRecord
    | BehaviourRecord
    | DropinRecord
    | WarningRecord
    | EndRecord
)
