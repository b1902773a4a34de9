"""rloop: asyncio's API in Rust, in the few lines that an adapter on the asyncio idiom takes."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import ClassVar

import rloop

from crossloop.api import AdapterAbout, Facts, module_file
from crossloop.idioms.asyncio_ import AsyncioLoop

ABOUT = AdapterAbout(
    family="asyncio",
    library="none",
    binding="rloop",
    summary="asyncio's API on mio, in Rust.",
    requires=("rloop==0.5.0",),
    platforms=("linux", "darwin"),
    homepage="https://github.com/gi0baro/rloop",
)


class Adapter(AsyncioLoop):
    """asyncio's API on rloop."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **AsyncioLoop.styles,
        "Datagrams": ("protocol",),  # it has no `sock_recvfrom`
    }

    def __init__(self) -> None:
        super().__init__(rloop.new_event_loop())

    def facts(self) -> Facts:
        return Facts(
            binding="rloop",
            binding_version=version("rloop"),
            library="none",
            library_version="",
            mechanism="epoll",
            loaded_from=module_file(rloop),
        )
