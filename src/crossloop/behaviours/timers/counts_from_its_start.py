"""A delay counts from the call that gives it, not from a time that the loop has read before."""

import time

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.plain_loop import PlainLoop

ABOUT = Behaviour(
    question="Does a delay count from the call, also at the end of a long callback?",
    rule="A callback runs after the given time has passed. Some libraries count from the time at which their loop "
    "woke up: a timeout that a busy callback starts is then over before it has begun.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_later",
    reports=(
        "https://github.com/gevent/gevent/issues/97",
        "https://github.com/MagicStack/uvloop/issues/29",
        "https://github.com/libuv/libuv/issues/1068",
    ),
)
BUSY_S, DELAY_S = 0.06, 0.04
EARLY = "what a long callback starts is early by what the callback took"


def on_loop(loop: PlainLoop) -> Answer:
    waited_s = list[float]()

    def start_after_work() -> None:
        time.sleep(BUSY_S)
        begun = time.monotonic()
        loop.after(DELAY_S, lambda: waited_s.append(time.monotonic() - begun))

    start_after_work()
    loop.run_for(0.1)
    loop.after(0.0, start_after_work)
    loop.run_for(0.2)
    before_the_run, in_a_callback = (waited > DELAY_S / 2 for waited in waited_s)
    seen = f"{DELAY_S * 1000:.0f} ms were " + " and ".join(f"{1000 * waited:.0f}" for waited in waited_s)
    if not in_a_callback:
        return answered(False, EARLY, seen)
    return answered(before_the_run, "what is started before the loop runs is early", seen)


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        await trio.sleep(0.001)
        time.sleep(BUSY_S)
        begun = time.monotonic()
        await trio.sleep(DELAY_S)
        waited_s = time.monotonic() - begun
        seen = f"{DELAY_S * 1000:.0f} ms were {1000 * waited_s:.0f}"
        return answered(waited_s > DELAY_S / 2, EARLY, seen)

    return trio.run(main)


def on_curio() -> Answer:
    import curio

    async def main() -> Answer:
        await curio.sleep(0.001)
        time.sleep(BUSY_S)
        begun = time.monotonic()
        await curio.sleep(DELAY_S)
        waited_s = time.monotonic() - begun
        seen = f"{DELAY_S * 1000:.0f} ms were {1000 * waited_s:.0f}"
        return answered(waited_s > DELAY_S / 2, EARLY, seen)

    answer: Answer = curio.run(main)
    return answer
