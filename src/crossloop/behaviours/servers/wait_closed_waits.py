"""`wait_closed` is the place where a program that ends waits for the exchanges that are under way."""

import asyncio

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, no
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import QUIET_S, beside, run
from crossloop.behaviours.servers._echo import connected, is_served, listening

ABOUT = Behaviour(
    question="Does wait_closed wait until the last client of a closed server has gone?",
    rule="wait_closed returns when the server is closed and no connection of it is active.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.Server.wait_closed",
    reports=(
        "https://github.com/python/cpython/issues/79033",
        "https://github.com/python/cpython/issues/104344",
    ),
    limit_s=4.0,
)


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        server, address = await listening()
        client = connected(address)
        await beside(lambda: is_served(client))
        server.close()
        closed = asyncio.ensure_future(server.wait_closed())
        await asyncio.sleep(QUIET_S)
        if closed.done():
            return no("it returns while a client is there")
        client.close()
        await closed
        return answered(True, "")

    return run(new_loop, main)
