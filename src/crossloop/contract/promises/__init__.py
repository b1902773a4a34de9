"""All promises by level: the whole of what `crossloop check` asks, in the order in which it asks.

`Adapter` comes last, since its last promise closes the adapter.
"""

from crossloop.contract.promise import Level, Promise
from crossloop.contract.promises.adapter import ADAPTER
from crossloop.contract.promises.address_lookups import ADDRESS_LOOKUPS
from crossloop.contract.promises.callbacks import CALLBACKS
from crossloop.contract.promises.child_processes import CHILD_PROCESSES
from crossloop.contract.promises.datagrams import DATAGRAMS
from crossloop.contract.promises.descriptors import DESCRIPTORS
from crossloop.contract.promises.file_reads import FILE_READS
from crossloop.contract.promises.http_client import HTTP_CLIENT
from crossloop.contract.promises.http_server import HTTP_SERVER
from crossloop.contract.promises.name_resolution import NAME_RESOLUTION
from crossloop.contract.promises.push_server import PUSH_SERVER
from crossloop.contract.promises.readiness import STOPPING
from crossloop.contract.promises.signals import SIGNALS
from crossloop.contract.promises.stream_endurance import STREAM_ENDURANCE
from crossloop.contract.promises.stream_server import STREAM_SERVER
from crossloop.contract.promises.tasks import TASKS
from crossloop.contract.promises.timers import TIMERS
from crossloop.contract.promises.tls_server import TLS_SERVER
from crossloop.contract.promises.turns import TURNS
from crossloop.contract.promises.wakeups import WAKEUPS

LEVELS = (
    Level("StreamServer", (*STREAM_SERVER, *STREAM_ENDURANCE), per_style=True),
    Level("TlsServer", TLS_SERVER, per_style=True),
    Level("PushServer", PUSH_SERVER, per_style=True),
    Level("HttpServer", HTTP_SERVER, per_style=True),
    Level("HttpClient", HTTP_CLIENT, per_style=True),
    Level("Datagrams", DATAGRAMS, per_style=True),
    Level("Readiness", (*DESCRIPTORS, *TIMERS, *WAKEUPS, *STOPPING)),
    Level("Callbacks", CALLBACKS),
    Level("Tasks", TASKS),
    Level("Turns", TURNS),
    Level("Signals", SIGNALS),
    Level("ChildProcesses", CHILD_PROCESSES),
    Level("FileReads", FILE_READS),
    Level("AddressLookups", ADDRESS_LOOKUPS),
    Level("NameResolution", NAME_RESOLUTION, per_style=True),
    Level("Adapter", ADAPTER),
)

PROMISES: tuple[Promise, ...] = tuple(promise for level in LEVELS for promise in level.promises)
