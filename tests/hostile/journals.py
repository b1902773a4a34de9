"""Damaged journals through every command that reads one: 1,000 of them, by bytes, by lines, by values.

The commands run as `python -m crossloop` would run them, in forks of one process that has imported them already: a
traceback and an exit status are the command line's own, and a trial takes a fraction of a second. POSIX only.
"""

import copy
import json
import os
import random
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias
from xml.etree import ElementTree

import msgspec

from crossloop.compare.records import decoded
from crossloop.journal import CellRecord, Record, SliceRecord
from tests import journals
from tests.hostile.campaign import Part, Trial

Lines: TypeAlias = list[bytes]
ROOT = Path(__file__).parents[2]
STATUSES = {0, 1, 2, 3}
LIMIT_S = 120
MOST_LINES = 1000
"""Of a trial's journal; most have about a hundred."""
RESUMES = 40
"""One trial of so many measures as well, which takes seconds and not a fraction of one."""
BENCH = (
    "bench", "--profile", "smoke", "--adapters", "select", "--scenarios", "timers", "--no-references", "--no-evidence",
)  # fmt: skip

# What is damaged ----------------------------------------------------------------------------------


def _with_slices(records: Sequence[Record]) -> Lines:
    """The records, and before each measured cell slices that it could have been made of."""
    chance = random.Random(1)
    lines = []
    for record in records:
        if isinstance(record, CellRecord) and record.figures is not None:
            phase = "load" if record.figures.offered_per_s else "capacity"
            for generation in range(3):
                for turn in range(3):
                    made = SliceRecord(
                        record.adapter, record.style, record.scenario, record.parameters, phase, generation, turn,
                        operations=1000, elapsed_ns=10**8, sleeps=12, latency=[(1000, 900), (2000, 100)],
                        cpu_ns=int(1000 * record.figures.cpu_ns_per_operation.value * chance.uniform(0.9, 1.1)),
                    )  # fmt: skip
                    lines.append(msgspec.json.encode(made))
        lines.append(msgspec.json.encode(record))
    return lines


def sliced_run(folder: Path) -> Path:
    """Make *folder* one of a run with slices, which `crossloop compare` takes."""
    folder.mkdir()
    (folder / "run.jsonl").write_bytes(b"".join(line + b"\n" for line in _with_slices(journals.whole_run())))
    return folder


def _slimmed(path: Path) -> Lines:
    """The committed report's journal with two slices of each row, set and phase."""
    kept: dict[tuple[str, ...], int] = {}
    lines = []
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        if record["kind"] == "slice":
            key = (
                record["adapter"],
                record["style"],
                record["scenario"],
                str(record["parameters"]),
                record["phase"],
            )
            kept[key] = kept.get(key, 0) + 1
            if kept[key] > 2:
                continue
        lines.append(line)
    return lines[:MOST_LINES]


@cache
def whole_journals() -> Mapping[str, Lines]:
    """What the trials begin with."""
    made = {
        "built": _with_slices(journals.whole_run()),
        "ladder": _with_slices(journals.ladder_run()),
    }
    committed = ROOT / "reports" / "linux" / "run.jsonl"
    return {**made, "committed": _slimmed(committed)} if committed.is_file() else made


# How it is damaged --------------------------------------------------------------------------------


def _bytes(lines: Lines, chance: random.Random) -> Lines:
    """Some bytes are others, gone, or more."""
    line = chance.randrange(len(lines))
    text = bytearray(lines[line])
    for _time in range(chance.choice([1, 1, 3, 20])):
        place = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del text[place : place + chance.choice([1, 1, 8])]
            case 2:
                text[place:place] = chance.randbytes(chance.choice([1, 4, 64]))
            case _:
                text[place : place + 1] = chance.choice(
                    [b"0", b"9", b"-", b"e9", b".", b'"', b"}", b"\xff", b"\\u"]
                )
    return [*lines[:line], bytes(text), *lines[line + 1 :]]


