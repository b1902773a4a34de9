"""All behaviours by level: the whole of what `crossloop check` asks, in the order in which it asks.

`Adapter` comes last, since its last behaviour closes the adapter.
"""

from crossloop.conformance.behaviour import Behaviour, Level
from crossloop.conformance.behaviours.adapter import ADAPTER
from crossloop.conformance.behaviours.datagrams import DATAGRAMS
from crossloop.conformance.behaviours.descriptors import DESCRIPTORS
from crossloop.conformance.behaviours.name_resolution import NAME_RESOLUTION
from crossloop.conformance.behaviours.push_server import PUSH_SERVER
from crossloop.conformance.behaviours.readiness import STOPPING, readiness
from crossloop.conformance.behaviours.stream_server import STREAM_SERVER
from crossloop.conformance.behaviours.tasks import TASKS
from crossloop.conformance.behaviours.timers import TIMERS
from crossloop.conformance.behaviours.tls_server import TLS_SERVER
from crossloop.conformance.behaviours.wakeups import WAKEUPS

LEVELS: tuple[Level, ...] = (
    STREAM_SERVER,
    TLS_SERVER,
    PUSH_SERVER,
    DATAGRAMS,
    readiness(DESCRIPTORS, TIMERS, WAKEUPS, STOPPING),
    TASKS,
    NAME_RESOLUTION,
    ADAPTER,
)

BEHAVIOURS: tuple[Behaviour, ...] = tuple(behaviour for level in LEVELS for behaviour in level.behaviours)
