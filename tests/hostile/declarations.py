"""Odd adapters and scenarios: every field of what they declare and of what they answer, with every odd value.

Each trial is a suite folder with one odd file beside a good adapter and a good scenario. `list`, `bench` and `check` go
over it: the good ones have their figures, the odd one has a row with a reason or is left out by its file's name.
"""

import ast
import functools
import itertools
import json
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from crossloop.journal import AdapterRecord, CellRecord, CheckRecord, EndRecord, JournalError, read_journal
from tests.hostile.campaign import MARK, Part, Trial, left_running

LIMIT_S = 240.0
"""For one command on a machine that others use as well; the longest waits ten seconds for a scenario that hangs."""
STATUSES = {0, 1, 2, 3}

ADAPTER = '''"""An adapter that answers names by heart."""

import string

from crossloop.api import AdapterAbout, Facts, NameResolution, UnsupportedError
from crossloop.api.facts import gil_enabled, holds_io_uring, module_file

ABOUT = AdapterAbout({about})
FACTS = {{
    "binding": "b", "binding_version": "1", "library": "none", "library_version": "", "mechanism": "none",
    "io_uring": holds_io_uring(), "gil": gil_enabled(), "loaded_from": module_file(string),
}}


class Adapter(NameResolution):
    """Nothing waits in it."""

    def facts(self):
        return Facts(**FACTS)

    def close(self):
        pass

    def resolve(self, style, server, names, in_flight):
        return {{}}


{tail}
'''
KNOWN_LIMITS = '''"""What the good adapter is known not to do."""

LINK = "https://example.org/by-heart"
EXPECTATIONS = (Expectation("trial-*", "names-*", ALWAYS, "it knows no names", LINK),)
'''
STREAM_ADAPTER = '''"""asyncio, on a selector."""

import asyncio

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="trial", library="none", binding="b", summary="Serves.")


class Adapter(StandardLoop):
    styles = {{**StandardLoop.styles, "StreamServer": ("protocol",)}}

    def __init__(self):
        super().__init__(asyncio.SelectorEventLoop())


{tail}
'''
SCENARIO = '''"""A workload that counts."""

from array import array
from crossloop.api import ScenarioAbout, UnsupportedError, Workload

ABOUT = ScenarioAbout({about})


class Scenario(Workload):
    """Nothing waits in it."""

    def prepare(self):
        pass

    def run(self):
        for _ in range(10000):
            pass
        return 10000

    def verify(self):
        pass

    def close(self):
        pass


{tail}
'''
ADAPTER_ABOUT = {
    "family": "'trial'", "library": "'none'", "binding": "'b'", "summary": "'It answers.'", "requires": "()",
    "mechanism": "''", "recipe": "''", "platforms": "('linux', 'darwin', 'win32')", "elsewhere": "''", "homepage": "''",
}  # fmt: skip
SCENARIO_ABOUT = {
    "levels": "('NameResolution',)", "drive": "'work'", "transport": "'tcp'", "title": "'Counting'",
    "question": "'How fast?'", "unit": "'step'", "sets": "(('smoke', {'steps': 1}),)", "limits": "{}", "requires": "()",
    "companion": "False", "serves": "''", "server_parameters": "()", "primary_styles_only_beyond": "None",
    "ladder": "''", "objective_p99_ms": "0",
}  # fmt: skip

VALUES = {
    "none": "None", "true": "True", "zero": "0", "negative": "-1", "int": "3", "float": "1.5", "tiny": "5e-324",
    "infinite": "1e999", "nan": "float('nan')", "huge": "10**30", "digits": "10**5000", "empty": "''",
    "text": "'odd'", "long": "'x' * 5000", "spaced": "'my | style'", "control": "'a\\x1b[2J\\nb'",
    "surrogate": "'caf\\udce9'", "bytes": "b'odd'", "no-items": "[]", "numbers": "[1, 2]", "twice": "('a', 'a')",
    "pair": "(1, 'why')", "no-keys": "{}", "odd-keys": "{'a b': 1, 3: 4}", "nested": "[[[[[['x']]]]]]",
    "deep": "__import__('functools').reduce(lambda inner, _: [inner], range(3000), [])",
    "object": "object()", "many": "['s%d' % number for number in range(5000)]",
}  # fmt: skip
"""Name → an expression; what is declared must be a literal, and is refused where it is none."""
RAISED = {
    "exit": "raise SystemExit(0)", "exit-words": "raise SystemExit('bye')", "interrupt": "raise KeyboardInterrupt",
    "base": "raise BaseException('odd')", "generator-exit": "raise GeneratorExit",
    "unsupported": "raise UnsupportedError('a\\x1b[2Jb')", "import": "raise ImportError('caf\\udce9')",
    "long": "raise RuntimeError('x' * 10**7)", "surrogate": "raise RuntimeError('caf\\udce9')",
    "unspeakable": "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "no-words": "raise type('Odd', (Exception,), {'__str__': lambda self: None})()",
    "gone": "__import__('os')._exit(3)", "killed": "__import__('os').abort()",
    "floods": "__import__('os').write(2, b'x' * (9 << 20))",
    "prints": "print('{\"ready\": true}')",
}  # fmt: skip
"""Name → a statement that ends a function in an odd way."""


