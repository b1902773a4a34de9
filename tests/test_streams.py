"""What the command line writes, on whatever consoles, files and closed streams it is given."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossloop.journal import JournalWriter, Record
from crossloop.plain_text import printable, without_folders
from tests.hostile.journals import sliced_run
from tests.journals import whole_run

LIMIT_S = 120.0
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX descriptors, devices and limits")


def crossloop(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    """Run it with buffered streams, as they are unless an environment says otherwise."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    options = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        **options,
        "env": environment | options.get("env", {}),
    }
    return subprocess.run(
        [sys.executable, "-m", "crossloop", *arguments], timeout=LIMIT_S, check=False, **options
    )


def program(text: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, timeout=LIMIT_S, check=False, **options
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in it."""
    run_folder = tmp_path_factory.mktemp("run")
    with JournalWriter(run_folder / "run.jsonl") as journal:
        record: Record
        for record in whole_run():
            journal.write(record, sync=False)
    return run_folder


# Encodings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        ("list", "cp437"),
        ("doctor", "cp1252"),
        ("compare", "cp1251"),
        ("compare", "cp932"),
        ("compare", "ascii"),
    ],
)
def test_an_encoding_that_lacks_a_character(command: str, encoding: str, tmp_path: Path) -> None:
    """Status 1 means that a machine is unfit or that something regressed, never that a console has no arrow."""
    report = str(sliced_run(tmp_path / "run"))
    arguments = (command, report, report) if command == "compare" else (command,)
    done = crossloop(*arguments, env={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0
    assert done.stdout.decode(encoding)
    assert b"\\u" not in done.stdout, "crossloop's own signs have plain letters"


# Faults of our own -----------------------------------------------------------------------------------


FAULT = """
import sys
from crossloop.cli import main
from crossloop.cli.commands import cli

@cli.command()
def fault():
    raise {error}

sys.argv[1:] = ["fault"]
sys.exit(main())
"""


@pytest.mark.parametrize(
    "error",
    ["KeyError('x\\x1b[31m')", "ValueError('/home/me/secret/file.py is odd')", "BrokenPipeError(32, 'gone')"],
)
def test_an_error_that_nobody_foresaw_has_a_status_of_its_own(error: str, tmp_path: Path) -> None:
    done = program(FAULT.format(error=error), env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 70
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("crossloop: unforeseen ")
    assert "report it" in line
    assert "/home/me" not in line
    assert "\x1b" not in line
    (kept,) = tmp_path.iterdir()
    assert str(kept) in line
    assert "Traceback" in kept.read_text("utf-8")


def test_a_machine_out_of_memory_is_no_fault_of_ours() -> None:
    done = program(FAULT.format(error="MemoryError()"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"crossloop: too little memory" in done.stderr


# Streams that fail -----------------------------------------------------------------------------------


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
COMMANDS = (("list",), ("--help",))


@FULL
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_result_that_cannot_be_written_is_said(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = crossloop(*arguments, stdout=full)
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("crossloop: No space left on device")


@FULL
def test_a_full_standard_error_costs_only_what_is_said_there(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        bench = ("bench", "--profile", "smoke", "--adapters", "asyncio", "--scenarios", "timers", "--dry-run")
        assert crossloop(*bench, stderr=full, cwd=tmp_path).returncode == 0
        assert crossloop("report", str(tmp_path), stderr=full).returncode == 2


@POSIX
def test_a_reader_that_goes_away_does_not_change_the_verdict() -> None:
    """A regression is one also when nobody reads its page to the end."""
    text = FAULT.replace("raise {error}", "import click; click.echo('page'); return 1")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([sys.executable, "-c", text], stdout=writing, timeout=LIMIT_S, check=False)
    finally:
        os.close(writing)
    assert done.returncode == 1


@POSIX
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream(closed: str, folder: Path, tmp_path: Path) -> None:
    """What is opened next would get its number, and then what is written there."""
    text = f"{sys.executable} -m crossloop report {folder} --out {tmp_path} {closed}"
    done = subprocess.run(["sh", "-c", text], timeout=LIMIT_S, check=False)
    assert done.returncode == 0
    assert (tmp_path / "README.md").read_text("utf-8").startswith("# ")


# Limits ----------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("arguments", [("list",), ("compare", "a", "b")], ids=" ".join)
@pytest.mark.parametrize("kib", [60_000, 200_000])
def test_a_small_address_space_is_one_line(arguments: tuple[str, ...], kib: int) -> None:
    text = f"ulimit -v {kib} && exec {sys.executable} -m crossloop {' '.join(arguments)}"
    done = subprocess.run(["sh", "-c", text], capture_output=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert f"`ulimit -v` allows {kib >> 10} MiB" in line


# Text from elsewhere ---------------------------------------------------------------------------------

HOSTILE = "a\x1b]0;title\x07b\x9bc\x7fd\u202ee\u2066f\ud800g"
SUITE = """
from crossloop.api import AdapterAbout, Facts
from crossloop.idioms.asyncio_ import StandardLoop
import asyncio, dataclasses

ABOUT = AdapterAbout(family="x", library="none", binding="x", summary="x")


class Adapter(StandardLoop):
    def __init__(self):
        {init}
        super().__init__(asyncio.new_event_loop())

    def facts(self):
        return dataclasses.replace(super().facts(), binding_version={text!a})
"""


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("list", "fact"),
        ("list --json", "fact"),
        ("list --json", "reason"),
        ("serve hostile tcp-echo", "reason"),
    ],
)
def test_what_an_adapter_says_is_only_text(command: str, place: str, tmp_path: Path) -> None:
    text = HOSTILE.replace("\ud800", "")
    (tmp_path / "adapters").mkdir()
    init = f"raise RuntimeError({text!a})" if place == "reason" else "pass"
    (tmp_path / "adapters" / "hostile.py").write_text(SUITE.format(init=init, text=text), "utf-8")
    arguments = command.split()
    done = crossloop("--suite", str(tmp_path), *arguments)
    shown = (done.stdout + done.stderr).decode()
    assert not set(shown) & set("\x1b\x07\x9b\x7f\u202e\u2066")
    if command == "list --json":
        (adapter,) = [adapter for adapter in json.loads(shown)["adapters"] if adapter["id"] == "hostile"]
        shown = adapter["reason"] if place == "reason" else adapter["facts"]["binding_version"]
        assert printable(text) in printable(shown)
    else:
        assert "\\x1b" in "".join(shown.split())


def test_text_for_people() -> None:
    assert printable(HOSTILE) == "a\\x1b]0;title\\x07b\\x9bc\\x7fd\\u202ee\\u2066f\\ud800g"
    assert printable("two\nlines", kept="\n") == "two\nlines"
    assert without_folders("no /home/me/a-b/c.py, C:\\Users\\me\\x.dll or '/opt/my lib/y.so'") == (
        "no …/c.py, …/x.dll or '…/my lib/y.so'"
    )
    assert without_folders("see https://docs.python.org/3/library/asyncio.html") == (
        "see https://docs.python.org/3/library/asyncio.html"
    )
