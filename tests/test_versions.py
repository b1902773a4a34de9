"""What is installed of what was declared: versions, and one outside of the declared range is said in words."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.installing.versions import installed_versions, outside_range
from crossloop.supervise.probe import versions_of
from tests.own_suite import SUITE


def distribution(folder: Path, name: str, version: str, *requires: str) -> Path:
    """A folder in which a distribution is installed, as far as its metadata go."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (info / "METADATA").write_text(
        "\n".join([*lines, *(f"Requires-Dist: {requirement}" for requirement in requires), ""])
    )
    return folder


def test_what_came_with_a_distribution_is_listed_too(tmp_path: Path) -> None:
    distribution(
        tmp_path, "first", "1.2", "second>=1", 'absent; sys_platform == "never"', "extra; extra == 'x'"
    )
    distribution(tmp_path, "second", "3.4")
    assert installed_versions(["first>=1", "missing"], [tmp_path]) == {"first": "1.2", "second": "3.4"}


def test_a_version_outside_of_the_range_is_named(tmp_path: Path) -> None:
    distribution(tmp_path, "uvloop", "0.17.0")
    assert outside_range(["uvloop>=0.21"], [tmp_path]) == [
        "uvloop 0.17.0 is installed, and the declaration asks for uvloop>=0.21"
    ]
    assert outside_range(["uvloop>=0.17"], [tmp_path]) == []
    assert outside_range(['uvloop>=9; sys_platform == "never"'], [tmp_path]) == []


def test_a_build_comes_before_what_is_installed(tmp_path: Path) -> None:
    distribution(tmp_path, "psutil", "0.0.1")
    assert installed_versions(["psutil"], [tmp_path]) == {"psutil": "0.0.1"}
    assert installed_versions(["psutil"])["psutil"] != "0.0.1"


def test_a_scenario_says_what_it_is_linked_with() -> None:
    pytest.importorskip("pycares")
    versions = versions_of(SUITE, SUITE.scenarios["dns"])
    assert set(versions) == {"pycares", "c-ares"}
    assert all(version[0].isdigit() for version in versions.values())
    assert versions_of(SUITE, SUITE.scenarios["tcp-echo"]) == {}


def test_list_and_check_say_it(tmp_path: Path) -> None:
    """A suite whose adapter asks for a psutil that is not there yet."""
    suite = tmp_path / "suite" / "adapters"
    suite.mkdir(parents=True)
    (suite / "late.py").write_text(
        '"""An adapter that asks for a version of the future."""\n'
        "from crossloop.api import AdapterAbout\n"
        "from crossloop.idioms.asyncio_ import StandardLoop\n"
        "import asyncio\n"
        'ABOUT = AdapterAbout(family="x", library="none", binding="psutil", summary="x", requires=("psutil>=9999",))\n'
        "class Adapter(StandardLoop):\n"
        "    def __init__(self) -> None:\n"
        '        raise TypeError("an old one")\n'
    )
    line = [sys.executable, "-m", "crossloop", "--suite", str(suite.parent), "check", "--adapters", "late"]
    done = subprocess.run(
        [*line, "--only", "contract", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "crossloop: late: psutil" in done.stderr
    assert "is installed, and the declaration asks for psutil>=9999" in done.stderr
    records = [json.loads(line) for line in (tmp_path / "checks.jsonl").read_text().splitlines()]
    (opens,) = [record for record in records if record["kind"] == "check"]
    assert opens["outcome"] == "failed"
    assert "an old one" in opens["reason"]
    assert "psutil>=9999" in opens["reason"]
