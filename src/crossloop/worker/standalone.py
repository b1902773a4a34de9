"""One server for any client: `crossloop serve` becomes this process, so that its pid is the server's.

Argument: one JSON object `{"module", "scenario", "style", "host", "port", "paths"}`. Prints the ready line on stdout
and ends with 0 on SIGTERM or SIGINT; every refusal is one line on stderr with the exit status of the
command line's contract.
"""

import importlib
import json
import sys
from typing import Any

from crossloop.api.levels import styles_of
from crossloop.worker.opening import open_adapter, refusal_of
from crossloop.worker.process import raise_descriptor_limit
from crossloop.worker.serving import open_listener, serve

BAD_INPUT = 2
NOTHING_POSSIBLE = 3


def main() -> int:
    """Serve until told to stop."""
    request = json.loads(sys.argv[1])
    raise_descriptor_limit()
    sys.path[:0] = request["paths"]
    host, port = request["host"], request["port"]
    try:
        listener = open_listener(host, port)
    except OSError as error:
        print(
            f"crossloop: cannot listen on {host!r} port {port}: {error.strerror or error}; "
            "choose another --host or --port (0 takes a free one)",
            file=sys.stderr,
        )
        return BAD_INPUT
    try:
        adapter = open_adapter(request["module"])
        scenario = importlib.import_module(request["scenario"]).Scenario()
        style = request["style"] or next(iter(styles_of(type(adapter))), "")
        serve(adapter, scenario, style, listener, _announce, lambda _stop: None)
        adapter.close()
    except Exception as error:  # noqa: BLE001  (whatever it was becomes one typed line)
        refusal = refusal_of(error)
        print(
            f"crossloop: {request['adapter']}: {refusal.outcome}: {refusal.reason}; "
            f"`crossloop setup {request['adapter']}` or `crossloop doctor` tells more",
            file=sys.stderr,
        )
        return NOTHING_POSSIBLE
    return 0


def _announce(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    sys.exit(main())