@dataclass(frozen=True)
class Odd:
    """One odd suite: its files by name, and the scenarios that are run."""

    name: str
    files: Mapping[str, str]
    scenarios: str = "trial"
    checked: bool = True
    """Whether `check` runs as well: of a server it takes a quarter of a minute."""
    listed: bool = True
    """Whether `list` runs as well: it imports no scenario, and every adapter there is."""


def _about(fields: Mapping[str, str], **changed: str) -> Mapping[str, str]:
    return {**fields, **changed}


def _arguments(about: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in about.items())


def adapter(about: Mapping[str, str] = ADAPTER_ABOUT, tail: str = "") -> str:
    """Source of an adapter; *about* holds expressions, *tail* is what makes it odd."""
    return ADAPTER.format(about=_arguments(about), tail=tail)


def scenario(about: Mapping[str, str] = SCENARIO_ABOUT, tail: str = "") -> str:
    """Source of a scenario, likewise."""
    return SCENARIO.format(about=_arguments(about), tail=tail)


def _odd_adapter(name: str, text: str) -> Odd:
    return Odd(name, {"adapters/trial_odd.py": text})


def _odd_scenario(name: str, text: str, *, listed: bool = False) -> Odd:
    return Odd(name, {"scenarios/trial_odd.py": text}, checked=False, listed=listed)


def _literal(expression: str) -> str:
    """*expression* as a literal, where its value can be written as one."""
    try:
        text = repr(eval(expression))
        ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return expression
    return text


def _declared() -> Iterator[Odd]:
    literals = {name: _literal(value) for name, value in VALUES.items()}
    for field, (name, value) in itertools.product(ADAPTER_ABOUT, literals.items()):
        yield _odd_adapter(f"adapter-{field}-{name}", adapter(_about(ADAPTER_ABOUT, **{field: value})))
        wrapped = _about(ADAPTER_ABOUT, **{field: f"({value},)"})
        yield _odd_adapter(f"adapter-{field}-in-a-tuple-{name}", adapter(wrapped))
    for field, (name, value) in itertools.product(SCENARIO_ABOUT, literals.items()):
        yield _odd_scenario(
            f"scenario-{field}-{name}", scenario(_about(SCENARIO_ABOUT, **{field: value})), listed=True
        )
    for name, value in literals.items():
        for field, text in {
            "levels": f"({value},)", "requires": f"({value},)", "limits": f"{{'steps': {value}}}",
            "sets": f"(('smoke', {value}),)", "server_parameters": f"({value},)",
        }.items():  # fmt: skip
            about = _about(SCENARIO_ABOUT, **{field: text})
            yield _odd_scenario(f"scenario-{field}-of-{name}", scenario(about), listed=True)
        for key, text in {"value": f"{{'steps': {value}}}", "name": f"{{{value}: 1}}"}.items():
            about = _about(SCENARIO_ABOUT, sets=f"(('smoke', {text}),)")
            yield _odd_scenario(f"scenario-parameter-{key}-{name}", scenario(about), listed=True)
        sets = f"(('smoke', {{'connections': {value}, 'size': 64}}),)"
        served = _about(SCENARIO_ABOUT, levels="('StreamServer',)", drive="'exchange'", sets=sets)
        yield _odd_scenario(f"scenario-connections-{name}", scenario(served))
        climbs = _about(SCENARIO_ABOUT, ladder="'steps'", sets=f"(('smoke', {{'steps': {value}}}),)")
        yield _odd_scenario(f"scenario-rung-{name}", scenario(climbs))


