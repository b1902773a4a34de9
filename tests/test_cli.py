"""The command line's contract: documents, exit statuses, and one line for whatever is wrong."""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

LIMIT_S = 60.0
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX limits, signals or permissions")
SMOKE = ("bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "timers")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "crossloop", *arguments]


def crossloop(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=LIMIT_S, check=False, **options
    )


def assert_refused(done: subprocess.CompletedProcess[str], status: int, *wanted: str) -> None:
    """Exactly one line on stderr that holds all of *wanted*, nothing on stdout, and this exit status."""
    assert done.returncode == status, (done.returncode, done.stderr)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("crossloop: ")
    for part in wanted:
        assert part in line, (part, line)


@pytest.fixture(scope="module")
def listed() -> dict[str, Any]:
    done = crossloop("list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_list_is_one_document_of_the_contracts_shape(listed: dict[str, Any]) -> None:
    assert set(listed) >= {"adapters", "scenarios"}
    for adapter in listed["adapters"]:
        for key in ("id", "library", "binding", "reason"):
            assert isinstance(adapter[key], str), (adapter["id"], key)
        for key in ("levels", "styles"):
            assert isinstance(adapter[key], list), (adapter["id"], key)
        assert adapter["usable"] is (adapter["reason"] == ""), adapter
        assert bool(adapter["levels"]) is adapter["usable"], adapter
    for scenario in listed["scenarios"]:
        assert all(isinstance(scenario[key], str) and scenario[key] for key in ("id", "level", "unit"))


def test_the_list_says_of_each_scenario_why_an_adapter_has_no_row_in_it(listed: dict[str, Any]) -> None:
    silent = [
        (adapter["id"], scenario["id"])
        for adapter in listed["adapters"]
        for scenario in listed["scenarios"]
        if adapter["usable"] and not {*adapter["levels"], *adapter["lacks"]} & {*scenario["levels"]}
    ]
    assert silent == []


def test_the_list_has_every_adapter_and_scenario_of_the_contract(listed: dict[str, Any]) -> None:
    assert {adapter["id"] for adapter in listed["adapters"]} >= {
        "asyncio", "asyncio-select", "asyncio-poll", "uvloop", "winloop", "tornado", "tornado-uvloop",
        "gevent-libev", "gevent-libev-cffi", "gevent-libuv", "pyev", "libevent",
        "gevent-libevent",
    }  # fmt: skip
    units = {scenario["id"]: scenario["unit"] for scenario in listed["scenarios"]}
    assert units.items() >= {
        ("tcp-echo", "message"), ("pipe-pairs", "event"), ("timers", "timer"), ("wakeups", "wake-up"),
        ("dns", "name"),
    }  # fmt: skip


def test_the_table_for_people_cuts_no_id(listed: dict[str, Any]) -> None:
    done = crossloop("list", env={**os.environ, "COLUMNS": "60"})
    assert done.returncode == 0
    shown = done.stdout.split()
    assert {adapter["id"] for adapter in listed["adapters"]} <= set(shown)


REFUSED = {
    "no such command": ("contrast a b", "unknown command 'contrast'", "did you mean", "crossloop --help"),
    "command typo": ("bnech", "unknown command 'bnech'; did you mean 'bench'?"),
    "group option typo": ("--sute x list", "--sute", "crossloop --help"),
    "option typo": ("list --jso", "'--jso'", "'--json'", "`crossloop list --help`"),
    "another option typo": ("bench --profil smoke", "'--profil'", "'--profile'"),
    "unknown profile": ("bench --profile smok", "'smok' is not one of 'smoke', 'quick'", "`crossloop bench --help`"),
    "unknown adapter": ("bench --adapters uvlop", "unknown adapter 'uvlop'; did you mean 'uvloop'?"),
    "second adapter": ("bench --adapters asyncio,pyve", "unknown adapter 'pyve'; did you mean 'pyev'?"),
    "empty adapter": ("bench --adapters asyncio,", "unknown adapter ''; known: aio,", "crossloop list"),
    "unknown scenario": ("bench --scenarios tcp-eco", "unknown scenario 'tcp-eco'; did you mean 'tcp-echo'?"),
    "adapter to check": ("check --adapters uvlop", "did you mean 'uvloop'?", "`crossloop list`"),
    "adapter to set up": ("setup tornad-uvloop", "did you mean 'tornado-uvloop'?"),
    "adapter to serve": ("serve uvlop tcp-echo", "did you mean 'uvloop'?"),
    "scenario to serve": ("serve asyncio tcp-eco", "did you mean 'tcp-echo'?"),
    "several adapters": ("serve gevent tcp-echo", "'gevent' is any of gevent-libev, gevent-libev-cffi"),
    "scenario without server": ("serve asyncio timers", "'timers' drives itself", "crossloop list"),
    "missing scenario": ("serve asyncio", "'SCENARIO'", "crossloop serve --help"),
    "unknown style": ("serve asyncio tcp-echo --style strems", "'strems'", "protocol, streams, sockets"),
    "port beyond": ("serve asyncio tcp-echo --port 65536", "65536", "0<=x<=65535"),
    "port in words": ("serve asyncio tcp-echo --port http", "'http'", "crossloop serve --help"),
    "foreign host": ("serve asyncio tcp-echo --host 203.0.113.7", "'203.0.113.7'", "another --host"),
    "host name": ("serve asyncio tcp-echo --host a..b", "cannot listen on 'a..b'", "another --host"),
    "seed": ("bench --seed -1", "-1", "0<=x<=2147483647"),
    "limit": ("bench --limit nan", "'nan' is not a finite number", "crossloop bench --help"),
    "objective": ("bench --objective nan", "'nan' is not a finite number", "crossloop bench --help"),
    "no folder": ("bench --out ", "an empty value after --out", "crossloop --help"),
    "no folder at all": ("report x --out=", "an empty value --out=", "crossloop --help"),
    "nothing to set up": ("setup ", "an empty value after setup", "crossloop --help"),
    "nothing to slow": ("selftest --adapters ", "an empty value after --adapters"),
    "nothing but commas": ("setup ,", "unknown adapter or part ''"),
    "memory": ("bench --memory 1", "1 is not in the range 64<=x"),
    "load engine": ("load tcp-echo --connect 127.0.0.1:7 --engine fast", "'fast'", "crossloop load --help"),
    "bench engine": ("bench --engine fast", "'fast'", "crossloop bench --help"),
    "load without address": ("load tcp-echo", "'--connect'", "crossloop load --help"),
    "load of timers": ("load timers --connect 127.0.0.1:1", "'timers'", "crossloop list"),
    "no port": ("load tcp-echo --connect 127.0.0.1", "'127.0.0.1': expected HOST:PORT"),
    "no host": ("load tcp-echo --connect :80", "':80': expected HOST:PORT"),
    "port 0": ("load tcp-echo --connect 127.0.0.1:0", "expected HOST:PORT"),
    "port too high": ("load tcp-echo --connect [::1]:65536", "expected HOST:PORT"),
    "port that only looks so": ("load tcp-echo --connect 127.0.0.1:²", "expected HOST:PORT"),
    "impossible name": (f"load tcp-echo --connect {'a' * 64}.example:80", "expected HOST:PORT"),
    "no connection": ("load tcp-echo --connect 127.0.0.1:9 --connections 0", "0 is not in the range 1<=x"),
    "size": ("load tcp-echo --connect 127.0.0.1:9 --size 3", "3 is not in the range 16<=x<=16777216"),
    "negative rate": ("load tcp-echo --connect 127.0.0.1:9 --rate -1", "-1.0 is not in the range 0<x"),
    "rate that is none": ("load tcp-echo --connect 127.0.0.1:9 --rate nan", "'nan' is not a finite number"),
    "endless rate": ("load tcp-echo --connect 127.0.0.1:9 --rate inf", "inf is not in the range"),
    "duration": ("load tcp-echo --connect 127.0.0.1:9 --duration 0", "0.0 is not in the range 0<x<=3600"),
    "memory for load": (
        "load tcp-echo --connect 127.0.0.1:9 --connections 10000 --size 16777216",
        "10000 connections of 16777216 and 16777216 bytes need more than 2147483648 bytes", "use fewer",
    ),
    "no journal": ("report nowhere", "nowhere", "`crossloop bench --out DIR`"),
    "no run to compare": ("compare nowhere nowhere", "nowhere", "`crossloop bench --out DIR`"),
    "threshold": ("compare a b --threshold -1", "-1.0 is not in the range", "crossloop compare --help"),
    "nothing to report": ("report", "'FOLDERS...'", "crossloop report --help"),
    "new thing typo": ("new adaptr x", "unknown command 'adaptr'; did you mean 'adapter'?"),
    "new adapter elsewhere": ("new adapter ../x", "'../x' cannot be the id of something new", "as in my-loop"),
    "new adapter below": ("new adapter x --out mine --loop ../x:y", "'../x:y' names no loop"),
    "new adapter that is there": ("new adapter uvloop", "there is an adapter 'uvloop' already", "uvloop_.py"),
    "new scenario that is there": ("new scenario tcp-echo", "there is a scenario 'tcp-echo' already"),
    "new scenario without a name": ("new scenario", "'NAME'", "crossloop new scenario --help"),
    "new scenario's drive": ("new scenario x --drive push", "'push' is not one of 'exchange', 'work'"),
    "no suite": ("--suite nowhere list", "'nowhere'", "does not exist"),
    "no expectations": ("check --expectations nowhere", "'nowhere'", "does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_usage_is_one_line_and_status_2(name: str, tmp_path: Path) -> None:
    line, *wanted = REFUSED[name]
    assert_refused(crossloop(*line.split(" "), cwd=tmp_path), 2, *wanted)
    assert not list(tmp_path.iterdir()), "nothing is written for what is refused"


def test_an_adapter_that_cannot_serve_here_is_status_3(listed: dict[str, Any]) -> None:
    unusable = [adapter for adapter in listed["adapters"] if not adapter["usable"]]
    if not unusable:
        pytest.skip("every adapter is usable here")
    for adapter in unusable:
        assert_refused(crossloop("serve", adapter["id"], "tcp-echo"), 3, adapter["id"], "`crossloop ")


def _in_use() -> str:
    """The system's words: SO_EXCLUSIVEADDRUSE makes it a question of access on Windows (WSAEACCES) or of use."""
    return "cannot listen on" if sys.platform == "win32" else "in use"


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = crossloop("serve", "asyncio", "tcp-echo", "--port", str(port))
    assert_refused(done, 2, f"port {port}", _in_use(), "choose another --host or --port")


def test_nobody_there_to_load_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else takes it
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        done = crossloop("load", "tcp-echo", "--connect", address)
    assert_refused(done, 2, address, "0 of 10 made", "refused", "is the server running")


# Folders and journals --------------------------------------------------------------------------------


def test_out_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for command in (SMOKE, ("check", "--adapters", "asyncio")):
        assert_refused(crossloop(*command, "--out", str(file)), 2, str(file), "is a file")
        assert_refused(
            crossloop(*command, "--out", str(file / "below")), 2, f"{str(file / 'below')!r}", "another folder"
        )
    assert file.read_text() == "mine"


@POSIX
def test_out_that_this_user_may_not_write(tmp_path: Path) -> None:
    """As root permissions do not bind: the process gives root away when all that it needs is imported."""
    (tmp_path / "run.jsonl").write_text("old")
    (tmp_path / "run.jsonl").chmod(0o444)
    tmp_path.chmod(0o555)
    for folder in tmp_path.parents[:2]:  # ours, made by pytest: 0o700
        folder.chmod(folder.stat().st_mode | 0o055)
    program = (
        "import os, sys, crossloop.cli.benching, crossloop.cli.commands as commands\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(commands.main())"
    )
    try:
        for out in (tmp_path, tmp_path / "new" / "deeper"):
            done = subprocess.run(
                [sys.executable, "-c", program, *SMOKE, "--out", str(out)],
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
            if "unknown adapter" in done.stderr or "_suite" in done.stderr:
                pytest.skip("the checkout lies where no other user may read")
            assert_refused(done, 2, repr(str(out)), "Permission denied", "choose another folder with --out")
    finally:
        tmp_path.chmod(0o755)
    assert (tmp_path / "run.jsonl").read_text() == "old"


HEADER = '{"kind":"run","schema":%s}\n'
JOURNALS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "holds no whole line"),
    "random bytes": (bytes(range(256)) * 9, "expected a crossloop journal"),
    "text": (b"Dear diary,\n", "expected a crossloop journal"),
    "another program's": (b'{"kind":"run","results":[1]}\n', "expected a crossloop journal"),
    "another schema": ((HEADER % 99).encode(), "schema '99', this crossloop reads 1"),
    "truncated": (b'{"kind":"run","schema":1,"crossl', "holds no whole line"),
    "deep": (b"[" * 100_000 + b"\n", "expected a crossloop journal"),
    "long line": (b'{"kind":"' + b"x" * (1 << 20) + b'"}\n', "line 1 is longer than"),
}


@pytest.mark.parametrize("name", JOURNALS)
def test_a_journal_that_is_none_is_refused_and_kept(name: str, tmp_path: Path) -> None:
    content, wanted = JOURNALS[name]
    journal = tmp_path / "run.jsonl"
    journal.write_bytes(content)
    (tmp_path / "README.md").write_text("old")
    assert_refused(crossloop("report", str(tmp_path)), 2, str(journal), wanted)
    assert_refused(crossloop(*SMOKE, "--resume", "--out", str(tmp_path)), 2, str(journal), wanted)
    assert journal.read_bytes() == content
    assert (tmp_path / "README.md").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"run.jsonl", "README.md"}


def test_an_oversized_journal_is_not_read(tmp_path: Path) -> None:
    journal = tmp_path / "run.jsonl"
    with journal.open("wb") as file:
        file.truncate((512 << 20) + 1)  # a hole: no block of it is on the disk
    assert_refused(crossloop("report", str(tmp_path)), 2, "larger than 536,870,912 bytes")
    assert_refused(crossloop(*SMOKE, "--resume", "--out", str(tmp_path)), 2, "larger than")


def test_a_run_that_refuses_to_start_leaves_the_old_one(tmp_path: Path) -> None:
    old = {"run.jsonl": "old journal", "README.md": "old page", "checks.jsonl": "old checks"}
    for name, text in old.items():
        (tmp_path / name).write_text(text)
    out = ("--out", str(tmp_path))
    for command in (
        ("bench", "--profile", "none", *out),
        ("bench", "--adapters", "none", *out),
        ("bench", "--scenarios", "none", *out),
        ("bench", "--limit", "0", *out),
        ("--suite", str(tmp_path), "bench", *out),
        ("check", "--adapters", "none", *out),
    ):
        assert crossloop(*command).returncode == 2
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == old


def test_a_loop_that_is_named_takes_part_beside_the_adapters_that_are_chosen() -> None:
    named_loop = ("--loop", "mine=asyncio:new_event_loop", "--dry-run")
    both = crossloop(*SMOKE, *named_loop)
    assert "2 rows" in both.stdout, both.stdout + both.stderr
    typed_twice = crossloop(*(word.replace("asyncio", "asyncio,mine") for word in SMOKE), *named_loop)
    assert typed_twice.stdout == both.stdout


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    done = crossloop(*SMOKE, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines() == ["crossloop: asking each adapter what it is"]
    *plan, total = done.stdout.splitlines()
    assert plan
    assert all(line.startswith("timers ") and "1 rows" in line for line in plan)
    assert "slices, about" in total
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("raise RuntimeError('mine')", "line 1: raise RuntimeError('mine'): expected data"),
        ("def (", "cannot be read as Python"),
        ("x = 1", "expected `EXPECTATIONS = "),
        ("EXPECTATIONS = (1,)", "1 is no Expectation"),
    ],
)
def test_expectations_that_are_none(tmp_path: Path, text: str, wanted: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    assert_refused(crossloop("check", "--expectations", str(file)), 2, str(file), wanted)


def test_further_known_limits_are_added_to_those_of_the_suite(tmp_path: Path) -> None:
    """The further file says that select fails where it works: that alone is a surprise."""
    file = tmp_path / "mine.py"
    file.write_text(
        "EXPECTATIONS = (Expectation('select', 'timers-zero', LINUX | ~LINUX, 'why', 'https://x'),)"
    )
    done = crossloop("check", "--only", "contract", "--adapters", "select", "--expectations", str(file))
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("expected:") == 1
    assert "  timers-zero: measured" in done.stdout


def test_check_shows_on_a_terminal_where_it_is_and_keeps_its_results_apart() -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals of this kind")
    import pty  # (POSIX only)

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "150"}
    with subprocess.Popen(
        command("check", "--only", "contract", "--adapters", "select"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed (pty(7))
            while piece := os.read(ours, 65536):
                shown += piece
        assert process.stdout is not None
        printed = process.stdout.read().decode()
    os.close(ours)
    assert process.returncode == 0, printed
    assert printed.startswith("select: ")
    assert "passed" in printed
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8", "replace"))
    assert re.search(r"0/1 .*select: [a-z-]+(@native)?, \d+ of \d+", text), text
    assert "passed" not in text


# The machine -----------------------------------------------------------------------------------------


def _limited(soft: int, hard: int) -> Any:
    if sys.platform == "win32":
        pytest.skip("no such limit")
    import resource

    return functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


@POSIX
@pytest.mark.parametrize(
    ("arguments", "hard", "wanted"),
    [
        (("bench", "--profile", "smoke", "--adapters", "asyncio"), 40, ("descriptors, the limit is 40", "ulimit -n")),
        (("check", "--adapters", "asyncio"), 64, ("512 descriptors, the limit is 64", "`ulimit -n 512`")),
        (("serve", "asyncio", "tcp-echo"), 30, ("64 descriptors, the limit is 30", "`ulimit -n 64`")),
        (("load", "tcp-echo", "--connect", "127.0.0.1:9", "--connections", "1000"), 64,
         ("1000 connections need", "hard limit 64", "--nofile=1021:1021")),
        (("list",), 9, ("64 descriptors, the limit is 9", "`ulimit -n 64`")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else str(value),
)  # fmt: skip
def test_too_few_descriptors(
    arguments: tuple[str, ...], hard: int, wanted: tuple[str, ...], tmp_path: Path
) -> None:
    done = crossloop(*arguments, cwd=tmp_path, preexec_fn=_limited(hard, hard))
    lines = [line for line in done.stderr.splitlines() if "asking each adapter" not in line]
    done.stderr = "\n".join(lines)
    assert_refused(done, 2, *wanted)
    assert not list(tmp_path.iterdir())


@POSIX
def test_a_low_soft_limit_is_raised(tmp_path: Path) -> None:
    """256 is what macOS gives; the hard limit is what counts."""
    if sys.platform == "win32":
        pytest.skip("no such limit")
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = crossloop(*SMOKE, "--dry-run", cwd=tmp_path, preexec_fn=_limited(32, hard))
    assert done.returncode == 0, done.stderr


def _without_loopback() -> list[str]:
    """How to run a command where the loopback interface is down, without touching this machine's."""
    for prefix in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
        ):
            return prefix
    pytest.skip("unshare -n (a network of one's own, loopback down) is not to be had here")


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "timers,tcp-echo"),
        ("check", "--adapters", "asyncio"),
        ("serve", "asyncio", "tcp-echo"),
        ("load", "tcp-echo", "--connect", "127.0.0.1:9"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_loopback(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [*_without_loopback(), *command(*arguments)],
        capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert_refused(done, 2, "127.0.0.1", "nreachable")
    assert not list(tmp_path.iterdir())


def test_no_loopback_leaves_what_needs_none(tmp_path: Path) -> None:
    done = subprocess.run(
        [*_without_loopback(), *command(*SMOKE, "--out", str(tmp_path))],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# Interruption ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _running(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _pid_in(file: Path, process: subprocess.Popen[str]) -> int:
    """Wait for the process that writes its pid into *file*."""
    mine = psutil.Process(process.pid)
    for _ in range(int(LIMIT_S * 20)):
        if file.exists() and (text := file.read_text()).endswith("\n"):
            return int(text)
        psutil.wait_procs([mine], timeout=0.05)
    raise AssertionError(process.communicate(timeout=5))


@POSIX
@pytest.mark.parametrize(
    "arguments",
    [("check", "--adapters", "hangs"), ("list",), ("bench", "--out", "here")],
    ids=lambda arguments: arguments[0],
)
def test_ctrl_c_ends_at_once_and_leaves_nobody(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Also while an adapter hangs in its import: nobody waits for the end of its limit."""
    folder = tmp_path / "suite" / "adapters"
    folder.mkdir(parents=True)
    (folder / "hangs.py").write_text(
        "import os, pathlib, time\n"
        "from crossloop.api import AdapterAbout\n"
        'ABOUT = AdapterAbout(family="faulty", library="none", binding="none", summary="Hangs.")\n'
        'pathlib.Path(__file__).with_name("pid").write_text(f"{os.getpid()}\\n")\n'
        "time.sleep(1000)\n"
    )
    with _running("--suite", str(tmp_path / "suite"), *arguments, cwd=tmp_path) as process:
        child = psutil.Process(_pid_in(folder / "pid", process))
        process.send_signal(signal.SIGINT)
        _out, errors = process.communicate(timeout=10)
    errors = errors.replace("crossloop: asking each adapter what it is\n", "")
    assert (process.returncode, errors.strip()) == (130, ""), "click ends the line of ^C, and that is all"
    assert psutil.wait_procs([child], timeout=5)[1] == []
    assert not (tmp_path / "here").exists()


@POSIX
def test_ctrl_c_during_setup(tmp_path: Path) -> None:
    """pip is a program that sleeps: what is asked for is a requirement that it cannot have brought yet."""
    folder = tmp_path / "suite" / "adapters"
    folder.mkdir(parents=True)
    (folder / "slow.py").write_text(
        'ABOUT = AdapterAbout(family="x", library="none", binding="slow", summary="Slow to come.",\n'
        f'    requires=("slowdist @ {_silent.url()}",))\n'
    )
    with _running("--suite", str(tmp_path / "suite"), "setup", "slow") as process:
        _silent.wait_for_caller()
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("pip" in (child.as_dict(["cmdline"])["cmdline"] or ()) for child in children)
        process.send_signal(signal.SIGINT)
        _out, errors = process.communicate(timeout=10)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert psutil.wait_procs(children, timeout=5)[1] == []


class _SilentServer:
    """An HTTP server that takes a request and never answers: whoever asks it waits."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._caller: socket.socket | None = None

    def url(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT_S)
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/slowdist-1.0-py3-none-any.whl"

    def wait_for_caller(self) -> None:
        assert self._listener is not None
        self._caller, _address = self._listener.accept()

    def close(self) -> None:
        for sock in (self._listener, self._caller):
            if sock is not None:
                sock.close()


_silent = _SilentServer()


@pytest.fixture(autouse=True, scope="module")
def _closed() -> Iterator[None]:
    yield
    _silent.close()


# Output ----------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize(
    "arguments", [("list",), ("list", "--json"), ("--help",), (*SMOKE, "--dry-run")], ids=" ".join
)
def test_a_reader_that_goes_away_is_no_error(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command(*arguments),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr.replace("crossloop: asking each adapter what it is\n", "") == ""
    assert done.returncode == 0


def test_help_imports_nothing_heavy() -> None:
    """What makes `--help` slow would be an import; time itself is measured elsewhere."""
    program = (
        "import sys; sys.argv[1:] = ['--help']; from crossloop.cli import main; status = main();"
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0
    loaded = set(json.loads(done.stderr.replace("'", '"')))
    assert not loaded & {
        "numpy", "scipy", "matplotlib", "msgspec", "psutil", "rich", "jinja2", "asyncio", "adapters",
        "scenarios", "packaging",
    }  # fmt: skip
    for name in ("bench", "check", "doctor", "dropin", "list", "load", "report", "serve", "setup"):
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(
    "name", ["bench", "check", "doctor", "dropin", "list", "load", "report", "serve", "setup"]
)
def test_every_command_explains_itself(name: str) -> None:
    done = crossloop(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: crossloop {name} ")
