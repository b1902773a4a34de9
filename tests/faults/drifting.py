"""An adapter whose repeating timers count anew after each callback."""

from typing import Any

from adapters.poll_ import Adapter as Poll
from crossloop.api import Callback


class Adapter(Poll):
    """poll, with a one-shot timer for each repetition."""

    def __init__(self) -> None:
        super().__init__()
        self.call_every = self._call_every
        self.cancel = self._cancel

    def _call_every(self, interval_s: float, callback: Callback) -> Any:
        timer = self.call_later(interval_s, lambda: None)

        def repeat() -> None:
            callback()
            if not ended:
                self.rearm(timer, interval_s, repeat)

        ended = list[str]()
        timer.callback = repeat
        return timer, ended

    def _cancel(self, handle: Any) -> None:
        _timer, ended = handle
        ended.append("ended")