def _orders(lines: Lines, chance: random.Random) -> Lines:
    """Lines are gone, there again, elsewhere, from another journal; the file ends too early."""
    some = list(lines)
    here, there = chance.randrange(len(some)), chance.randrange(len(some))
    match chance.randrange(7):
        case 0:
            del some[here : here + chance.choice([1, 1, 5, 40])]
        case 1:
            some[there:there] = some[here : here + chance.choice([1, 5, 40])]
        case 2:
            some[here], some[there] = some[there], some[here]
        case 3:
            chance.shuffle(some)
            some.sort(key=lambda line: b'"kind":"run"' not in line)
        case 4:
            foreign = chance.choice(list(whole_journals().values()))
            some[here:here] = chance.sample(foreign[1:], min(20, len(foreign) - 1))
        case 5:
            kind = some[here].partition(b",")[0]
            some = [line for line in some if not line.startswith(kind)]
        case _:
            some = [*some[:here], some[here][: chance.randrange(len(some[here]) + 1)]]
    return some or lines[:1]


NUMBERS = (
    0, -0.0, 1, -1, 1e-60, 1e-61, 5e-324, 1e60, 1e61, 1e308, -1e60, 0.1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64,
    10**400, 1e-9, 1e9, 1e18, 3, 7,
)  # fmt: skip
STRINGS = (
    "", " ", "a", "\n", "x" * 80, "x" * 81, "x" * 201, "x" * 4001, "x" * 70_000, "../../x", "/", "..", "CON",
    "\x00\x1b[31m", "\u202eabc", "|", "a|b`c`<script>$x$", "{{ 7 * 7 }}", "%s %d", "ü" * 100, "0", "run", "capacity",
    "asyncio", "@", "asyncio@twin", "]]>", "&amp;", "$\\frac{1}{0}$", "tcp-echo", "native", "null", "1e400", "\ud800",
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    [1, 2, 3],
    [[1, 2]],
    {"value": 1},
)
CHANGES = ("number", "number", "scale", "scale", "string", "string", "other", "gone", "more", "moved")
SCALES = (0, -1, 1e-6, 0.5, 2, 10, 1e6, 1e12, 1e40)


def _values(lines: Lines, chance: random.Random) -> Lines:
    """A value of a line, or of all lines like it, is of another size or type."""
    alike = _alike(lines, chance)
    line = chance.choice(alike)
    try:
        document = json.loads(lines[line])
    except ValueError:
        return lines
    wanted = chance.random() < 0.8  # most damage that a reader refuses is refused by the same few lines
    for _try in range(30):
        path = _path(document, chance)
        change = chance.choice(CHANGES)
        value = _value(change, document, chance)
        changed = _changed(lines[line], path, change, value)
        if not wanted or (changed != lines[line] and _is_record(changed)):
            break
    several = alike if chance.random() < 0.15 else [line]
    return [
        _changed(line, path, change, value) if index in several else line for index, line in enumerate(lines)
    ]


def _alike(lines: Lines, chance: random.Random) -> list[int]:
    """Lines of one kind: most lines are slices, and the others are to be damaged as often."""
    kinds: dict[bytes, list[int]] = {}
    for index, line in enumerate(lines):
        kinds.setdefault(line.partition(b",")[0], []).append(index)
    return kinds[chance.choice(list(kinds))]


def _is_record(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _changed(line: bytes, path: Sequence[Any], change: str, value: Any) -> bytes:
    """A line with one value changed; as it was where it has no such value."""
    try:
        document = _replaced(json.loads(line), path, change, copy.deepcopy(value))
        return json.dumps(document, separators=(",", ":")).encode()
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, AttributeError):
        return line


def _path(document: Any, chance: random.Random) -> list[Any]:
    path: list[Any] = []
    while isinstance(document, dict | list) and document and (not path or chance.random() < 0.8):
        keys = list(document) if isinstance(document, dict) else range(len(document))
        path.append(chance.choice(keys))
        document = document[path[-1]]
    return path


def _value(change: str, document: Any, chance: random.Random) -> Any:
    match change:
        case "number":
            return chance.choice(NUMBERS)
        case "scale":
            return chance.choice(SCALES)
        case "string":
            return chance.choice(STRINGS)
        case "moved":
            for key in _path(document, chance):
                document = document[key]
            return document
        case _:
            return chance.choice(OTHERS)


