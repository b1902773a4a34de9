"""A name that is not found is an error with Python's number."""

import asyncio
import socket
from collections.abc import Callable

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, yes
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.names._lookups import plainly

ABOUT = Behaviour(
    question="Does a lookup that fails raise socket.gaierror with the number that Python gives?",
    rule="getaddrinfo raises socket.gaierror; its errno is one of the EAI_ numbers of getaddrinfo(3).",
    source="https://docs.python.org/3/library/socket.html#socket.gaierror",
    reports=("https://github.com/gevent/gevent/issues/1459",),
)
QUESTION = "no-number.invalid", 80
"""With AI_NUMERICHOST nothing is asked of the network."""
FLAGS = socket.AI_NUMERICHOST


def verdict(lookup: Callable[[], object]) -> Answer:
    wanted = plainly(*QUESTION, flags=FLAGS)
    try:
        infos = lookup()
    except socket.gaierror as error:
        return answered(error.errno == wanted, "another number", f"{error.errno}, Python's is {wanted}")
    except Exception as error:
        return answered(False, f"raises {type(error).__name__}", str(error))
    return answered(False, "it is found") if infos else yes()


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> object:
        return await asyncio.get_running_loop().getaddrinfo(*QUESTION, flags=FLAGS)

    return verdict(lambda: run(new_loop, main))


def on_gevent() -> Answer:
    from gevent import socket as green

    return verdict(lambda: green.getaddrinfo(*QUESTION, flags=FLAGS))


def on_trio() -> Answer:
    import trio

    async def main() -> object:
        return await trio.socket.getaddrinfo(*QUESTION, flags=FLAGS)

    return verdict(lambda: trio.run(main))


def on_eventlet() -> Answer:
    from eventlet.green import socket as green

    return verdict(lambda: green.getaddrinfo(*QUESTION, flags=FLAGS))
