"""Odd adapters and scenarios beside good ones, in one run: each costs its own rows, and is named with the value."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.journal import CellRecord, EndRecord, read_journal
from tests.hostile.campaign import run_part
from tests.hostile.declarations import (
    ADAPTER_ABOUT,
    KNOWN_LIMITS,
    PART,
    SCENARIO_ABOUT,
    adapter,
    all_odd,
    run_odd,
    scenario,
)

LIMIT_S = 240.0


def raising(target: str, statement: str) -> str:
    return f"def odd(*_):\n    {statement}\n\n\n{target} = odd"


ADAPTERS = {
    "bar": (
        "Adapter.styles = {'NameResolution': ('my | style',)}",
        "levels['NameResolution'] = ['my | style']",
    ),
    "number": (
        "Adapter.styles = {'NameResolution': ('a', 3)}",
        "levels['NameResolution'] = ['a', 3]: expected `str`",
    ),
    "twice": (
        "Adapter.styles = {'NameResolution': ('a', 'a')}",
        "expected each style once, 'a' is there twice",
    ),
    "no-styles": ("Adapter.styles = {'NameResolution': None}", "answered levels['NameResolution'] = None"),
    "no-levels": ("Adapter.styles = None", "AttributeError"),
    "float": ("FACTS['mechanism'] = 1.5", "answered facts.mechanism = 1.5: expected `str`, got `float`"),
    "long": ("FACTS['binding'] = 'x' * 5000", "answered facts.binding = 'xxx"),
    "bytes": ("FACTS['library'] = b'odd'", "answered facts.library = b'odd'"),
    "no-facts": ("Adapter.facts = lambda self: None", "facts() returned None, expected crossloop.api.Facts"),
    "exits": (raising("Adapter.facts", "raise SystemExit(3)"), "SystemExit: 3"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "latin": (raising("Adapter.facts", r"raise RuntimeError('caf\udce9')"), r"RuntimeError: caf\udce9"),
    "speechless": (
        raising("Adapter.close", "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()"),
        "Odd: its message cannot be had: ZeroDivisionError",
    ),
}
"""Id without `trial-` → what makes it odd, and the reason of its row, which is failed."""
SCENARIOS = {
    "exits": ("raise SystemExit(0)", "failed", "SystemExit: 0"),
    "dies": (
        "__import__('os')._exit(3)", "crashed",
        "scenarios/trial_dies.py, when it was imported and asked for its rows: exited with status 3",
    ),
    "floods": (
        "__import__('os').write(2, b'x' * (9 << 20))\n__import__('time').sleep(60)", "over-limit",
        "scenarios/trial_floods.py, when it was imported",
    ),
    "no-class": ("Scenario = None", "failed", "TypeError: issubclass()"),
    "bar": ("Scenario.styles = classmethod(lambda *_: ('a', 'b c'))", "failed", "answered styles[1] = 'b c'"),
    "fraction": ("Scenario.run = lambda self: 1.5", "failed", "run() returned 1.5, expected a number of operations"),
    "negative": ("Scenario.run = lambda self: -1", "failed", "run() returned -1, expected a number of operations"),
    "huge": ("Scenario.run = lambda self: 10**30", "failed", "answered operations = "),
    "nan": (
        "Scenario.verify = lambda self: self.counters.update(late=float('nan'))", "failed",
        "answered counters['late'] = nan",
    ),
    "named": (
        "Scenario.verify = lambda self: self.counters.update({'a b': 1})", "failed", "answered counters['a b'] = 1",
    ),
    "no-counters": (
        "Scenario.verify = lambda self: setattr(self, 'counters', None)", "failed",
        "counters is None, expected a dict of numbers",
    ),
    "leaves": (raising("Scenario.run", "raise SystemExit('bye')"), "failed", "SystemExit: bye"),
}  # fmt: skip
"""Likewise, with the outcome of its row."""
DECLARED = {
    "adapters/trial_odd.py": (adapter(ADAPTER_ABOUT | {"family": repr("x" * 41)}), "family is 'xxx"),
    "adapters/trial_title.py": (adapter(ADAPTER_ABOUT | {"summary": r"'caf\udce9'"}), r"summary is 'caf\udce9'"),
    f"adapters/trial_{'x' * 81}.py": (adapter(), "has 87 characters; expected at most 60"),
    "scenarios/trial_list.py": (
        scenario(SCENARIO_ABOUT | {"sets": "(('smoke', {'steps': [1]}),)"}), "'steps' is [1]",
    ),
    "scenarios/trial_none.py": (
        scenario(SCENARIO_ABOUT | {"sets": "(('smoke', {'steps': None}),)"}), "'steps' is None",
    ),
}  # fmt: skip
"""Files that are left out when they are read, and what is said of each."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    files = {
        "adapters/trial_good.py": adapter(),
        "adapters/_expectations.py": KNOWN_LIMITS,
        "scenarios/trial_good.py": scenario(),
    }
    for id_, (tail, _reason) in ADAPTERS.items():
        files[f"adapters/trial_{id_.replace('-', '_')}.py"] = adapter(tail=tail)
    for id_, (tail, _outcome, _reason) in SCENARIOS.items():
        files[f"scenarios/trial_{id_.replace('-', '_')}.py"] = scenario(tail=tail)
    for name, text in (files | {name: text for name, (text, _reason) in DECLARED.items()}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def crossloop(suite: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossloop", "--suite", str(suite), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture(scope="module")
def cells(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], CellRecord]:
    """The cells of one run over all of it."""
    out = tmp_path_factory.mktemp("run")
    done = crossloop(
        suite, "bench", "--profile", "smoke", "--adapters", "trial", "--scenarios", "trial", "--no-evidence",
        "--no-references", "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    records = read_journal(out / "run.jsonl")
    assert any(isinstance(record, EndRecord) for record in records)
    assert (out / "README.md").is_file()
    return {(record.adapter, record.scenario): record for record in records if isinstance(record, CellRecord)}


def test_the_good_ones_have_their_figures(cells: dict[tuple[str, str], CellRecord]) -> None:
    assert cells["trial-good", "trial-good"].outcome == "measured"


@pytest.mark.parametrize("id_", ADAPTERS)
def test_an_odd_adapter_is_a_failed_row(cells: dict[tuple[str, str], CellRecord], id_: str) -> None:
    cell = cells[f"trial-{id_}", "trial-good"]
    assert (cell.outcome, ADAPTERS[id_][1] in cell.reason) == ("failed", True), cell


@pytest.mark.parametrize("id_", SCENARIOS)
def test_an_odd_scenario_costs_only_itself(cells: dict[tuple[str, str], CellRecord], id_: str) -> None:
    cell = cells["trial-good", f"trial-{id_}"]
    _tail, outcome, reason = SCENARIOS[id_]
    assert (cell.outcome, reason in cell.reason) == (outcome, True), cell


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--json"), ("check", "--only", "contract", "--adapters", "trial-good"), ("setup", "trial-good"),
        ("bench", "--dry-run", "--adapters", "trial-good", "--scenarios", "trial-good"),
        ("serve", "trial-good", "trial-good"),
    ],
    ids=lambda arguments: str(arguments[0]),
)  # fmt: skip
def test_every_command_names_what_it_leaves_out_and_goes_on(suite: Path, arguments: tuple[str, ...]) -> None:
    done = crossloop(suite, *arguments)
    for name, (_text, reason) in DECLARED.items():
        assert any(
            line.startswith("crossloop: left out:") and name in line and reason in line
            for line in done.stderr.splitlines()
        ), done.stderr
    if arguments[0] == "serve":  # the good scenario is none that is served, which is said
        assert (done.returncode, "trial-good" in done.stderr.splitlines()[-1]) == (2, True)
    else:
        assert done.returncode == 0, done.stderr
    if arguments[0] == "list":
        usable = {adapter["id"]: adapter["usable"] for adapter in json.loads(done.stdout)["adapters"]}
        assert usable["trial-good"]
        assert not any(usable[f"trial-{id_}"] for id_ in ADAPTERS)


@pytest.mark.parametrize("name", ["most-connections-int", "adapter-serve_streams-exit"])
def test_an_odd_server_is_a_row(tmp_path: Path, name: str) -> None:
    (odd,) = (candidate for candidate in all_odd() if candidate.name == name)
    assert run_odd(odd, tmp_path) == []
    cells = [
        record for record in read_journal(tmp_path / "out" / "run.jsonl") if isinstance(record, CellRecord)
    ]
    reasons = [cell.reason for cell in cells if (cell.adapter, cell.scenario) == ("trial-odd", "tcp-echo")]
    assert reasons
    wanted = "answered most_connections = 3" if name.startswith("most") else "SystemExit: 0"
    assert all(wanted in reason for reason in reasons)


@pytest.mark.campaign
def test_a_few_trials_of_the_campaign(tmp_path: Path) -> None:
    assert run_part(PART, random.randrange(1000), 2, tmp_path).faults == []
