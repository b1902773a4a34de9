"""What importing an adapter costs, and how much of it was installed: a fresh interpreter that reports on itself.

`python -m crossloop.worker.importing MODULE LIBRARY CPU SIZE PATH…` answers one JSON line, `{"cpu_ns", "wall_ns"}`,
and with SIZE `size` also `{"parts": {name: bytes}}`, or `{"why"}` where that failed. CPU is a number or `-`.

The interpreter is bare but for `crossloop.api`, which every adapter imports and which is not the library's. The
clocks are read just before the import and just after it, so that the interpreter's own start and end need not be
subtracted; hence nothing else is imported at the head of this file. For the size the adapter is then opened, so
that a library that is loaded only by then is seen, and the files of everything that was imported are added up:

- by distribution, from the lists that installers leave (`RECORD`; PyPA, "Recording installed projects");
- mapped libraries named as the adapter's (`libevent_core-2.1.so.7`), where no distribution has brought them
  (`/proc/self/maps`, proc(5); Linux).

The standard library and crossloop itself count for nothing. Compiled copies (`__pycache__`) are left out: how many
there are depends on what has run.
"""

import faulthandler
import os
import sys
import time

from crossloop.worker.pinning import pin

GIVE_UP_S = 60
"""After this time the interpreter ends, whatever became of who asked."""


def main() -> None:
    """Answer, and end at once: what was imported may have threads or exit handlers."""
    faulthandler.dump_traceback_later(GIVE_UP_S, exit=True)
    module_name, library, cpu, size, *paths = sys.argv[1:]
    sys.path[:0] = paths
    if cpu != "-":
        pin(int(cpu))
    answers = os.dup(1)
    os.dup2(2, 1)
    __import__("crossloop.api")
    bare = set(sys.modules)
    cpu_ns, wall_ns = time.process_time_ns(), time.perf_counter_ns()
    __import__(module_name.partition(":")[0], fromlist=["Adapter"])
    cpu_ns, wall_ns = time.process_time_ns() - cpu_ns, time.perf_counter_ns() - wall_ns
    answer: dict[str, object] = {"cpu_ns": cpu_ns, "wall_ns": wall_ns}
    if size == "size":
        try:
            from crossloop.worker.opening import open_adapter  # (not before the clocks)

            open_adapter(module_name)
            answer["parts"] = _parts(bare, library)
        except BaseException as error:
            answer["why"] = f"{type(error).__name__}: {error}"
    import json  # (not before the clocks)

    os.write(answers, json.dumps(answer).encode() + b"\n")
    os._exit(0)


def _parts(bare: set[str], library: str) -> dict[str, int]:
    """Distribution or library → bytes, of everything that was imported since *bare*."""
    from importlib.metadata import distributions  # (not before the clocks)

    files = {
        os.path.realpath(file)
        for name, module in list(sys.modules.items())
        if name not in bare and (file := getattr(module, "__file__", None))
    }
    tops = tuple(sorted({top for name in set(sys.modules) - bare for top in _tops(name)}))
    parts: dict[str, int] = {}
    brought: set[str] = set()
    for distribution in distributions():
        # Thousands of lines are quicker looked through than taken apart, for what was not imported.
        record = "\n" + (distribution.read_text("RECORD") or distribution.read_text("SOURCES.txt") or "")
        if not any(top in record for top in tops):
            continue
        recorded = {
            os.path.realpath(str(distribution.locate_file(path))) for path in distribution.files or ()
        }
        name = distribution.metadata["Name"] or ""
        if name.lower() != "crossloop" and not files.isdisjoint(recorded):
            brought |= recorded
            parts[f"{name} {distribution.version}"] = sum(map(_bytes, recorded))
    parts.update((path.rpartition("/")[2], _bytes(path)) for path in _mapped(library) - brought)
    return parts


def _tops(name: str) -> tuple[str, str]:
    """How the line of a module may begin in a list of installed files: as a package's, or as a single file's."""
    top = name.partition(".")[0]
    return f"\n{top}/", f"\n{top}."


def _bytes(path: str) -> int:
    from pathlib import Path  # (not before the clocks)

    return Path(path).stat().st_size if "__pycache__" not in path and Path(path).is_file() else 0


def _mapped(library: str) -> set[str]:
    """Mapped files that are named as *library* is, whatever follows: a version, a part."""
    from pathlib import Path  # (not before the clocks)

    maps = Path("/proc/self/maps")
    if library in ("", "none") or not maps.exists():
        return set()
    paths = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if "/" in line}
    ends = tuple(library + end for end in ("_", ".", "-"))
    return {os.path.realpath(path) for path in paths if path.rpartition("/")[2].startswith(ends)}


if __name__ == "__main__":
    main()
