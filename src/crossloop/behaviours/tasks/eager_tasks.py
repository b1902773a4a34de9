"""An eager task begins to run when it is made."""

import asyncio
import sys
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, not_there
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="Do eager tasks begin at once, by their factory and (from Python 3.14 on) by an argument?",
    rule="With the eager task factory, or with eager_start=True, a coroutine starts within create_task().",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.eager_task_factory",
    reports=(
        "https://github.com/MagicStack/uvloop/issues/754",
        "https://github.com/MagicStack/uvloop/issues/746",
    ),
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    if sys.version_info < (3, 12):
        return not_there("eager tasks came with Python 3.12")

    async def main() -> Answer:
        loop, begun = asyncio.get_running_loop(), list[str]()

        async def work(name: str) -> None:
            begun.append(name)

        def start(name: str, **arguments: Any) -> None:
            try:
                loop.create_task(work(name), **arguments)
            except TypeError as error:
                refused.append(f"{error}")

        refused = list[str]()
        loop.set_task_factory(asyncio.eager_task_factory)
        start("factory")
        loop.set_task_factory(None)
        expected = ["factory"]
        if sys.version_info >= (3, 14):
            start("argument", eager_start=True)
            expected.append("argument")
        late = [name for name in expected if name not in begun]
        return answered(not late, f"not by {' and '.join(late)}", f"{refused}")

    return run(new_loop, main)
