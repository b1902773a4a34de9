"""Setup against real pip in environments of its own: offline from a folder of packages made here, and,
marked `network`, the recipes for pyev and libevent as a user runs them."""

import importlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crossloop.installing.recipes.libevent_library import fetch_from_archive, first_loadable
from crossloop.installing.recipes.pyev_source import compiler_missing
from crossloop.installing.record import RecordError, SetupRecord, recorded_setup
from crossloop.installing.results import (
    AlreadyThere,
    Built,
    InstallFailed,
    InstallResult,
    NotForThisPlatform,
    StandardLibrary,
    SystemPackage,
    Wheel,
    combined,
)

DRIVER = """\
import dataclasses, json, sys
from crossloop.api.about import AdapterAbout, ScenarioAbout
from crossloop.installing import RecordError, bring_all, recorded_setup

adapters = [
    (id_, AdapterAbout(family="f", library="none", binding="b", summary="", **fields))
    for id_, fields in json.load(sys.stdin)
]
scenarios = [
    (id_, ScenarioAbout(
        levels=("HttpServer",), drive="exchange", title="", question="", unit="", sets=(), **fields
    ))
    for id_, fields in json.loads(sys.argv[1])
]
steps = []
try:
    brought = [
        {"id": one.id, "outcome": one.result.name, "text": str(one.result),
         **dataclasses.asdict(one.result)}
        for one in bring_all(adapters, scenarios, progress=lambda id_, what: steps.append([id_, what]))
    ]
except RecordError as error:
    print(json.dumps({"refused": str(error)}))
else:
    print(json.dumps({"brought": brought, "steps": steps, "recorded": dict(recorded_setup())}))
"""

BACKEND = """\
import pathlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    {first}
    name = "{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.writestr("{module}.py", "")
        info = "{module}-1.0.dist-info"
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: {project}\\nVersion: 1.0\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return name
"""


class Environment:
    """A virtual environment that sees crossloop and what it needs, and installs into itself alone."""

    def __init__(self, folder: Path, packages: Path, *, with_pip: bool):
        venv.create(folder, with_pip=with_pip, symlinks=os.name != "nt")
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.record = folder / "lib" / "crossloop" / "setup.json"
        self._packages = packages
        purelib = self.ask("import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        Path(purelib, "borrowed.pth").write_text(f"{packages / 'borrowed'}\n")

    def ask(self, code: str, text: str = "", *arguments: str, offline: bool = True, **variables: str) -> str:
        """Standard output of *code*, run in the environment."""
        environment = {**os.environ, **variables}
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            if name not in variables:
                environment.pop(name, None)
        if offline:
            environment |= {
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self._packages),
                "PIP_CONFIG_FILE": os.devnull,
            }
        run = subprocess.run(
            [str(self.python), "-c", code, *arguments],
            input=text,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def bring(
        self,
        *adapters: tuple[str, dict[str, Any]],
        scenarios: Sequence[tuple[str, dict[str, Any]]] = (),
        **options: Any,
    ) -> dict[str, Any]:
        """What `bring_all` does with *adapters*, and *scenarios* before them, there."""
        said = self.ask(DRIVER, json.dumps(adapters), json.dumps(scenarios), **options)
        answer: dict[str, Any] = json.loads(said)
        return answer


def source_package(folder: Path, project: str, first: str) -> None:
    """An sdist whose build backend lies in it, so that building needs no network; *first* runs first."""
    module = project.replace("-", "_")
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.format(module=module, project=project, first=first),
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n",
    }
    with tarfile.open(folder / f"{module}-1.0.tar.gz", "w:gz") as sdist:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{module}-1.0/{name}")
            member.size = len(text)
            sdist.addfile(member, io.BytesIO(text.encode()))


def wheel_package(folder: Path, project: str) -> None:
    """A wheel made by the same backend, here."""
    module = project.replace("-", "_")
    scope: dict[str, Any] = {}
    exec(BACKEND.format(module=module, project=project, first="pass"), scope)
    assert zipfile.is_zipfile(folder / scope["build_wheel"](folder))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    wheel_package(folder, "clx-wheel")
    source_package(folder, "clx-source", "pass")
    # Copies, not the folder that they stand in: what else is installed there must not seem to be here.
    for name in ("crossloop", "msgspec", "packaging", "psutil"):
        origin = Path(str(importlib.import_module(name).__file__)).parent
        shutil.copytree(
            origin, folder / "borrowed" / name, ignore=shutil.ignore_patterns("__pycache__", "tests")
        )
    source_package(folder, "clx-rust", 'raise SystemExit("error: can\'t find Rust compiler")')
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"), packages, with_pip=True)


