"""Signals that come while a loop sleeps, and how long each takes to be heard."""

import os
import signal
import threading
import time
from collections.abc import Callable

from crossloop.behaviours.behaviour import Answer, answered, no
from crossloop.behaviours.plain_loop import Call

USER_1: signal.Signals = getattr(signal, "SIGUSR1", signal.SIGTERM)
USER_2: signal.Signals = getattr(signal, "SIGUSR2", signal.SIGABRT)
"""Two that a program may use as it likes. Windows has none; nothing of this is asked there."""
TRIES = 4
PROMPT_S = 0.02
UNHEARD_S = 0.5


def to_the_process(number: signal.Signals) -> None:
    """As kill(1) sends it: the kernel gives it to the main thread."""
    os.kill(os.getpid(), number)


class Sent:
    """Sends *number* from a thread while the loop sleeps; `arrived` is for the handler to call."""

    def __init__(
        self, number: signal.Signals, send: Callable[[signal.Signals], object] = to_the_process
    ) -> None:
        self._number, self._send = number, send
        self._heard = threading.Event()
        self._sent_s = 0.0
        self._late_s = list[float]()
        self._unheard = False

    def arrived(self, *_: object) -> None:
        """The signal is heard."""
        self._late_s.append(time.monotonic() - self._sent_s)
        self._heard.set()

    def while_idle(self, run: Call, stop: Call) -> Answer:
        """*run* runs the loop until *stop*, which may be called from a thread."""
        threading.Thread(target=self._send_each, args=(stop,), daemon=True).start()
        run()
        if self._unheard:
            return no("it is heard only when something else wakes the loop")
        return prompt(self._late_s)

    def _send_each(self, stop: Call) -> None:
        for _ in range(TRIES):
            time.sleep(0.02)  # the loop sleeps again by then
            self._heard.clear()
            self._sent_s = time.monotonic()
            self._send(self._number)
            if not self._heard.wait(UNHEARD_S):
                self._unheard = True
                break
        stop()


def prompt(late_s: list[float]) -> Answer:
    """Whether the best of *late_s* is as soon as it can be.

    Without the first: where a loop looks for signals from time to time, that one may come just before it does. The
    others come just after.
    """
    best_s = min(late_s[1:])
    how = (
        "it is heard a tenth of a second late or more" if best_s > 0.1 else "it is heard some hundredths late"
    )
    return answered(best_s < PROMPT_S, how, f"at best after {1000 * best_s:.1f} ms")
