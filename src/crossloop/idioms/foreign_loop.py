"""Any loop with asyncio's API, named by its factory and not by a file: `--loop rloop=rloop:new_event_loop`.

The idiom is asyncio's. A loop of another maker may lack a part of the API: it raises NotImplementedError, has no such
method, or knows no such argument (`ssl` of `create_server`). What needs that part is unsupported then.
"""

import importlib
import importlib.metadata
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from typing import Any

from crossloop.api import Facts, UnsupportedError, kernel_objects, module_file
from crossloop.idioms.asyncio_ import AsyncioLoop


class ForeignLoop(AsyncioLoop):
    """An adapter on a new loop of *factory*, `module:callable`. Raises ImportError, AttributeError."""

    def __init__(self, factory: str) -> None:
        module, _colon, name = factory.partition(":")
        self.binding = importlib.import_module(module)
        new_loop: Callable[[], AbstractEventLoop] = getattr(self.binding, name)
        super().__init__(new_loop())

    def facts(self) -> Facts:
        top = self.binding.__name__.partition(".")[0]
        return Facts(
            binding=top,
            binding_version=version_of(top),
            library="none",
            library_version="",
            mechanism="epoll" if "eventpoll" in kernel_objects() else sys.platform,
            loaded_from=module_file(self.binding),
        )

    def run_main(self, main: Coroutine[Any, Any, None]) -> None:
        """As asyncio's, and what the loop says it lacks of asyncio's API is UnsupportedError."""
        lacks = f"{self.binding.__name__} lacks what this needs"
        try:
            super().run_main(main)
        except NotImplementedError as error:
            raise UnsupportedError(f"{lacks}: {error or 'not implemented'}") from error
        except (TypeError, AttributeError) as error:
            own = "unexpected keyword argument", f"'{type(self.loop).__name__}' object"
            if not any(words in str(error) for words in own):
                raise
            raise UnsupportedError(f"{lacks}: {error}") from error


def foreign(factory: str) -> Callable[[], ForeignLoop]:
    """The class of the adapter of one factory, opened without arguments as any adapter is."""

    class Adapter(ForeignLoop):
        def __init__(self) -> None:
            super().__init__(factory)

    return Adapter


def version_of(package: str) -> str:
    """Version of the distribution that brought *package*; empty where none says so."""
    for distribution in importlib.metadata.packages_distributions().get(package, ()):
        return importlib.metadata.version(distribution)
    return ""
