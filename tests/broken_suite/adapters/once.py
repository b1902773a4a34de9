"""asyncio's adapter with a reactor that cannot start again, as Twisted's (ReactorNotRestartable)."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from crossloop.api import AdapterAbout
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="broken", library="none", binding="asyncio", summary="Starts once.")


class Adapter(StandardLoop):
    """The working adapter; a second `run` is an error."""

    entered_once: ClassVar[Mapping[str, str]] = {"Readiness": "its reactor cannot restart"}

    def __init__(self) -> None:
        super().__init__(asyncio.SelectorEventLoop())
        run, self.ran = self.run, False

        def run_once() -> None:
            if self.ran:
                raise RuntimeError("a reactor that ran does not run again")
            self.ran = True
            run()

        self.run = run_once