def _answered() -> Iterator[Odd]:
    facts = (
        "binding",
        "binding_version",
        "library",
        "library_version",
        "mechanism",
        "io_uring",
        "gil",
        "loaded_from",
    )
    for name, value in VALUES.items():
        for field in facts:
            yield _odd_adapter(f"fact-{field}-{name}", adapter(tail=f"FACTS[{field!r}] = {value}"))
        for member, text in {
            "facts": f"Adapter.facts = lambda self: {value}",
            "adapter-styles": f"Adapter.styles = {value}",
            "resolver-styles": f"Adapter.styles = {{'NameResolution': {value}}}",
            "resolver-styles-of": f"Adapter.styles = {{'NameResolution': ({value},)}}",
            "lacks": f"Adapter.lacks = {value}",
            "lacks-of": f"Adapter.lacks = {{'Tasks': {value}}}",
            "entered-once": f"Adapter.entered_once = {{'NameResolution': {value}}}",
            "class": f"Adapter = {value}",
        }.items():
            yield _odd_adapter(f"{member}-{name}", adapter(tail=text))
        for member, text in {
            "stream-styles": f"Adapter.styles = {{'StreamServer': {value}}}",
            "stream-styles-of": f"Adapter.styles = {{'StreamServer': ('protocol', {value})}}",
            "most-connections": f"Adapter.most_connections = lambda self: {value}",
            "most-connections-number": f"Adapter.most_connections = lambda self: ({value}, 'why')",
            "most-connections-reason": f"Adapter.most_connections = lambda self: (1, {value})",
        }.items():
            files = {"adapters/trial_odd.py": STREAM_ADAPTER.format(tail=text)}
            yield Odd(f"{member}-{name}", files, scenarios="trial,tcp-echo", checked=False, listed=False)
        for member, text in {
            "scenario": f"Scenario = {value}",
            "styles": f"Scenario.styles = classmethod(lambda kind, adapter: {value})",
            "styles-of": f"Scenario.styles = classmethod(lambda kind, adapter: ({value},))",
            "operations": f"Scenario.run = lambda self: {value}",
            "counters": f"Scenario.verify = lambda self: setattr(self, 'counters', {value})",
            "counter": f"Scenario.verify = lambda self: self.counters.update(late={value})",
            "counter-name": f"Scenario.verify = lambda self: self.counters.update({{{value}: 1}})",
            "samples": f"Scenario.verify = lambda self: setattr(self, 'samples_ns', {value})",
            "sample": f"Scenario.verify = lambda self: self.samples_ns.append({value})",
        }.items():
            yield _odd_scenario(f"{member}-{name}", scenario(tail=text))
        about = _about(SCENARIO_ABOUT, companion="True")
        for member, text in {"host": f"{value}, 1", "port": f"'127.0.0.1', {value}"}.items():
            tail = f"def companion(ready, stop):\n    ready({text})"
            yield _odd_scenario(f"companion-{member}-{name}", scenario(about, tail))


def _raised() -> Iterator[Odd]:
    for name, statement in RAISED.items():
        odd = f"def odd(*_):\n    {statement}\n\n\n"
        yield _odd_adapter(f"adapter-import-{name}", adapter(tail=statement))
        for member in ("__init__", "facts", "close"):
            yield _odd_adapter(f"adapter-{member}-{name}", adapter(tail=f"{odd}Adapter.{member} = odd"))
        for member in ("serve_streams", "most_connections"):
            text = STREAM_ADAPTER.format(tail=f"{odd}Adapter.{member} = odd")
            files = {"adapters/trial_odd.py": text}
            yield Odd(
                f"adapter-{member}-{name}", files, scenarios="trial,tcp-echo", checked=False, listed=False
            )
        yield _odd_scenario(f"scenario-import-{name}", scenario(tail=statement))
        for member in ("__init__", "prepare", "run", "verify", "close"):
            yield _odd_scenario(f"scenario-{member}-{name}", scenario(tail=f"{odd}Scenario.{member} = odd"))
        yield _odd_scenario(
            f"scenario-styles-{name}", scenario(tail=f"{odd}Scenario.styles = classmethod(odd)")
        )
        about = _about(SCENARIO_ABOUT, companion="True")
        yield _odd_scenario(f"companion-{name}", scenario(about, f"{odd}companion = odd"))


def _named() -> Iterator[Odd]:
    names = {
        "long": "x" * 100, "longest-that-is": "x" * 40, "accent": "größe", "space": "a b", "bar": "a|b", "dot": "a.b",
        "newline": "a\nb", "escape": "a\x1b[2J", "latin-1": "caf\udce9", "keyword": "import", "dash": "a-b",
        "empty": "",
    }  # fmt: skip
    for name, stem in names.items():
        yield Odd(f"adapter-named-{name}", {f"adapters/trial_{stem}.py": adapter()})
        yield Odd(f"scenario-named-{name}", {f"scenarios/trial_{stem}.py": scenario()}, checked=False)
    for name, text in {"hangs": "__import__('time').sleep(3600)", "no-module": "import nosuchmodule"}.items():
        yield _odd_scenario(f"scenario-import-{name}", scenario(tail=text))


def all_odd() -> list[Odd]:
    """Every odd suite there is, by a table of fields × values."""
    return [*_declared(), *_answered(), *_raised(), *_named()]