def _replaced(document: Any, path: Sequence[Any], change: str, value: Any) -> Any:
    if not path:
        return document
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    last = path[-1]
    match change:
        case "gone":
            del holder[last]
        case "more" if isinstance(holder, list):
            holder.extend([holder[last]] * 300)
        case "more":
            holder.update({f"{last}{number}": holder[last] for number in range(300)})
        case "scale" if isinstance(holder[last], int | float):
            scaled = holder[last] * value
            holder[last] = int(scaled) if isinstance(holder[last], int) else scaled
        case "scale":
            holder[last] = NUMBERS[len(str(value)) % len(NUMBERS)]
        case _:
            holder[last] = value
    return document


DAMAGES: tuple[Callable[[Lines, random.Random], Lines], ...] = (_bytes, _orders, _values, _values, _values)


def damaged(lines: Lines, chance: random.Random) -> bytes:
    """The file's content after one to three damages."""
    for _time in range(chance.choice([1, 1, 2, 3])):
        lines = chance.choice(DAMAGES)(lines, chance)
    return b"\n".join(lines) + (b"\n" if chance.random() < 0.9 else b"")


# What is done with it -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    arguments: Sequence[str]
    status: int
    output: str
    errors: str

    def faults(self) -> list[str]:
        """What must not be, in words."""
        command, faults = " ".join(self.arguments), []
        if "Traceback" in self.errors:
            faults.append(f"{command}: a traceback\n{self.errors[-3000:]}")
        elif self.status not in STATUSES:
            faults.append(f"{command}: status {self.status}; {self.errors[-500:]}")
        elif self.status == 1 and self.arguments[0] != "compare":
            faults.append(f"{command}: status 1; {self.errors[-500:]}")
        elif self.status in {2, 3} and not self.errors.strip():
            faults.append(f"{command}: status {self.status} without a word")
        return faults


