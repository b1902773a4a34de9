"""What adapters and scenarios import: the declarations, the levels, the exchanges and the workloads.

Standard library only, and nothing of the supervisor: this half runs inside the measured process.
"""

from crossloop.api.about import AdapterAbout, Drive, ScenarioAbout, Transport
from crossloop.api.errors import CheckFailedError, UnsupportedError
from crossloop.api.exchange import Content, Exchange, Framing, Stamp, echo, fixed_filler
from crossloop.api.facts import (
    Facts,
    gil_enabled,
    holds_io_uring,
    kernel_objects,
    module_file,
    native_file,
)
from crossloop.api.http import HttpFacts, HttpSite, facts_with_parser
from crossloop.api.levels import (
    Adapter,
    AddressLookups,
    Callback,
    Callbacks,
    ChildProcesses,
    Datagrams,
    FileReads,
    HttpClient,
    HttpServer,
    NameResolution,
    PushServer,
    Readiness,
    Signals,
    StreamServer,
    Tasks,
    TlsServer,
    Turns,
    styles_of,
    unsupported,
)
from crossloop.api.streams import (
    DatagramApplication,
    Echo,
    PushApplication,
    Receive,
    Send,
    StreamApplication,
)
from crossloop.api.workload import Parameters, ServedScenario, Workload

__all__ = [
    "Adapter",
    "AdapterAbout",
    "AddressLookups",
    "Callback",
    "Callbacks",
    "CheckFailedError",
    "ChildProcesses",
    "Content",
    "DatagramApplication",
    "Datagrams",
    "Drive",
    "Echo",
    "Exchange",
    "Facts",
    "FileReads",
    "Framing",
    "HttpClient",
    "HttpFacts",
    "HttpServer",
    "HttpSite",
    "NameResolution",
    "Parameters",
    "PushApplication",
    "PushServer",
    "Readiness",
    "Receive",
    "ScenarioAbout",
    "Send",
    "ServedScenario",
    "Signals",
    "Stamp",
    "StreamApplication",
    "StreamServer",
    "Tasks",
    "TlsServer",
    "Transport",
    "Turns",
    "UnsupportedError",
    "Workload",
    "echo",
    "facts_with_parser",
    "fixed_filler",
    "gil_enabled",
    "holds_io_uring",
    "kernel_objects",
    "module_file",
    "native_file",
    "styles_of",
    "unsupported",
]
