"""The wheel, installed away from the checkout: what it brings, what it finds, and a run from elsewhere."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from crossloop.installing.compiling import c_compiler
from crossloop.native import LOAD_ENGINE
from crossloop.references import REFERENCES

ROOT = Path(__file__).parents[1]
LIMIT_S = 240.0

pytestmark = pytest.mark.network  # the build backend comes from the package index

ABOUT = 'ABOUT = AdapterAbout(family="mine", library="none", binding="asyncio", summary="{}.")\n'
ADAPTER = (
    "import asyncio\n\nfrom crossloop.api import AdapterAbout\nfrom crossloop.idioms.asyncio_ import StandardLoop\n\n"
    + ABOUT
    + "\n\nclass Adapter(StandardLoop):\n    def __init__(self) -> None:\n"
    "        super().__init__(asyncio.new_event_loop())\n"
)


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, **options)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


class Installed:
    """An environment with the wheel; its dependencies are those of the environment that runs the tests."""

    def __init__(self, home: Path, gained: set[str]):
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.command = home / scripts / "crossloop"
        self.gained = gained

    def __call__(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return run(str(self.command), *arguments, cwd=cwd, env=environment)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    printed = run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    site = Path(printed.stdout.strip())
    before = {path.name for path in site.iterdir()}
    done = run(
        sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)
    )
    assert done.returncode == 0, done.stderr
    gained = {path.name for path in site.iterdir()} - before
    # A folder in a .pth file joins sys.path after site-packages, and its own .pth files (an editable
    # crossloop among them) are not read: what is imported as crossloop is the wheel.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(home, gained)


def test_the_wheel_holds_the_engine_and_the_suite_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"crossloop"}
    for kind in ("adapters", "scenarios"):
        wanted = {f"crossloop/_suite/{kind}/{path.name}" for path in (ROOT / kind).glob("*.py")}
        assert wanted <= set(names)
        assert f"crossloop/_suite/{kind}/__init__.py" not in names, "namespace packages, as in the checkout"
    assert "crossloop/py.typed" in names
    assert any(name.startswith("crossloop/report/templates/") for name in names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {f"crossloop/load/{name}" for name in LOAD_ENGINE.files} <= set(names)
    for reference in REFERENCES.values():
        assert {f"crossloop/references/{name}" for name in reference.part.files} <= set(names)
    assert not [name for name in names if name.endswith((".so", ".dylib", ".dll"))], (
        "the wheel is pure Python"
    )


def test_what_it_needs_has_a_wheel_for_the_newest_python_that_it_names(wheel: Path, tmp_path: Path) -> None:
    """On Windows, where hardly anybody has a compiler: a dependency without a wheel would keep crossloop out."""
    with zipfile.ZipFile(wheel) as content:
        name = next(name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        lines = content.read(name).decode().splitlines()
    needs = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    newest = max(
        (line.rpartition(" ")[2] for line in lines if line.startswith("Classifier: Programming Language")),
        key=lambda version: [int(part) for part in version.split(".")],
    )
    resolved = run(
        sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--target", str(tmp_path),
        "--only-binary=:all:", "--platform", "win_amd64", "--python-version", newest, "--ignore-requires-python",
        *(need for need in needs if "extra ==" not in need),
    )  # fmt: skip
    assert resolved.returncode == 0, resolved.stderr


def test_site_packages_gains_crossloop_alone(installed: Installed) -> None:
    assert {name.partition("-")[0] for name in installed.gained} == {"crossloop"}
    assert len(installed.gained) == 2, "the package and its metadata"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working folder that could lead an import astray."""
    for name in ("adapters", "scenarios", "crossloop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            "raise RuntimeError('the working folder was imported')\n"
        )
    return tmp_path


