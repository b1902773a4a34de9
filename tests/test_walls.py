"""What bounds the number of connections on one machine: limits are raised where they may be, and told where not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.journal import CellRecord, read_journal
from crossloop.load import walls
from tests.documents import ROOT

CAP_SYS_RESOURCE = 24
"""linux/capability.h."""
RAISE = """
import json, os, resource, sys
from crossloop.load.walls import most_descriptors
from crossloop.worker.process import raise_descriptor_limit

def limits():
    return resource.getrlimit(resource.RLIMIT_NOFILE)

if sys.argv[1:]:
    os.setuid(int(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 1000))
said = {"possible": most_descriptors()[0], "after asking": limits()}
said["as high as it gets"] = raise_descriptor_limit(), limits()
said["a few more"] = raise_descriptor_limit(1200), limits()
print(json.dumps(said))
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="/proc/sys and capabilities are Linux's")


def _may_raise() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(line for line in lines if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_SYS_RESOURCE & 1)


def _python(code: str, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said


# The limit of descriptors.


@linux_only
def test_the_hard_limit_is_raised_by_who_may_and_for_who_needs_it() -> None:
    said = _python(RAISE)
    assert said["after asking"] == [1000, 1000], "what is possible was tried, and taken back"
    assert said["as high as it gets"] == [1000, [1000, 1000]], "nobody needed more"
    if _may_raise():
        assert said["possible"] == int(Path("/proc/sys/fs/nr_open").read_text())
        assert said["a few more"] == [1200, [1200, 1200]]
    else:
        assert said["possible"] == 1000
        assert said["a few more"] == [1000, [1000, 1000]]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root becomes somebody else")
def test_an_ordinary_user_keeps_the_hard_limit() -> None:
    said = _python(RAISE, "65534")
    assert said["possible"] == 1000
    assert said["a few more"] == [1000, [1000, 1000]]


SERVE = """
import json, sys
from pathlib import Path
from crossloop.supervise.answers import Serving
from crossloop.supervise.child import suite_paths, worker
from crossloop.suite import load_suite

suite = load_suite()
request = {
    "do": "serve", "module": "adapters.epoll_", "scenario": "scenarios.c10k", "style": "native",
    "paths": suite_paths(suite.paths), "cpu": None, "levels": ["StreamServer"],
    "parameters": {"connections": 100, "rate": 1000, "size": 64}, "descriptors": int(sys.argv[1]),
}
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
with worker("epoll") as child:
    child.ask(request, Serving, 30)
    lines = Path(f"/proc/{child.pid}/limits").read_text().splitlines()
    limits = next(line for line in lines if line.startswith("Max open files")).split()[3:5]
print(json.dumps({"limits": [int(limit) for limit in limits]}))
"""


@linux_only
@pytest.mark.parametrize("needed", [164, 1200])
def test_a_worker_is_allowed_the_descriptors_that_its_connections_need(needed: int) -> None:
    most = max(1000, needed) if _may_raise() else 1000
    assert _python(SERVE, str(needed))["limits"] == [most, most]


# The others, in their own words.


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system's settings, as /proc/sys has them."""
    for name, text in {
        "fs/file-max": "110000\n",
        "fs/file-nr": "2000\t0\t110000\n",
        "fs/epoll/max_user_watches": "60000\n",
        "net/netfilter/nf_conntrack_max": "65536\n",
        "net/netfilter/nf_conntrack_count": "0\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(walls, "PROC_SYS", tmp_path)
    return tmp_path


def _wall(wanted: int, about: str) -> tuple[int, str]:
    (wall,) = [wall for wall in walls.walls() if about in wall.why]
    return wall.most, wall.reason(wanted)


@linux_only
def test_each_setting_has_its_number_and_its_command(settings: Path) -> None:
    assert _wall(100_000, "fs.file-max") == (
        49_000,
        "the system may hold 110,000 open files, 2 a connection (fs.file-max); "
        "`sudo sysctl -w fs.file-max=212000` raises it",
    )
    assert _wall(100_000, "max_user_watches") == (
        30_000,
        "a user may have 60,000 watches of epoll, 2 a connection (fs.epoll.max_user_watches); "
        "`sudo sysctl -w fs.epoll.max_user_watches=210000` raises it",
    )
    (settings / "net/netfilter/nf_conntrack_count").write_text("36\n")
    assert _wall(100_000, "nf_conntrack") == (
        65_500,
        "netfilter tracks 36 connections now and 65,536 at most (nf_conntrack_max); "
        "`sudo sysctl -w net.netfilter.nf_conntrack_max=200072` raises it",
    )


@linux_only
def test_connections_that_nobody_tracks_are_not_bounded_by_it(settings: Path) -> None:
    assert not [wall for wall in walls.walls() if "nf_conntrack" in wall.why]


@linux_only
def test_a_kernel_without_these_settings_has_no_such_walls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walls, "PROC_SYS", tmp_path)
    assert not [wall for wall in walls.walls() if "fs." in wall.why]


def test_the_lowest_comes_first() -> None:
    bounds = [wall.most for wall in walls.walls()]
    assert bounds == sorted(bounds)
    assert walls.most_connections() == bounds[0]


# The whole way.


def _bench(*arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossloop", "bench", "--profile", "smoke", "--no-evidence", *arguments]
    if shell:
        command = ["/bin/sh", "-c", f'{shell} && exec "$@"', "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_rung_that_the_machine_forbids_is_told_beforehand_with_both_numbers_and_the_command() -> None:
    if _may_raise_here():
        pytest.skip("this user may raise the hard limit, and would")
    dry = _bench(
        "--dry-run",
        "--scenarios",
        "c10k",
        "--adapters",
        "asyncio",
        "--rungs",
        "50,1000000",
        shell="ulimit -n 900",
    )
    assert dry.returncode == 0, dry.stderr
    assert "c10k connections=50 rate=1000 size=64: 1 rows" in dry.stdout
    (line,) = [text for text in dry.stdout.splitlines() if text.startswith("no figure in c10k")]
    assert (
        "1,000,000 connections asked for, 836 are possible: a process may hold 900 descriptors here" in line
    )
    assert "1000064" in line
    if sys.platform == "linux":
        assert "`sudo prlimit --pid $$ --nofile=1000064:1000064`" in line


def _may_raise_here() -> bool:
    if sys.platform == "linux":
        return _may_raise()
    return sys.platform == "win32" or os.geteuid() == 0


@linux_only
def test_a_rung_that_takes_long_says_so_before_it_is_made() -> None:
    dry = _bench("--dry-run", "--scenarios", "c10k", "--adapters", "asyncio", "--rungs", "19000,90000")
    if walls.walls()[0].most < 90_000:
        assert "90,000 connections asked for" in dry.stdout
        pytest.skip(f"no more than {walls.walls()[0].most:,} connections here")
    assert "connections=90000 rate=1000 size=64: 1 rows × 3 rounds, about 9 s a row" in dry.stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ("--scenarios", "c10k", "--rungs", "0"),
            "--rungs '0': sets: 'connections' is 0, expected 1 to 1e+06",
        ),
        (("--scenarios", "c10k", "--rungs", "many"), "--rungs 'many': connections is 'many'"),
        (("--scenarios", "c10k", "--rungs", "5,5"), "--rungs '5,5': expected each rung once"),
        (
            ("--scenarios", "timers", "--rungs", "5"),
            "--rungs '5': timers has no ladder; --scenarios c10k has one",
        ),
    ],
)
def test_rungs_that_are_none_are_refused(arguments: tuple[str, ...], why: str) -> None:
    refused = _bench("--dry-run", *arguments)
    assert refused.returncode == 2
    assert why in refused.stderr


@linux_only
def test_thousands_of_connections_come_from_two_addresses_and_are_held(tmp_path: Path) -> None:
    wanted = 13_000
    if walls.walls()[0].most < wanted:
        pytest.skip(walls.walls()[0].reason(wanted))
    done = _bench(
        "--scenarios", "c10k", "--adapters", "epoll", "--rungs", str(wanted), "--objective", "60000",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (cell,) = [record for record in read_journal(tmp_path / "run.jsonl") if isinstance(record, CellRecord)]
    assert (cell.outcome, cell.parameters["connections"]) == ("measured", wanted)
    assert cell.figures is not None
    assert cell.figures.connecting is not None
    assert cell.figures.connecting.connections == wanted
    assert 100 < cell.figures.connecting.rss_bytes_per_connection < 20_000
