"""`python -m tests.hostile [PART…] [--count N] [--seed N]`: status 1 when anything went wrong."""

import argparse
import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path

from tests import hostile
from tests.hostile.campaign import Part, run_part, table

NO_PARTS = {"__main__", "campaign"}


def parts() -> dict[str, Part]:
    """Every module of this package but the campaign itself has a `PART`."""
    names = [module.name for module in pkgutil.iter_modules(hostile.__path__) if module.name not in NO_PARTS]
    loaded = [importlib.import_module(f"tests.hostile.{name}").PART for name in names]
    return {part.id: part for part in loaded}


def main() -> int:
    """Run the parts that were chosen, or all; counts to stdout, faults to stderr as they are found."""
    known = parts()
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(known)}; all without any")
    parser.add_argument("--count", type=int, help="trials of each part, in place of its own number")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := [name for name in options.parts if name not in known]:
        parser.error(f"no such part: {', '.join(unknown)}; expected of {', '.join(known)}")
    tallies = []
    for name in options.parts or known:
        with tempfile.TemporaryDirectory(prefix="crossloop-hostile-") as folder:
            part = known[name]
            count = part.count if options.count is None else options.count
            print(f"{name}: {count} trials", file=sys.stderr, flush=True)
            tallies.append(
                run_part(
                    part,
                    options.seed,
                    count,
                    Path(folder),
                    lambda text: print(text, file=sys.stderr, flush=True),
                )
            )
    print(table(tallies))
    return 1 if any(tally.faults for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
