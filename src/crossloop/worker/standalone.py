"""One server for any client: `crossloop serve` becomes this process, so that its pid is the server's.

Argument: one JSON object `{"adapter", "module", "scenario", "parameters", "levels", "style", "paths"}` with what
`crossloop.worker.serving.Place` takes: `{"transport", "host", "port", "path", "certificate"}`; with "ca", a file for
the ready line, "remove", a folder to remove at the end, and "member", the number of one process of several, from 0,
which end with the one that started them. Prints the ready line on stdout and ends with 0 on SIGTERM
or SIGINT; every refusal is one line on stderr with the exit status of the command line's contract.
"""

import contextlib
import importlib
import ipaddress
import json
import socket
import sys
from collections.abc import Mapping
from typing import Any

from crossloop.api.errors import UnsupportedError
from crossloop.worker.opening import open_adapter, refusal_of
from crossloop.worker.process import age_allocator, bound_descriptors, die_with_parent, raise_descriptor_limit
from crossloop.worker.serving import Place, opened, rows_on, serve

BAD_INPUT = 2
NOTHING_POSSIBLE = 3
INTERRUPTED = 130
OWN_DESCRIPTORS = 64
"""What a server holds beside its connections, generously; as `crossloop.load.target` has it."""
FD_SETSIZE = 1024
"""Descriptors that select(2) can name. With no more of them than that, a connection too many waits in the
accept queue, as it does with any other mechanism, and those that are there go on."""


def main() -> int:
    """Serve until told to stop."""
    request = json.loads(sys.argv[1])
    if "member" in request:
        die_with_parent()
    needed = OWN_DESCRIPTORS + int(request["parameters"].get("connections", 0))
    if raise_descriptor_limit() < needed:
        raise_descriptor_limit(needed)
    age_allocator()
    sys.path[:0] = request["paths"]
    place = Place.of(request)
    with contextlib.ExitStack() as stack:
        if "remove" in request:
            import shutil  # (of these transports only)

            stack.callback(shutil.rmtree, request["remove"], ignore_errors=True)
        try:
            endpoint = stack.enter_context(opened(place))
        except (OSError, UnicodeError) as error:
            return _refuse(BAD_INPUT, _cannot_listen(place, error))
        except UnsupportedError as error:
            return _refuse(NOTHING_POSSIBLE, f"{request['adapter']}: unsupported: {error}")
        tells = place.transport != "unix" and not request.get("member")
        if tells and (warning := reachable_warning(endpoint.getsockname()[0])):
            print(f"crossloop: {warning}", file=sys.stderr)
        return _served(request, place, endpoint)


def _served(request: Mapping[str, Any], place: Place, endpoint: socket.socket) -> int:
    """Open adapter and scenario, and serve; the exit status."""
    levels = request.get("levels", ["StreamServer"])
    stated = {"ca": request["ca"]} if "ca" in request else {}

    def announce(document: dict[str, Any]) -> None:
        print(json.dumps({**document, **stated}, default=repr), flush=True)

    try:
        adapter = open_adapter(request["module"])
        scenario = importlib.import_module(request["scenario"]).Scenario(request["parameters"])
        styles = rows_on(type(adapter), levels)
        style = request["style"] or next(iter(styles), "")
        level = styles.get(style, levels[0])
        if styles and style not in styles:
            adapter.close()
            return _refuse(
                BAD_INPUT,
                f"--style {style!r}: {request['adapter']} has {', '.join(styles)}; choose one of them",
            )
        if adapter.facts().mechanism == "select":
            bound_descriptors(FD_SETSIZE)
        serve(adapter, scenario.served_on(level), level, style, place, endpoint, announce, lambda _stop: None)
        adapter.close()
    except KeyboardInterrupt:  # before it served; from then on the signal ends it in good order
        return INTERRUPTED
    except BaseException as error:  # also what content raises to end its process
        refusal = refusal_of(error)
        return _refuse(
            NOTHING_POSSIBLE,
            f"{request['adapter']}: {refusal.outcome}: {refusal.reason}; "
            f"`crossloop setup {request['adapter']}` or `crossloop doctor` tells more",
        )
    return 0


def _cannot_listen(place: Place, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or error
    if place.transport == "unix":
        return f"cannot listen on {place.path!r}: {reason}; choose a path that is free, in a folder that is there"
    return (
        f"cannot listen on {place.host!r} port {place.port}: {reason}; "
        "choose another --host or --port (0 takes a free one)"
    )


def reachable_warning(address: str) -> str:
    """The warning about a server that listens on *address*; empty where only this machine reaches it."""
    try:
        loopback = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:  # a name, before it is looked up
        loopback = address == "localhost"
    if loopback:
        return ""
    return (
        f"{address} is not loopback: who reaches this machine reaches this server, which has no authentication "
        "and no limits"
    )


def _refuse(status: int, text: str) -> int:
    # One line, and nothing that a terminal would obey: what a library says may hold anything.
    line = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in " ".join(text.split())
    )
    print(f"crossloop: {line}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
