"""What child processes answer: one struct for each kind, validated once, on arrival.

An answer is made by a stranger's adapter or scenario, whole or in part: it is input. Types, sizes and names are held
to the bounds of the journal here, so that nothing behind this module meets another value than it expects. What is
refused is said with its place and the value. Text alone is mended instead: what neither a journal nor a terminal can
take (lone surrogates, control characters) is written out as an escape.
"""

import json
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import msgspec.inspect
from msgspec import Meta, Struct

from crossloop.journal.records import HostShare, Name, Text, WebServer
from crossloop.load.commands import Exchange
from crossloop.outcomes import Failed, NotInstalled, Outcome, Unsupported
from crossloop.plain_text import MAX_SHOWN, printable, shown

MAX_STYLE = 40
"""Longest style: a promise's name and the style that it was checked in are one name of the journal."""
_MAX_INT = 2**63 - 1

Count = Annotated[int, Meta(ge=0, le=_MAX_INT)]
AtLeastOne = Annotated[int, Meta(ge=1, le=_MAX_INT)]
Signed = Annotated[int, Meta(ge=-_MAX_INT, le=_MAX_INT)]
Finite = Annotated[float, Meta(ge=-1e18, le=1e18)]
"""A sum of what happened in a slice; NaN and infinity are outside of any range."""
Short = Annotated[str, Meta(max_length=200)]
FileName = Annotated[str, Meta(max_length=1000)]
StyleName = Annotated[str, Meta(min_length=1, max_length=MAX_STYLE, pattern=r"^[A-Za-z0-9_.+-]+$")]
Styles = Annotated[list[StyleName], Meta(max_length=32)]
Pid = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Answer(Struct, frozen=True):
    """What a child says when it did what it was asked for. Keys that are not known are left out."""


class StatedFacts(Answer, frozen=True):
    """`crossloop.api.Facts`, as an adapter's own process states them."""

    binding: Short
    binding_version: Short
    library: Short
    library_version: Short
    mechanism: Short
    io_uring: bool | None
    gil: bool | None
    loaded_from: FileName


class Described(Answer, frozen=True):
    """An open adapter, asked what it is."""

    ready: Literal[True]
    facts: StatedFacts
    levels: Annotated[dict[Name, Styles], Meta(max_length=32)]
    lacks: Annotated[dict[Name, Text], Meta(max_length=32)] = {}
    entered_once: Annotated[dict[Name, Text], Meta(max_length=32)] = {}

    def __post_init__(self) -> None:
        for level, styles in self.levels.items():
            _once(f"styles of {level}", styles)


class RowsGiven(Answer, frozen=True):
    """The styles that a scenario gives an adapter, or why it has none to give."""

    styles: Styles = []
    outcome: Literal["", "unsupported", "not-installed", "failed"] = ""
    reason: str = ""

    def __post_init__(self) -> None:
        _once("styles", self.styles)


class Serving(Answer, frozen=True):
    """A server that listens: an adapter's, a native reference, or a companion."""

    ready: Literal[True]
    pid: Pid
    host: Annotated[str, Meta(min_length=1, max_length=255)] = ""
    port: Annotated[int, Meta(ge=1, le=65535)] = 0
    path: FileName = ""
    """Of a unix socket, which has no host and port."""
    most_connections: tuple[Count, Text] | None = None
    """As `StreamServer.most_connections`."""
    facts: WebServer | None = None
    """Of a web server."""

    def __post_init__(self) -> None:
        if bool(self.host and self.port) == bool(self.path):
            raise ValueError(
                f"answered {shown(msgspec.structs.asdict(self))}: expected host and port, or path"
            )


class ExchangesGiven(Answer, frozen=True):
    """What a scenario has the load exchange, for each set of parameters; or why it cannot be asked."""

    exchanges: Annotated[list[Exchange], Meta(max_length=1000)] = []


class VersionsGiven(Answer, frozen=True):
    """Libraries that a scenario uses, and their versions as they say themselves."""

    versions: Annotated[dict[Name, Short], Meta(max_length=32)] = {}


class Ready(Answer, frozen=True):
    """A worker that drives itself, before its first slice."""

    ready: Literal[True]
    pid: Pid


