"""Signals: what does it cost to deliver a signal to the program, and how soon does it arrive?

A signal interrupts the process at any point, where little is allowed. So every library passes it on: a handler in C
writes a byte to a socket or sets a flag, the loop wakes, and a callback runs in a turn of it. asyncio and uvloop use
Python's own handler (`signal.set_wakeup_fd`); libev, libuv and libevent have their own.

- `sender` `callback`: each signal is sent by the callback of the one before it, so that the loop never sleeps. The
  process sends it to itself by kill(2), and has it before the call returns.
- `sender` `thread`: a thread sends it, and waits for its callback before it sends the next; the loop may sleep
  meanwhile.

The samples are the time from before kill(2) until the callback runs.

Timed region: from entering the loop with nothing in it until the last of 200 signals was delivered, with registering
and removing the handler.

Check: each signal was delivered before the next one was sent. A guard sends a lost signal once more after five seconds,
which ends the repetition as a failure.

What this does not say: whether a signal was delivered twice, because a signal carries no number. Nor what happens with
several signals at a time: the kernel joins pending signals of one number, as POSIX says (see the behaviour
`flood-loses-none`).
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    Parameters,
    ScenarioAbout,
    Signals,
    UnsupportedError,
    Workload,
)

ABOUT = ScenarioAbout(
    levels=("Signals",),
    drive="work",
    title="Signals",
    question="What does it cost to deliver a signal to the program, and how soon does it arrive?",
    group="system",
    unit="signal",
    sets=(
        ("smoke", {"sender": "callback"}),
        ("full", {"sender": "thread"}),
    ),
    brief=True,
)

_SIGNALS = 200
"""In one repetition."""
_LIMIT_S = 5.0


class Scenario(Workload):
    """One signal at a time, each sent when the one before it was heard."""

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Raises `UnsupportedError` for a sender that there is not, and where there are no such signals."""
        super().__init__(adapter, style, parameters, server)
        self._signals = cast(Signals, adapter)
        senders: Mapping[str, Callable[[], object]] = {"callback": self._send, "thread": self._tell_thread}
        sender: str = parameters["sender"]
        if sender not in senders:
            raise UnsupportedError(f"signals has no sender {sender!r}, but {', '.join(senders)}")
        number = getattr(signal, "SIGUSR1", None)
        if number is None:
            raise UnsupportedError("this system has no signal that a process may send to itself and go on")
        self._number: int = number
        self._next = senders[sender]
        self._heard = 0
        self._sent_ns = 0
        self._given_up = False
        self._guard: threading.Timer | None = None
        self._requests = threading.Semaphore(0)
        self._ending = False
        self._thread = threading.Thread(target=self._send_when_told, name="signal-sender", daemon=True)

    def prepare(self) -> None:
        """Forget the repetition before, and start the guard; the first time, the thread as well."""
        if not self._thread.is_alive():
            self._thread.start()
        self._heard, self._given_up = 0, False
        self._guard = threading.Timer(_LIMIT_S, self._give_up)
        self._guard.daemon = True
        self._guard.start()

    def _send(self) -> None:
        self._sent_ns = time.perf_counter_ns()
        os.kill(os.getpid(), self._number)

    def _tell_thread(self) -> None:
        self._requests.release()

    def _send_when_told(self) -> None:
        while True:
            self._requests.acquire()
            if self._ending:
                return
            self._send()

    def _give_up(self) -> None:
        self._given_up = True
        os.kill(os.getpid(), self._number)

    def run(self) -> int:
        """One repetition; returns the signals that were heard."""
        self._signals.hear_signals(self._number, self._next, self._hear)
        return self._heard

    def _hear(self) -> bool:
        if self._given_up or self._heard == _SIGNALS:  # none is sent any more: the handler may be gone
            return True
        self.samples_ns.append(time.perf_counter_ns() - self._sent_ns)
        self._heard += 1
        if self._heard == _SIGNALS:
            return True
        self._next()
        return False

    def verify(self) -> None:
        """Each was heard."""
        self._end_guard()
        if self._given_up or self._heard != _SIGNALS:
            raise CheckFailedError(
                f"{self._heard} of {_SIGNALS} signals were heard, the next one not within {_LIMIT_S:g} s"
            )

    def _end_guard(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard.join()
            self._guard = None

    def close(self) -> None:
        """End the guard and the thread."""
        self._end_guard()
        self._ending = True
        self._requests.release()
        if self._thread.is_alive():
            self._thread.join(_LIMIT_S)