def test_each_is_brought_by_itself_and_recorded(environment: Environment) -> None:
    answer = environment.bring(
        ("inbuilt", {}),
        ("wheel", {"requires": ["clx-wheel>=1"]}),
        ("rust", {"requires": ["clx-rust"]}),
        ("source", {"requires": ["clx-source"]}),
        ("both", {"requires": ["clx-wheel>=1", "clx-source"]}),
        ("absent", {"requires": ["clx-no-such"]}),
        (
            "elsewhere",
            {"requires": ["clx-wheel"], "platforms": ["plan9"], "elsewhere": "use clx-source here"},
        ),
        ("marked", {"requires": ["clx-wheel; python_version < '3'"]}),
        ("garbled", {"requires": ["clx wheel!"]}),
        ("unknown", {"recipe": "clx-recipe"}),
    )
    assert [(brought["id"], brought["outcome"]) for brought in answer["brought"]] == [
        ("inbuilt", "standard-library"),
        ("wheel", "wheel"),
        ("rust", "failed"),
        ("source", "built"),
        ("both", "built"),
        ("absent", "failed"),
        ("elsewhere", "not-for-this-platform"),
        ("marked", "not-for-this-platform"),
        ("garbled", "failed"),
        ("unknown", "failed"),
    ]
    by_id = {brought["id"]: brought for brought in answer["brought"]}
    assert by_id["both"]["detail"] == "clx-wheel 1.0, clx-source 1.0"
    assert by_id["rust"]["why"] == "error: can't find Rust compiler"
    assert "install Rust" in by_id["rust"]["remedy"]
    assert "No matching distribution found for clx-no-such" in by_id["absent"]["why"]
    assert by_id["elsewhere"]["reason"] == "use clx-source here"
    assert by_id["unknown"]["why"] == "recipe 'clx-recipe' is unknown"
    # Shared requirements are installed once.
    assert [what for _id, what in answer["steps"]] == [
        "pip install clx-wheel>=1",
        "pip install clx-rust",
        "pip install clx-source",
        "pip install clx-no-such",
    ]
    assert answer["recorded"] == {brought["id"]: brought["text"] for brought in answer["brought"]}
    assert answer["recorded"]["wheel"] == "wheel"
    assert answer["recorded"]["source"].startswith("built from source in ")

    again = environment.bring(
        ("source", {"requires": ["clx-source"]}), ("wheel", {"requires": ["clx-wheel"]})
    )
    assert [brought["text"] for brought in again["brought"]] == [
        "already there (clx-source 1.0)",
        "already there (clx-wheel 1.0)",
    ]
    assert again["steps"] == []
    assert again["recorded"] == answer["recorded"], "how it came once says more than that it is here"


def test_what_a_style_needs_is_brought_by_itself(environment: Environment) -> None:
    styles = {"rusty": ["clx-rust"], "clx.web": ["clx-wheel>=1"], "both": ["clx-no-such", "clx-wheel>=1"]}
    web = ("web", {"requires": ["clx-wheel"], "style_requires": styles})
    answer = environment.bring(("inbuilt", {}), scenarios=[web, ("bare", {})])
    assert {brought["id"]: brought["outcome"] for brought in answer["brought"]} == {
        "web": "already-there", "web@rusty": "failed", "web@clx.web": "already-there",
        "web@both": "failed", "inbuilt": "standard-library",
    }  # fmt: skip
    assert "web@rusty" in answer["recorded"]


