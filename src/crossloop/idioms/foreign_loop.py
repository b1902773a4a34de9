"""Any loop with asyncio's API: of a file in `adapters/`, or named by its factory: `--loop mine=module:new_event_loop`.

The idiom is asyncio's. A loop of another maker may lack a part of the API: it raises NotImplementedError, has no such
method, or knows no such argument (`ssl` of `create_server`). What needs that part is unsupported then.
"""

import importlib
import importlib.machinery
import importlib.metadata
import platform
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

from crossloop.api import Facts, UnsupportedError, kernel_objects, module_file
from crossloop.idioms.asyncio_ import AsyncioLoop
from crossloop.idioms.libuv import mechanism as poller


class ForeignLoop(AsyncioLoop):
    """An adapter on a new loop of *binding*, by its function of the name *factory*. Raises AttributeError."""

    def __init__(self, binding: ModuleType, factory: str = "new_event_loop") -> None:
        self.binding: Any = binding
        new_loop: Callable[[], AbstractEventLoop] = getattr(binding, factory)
        super().__init__(new_loop())

    def facts(self) -> Facts:
        top = self.binding.__name__.partition(".")[0]
        return Facts(
            binding=top,
            binding_version=version_of(top),
            library="none",
            library_version="",
            mechanism=mechanism(),
            loaded_from=module_file(compiled_part(top) or self.binding),
        )

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        """As asyncio's, and what the loop says it lacks of asyncio's API is UnsupportedError."""
        lacks = f"{self.binding.__name__} lacks what this needs"
        try:
            super().run_main(main)
        except NotImplementedError as error:
            raise UnsupportedError(f"{lacks}: {error or 'not implemented'}") from error
        except (TypeError, AttributeError) as error:
            signs = "unexpected keyword argument", f"'{type(self.loop).__name__}' object"
            if not any(sign in str(error) for sign in signs):
                raise
            raise UnsupportedError(f"{lacks}: {error}") from error


def foreign(factory: str) -> Callable[[], ForeignLoop]:
    """The class of the adapter of *factory*, `module:callable`, opened without arguments as any adapter is.

    Opening it raises ImportError, AttributeError.
    """
    module, _colon, name = factory.partition(":")

    class Adapter(ForeignLoop):
        def __init__(self) -> None:
            super().__init__(importlib.import_module(module), name)

    return Adapter


def mechanism() -> str:
    """What a loop waits with: an io_uring where this process holds one and no epoll, else as libuv's."""
    held = kernel_objects()
    return "io_uring" if "io_uring" in held and "eventpoll" not in held else poller()


def compiled_part(package: str) -> ModuleType | None:
    """The first extension module of *package* that is loaded; None where all of it is Python."""
    ends = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    modules = (module for name, module in tuple(sys.modules.items()) if name.startswith(f"{package}."))
    return next((module for module in modules if str(getattr(module, "__file__", "")).endswith(ends)), None)


def version_of(package: str) -> str:
    """Version of the distribution that brought *package*, Python's of its own library; empty where none says so."""
    if package in sys.stdlib_module_names:
        return platform.python_version()
    for distribution in importlib.metadata.packages_distributions().get(package, ()):
        return importlib.metadata.version(distribution)
    return ""