class SliceAnswer(Answer, frozen=True):
    """One measured stretch, by a worker that drives itself or by the load; names and units of `SliceRecord`."""

    operations: Count
    elapsed_ns: AtLeastOne
    cpu_ns: Count
    latency: Annotated[list[tuple[Signed, Count]], Meta(max_length=20_000)]
    """Pairs of (nanoseconds, count); below zero: earlier than due."""
    load_cpu_ns: Count = 0
    sleeps: Count | None = None
    steal_ns: Count | None = None
    offered_per_s: Annotated[float, Meta(ge=0, le=1e18)] = 0.0
    user_ns: Count | None = None
    system_ns: Count | None = None
    rss_bytes: Count | None = None
    counters: Annotated[dict[Name, Finite], Meta(max_length=64)] = {}
    run_in_wait_ns: Count | None = None
    unanswered: Count = 0
    """Of an open loop: requests that were due and that nothing came back for, drain included."""
    answered: Count = 0
    """Of the load: all messages of the command that were sent, answered and verified."""
    sent: Count = 0
    """Of the load: messages that were answered between the readings of the server's clocks (`Stretch.sent`)."""
    start_late_ns: Count = 0
    """Of a load that was given a time to start at: how much later it did."""
    hosts: Annotated[list[HostShare], Meta(max_length=256)] = []
    """Of a load from several hosts."""


class Connected(Answer, frozen=True):
    """The load, when connections are open."""

    connections: Count
    mechanism: Short = ""
    """What it asks the kernel by."""


class Closed(Answer, frozen=True):
    """The load, when the sets of a target are closed."""

    closed: Count


class Pinned(Answer, frozen=True):
    """The load, on the CPU that it was given."""

    cpu: Count


class EngineTaken(Answer, frozen=True):
    """The load's engine, and why it is not the native one."""

    engine: Literal["native", "python"]
    reason: Text
    crossloop: Short = ""
    """Version of crossloop that the load is of."""
    system: Short = ""
    python: Short = ""
    cpus: Annotated[list[Count], Meta(max_length=4096)] = []
    """Those that the load may be pinned to."""


class ClockRead(Answer, frozen=True):
    """The load's clock."""

    now_ns: Signed


class Trusted(Answer, frozen=True):
    """The load, where it keeps a certificate."""

    ca: FileName


class PromiseAnswer(Answer, frozen=True):
    """What became of one promise in a checking process."""

    outcome: Literal["measured", "unsupported", "not-installed", "failed"]
    expected: str
    actual: str
    reason: str


class BehaviourAnswer(Answer, frozen=True):
    """What a library does, as a program of `crossloop.behaviours` found it."""

    word: Literal["yes", "no", "differs", "not-there"]
    how: str
    seen: str


class TestsListed(Answer, frozen=True):
    """CPython's tests of loops that the running Python has, by id (`crossloop.dropin.process`)."""

    tests: Annotated[list[Name], Meta(max_length=10_000)]
    why: Text = ""
    """Why there are none."""


class LoopOpened(Answer, frozen=True):
    """A loop was made and closed."""

    version: Short


class TestVerdict(Answer, frozen=True):
    """What became of one of CPython's tests in its process."""

    verdict: Literal["passed", "failed", "skipped"]
    reason: str
    elapsed_ms: Count


class Imported(Answer, frozen=True):
    """What importing an adapter took, and the files that came with it (`crossloop.worker.importing`)."""

    cpu_ns: Count
    wall_ns: Count
    parts: dict[str, Count] | None = None
    why: str = ""
    """Why `parts` is None, where it was asked for."""


class ReferenceFacts(Answer, frozen=True):
    """What a native reference says it is linked with."""

    library: Short
    library_version: Short
    mechanism: Short
    loaded_from: FileName


class Refusal(Answer, frozen=True):
    """What a worker says instead of an answer (`crossloop.worker.opening`)."""

    outcome: Literal["unsupported", "not-installed", "failed"]
    reason: str


class LoadFault(Answer, frozen=True):
    """What the load says instead of an answer: an error of it or of the server. It goes on."""

    error: str
    kind: str


Kind = TypeVar("Kind", bound=Answer)


class AnswerError(Exception):
    """An answer is not of the kind that was expected; the message names the place and the value."""


