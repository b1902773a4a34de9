"""Entry of a worker: `python -m crossloop.worker`, spoken to by the supervisor over `Channel`.

First request: `{"do": "describe" | "serve" | "work" | "companion" | "exchanges" | "versions", "module", "scenario",
"style", "paths", "cpu", "server", "parameters", "sets"}`; to serve also "levels", "descriptors" (how many it needs),
and of `worker.serving.Place` "transport", "host", "port", "path", "certificate", "shared"; with "busy_iterations" for a
slowed variant and "fresh" for one whose allocator is not aged. The answer is `{"ready": true, …}` or `{"outcome",
"reason"}`. A worker that works then takes `{"do": "slice", "parameters", "run_in_ms", "duration_ms"}` any number of
times, one that describes `{"scenario"}`: one scenario a request, so that the supervisor knows which one ended the
process.

Content may raise anything, SystemExit and KeyboardInterrupt included: each becomes an answer with its reason.
"""

import importlib
import os
import sys
from typing import Any

from crossloop.api.errors import UnsupportedError
from crossloop.api.levels import Adapter
from crossloop.api.workload import Workload
from crossloop.worker.channel import Channel, stop_pair
from crossloop.worker.opening import describe, open_adapter, refusal_of
from crossloop.worker.process import allow_tracing, settle


def main() -> int:
    """Do what the first request says; every failure becomes an answer."""
    channel = Channel()
    request = channel.first()
    if request is None:
        return 0
    if request.get("do") != "serve" or not channel.terminate_at_end():
        channel.start()
    try:
        settle(
            request.get("cpu"),
            fresh=request.get("fresh", False),
            descriptors=request.get("descriptors", 0),
        )
        if request.get("traced"):
            allow_tracing()
        sys.path[:0] = request["paths"]
        _ROLES[request["do"]](channel, request)
    except BaseException as error:
        channel.answer(refusal_of(error).as_dict())
        return 1
    return 0


def _describe(channel: Channel, request: dict[str, Any]) -> None:
    adapter = open_adapter(request["module"])
    answer = {"ready": True, **describe(adapter)}
    adapter.close()
    channel.answer(answer)
    while (order := channel.receive()) is not None:
        channel.answer(_rows(order["scenario"], type(adapter)))


def _rows(module: str, adapter: type[Adapter]) -> dict[str, Any]:
    """Styles that a scenario gives this adapter, or why it cannot be asked (its own imports are missing)."""
    try:
        scenario = importlib.import_module(module)
        if issubclass(scenario.Scenario, Workload):
            return {"styles": scenario.Scenario.styles(adapter)}
        from crossloop.worker.serving import rows_on  # (of what is driven from outside only)

        return {"styles": list(rows_on(adapter, scenario.ABOUT.levels))}
    except BaseException as error:
        return refusal_of(error).as_dict()


def _serve(channel: Channel, request: dict[str, Any]) -> None:
    from crossloop.worker.serving import Place, opened, rows_on, serve  # (this role only)

    adapter = open_adapter(request["module"])
    levels, style = request.get("levels", ["StreamServer"]), request["style"]
    level = rows_on(type(adapter), levels).get(style, levels[0])
    application = (
        importlib.import_module(request["scenario"]).Scenario(request["parameters"]).served_on(level)
    )
    if "busy_iterations" in request:
        from crossloop.worker.slowing import busy  # (of a variant only)

        application = busy(application, request["busy_iterations"], level)

    def on_end(stop: Any) -> None:
        channel.on_end = stop

    place = Place.of(request)
    with opened(place) as endpoint:
        serve(adapter, application, level, style, place, endpoint, channel.answer, on_end)
    adapter.close()


def _work(channel: Channel, request: dict[str, Any]) -> None:
    from crossloop.worker.working import WorkRoom, refuse_levels  # (this role only)

    if "busy_iterations" in request:
        raise UnsupportedError("a slowed variant needs an application to slow: choose a stream scenario")
    adapter = open_adapter(request["module"])
    server = request.get("server")
    module = importlib.import_module(request["scenario"])
    refuse_levels(type(adapter), module.ABOUT.levels)
    room = WorkRoom(
        adapter, module.Scenario, request["style"], None if server is None else (server[0], server[1])
    )
    channel.answer({"ready": True, "pid": os.getpid()})
    while (order := channel.receive()) is not None:
        try:
            answer = room.slice(order["parameters"], order["run_in_ms"] / 1e3, order["duration_ms"] / 1e3)
        except BaseException as error:
            channel.answer(refusal_of(error).as_dict())
            return
        channel.answer(answer)
    room.close()
    adapter.close()


def _exchanges(channel: Channel, request: dict[str, Any]) -> None:
    """What the load is to exchange, for each set of parameters."""
    kind = importlib.import_module(request["scenario"]).Scenario
    channel.answer({"exchanges": [kind(parameters).exchange().as_dict() for parameters in request["sets"]]})


def _versions(channel: Channel, request: dict[str, Any]) -> None:
    """What the scenario says of the libraries that it uses, where it says anything."""
    versions = getattr(importlib.import_module(request["scenario"]), "versions", dict)
    channel.answer({"versions": versions()})


def _companion(channel: Channel, request: dict[str, Any]) -> None:
    readable, writing = stop_pair()
    channel.on_end = lambda: writing.send(b"s")
    module = importlib.import_module(request["scenario"])
    module.companion(
        lambda host, port: channel.answer({"ready": True, "host": host, "port": port, "pid": os.getpid()}),
        readable,
    )


_ROLES = {
    "describe": _describe,
    "serve": _serve,
    "work": _work,
    "companion": _companion,
    "exchanges": _exchanges,
    "versions": _versions,
}

if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Taking the interpreter apart takes as long as starting it, and nobody waits for what a library does then.
    os._exit(status)
