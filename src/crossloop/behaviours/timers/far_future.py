"""A timer may be centuries away."""

from crossloop.behaviours.behaviour import Answer, Behaviour
from crossloop.behaviours.plain_loop import PlainLoop
from crossloop.behaviours.timers._waiting import curio_sleeps, trio_sleeps, waits, waits_in

ABOUT = Behaviour(
    question="Does a loop sleep when the next timer is 25 days, 50 days or 300 years away?",
    rule="It waits. epoll_wait and poll take at most 2^31 milliseconds, 24.8 days, in one call; a number of "
    "milliseconds in 32 bits without a sign ends after 49.7 days.",
    source="https://man7.org/linux/man-pages/man2/epoll_wait.2.html",
    reports=(
        "https://github.com/twisted/twisted/issues/6259",
        "https://github.com/twisted/twisted/issues/5472",
        "https://github.com/dabeaz/curio/issues/377",
        "https://github.com/MagicStack/uvloop/issues/259",
    ),
)


def on_loop(loop: PlainLoop) -> Answer:
    return waits(loop, 2_147_484.0, 4_294_968.0, 1e10)


def on_trio() -> Answer:
    return waits_in(trio_sleeps, 2_147_484.0, 4_294_968.0, 1e10)


def on_curio() -> Answer:
    return waits_in(curio_sleeps, 2_147_484.0, 4_294_968.0, 1e10)
