"""What adapters and scenarios import: the declarations, the levels and the workloads.

Standard library only, and nothing of the supervisor: this half runs inside the measured process.
"""

from crossloop.api.about import AdapterAbout, ScenarioAbout
from crossloop.api.errors import CheckFailedError, UnsupportedError
from crossloop.api.facts import (
    Facts,
    gil_enabled,
    holds_io_uring,
    kernel_objects,
    module_file,
    native_file,
)
from crossloop.api.levels import (
    Adapter,
    Callback,
    NameResolution,
    Readiness,
    StreamServer,
    Tasks,
    level_names,
    resolver_styles_of,
    styles_of,
    unsupported,
)
from crossloop.api.streams import Echo, Receive, StreamApplication
from crossloop.api.workload import Parameters, StreamScenario, Workload

__all__ = [
    "Adapter",
    "AdapterAbout",
    "Callback",
    "CheckFailedError",
    "Echo",
    "Facts",
    "NameResolution",
    "Parameters",
    "Readiness",
    "Receive",
    "ScenarioAbout",
    "StreamApplication",
    "StreamScenario",
    "StreamServer",
    "Tasks",
    "UnsupportedError",
    "Workload",
    "gil_enabled",
    "holds_io_uring",
    "kernel_objects",
    "level_names",
    "module_file",
    "native_file",
    "resolver_styles_of",
    "styles_of",
    "unsupported",
]