def test_it_lists_its_own_suite(installed: Installed, elsewhere: Path) -> None:
    done = installed("list", "--json", cwd=elsewhere)
    assert (done.returncode, done.stderr) == (0, "")
    where = run(
        str(installed.command.with_name("python")),
        "-c",
        "import crossloop; print(crossloop.__file__)",
        cwd="/",
    )
    assert Path(where.stdout).is_relative_to(installed.command.parents[1]), "the wheel and not the checkout"
    document = json.loads(done.stdout)
    ids = {path.stem.rstrip("_").replace("_", "-") for path in (ROOT / "adapters").glob("[!_]*.py")}
    assert {adapter["id"] for adapter in document["adapters"]} == ids
    asyncio = next(adapter for adapter in document["adapters"] if adapter["id"] == "asyncio")
    assert asyncio["usable"], asyncio["reason"]


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not published for Windows")
def test_it_knows_the_limits_of_its_adapters(installed: Installed, elsewhere: Path) -> None:
    done = installed("check", "--only", "contract", "--adapters", "uvloop", cwd=elsewhere)
    if done.returncode == 3:
        pytest.skip("uvloop is not installed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "readiness-stop-twice: failed, as expected" in done.stdout


def test_it_measures_and_reports(installed: Installed, elsewhere: Path) -> None:
    done = installed(
        "bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "tcp-echo,timers", "--out", "out",
        cwd=elsewhere,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"## How they do it" in (elsewhere / "out" / "scenarios" / "tcp-echo.md").read_bytes()
    page = (elsewhere / "out" / "README.md").read_bytes()
    again = installed("report", "out", "--out", "again", cwd=elsewhere)
    assert again.returncode == 0, again.stderr
    assert (elsewhere / "again" / "README.md").read_bytes() == page
    assert str(ROOT).encode() not in page


def _heads(folder: Path) -> dict[str, Any]:
    """The first record of a journal, and its warnings by name."""
    lines = [json.loads(line) for line in (folder / "run.jsonl").read_text("utf-8").splitlines()]
    return {
        "run": lines[0],
        **{record["name"]: record["cause"] for record in lines if record["kind"] == "warning"},
    }


@pytest.mark.skipif(sys.platform == "win32" or not c_compiler(), reason="needs a C compiler, not on Windows")
def test_it_builds_its_load_engine_and_says_which_one_a_run_had(
    installed: Installed, elsewhere: Path
) -> None:
    bench = ["bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "tcp-echo", "--out"]
    refused = installed(*bench, "refused", "--engine", "native", cwd=elsewhere)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert (
        "--engine native: load-engine is not built; `crossloop setup load-engine` makes it" in refused.stderr
    )
    assert installed(*bench, "without", cwd=elsewhere).returncode == 0
    heads = _heads(elsewhere / "without")
    assert heads["run"]["settings"]["load-engine"] == "python"
    assert "in Python: load-engine is not built; `crossloop setup" in heads["python-load"]
    done = installed("setup", "load-engine", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("load-engine: built from source in ")
    builds = list((installed.command.parents[1] / "lib" / "crossloop" / "native").iterdir())
    assert [path.name for path in builds] == [LOAD_ENGINE.path.name]
    assert installed(*bench, "with", cwd=elsewhere).returncode == 0
    heads = _heads(elsewhere / "with")
    assert heads["run"]["settings"]["load-engine"] == "native"
    assert "python-load" not in heads


def _distribution(installed: Installed, name: str, module: str, value: str) -> None:
    """What pip leaves of a small distribution: the module, and dist-info with its entry points."""
    printed = run(
        str(installed.command.with_name("python")),
        "-c",
        "import sysconfig; print(sysconfig.get_path('purelib'))",
    )
    site = Path(printed.stdout.strip())
    package = site / module
    package.mkdir()
    (package / "__init__.py").write_text("IMPORTED = True\n")
    (package / "loop_.py").write_text(ADAPTER.format("Announced by an entry point"))
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[crossloop.adapters]\nannounced = {value}\nlost = nosuchmodule.loop\nodd = not a module!\n"
    )


def test_other_peoples_adapters_are_found_and_measured(installed: Installed, tmp_path: Path) -> None:
    _distribution(installed, "theirs", "their_package", "their_package.loop_")
    suite = tmp_path / "suite"
    (suite / "adapters").mkdir(parents=True)
    (suite / "adapters" / "dropped.py").write_text(ADAPTER.format("Dropped into a folder"))
    done = installed(
        "--suite", str(suite), "bench", "--profile", "smoke", "--adapters", "announced,dropped",
        "--scenarios", "tcp-echo", "--out", "out", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (
        "left out: entry point 'lost' of crossloop.adapters: no file for 'nosuchmodule.loop'" in done.stderr
    )
    assert "left out: entry point 'odd' of crossloop.adapters: no file for 'not a module!'" in done.stderr
    lines = map(json.loads, (tmp_path / "out" / "run.jsonl").read_text().splitlines())
    cells = {(record["adapter"], record["outcome"]) for record in lines if record["kind"] == "cell"}
    assert cells == {("announced", "measured"), ("dropped", "measured")}
