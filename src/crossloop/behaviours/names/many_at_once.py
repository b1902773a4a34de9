"""Many lookups at once all have their answer."""

import asyncio
from typing import Any

from crossloop.behaviours.behaviour import Answer, Behaviour, answered
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run
from crossloop.behaviours.reactor_frames import react

ABOUT = Behaviour(
    question="Are 500 lookups at once all answered, each with its own address?",
    rule="What cannot be looked up at once waits for its turn; nothing is lost or mixed up.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.getaddrinfo",
)
HOSTS = [f"127.0.{number // 250}.{number % 250 + 1}" for number in range(500)]
MIXED = "some are lost or mixed up"


def on_asyncio(new_loop: NewLoop) -> Answer:
    async def main() -> Answer:
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(*(loop.getaddrinfo(host, 80) for host in HOSTS))
        right = sum(infos[0][4][0] == host for infos, host in zip(answers, HOSTS, strict=True))
        return answered(right == len(HOSTS), MIXED, f"{right} of {len(HOSTS)}")

    return run(new_loop, main)


def on_gevent() -> Answer:
    import gevent
    from gevent import socket as green

    looking = [gevent.spawn(green.getaddrinfo, host, 80) for host in HOSTS]
    gevent.joinall(looking)
    right = sum(greenlet.value[0][4][0] == host for greenlet, host in zip(looking, HOSTS, strict=True))
    return answered(right == len(HOSTS), MIXED, f"{right} of {len(HOSTS)}")


def on_trio() -> Answer:
    import trio

    async def main() -> Answer:
        addresses = dict[str, str]()

        async def look_up(host: str) -> None:
            addresses[host] = str((await trio.socket.getaddrinfo(host, 80))[0][4][0])

        async with trio.open_nursery() as nursery:
            for host in HOSTS:
                nursery.start_soon(look_up, host)
        right = sum(address == host for host, address in addresses.items())
        return answered(right == len(HOSTS), MIXED, f"{right} of {len(HOSTS)}")

    return trio.run(main)


def on_twisted(reactor: Any) -> Answer:
    from twisted.internet.defer import gatherResults

    async def main() -> Answer:
        addresses = await gatherResults([reactor.resolve(host) for host in HOSTS])
        right = sum(address == host for address, host in zip(addresses, HOSTS, strict=True))
        return answered(right == len(HOSTS), MIXED, f"{right} of {len(HOSTS)}")

    return react(reactor, main)


def on_eventlet() -> Answer:
    import eventlet
    from eventlet.green import socket as green

    looking = [eventlet.spawn(green.getaddrinfo, host, 80) for host in HOSTS]
    right = sum(greenlet.wait()[0][4][0] == host for greenlet, host in zip(looking, HOSTS, strict=True))
    return answered(right == len(HOSTS), MIXED, f"{right} of {len(HOSTS)}")
