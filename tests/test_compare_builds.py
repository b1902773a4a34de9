"""Two builds of one binding: what may be named, what a worker must prove, and the verdict between them."""

import importlib.metadata
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossloop.compare import BuildNames, compare_builds, decoded, run_data
from crossloop.installing.builds import Brought, BuildError, bring_build, proven, wanted_build
from crossloop.journal import CellRecord, EndRecord, Record, Run, SliceRecord, read_journal
from tests.journals import figures, run_record
from tests.own_suite import SUITE

UVLOOP = SUITE.adapters["uvloop"]
NAMES = BuildNames("uvloop", "uvloop@1", "uvloop@2", "uvloop@1-twin")


def crossloop(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crossloop", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders that each hold this environment's uvloop, as `pip install --target` would lay it out."""
    pytest.importorskip("uvloop", reason="uvloop is not installed; `crossloop setup uvloop` brings it")
    distribution = importlib.metadata.distribution("uvloop")
    places = tmp_path_factory.mktemp("builds")
    for name in ("old", "new"):
        for file in distribution.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = places / name / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(distribution.locate_file(file)), target)
    return places / "old", places / "new"


# What may be named


@pytest.mark.parametrize(
    ("adapter", "text", "label", "distribution"),
    [
        ("uvloop", "0.21.0", "0.21.0", "uvloop"),
        ("uvloop", "v0.22.0.post1", "0.22.0.post1", "uvloop"),
        ("gevent-libev", "26.9", "26.9", "gevent"),
        ("tornado-uvloop", "6.5", "6.5", "tornado"),
    ],
)
def test_a_version_is_one_of_the_first_requirement(
    adapter: str, text: str, label: str, distribution: str
) -> None:
    wanted = wanted_build(SUITE.adapters[adapter], text)
    assert (wanted.label, wanted.distribution, wanted.source) == (label, distribution, text)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("uvloop-0.21.0-cp311-cp311-manylinux_2_17_x86_64.whl", "0.21.0"),
        ("uvloop-0.22.0.dev0+g1a2b.tar.gz", "0.22.0.dev0+g1a2b"),
        ("my build", "my-build"),
    ],
)
def test_a_file_is_labelled_by_its_version(name: str, label: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert wanted_build(UVLOOP, str(tmp_path / name)).label == label


@pytest.mark.parametrize(
    ("adapter", "text", "message"),
    [
        ("asyncio", "3.12", r"asyncio@3\.12: asyncio comes with Python itself"),
        ("pyev", "0.9", "pyev comes by the recipe 'pyev'"),
        ("uvloop", "no such thing", "expected a version of uvloop, such as uvloop@"),
    ],
)
def test_what_has_no_other_builds_is_refused(adapter: str, text: str, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        wanted_build(SUITE.adapters[adapter], text)


# What must be proven


def test_a_filled_folder_is_taken_as_it_is(copies: tuple[Path, Path], tmp_path: Path) -> None:
    brought = bring_build(wanted_build(UVLOOP, str(copies[0])), tmp_path)
    assert (brought.folder, brought.version) == (copies[0].resolve(), importlib.metadata.version("uvloop"))
    assert not list(tmp_path.iterdir()), "nothing was installed"


@pytest.mark.parametrize(
    ("version", "loaded"),
    [
        ("0.20.0", "/place/build-uvloop-0.21.0-cp311/uvloop/loop.so"),
        ("0.21.0", "site-packages/uvloop/loop.so"),
        ("", ""),
    ],
)
def test_a_worker_that_loaded_something_else_is_refused(version: str, loaded: str) -> None:
    brought = Brought(wanted_build(UVLOOP, "0.21.0"), Path("/place/build-uvloop-0.21.0-cp311"), "0.21.0")
    proven(
        brought, {"binding_version": "0.21", "loaded_from": "/place/build-uvloop-0.21.0-cp311/uvloop/loop.so"}
    )
    with pytest.raises(BuildError, match="the worker loaded version"):
        proven(brought, {"binding_version": version, "loaded_from": loaded})


def test_a_folder_that_lies_about_its_version_is_refused(copies: tuple[Path, Path], tmp_path: Path) -> None:
    liar = tmp_path / "liar"
    shutil.copytree(copies[0], liar)
    (metadata,) = liar.glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text("utf-8").replace("\nVersion: ", "\nVersion: 99", 1), "utf-8")
    done = crossloop("compare", "--adapters", f"uvloop@{liar},uvloop@{copies[1]}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the worker loaded version" in done.stderr.splitlines()[-1]


# The verdict


def journal(change: float, *, twin: float = 1.0, crash: bool = False) -> list[Record]:
    """A run of both builds and the twin, *change* and *twin* as factors of cost; two sets, three generations."""
    random = np.random.default_rng(5)
    records: list[Record] = [
        run_record(adapters=("uvloop", *NAMES.__dict__.values()), scenarios=("tcp-echo",))
    ]
    for connections in (1, 10):
        common = random.normal(0, 0.3, (3, 10))
        for name, factor in ((NAMES.base, 1.0), (NAMES.new, change), (NAMES.twin, twin)):
            for generation in range(3):
                for turn in range(10):
                    cost = 5000 * factor * math.exp(common[generation, turn] + random.normal(0, 0.01))
                    records.append(
                        SliceRecord(
                            name, "protocol", "tcp-echo", {"connections": connections}, "capacity",
                            generation, turn, operations=1000, elapsed_ns=10**8, cpu_ns=int(1000 * cost),
                        )
                    )  # fmt: skip
            gone = crash and name == NAMES.new
            records.append(
                CellRecord(
                    name, "protocol", "tcp-echo", {"connections": connections},
                    "crashed" if gone else "measured", "SIGSEGV" if gone else "",
                    figures=None if gone else figures(5.0),
                )
            )  # fmt: skip
    return [*records, EndRecord(elapsed_s=9, cells={})]


@pytest.mark.parametrize(("change", "verdict"), [(1.0, "tie"), (1.1, "regression"), (0.9, "improvement")])
def test_a_verdict_between_builds_needs_no_other_row(change: float, verdict: str) -> None:
    document = compare_builds(run_data("run", journal(change)), NAMES, threshold=0.03)
    assert {(cell.adapter, cell.verdict) for cell in (*document.cells, *document.rows)} == {
        ("uvloop", verdict)
    }
    assert (len(document.cells), len(document.rows)) == (2, 1)
    assert (document.base.name, document.new.name, document.paired) == ("uvloop@1", "uvloop@2", True)
    for cell in document.cells:
        assert cell.ratio is not None
        assert cell.ratio.value == pytest.approx(change, rel=0.02)
        assert cell.threshold == 0.03
    assert document.threshold_reason.startswith(
        "3 % as asked for, and never below what BASE shows beside its own twin: ± "
    )


def test_what_the_twin_shows_is_the_least_threshold() -> None:
    document = compare_builds(run_data("run", journal(1.1, twin=1.08)), NAMES, threshold=0.03)
    assert [cell.threshold for cell in document.cells] == pytest.approx([0.25] * 2, abs=0.03)
    assert {cell.verdict for cell in document.cells} == {"tie"}
    assert document.threshold_reason.endswith("from 2 cells")


def test_a_build_that_crashes_is_a_regression() -> None:
    document = compare_builds(run_data("run", journal(1.0, crash=True)), NAMES, threshold=0.03)
    assert [(cell.verdict, cell.reason) for cell in document.cells] == [
        ("regression", "was measured; now crashed: SIGSEGV")
    ] * 2


# The command


def test_two_folders_are_measured_side_by_side(copies: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ("--profile", "smoke", "--out", str(tmp_path / "out"))
    done = crossloop("compare", "--adapters", f"uvloop@{copies[0]},uvloop@{copies[1]}", *arguments)
    # One and the same build, on a machine that may be busy: what the verdict is is noise, even that there is one.
    assert done.returncode in {0, 1, 3}, done.stderr
    document = decoded((tmp_path / "out/compare.json").read_bytes())
    assert {cell.style for cell in document.cells} == {"protocol", "streams", "sockets"}
    assert all((cell.ratio is None) == bool(cell.reason) for cell in document.cells), document.cells
    records: list[dict[str, Any]] = [
        json.loads(line) for line in (tmp_path / "out/run.jsonl").read_text("utf-8").splitlines()
    ]
    loaded = {
        record["adapter"]: record["facts"]["loaded_from"] for record in records if record["kind"] == "adapter"
    }
    assert set(loaded) == {"uvloop@old", "uvloop@new"}
    assert loaded["uvloop@old"].startswith("old/uvloop/loop.")
    measured = {record["adapter"] for record in records if record["kind"] == "slice"}
    assert measured == {"uvloop@old", "uvloop@new", "uvloop@old-twin"}


def test_a_bench_takes_builds_beside_other_adapters(copies: tuple[Path, Path], tmp_path: Path) -> None:
    """Every build has the ratio to asyncio in the same rounds; the row that runs twice is none of them."""
    adapters = f"asyncio,uvloop@{copies[0]},uvloop@{copies[1]}"
    options = ("--scenarios", "call-soon", "--profile", "smoke", "--no-evidence")
    done = crossloop("bench", "--adapters", adapters, *options, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    run = Run.of(read_journal(tmp_path / "out/run.jsonl"))
    assert run.record.adapters == ["asyncio", "uvloop@old", "uvloop@new"]
    loaded = {name: str(record.facts["loaded_from"]) for name, record in run.adapters.items()}
    assert loaded["uvloop@old"].startswith("old/uvloop/loop.")
    assert loaded["uvloop@new"].startswith("new/uvloop/loop.")
    (measured,) = run.sets["call-soon"]
    assert {row.adapter for row in measured.rows} == {"asyncio", "uvloop@old", "uvloop@new"}
    for row in measured.rows:
        assert row.adapter == "asyncio" or set(row.figures.to_baseline) == {"native"}, row
        others = {"uvloop@old", "uvloop@new"} - {row.adapter}
        assert set(row.figures.to_builds) == (set() if row.adapter == "asyncio" else others)
    assert measured.record is not None
    assert measured.record.control is not None
    assert measured.record.control.adapter == "asyncio"
    assert not run.warnings or all(warning.name != "other-version" for warning in run.warnings)


@pytest.mark.network
def test_a_version_comes_from_the_index(tmp_path: Path) -> None:
    brought = bring_build(wanted_build(UVLOOP, "0.21.0"), tmp_path)
    assert brought.version == "0.21.0"
    assert bring_build(wanted_build(UVLOOP, "0.21.0"), tmp_path) == brought
    with pytest.raises(
        BuildError, match=r"uvloop@0\.0\.1: pip install uvloop failed: .*matching distribution"
    ):
        bring_build(wanted_build(UVLOOP, "0.0.1"), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (
            "--adapters uvloop",
            "'uvloop': expected two builds of one adapter, such as uvloop@0.21.0,uvloop@0.22.1",
        ),
        ("--adapters uvloop@1,uvlop@2", "did you mean 'uvloop'?"),
        (
            "--adapters uvloop@1,tornado@2",
            "these are uvloop and tornado; `crossloop bench` compares adapters",
        ),
        ("--adapters uvloop@1,uvloop@1", "both are one build; name two"),
        (
            "--adapters uvloop@1,uvloop@2 --profile smok",
            "'smok' is not one of 'smoke', 'quick', 'standard', 'full'",
        ),
        ("a b --adapters uvloop@1,uvloop@2", "leave out BASE, NEW"),
        ("", "expected two runs, as `crossloop compare BASE NEW`, or --adapters ID@A,ID@B"),
        ("a", "expected two runs"),
    ],
)
def test_bad_usage_is_one_line(arguments: str, wanted: str) -> None:
    done = crossloop("compare", *arguments.split())
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert wanted in done.stderr
