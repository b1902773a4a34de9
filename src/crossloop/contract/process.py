"""Entry of a checking process: `python -m crossloop.contract.process`, spoken to over `Channel`.

First request: `{"module", "paths", "mark"}`; the answer is that of `crossloop.worker.opening.describe` or
`{"outcome", "reason"}`. Then any number of `{"promise", "style", "limit_s", "mark"}`, for TLS also `"certificate"`
and `"authority"`, each answered by `{"outcome", "expected", "actual", "reason"}` once it has run. The adapter is made
once and serves all; what it enters once in a process raises the second time.

Before each answer the mark goes to standard error, so that the supervisor knows which output belongs
to which promise, and which to the start: the system's loader and the interpreter may have complained there.
A promise that hangs has its threads' stacks written there by faulthandler, from a thread of C that needs no
interpreter lock, before the supervisor ends the process.
"""

import faulthandler
import os
import sys
import traceback
from typing import Any

from crossloop.api import Adapter, UnsupportedError
from crossloop.contract.promise import NotInstalledError, Promise, Subject, ViolationError
from crossloop.contract.promises import PROMISES
from crossloop.worker.channel import Channel
from crossloop.worker.opening import describe, open_adapter, refusal_of
from crossloop.worker.process import settle
from crossloop.worker.serving import METHODS

ENTRIES = {
    **METHODS, "Readiness": "run", "Callbacks": "run", "Tasks": "run_main", "Turns": "run_main",
    "Signals": "hear_signals", "ChildProcesses": "run_children", "FileReads": "read_files",
    "AddressLookups": "look_up", "NameResolution": "resolve",
    "HttpClient": "get_pages",
}  # fmt: skip
"""Level → the member that enters it."""


def main() -> int:
    """Open the adapter that the first request names, then run promises until the channel ends."""
    channel = Channel()
    channel.start()
    request = channel.receive()
    if request is None:
        return 0
    settle(None)
    sys.path[:0] = request["paths"]
    try:
        adapter = open_adapter(request["module"])
        _write_mark(request["mark"])
        channel.answer({"ready": True, **describe(adapter)})
    except BaseException as error:  # whatever it was is the answer; the supervisor types it
        channel.answer(refusal_of(error).as_dict())
        return 1
    for level, why in type(adapter).entered_once.items():
        _enter_once(adapter, level, why)
    known = {promise.id: promise for promise in PROMISES}
    while (request := channel.receive()) is not None:
        promise = known[request["promise"]]
        files = request.get("certificate", ""), request.get("authority", "")
        answer = run(promise, Subject(adapter, request["style"], *files), request["limit_s"])
        _write_mark(request["mark"])
        channel.answer(answer)
    return 0


def _enter_once(adapter: Adapter, level: str, why: str) -> None:
    """Have the second call of the member that enters *level* raise UnsupportedError."""
    member = ENTRIES[level]
    enter, entered = getattr(adapter, member), False

    def once(*arguments: Any) -> Any:
        nonlocal entered
        if entered:
            raise UnsupportedError(f"{level} can be entered once in a process: {why}")
        entered = True
        return enter(*arguments)

    setattr(adapter, member, once)


def _write_mark(mark: str) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(2, mark.encode())


def run(promise: Promise, subject: Subject, limit_s: float) -> dict[str, Any]:
    """Run one promise; every failure becomes an answer."""
    faulthandler.dump_traceback_later(limit_s)
    try:
        promise.run(subject)
    except UnsupportedError as error:
        return _answer("unsupported", promise, "", str(error))
    except NotInstalledError as error:
        return _answer("not-installed", promise, "", str(error))
    except ViolationError as error:
        return {
            "outcome": "failed",
            "expected": error.expected,
            "actual": error.actual,
            "reason": f"not as required: {promise.requirement}",
        }
    except BaseException as error:  # an adapter may raise anything, SystemExit included
        actual = "".join(traceback.format_exception_only(error)).strip()
        where = "; ".join(
            f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"  # noqa: PTH119
            for frame in traceback.extract_tb(error.__traceback__)[-4:]
        )
        return _answer("failed", promise, actual, f"raised at {where}")
    finally:
        faulthandler.cancel_dump_traceback_later()
    return _answer("measured", promise, promise.requirement, "")


def _answer(outcome: str, promise: Promise, actual: str, reason: str) -> dict[str, Any]:
    return {"outcome": outcome, "expected": promise.requirement, "actual": actual, "reason": reason}


if __name__ == "__main__":
    sys.exit(main())
