"""A delay that is no number does no harm to other timers."""

import math
import threading

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, yes
from crossloop.behaviours.frames import QUIET_S, pair
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Do other timers fire when one has been started with NaN?",
    rule="NaN is neither before nor after any time. A library that sorts its timers by time has to refuse it, or "
    "those that come to lie behind it are lost to it.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.sleep",
    reports=(
        "https://github.com/python/cpython/issues/105331",
        "https://github.com/python-trio/trio/issues/2493",
        "https://github.com/agronholm/anyio/issues/1306",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    fired = list[str]()
    loop.after(10.0, lambda: None)
    try:
        loop.after(math.nan, lambda: None)
    except (ValueError, OverflowError, OSError) as error:
        return yes(f"it is refused: {error!r}")
    loop.after(11.0, lambda: None)
    loop.after(0.02, lambda: fired.append("the near one"))
    threading.Timer(QUIET_S, loop.waker(loop.stop)).start()
    loop.run()
    return answered(bool(fired), "a timer that is due does not fire")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        fired = list[str]()

        async def near() -> None:
            await trio.sleep(0.02)
            fired.append("the near one")

        token = trio.lowlevel.current_trio_token()
        try:
            async with trio.open_nursery() as nursery:
                for delay_s in (10.0, math.nan, 11.0):
                    nursery.start_soon(trio.sleep, delay_s)
                nursery.start_soon(near)
                end = nursery.cancel_scope.cancel
                threading.Timer(QUIET_S, lambda: token.run_sync_soon(end)).start()
        except ExceptionGroup as group:
            return yes(f"it is refused: {group.exceptions[0]!r}")
        return answered(bool(fired), "a timer that is due does not fire")

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        stopped = curio.UniversalEvent()
        for delay_s in (10.0, math.nan, 11.0):
            await curio.spawn(curio.sleep, delay_s, daemon=True)
        near = await curio.spawn(curio.sleep, 0.02, daemon=True)
        threading.Timer(QUIET_S, stopped.set).start()
        await stopped.wait()
        return answered(near.terminated, "a timer that is due does not fire")

    answer: Answer = curio.run(main)
    return answer


def on_eventlet() -> Answer:
    """The end comes by a socket: greenlets are woken by timers, which may lie behind the one in question."""
    from eventlet import hubs

    hub, fired = hubs.get_hub(), list[str]()
    with pair() as (readable, writing):
        for delay_s in (10.0, math.nan, 11.0):
            hub.schedule_call_global(delay_s, int)
        hub.schedule_call_global(0.02, fired.append, "the near one")
        threading.Timer(QUIET_S, writing.send, (b"x",)).start()
        hubs.trampoline(readable, read=True)
    return answered(bool(fired), "a timer that is due does not fire")
