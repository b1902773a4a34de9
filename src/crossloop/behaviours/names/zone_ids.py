"""Zone ids of IPv6 addresses survive a lookup."""

import asyncio
import socket

from crossloop.behaviours.behaviour import Answer, Behaviour, answered, not_there
from crossloop.behaviours.families import NewLoop
from crossloop.behaviours.frames import run

ABOUT = Behaviour(
    question="Does a lookup keep the zone of a link-local address?",
    rule="The zone in fe80::1%eth0 becomes the scope id, the fourth part of an IPv6 address in Python.",
    source="https://www.rfc-editor.org/rfc/rfc4007#section-11",
    reports=("https://github.com/python/cpython/issues/79736",),
    platforms=("linux", "darwin", "bsd"),
)
LOST = "the zone is lost"


def question() -> tuple[str, int] | None:
    """(link-local address with a zone, its scope id); None where there is no interface or no IPv6."""
    for index, name in socket.if_nameindex():
        try:
            socket.getaddrinfo(f"fe80::1%{name}", 80)
        except OSError:
            continue
        return f"fe80::1%{name}", index
    return None


def on_asyncio(new_loop: NewLoop) -> Answer:
    host_and_scope = question()
    if host_and_scope is None:
        return not_there("no IPv6 here")
    host, scope = host_and_scope

    async def main() -> Answer:
        infos = await asyncio.get_running_loop().getaddrinfo(host, 80, type=socket.SOCK_STREAM)
        return answered({address[3:] for *_, address in infos} == {(scope,)}, LOST, f"{infos[0][-1]}")

    return run(new_loop, main)


def on_gevent() -> Answer:
    from gevent import socket as green

    host_and_scope = question()
    if host_and_scope is None:
        return not_there("no IPv6 here")
    host, scope = host_and_scope
    infos = green.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
    return answered({address[3:] for *_, address in infos} == {(scope,)}, LOST, f"{infos[0][-1]}")


def on_trio() -> Answer:
    import trio

    host_and_scope = question()
    if host_and_scope is None:
        return not_there("no IPv6 here")
    host, scope = host_and_scope

    async def main() -> Answer:
        infos = await trio.socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
        return answered({address[3:] for *_, address in infos} == {(scope,)}, LOST, f"{infos[0][-1]}")

    return trio.run(main)
