"""asyncio's API on libuv: what uvloop and winloop share, and how libuv states its version.

Three parts of the API differ from asyncio's own loops. `loop.getaddrinfo` runs in libuv's thread pool (four threads,
UV_THREADPOOL_SIZE) and not in the default executor. Timers have the resolution of libuv's clock, a millisecond, which
is read once per turn. And bare sockets receive streams, not datagrams: the calls for these are declared and raise
NotImplementedError.
"""

import select
import socket
import sys
from asyncio import AbstractEventLoop
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

from crossloop.api import Facts, UnsupportedError, kernel_objects, module_file
from crossloop.idioms.asyncio_ import AsyncioLoop


class LibuvLoop(AsyncioLoop):
    """An adapter on the loop of *binding*, a module with uvloop's layout (`new_event_loop`, `loop`)."""

    styles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **AsyncioLoop.styles,
        "Datagrams": ("protocol",),  # these loops raise NotImplementedError for `sock_recvfrom`
        "NameResolution": ("getaddrinfo-threads", "getaddrinfo-libuv"),
    }

    def __init__(self, binding: ModuleType) -> None:
        self.binding: Any = binding
        loop: AbstractEventLoop = self.binding.new_event_loop()
        super().__init__(loop)

    def facts(self) -> Facts:
        return Facts(
            binding=self.binding.__name__,
            binding_version=self.binding.__version__,
            library="libuv",
            library_version=linked_version(self.binding),
            mechanism=mechanism(),
            loaded_from=module_file(self.binding.loop),
        )

    def resolve(
        self, style: str, server: tuple[str, int], names: Sequence[str], in_flight: int
    ) -> Mapping[str, Sequence[str] | int]:
        if style == "getaddrinfo-libuv":
            raise UnsupportedError(
                f"loop.getaddrinfo of {self.binding.__name__} runs in threads of libuv's own, "
                "where no code of ours can point the C library's resolver at another server"
            )
        return super().resolve(style, server, names, in_flight)

    async def addresses(self, name: str) -> Sequence[str]:
        infos = await self.loop.run_in_executor(
            None, socket.getaddrinfo, name, None, socket.AF_INET, socket.SOCK_STREAM
        )
        return [str(address[0]) for *_, address in infos]


def linked_version(binding: ModuleType) -> str:
    """Version of the libuv that *binding* holds, as libuv itself says."""
    extension: Any = binding.loop
    return decode_version(extension.libuv_get_version())


def decode_version(number: int) -> str:
    """`uv_version()` as text: the major version in bits 16 and up, the minor in 8 to 15, the patch below."""
    return f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"


def mechanism() -> str:
    """What libuv waits with in this process: seen among the descriptors on Linux, elsewhere its only way."""
    if "eventpoll" in kernel_objects():
        return "epoll"
    if hasattr(select, "kqueue"):
        return "kqueue"
    return "iocp" if sys.platform == "win32" else "unknown"
