"""Entry of an asked process: `python -m crossloop.behaviours.process`, spoken to over `Channel`.

One request: `{"program": module of the behaviour, "asked_as", "loop", "adapter": module of the adapter, "paths",
"limit_s"}`; in the group `tls` also `"certificate"` and `"authority"`, files that the environment names.
One answer: `{"word", "how", "seen"}`. Then the process ends at once, whatever the library left behind:
what happens at an interpreter's exit is asked by behaviours of its own, in processes of theirs.

A program that hangs has its threads' stacks written to standard error before the supervisor ends the process.
"""

import faulthandler
import importlib
import os
import sys
import traceback
from typing import Any

from crossloop.api import UnsupportedError
from crossloop.behaviours.behaviour import Answer, differs, not_there
from crossloop.behaviours.families import given_to, program_of
from crossloop.worker.channel import Channel
from crossloop.worker.opening import open_adapter
from crossloop.worker.process import die_with_parent, raise_descriptor_limit


def main() -> None:
    """Ask the one question of the first request."""
    channel = Channel()
    request = channel.first()
    if request is not None:
        faulthandler.enable()
        faulthandler.dump_traceback_later(request["limit_s"])
        die_with_parent()
        raise_descriptor_limit()
        sys.path[:0] = request["paths"]
        for name in ("certificate", "authority"):
            os.environ[f"CROSSLOOP_{name.upper()}"] = request.get(name, "")
        answer = ask(request)
        channel.answer({"word": answer.word, "how": answer.how, "seen": answer.seen})
    sys.stderr.flush()
    os._exit(0)


def ask(request: dict[str, Any]) -> Answer:
    """Run the program; what it raises is an answer as well."""
    family = request["asked_as"]
    program = program_of(importlib.import_module(request["program"]), family)
    if program is None:
        return not_there(f"there is no program for {family}")
    try:
        return program(*given_to(program, family, request["loop"], lambda: open_adapter(request["adapter"])))
    except UnsupportedError as error:
        return not_there(str(error))
    except NotImplementedError as error:
        return not_there(_message_of(error))
    except BaseException as error:  # a library may raise anything, SystemExit included
        where = traceback.extract_tb(error.__traceback__)[-1:]
        place = f"{where[0].filename.rpartition('/')[2]}:{where[0].lineno} {where[0].name}" if where else ""
        return differs(f"raises {type(error).__name__}", f"{_message_of(error)} ({place})")


def _message_of(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


if __name__ == "__main__":
    main()