def trials(chance: random.Random, count: int) -> Iterator[Trial]:
    """*count* of them, drawn without one twice."""
    odd = all_odd()
    for drawn in chance.sample(odd, min(count, len(odd))):
        yield Trial(drawn.name, functools.partial(run_odd, drawn))


PART = Part(
    "declarations",
    "an odd adapter or scenario beside good ones, through `list`, `bench` and `check`",
    200,
    trials,
)


def run_odd(odd: Odd, folder: Path) -> list[str]:
    """Write the suite and run the commands over it; what went wrong, in words."""
    files = {
        "adapters/trial_good.py": adapter(),
        "adapters/_expectations.py": KNOWN_LIMITS,
        "scenarios/trial_good.py": scenario(),
        **odd.files,
    }
    for name, text in files.items():
        file = folder / "suite" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.write_text(text, "utf-8", "surrogatepass")
        except OSError:  # no file of this name can be made here
            return []
    mark = uuid.uuid4().hex
    return [
        *(_list(folder, mark) if odd.listed else ()),
        *_bench(odd, folder, mark),
        *(_check(folder, mark) if odd.checked else ()),
        *left_running(mark),
    ]


def _crossloop(
    folder: Path, mark: str, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    command = [sys.executable, "-m", "crossloop", "--suite", str(folder / "suite"), *arguments]
    environment = {**os.environ, MARK: mark}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
        check=False,
        env=environment,
    )
    faults = []
    if "Traceback" in done.stderr:
        faults.append(f"{arguments[0]}: {done.stderr[-1500:]}")
    if done.returncode not in STATUSES:
        faults.append(f"{arguments[0]}: status {done.returncode}: {done.stderr[-500:]}")
    if "\x1b[2J" in done.stdout + done.stderr:
        faults.append(f"{arguments[0]}: an escape sequence of the suite reached the terminal")
    return done, faults


def _list(folder: Path, mark: str) -> Iterator[str]:
    done, faults = _crossloop(folder, mark, "list", "--json")
    yield from faults
    if done.returncode:
        yield f"list: status {done.returncode}: {done.stderr[-500:]}"
        return
    adapters = {adapter["id"]: adapter for adapter in json.loads(done.stdout)["adapters"]}
    if not adapters["trial-good"]["usable"]:
        yield f"list: the good adapter is not usable: {adapters['trial-good']['reason']}"
    for id_, adapter in adapters.items():
        if id_.startswith("trial") and not adapter["usable"] and not adapter["reason"]:
            yield f"list: {id_} is not usable, and no reason is given"


def _bench(odd: Odd, folder: Path, mark: str) -> Iterator[str]:
    out = folder / "out"
    done, faults = _crossloop(
        folder, mark, "bench", "--profile", "smoke", "--adapters", "trial", "--scenarios", odd.scenarios,
        "--no-evidence", "--no-references", "--limit", "5", "--out", str(out),
    )  # fmt: skip
    yield from faults
    if done.returncode:
        yield f"bench: status {done.returncode}: {done.stderr[-500:]}"
    try:
        records = read_journal(out / "run.jsonl")
    except JournalError as error:
        yield f"bench: {error}"
        return
    cells = [record for record in records if isinstance(record, CellRecord)]
    good = [cell for cell in cells if (cell.adapter, cell.scenario) == ("trial-good", "trial-good")]
    if not good or any(cell.outcome != "measured" for cell in good):
        yield f"bench: the good adapter has no figures in the good scenario: {good}"
    for cell in cells:
        if cell.outcome != "measured" and not cell.reason:
            yield f"bench: {cell.adapter} in {cell.scenario} is {cell.outcome}, and no reason is given"
    seen = {record.adapter for record in records if isinstance(record, AdapterRecord)} | {
        cell.scenario for cell in cells
    }
    if (
        "trial-odd" not in seen
        and any("trial_odd" in name for name in odd.files)
        and "trial_odd.py" not in done.stderr
    ):
        yield f"bench: the odd file is neither in the journal nor named: {done.stderr[-500:]}"
    if not any(isinstance(record, EndRecord) for record in records) or not (out / "README.md").is_file():
        yield "bench: the journal has no end, or no page was rendered"


def _check(folder: Path, mark: str) -> Iterator[str]:
    out = folder / "checks"
    done, faults = _crossloop(folder, mark, "check", "--adapters", "trial", "--out", str(out))
    yield from faults
    try:
        records = read_journal(out / "checks.jsonl")
    except JournalError as error:
        yield f"check: {error}"
        return
    good = [
        record for record in records if isinstance(record, CheckRecord) and record.adapter == "trial-good"
    ]
    if not good or not all(record.as_expected for record in good):
        yield f"check: the good adapter did not pass: {good}, status {done.returncode}"
