"""Has descriptors for some thirty connections and no more."""

import asyncio
import os
import sys

from crossloop.api import AdapterAbout
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="asyncio", summary="Runs out of descriptors.")

ROOM = 40


class Adapter(StandardLoop):
    """asyncio's adapter in a process with few descriptors."""

    styles = {"StreamServer": ("protocol",)}

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        if sys.platform != "win32":
            import resource

            lowest_free = os.dup(0)
            os.close(lowest_free)
            _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + ROOM, hard))
