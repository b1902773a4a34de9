"""One server for any client: `crossloop serve` becomes this process, so that its pid is the server's.

Argument: one JSON object `{"module", "scenario", "style", "host", "port", "paths"}`. Prints the ready line on stdout
and ends with 0 on SIGTERM or SIGINT; every refusal is one line on stderr with the exit status of the
command line's contract.
"""

import importlib
import ipaddress
import json
import sys
from typing import Any

from crossloop.api.levels import styles_of
from crossloop.worker.opening import open_adapter, refusal_of
from crossloop.worker.process import age_allocator, bound_descriptors, raise_descriptor_limit
from crossloop.worker.serving import open_listener, serve

BAD_INPUT = 2
NOTHING_POSSIBLE = 3
INTERRUPTED = 130
FD_SETSIZE = 1024
"""Descriptors that select(2) can name. With no more of them than that, a connection too many waits in the
accept queue, as it does with any other mechanism, and those that are there go on."""


def main() -> int:
    """Serve until told to stop."""
    request = json.loads(sys.argv[1])
    raise_descriptor_limit()
    age_allocator()
    sys.path[:0] = request["paths"]
    host, port = request["host"], request["port"]
    try:
        listener = open_listener(host, port)
    except (OSError, UnicodeError) as error:
        return _refuse(
            BAD_INPUT,
            f"cannot listen on {host!r} port {port}: {getattr(error, 'strerror', None) or error}; "
            "choose another --host or --port (0 takes a free one)",
        )
    if warning := reachable_warning(listener.getsockname()[0]):
        print(f"crossloop: {warning}", file=sys.stderr)
    try:
        adapter = open_adapter(request["module"])
        scenario = importlib.import_module(request["scenario"]).Scenario(request["parameters"])
        styles = styles_of(type(adapter)).get("StreamServer", ())
        style = request["style"] or next(iter(styles), "")
        if styles and style not in styles:
            adapter.close()
            return _refuse(
                BAD_INPUT,
                f"--style {style!r}: {request['adapter']} has {', '.join(styles)}; choose one of them",
            )
        if adapter.facts().mechanism == "select":
            bound_descriptors(FD_SETSIZE)
        serve(adapter, scenario.application(), style, listener, _announce, lambda _stop: None)
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


def reachable_warning(address: str) -> str:
    """What to say of a server that listens on *address*; empty where nobody but this machine reaches it."""
    try:
        loopback = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:  # a name, before it is looked up
        loopback = address == "localhost"
    if loopback:
        return ""
    return (
        f"{address} is not loopback: whoever reaches this machine reaches this server, which asks nobody who they "
        "are and bounds nothing"
    )


def _refuse(status: int, text: str) -> int:
    # One line, and nothing that a terminal would obey: what a library says may hold anything.
    line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in " ".join(text.split()))
    print(f"crossloop: {line}", file=sys.stderr)
    return status


def _announce(document: dict[str, Any]) -> None:
    print(json.dumps(document, default=repr), flush=True)


if __name__ == "__main__":
    sys.exit(main())