def test_pip_is_brought_where_it_is_missing(tmp_path: Path, packages: Path) -> None:
    environment = Environment(tmp_path / "bare", packages, with_pip=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ensurepip.py").write_text("raise ImportError('taken out by the distribution')")
    (tmp_path / "broken" / "pip.py").write_text("raise ImportError('no pip')")
    wanted = ("wheel", {"requires": ["clx-wheel"]})

    without = environment.bring(wanted, ("inbuilt", {}), PYTHONPATH=str(tmp_path / "broken"))
    assert [brought["outcome"] for brought in without["brought"]] == ["failed", "standard-library"]
    assert "no pip" in without["brought"][0]["why"]
    assert "python3-venv" in without["brought"][0]["remedy"]

    assert [brought["outcome"] for brought in environment.bring(wanted)["brought"]] == ["wheel"]


def test_an_environment_that_cannot_be_written_is_refused_first(tmp_path: Path, packages: Path) -> None:
    environment = Environment(tmp_path / "closed", packages, with_pip=False)
    environment.record.parent.parent.mkdir(exist_ok=True)
    environment.record.parent.write_text("a file where the folder should be")
    answer = environment.bring(("inbuilt", {}))
    assert "setup.json" in answer["refused"]
    assert "venv" in answer["refused"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema": 2, "python": "3.11.0", "things": {}}',
        '{"schema": 1, "python": "2.7.18", "things": {"a": {"outcome": "wheel", "text": "wheel"}}}',
        '{"schema": 1, "python": "HERE", "things": {"a": {"outcome": "magic", "text": "?"}}}',
    ],
    ids=["empty", "list", "torn", "schema", "other-python", "outcome"],
)
def test_a_record_that_does_not_fit_counts_as_none(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert recorded_setup() == {}
    path = tmp_path / "lib" / "crossloop" / "setup.json"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("HERE", platform.python_version()))
    assert recorded_setup() == {}
    SetupRecord().keep("uvloop", Wheel("uvloop 0.23.0", 1.0))
    assert recorded_setup() == {"uvloop": "wheel"}


def test_a_record_keeps_the_origin_until_the_version_changes(tmp_path: Path) -> None:
    path = tmp_path / "setup.json"

    def texts() -> list[str]:
        return [thing["text"] for thing in json.loads(path.read_text())["things"].values()]

    SetupRecord(path).keep("x", Built("x 1.0", 14.2))
    SetupRecord(path).keep("x", AlreadyThere("x 1.0"))
    assert texts() == ["built from source in 14 s"]
    SetupRecord(path).keep("x", AlreadyThere("x 1.1"))
    assert texts() == ["already there (x 1.1)"]
    (tmp_path / "folder").write_text("")
    with pytest.raises(RecordError, match="use one that you own"):
        SetupRecord(tmp_path / "folder" / "setup.json").write()


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([], "standard library"),
        ([AlreadyThere("a 1"), AlreadyThere("b 2")], "already there (a 1, b 2)"),
        ([AlreadyThere("a 1"), Wheel("b 2", 1)], "wheel"),
        ([Wheel("a 1", 1), Built("b 2", 3.4), Built("c 3", 5)], "built from source in 8 s"),
        ([Wheel("a 1", 1), SystemPackage("lib 2", 3)], "fetched from the system's archive (a 1, lib 2)"),
        (
            [Built("a 1", 9), InstallFailed("no", "yes"), StandardLibrary()],
            "failed: no; what would help: yes",
        ),
        ([NotForThisPlatform("use b")], "not for this platform: use b"),
    ],
)
def test_results_combine_to_what_cost_most(results: list[InstallResult], text: str) -> None:
    assert str(combined(results)) == text


def test_no_compiler_says_what_would_help(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-cc")
    missing = compiler_missing()
    assert missing is not None
    assert missing.why == "no C compiler"
    assert ("xcode-select" if sys.platform == "darwin" else "build-essential") in missing.remedy


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="pyev has no build for Windows")
@pytest.mark.skipif(compiler_missing() is not None, reason="no C compiler here; the recipe says so")
def test_pyev_is_built_from_its_sdist(environment: Environment) -> None:
    answer = environment.bring(("pyev", {"recipe": "pyev"}), offline=False)
    assert answer["brought"][0]["outcome"] == "built", answer
    assert answer["brought"][0]["detail"] == "pyev 0.9.5 libev 4.04"
    code = (
        "import pyev; loop = pyev.Loop(); timer = loop.timer(0.01, 0.0, lambda *_: print('fired'))\n"
        "timer.start(); loop.start()"
    )
    assert environment.ask(code) == "fired\n"
    assert str(environment.folder) in environment.ask("import pyev; print(pyev.__file__)")


@pytest.mark.network
@pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="no apt-get: the recipe names the command instead"
)
def test_libevent_comes_without_touching_the_system(tmp_path: Path) -> None:
    assert fetch_from_archive(tmp_path / "libevent") is None
    files = sorted(path.name for path in (tmp_path / "libevent").iterdir())
    names = ["libevent_core-2.1.so.7", "libevent_extra-2.1.so.7"]
    assert files == [*(f"copyright-{name}" for name in names), *names]
    library = first_loadable([str(tmp_path / "nothing.so"), str(tmp_path / "libevent" / names[0])])
    assert library is not None
    assert library.version.startswith("2.1.")