class RefusedError(Exception):
    """A worker refused, and ends."""

    def __init__(self, refusal: Refusal):
        super().__init__(refusal.reason)
        self.refusal = refusal


class LoadFaultError(Exception):
    """The load reports an error; it takes the next command all the same."""

    def __init__(self, fault: LoadFault):
        super().__init__(fault.error)
        self.fault = fault


def read_answer(line: bytes, kind: type[Kind]) -> Kind:
    """One line as *kind*. Raises AnswerError, RefusedError, LoadFaultError."""
    try:
        document = _document(line)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise AnswerError(f"answered {line[:80]!r}, expected a JSON object")
    if "error" in document and "error" not in kind.__struct_fields__:
        raise LoadFaultError(_converted(document, LoadFault))
    if "outcome" in document and "outcome" not in kind.__struct_fields__:
        raise RefusedError(_converted(document, Refusal))
    return _converted(document, kind)


def outcome_of(refusal: Refusal | RowsGiven, adapter: str) -> Outcome:
    """The outcome that a refusal stands for."""
    reason = refusal.reason[:4000]
    match refusal.outcome:
        case "unsupported":
            return Unsupported(reason)
        case "not-installed":
            return NotInstalled(f"{reason}; `crossloop setup {adapter}` brings it or says why not")
        case _:
            return Failed(reason)


def _document(line: bytes) -> Any:
    """What a line says. Raises ValueError, RecursionError."""
    document = json.loads(line.decode("utf-8", "replace"))
    # Only an escape can bring a character in that a journal or a terminal cannot take.
    return _mended(document) if b"\\u" in line else document


def _mended(value: Any) -> Any:
    match value:
        case str():
            return printable(value, kept="\n\t")
        case dict():
            return {_mended(name): _mended(part) for name, part in value.items()}
        case list():
            return [_mended(part) for part in value]
        case _:
            return value


def _converted(document: dict[str, Any], kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise AnswerError(_fault(document, kind, "") or _text_of(error)) from error


def _fault(document: dict[str, Any], kind: type[Struct], place: str) -> str:
    """The first field that is not as it should be, with its value; empty when each is, taken alone."""
    for field in msgspec.structs.fields(kind):
        if field.name not in document:
            continue
        value = document[field.name]
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            where = f"{place}{field.name}"
            if isinstance(value, dict) and isinstance(field.type, type) and issubclass(field.type, Struct):
                return _fault(value, field.type, f"{where}.") or f"answered {where}: {_text_of(error)}"
            return _narrowed(value, field.type, where, error)
    return ""


def _narrowed(value: Any, kind: Any, where: str, error: msgspec.ValidationError) -> str:
    """As `_fault`, of a field: the item of a list or of an object that is at fault, where a single one is."""
    parts: list[tuple[str, Any, Any]] = []
    match msgspec.inspect.type_info(kind), value:
        case msgspec.inspect.DictType(), dict():
            parts = [(f"{where}[{shown(name)}]", item, {name: item}) for name, item in value.items()]
        case msgspec.inspect.ListType(), list():
            parts = [(f"{where}[{index}]", item, [item]) for index, item in enumerate(value)]
    for place, item, alone in parts:
        try:
            msgspec.convert(alone, kind)
        except msgspec.ValidationError as narrower:
            return f"answered {place} = {_said(item)}: {_text_of(narrower)}"
    return f"answered {where} = {_said(value)}: {_text_of(error)}"


def _text_of(error: msgspec.ValidationError) -> str:
    """What was expected, without msgspec's own words for the place."""
    text = str(error).partition(" - at ")[0]
    return text[:1].lower() + text[1:]


def _said(value: object) -> str:
    """As `shown`; what was no JSON as its own process named it (`crossloop.worker.channel`)."""
    if isinstance(value, dict) and list(value) == ["not JSON"]:
        return printable(str(value["not JSON"]))[:MAX_SHOWN]
    return shown(value)


def _once(name: str, styles: list[str]) -> None:
    """Raise ValueError for a style that is given twice: each is a row of its own."""
    twice = next((style for style in styles if styles.count(style) > 1), None)
    if twice is not None:
        raise ValueError(
            f"answered {name} = {shown(styles)}: expected each style once, {twice!r} is there twice"
        )