class Commands:
    """A process that runs commands in forks of itself."""

    def __init__(self) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.journals"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT, text=True,
        )  # fmt: skip

    def __enter__(self) -> "Commands":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate(timeout=LIMIT_S)

    def run(self, folder: Path, *arguments: str) -> Done:
        """One command with its output in *folder*."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(folder), *arguments]), file=self._process.stdin, flush=True)
        status = int(self._process.stdout.readline())
        output, errors = ((folder / name).read_text("utf-8", "replace") for name in ("stdout", "stderr"))
        return Done(arguments, status, output, errors)


def _serve() -> None:
    """The process of `Commands`: a request a line, a status a line."""
    if sys.platform == "win32":
        return  # no fork, and no trials
    import crossloop.cli.benching
    import crossloop.cli.claiming
    import crossloop.cli.comparing
    import crossloop.cli.exporting
    import crossloop.cli.reporting  # noqa: F401
    from crossloop.report import render

    render(journals.whole_run(), journals.ABOUT)  # the plotting library is imported when it first draws
    for line in sys.stdin:
        folder, *arguments = json.loads(line)
        if sys.platform == "win32":
            raise OSError("no fork there")
        child = os.fork()
        if child == 0:
            _become(folder, arguments)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(folder: str, arguments: Sequence[str]) -> None:
    """Be `python -m crossloop`, as far as its output and its end can tell; never returns."""
    if sys.platform == "win32":
        return
    status = 1  # of a traceback, as the interpreter has it
    try:
        if sys.platform != "win32":
            signal.alarm(LIMIT_S)
        for number, name in ((1, "stdout"), (2, "stderr")):
            file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        sys.argv = ["crossloop", *arguments]
        from crossloop.cli import main

        status = main()
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status & 0xFF)


# The trials ---------------------------------------------------------------------------------------


def _report(commands: Commands, folder: Path, bad: Path, _good: Path) -> list[str]:
    done = commands.run(folder, "report", str(bad), "--html", "--out", str(folder / "out"))
    return done.faults() + (_page_faults(folder / "out") if done.status == 0 else [])


def _matrix(commands: Commands, folder: Path, bad: Path, good: Path) -> list[str]:
    done = commands.run(folder, "report", str(good), str(bad), "--out", str(folder / "out"))
    return done.faults() + (_page_faults(folder / "out") if done.status == 0 else [])


def _compare(commands: Commands, folder: Path, *runs: Path) -> list[str]:
    done = commands.run(folder, "compare", *map(str, runs), "--out", str(folder / "out"), "--anyway")
    faults = done.faults()
    document = folder / "out" / "compare.json"
    if done.status not in {0, 1} or faults:
        return faults
    if document.is_file() and decoded(document.read_bytes()).regressed == (done.status == 1):
        return []
    return [f"compare: status {done.status}, and compare.json says something else"]


def _compare_base(commands: Commands, folder: Path, bad: Path, good: Path) -> list[str]:
    return _compare(commands, folder, bad, good)


def _compare_new(commands: Commands, folder: Path, bad: Path, good: Path) -> list[str]:
    return _compare(commands, folder, good, bad)


def _export(commands: Commands, folder: Path, bad: Path, _good: Path) -> list[str]:
    faults = []
    for name in ("pyperf", "github-action-benchmark"):
        done = commands.run(folder, "export", name, str(bad))
        faults += done.faults()
        if done.status == 0 and not faults:
            json.loads(done.output, parse_constant=_no_constant)
    return faults


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _claims(commands: Commands, folder: Path, bad: Path, _good: Path) -> list[str]:
    return commands.run(folder, "claims", "--from", str(bad), "--out", str(folder / "out")).faults()


def _page_faults(folder: Path) -> list[str]:
    """Pages that are no UTF-8 or hold what was not escaped, pictures that no reader of XML takes."""
    faults = []
    for page in folder.glob("*.md"):
        text = page.read_text("utf-8")
        if "<script" in text or "\x1b" in text or "\x00" in text:
            faults.append(f"report: {page.name} holds what was not escaped")
        faults += [f"report: {page.name}: {word}" for word in ("nan", "inf") if f"| {word} |" in text]
    for picture in folder.glob("*.svg"):
        try:
            ElementTree.parse(picture)
        except ElementTree.ParseError as error:
            faults.append(f"report: {picture.name}: {error}")
    return faults


READERS = (_report, _report, _matrix, _compare_base, _compare_new, _export, _claims)


def _resume(commands: Commands, folder: Path, whole: Lines, chance: random.Random) -> list[str]:
    """Go on with a damaged run of this machine; what it writes is read by the next command."""
    lines = [
        line
        for line in whole
        if chance.random() < 0.5 or not line.startswith((b'{"kind":"end"', b'{"kind":"cell"'))
    ]
    (folder / "run.jsonl").write_bytes(damaged(lines, chance))
    done = commands.run(folder, *BENCH, "--out", str(folder), "--resume")
    faults = done.faults()
    if done.status in {0, 3} and "cannot" not in done.errors:
        faults += commands.run(folder, "report", str(folder)).faults() + _page_faults(folder)
    if (folder / "run.jsonl.lock").exists():
        faults.append("bench: left its lock behind")
    return faults


def _trials(chance: random.Random, count: int) -> Iterator[Trial]:
    if sys.platform == "win32":
        return  # no fork
    with Commands() as commands:
        run_lines: Lines = []
        for number in range(count):
            name = chance.choice(list(whole_journals()))
            if number % RESUMES == RESUMES // 2:
                yield Trial(f"{number} resume", partial(_resumed, commands, run_lines, chance))
            else:
                what = READERS[number % len(READERS)]
                title = f"{number} {name} {what.__name__.strip('_')}"
                yield Trial(title, partial(_read, commands, name, what, chance))


def _resumed(commands: Commands, run_lines: Lines, chance: random.Random, folder: Path) -> list[str]:
    if not run_lines:
        done = commands.run(folder, *BENCH, "--out", str(folder))
        assert done.status == 0, done.errors
        run_lines += (folder / "run.jsonl").read_bytes().splitlines()
    return _resume(commands, folder, run_lines, chance)


def _read(
    commands: Commands,
    name: str,
    what: Callable[[Commands, Path, Path, Path], list[str]],
    chance: random.Random,
    folder: Path,
) -> list[str]:
    paths = []
    lines = whole_journals()[name]
    for kind, content in (("good", b"\n".join(lines) + b"\n"), ("bad", damaged(lines, chance))):
        (folder / kind).mkdir()
        (folder / kind / "run.jsonl").write_bytes(content)
        paths.append(folder / kind)
    return what(commands, folder, paths[1], paths[0])


PART = Part(
    "journals",
    "damaged journals through `report`, `compare`, `export`, `claims` and `bench --resume`",
    1000,
    _trials,
)

if __name__ == "__main__":
    _serve()
