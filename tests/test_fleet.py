"""`crossloop fleet` without a network: its file, its command, hosts that lie, and this machine as a host."""

import ast
import base64
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from crossloop.cli.commands import cli
from crossloop.cli.exits import StopError
from crossloop.fleet import on_host
from crossloop.fleet.brought import answer_in, fleet_id
from crossloop.fleet.hosts import FleetError, Host, Wheel, read_fleet
from crossloop.fleet.question import question_of
from crossloop.fleet.visiting import Call, Complete, Failed, Vanished, require_same_question, visit
from crossloop.journal import EndRecord, journal_bytes
from tests.journals import run_record

LIMIT_S = 120.0
POSIX = pytest.mark.skipif(os.name != "posix", reason="a program of a host is a script with #!")
BENCH = ("bench", "--profile", "smoke", "--adapters", "select", "--no-references", "--no-evidence")


class Calls:
    """Calls that bring into one folder, and all that hosts said in them."""

    def __init__(self, out: Path):
        self.out = out
        self.lines: list[str] = []

    def __call__(self, *command: str, again: bool = False) -> Call:
        return Call(
            question=question_of(command or ("bench",), ()),
            out=self.out,
            fleet=fleet_id(self.out),
            id="0" * 32,
            again=again,
            ssh_config="",
            tell=lambda host, stream, text: self.lines.append(f"{host.name} {stream} {text}"),
        )


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Calls]:
    calls = Calls(tmp_path / "out")
    yield calls
    assert not list(calls.out.glob(".arriving-*"))


# The file ----------------------------------------------------------------------------------------------


def fleet_of(tmp_path: Path, text: str) -> dict[str, Host]:
    path = tmp_path / "hosts.toml"
    path.write_text(text, "utf-8")
    return read_fleet(path)


def test_keys_at_the_top_are_every_hosts_that_does_not_say_otherwise(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    wheel = tmp_path / "dist" / "crossloop-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"content")
    hosts = fleet_of(
        tmp_path,
        """
        install = ["dist/crossloop-0.1.0-py3-none-any.whl", "uvloop==0.22.1"]
        python = "python3.13"
        [hosts.big]
        ssh = "bench@big.example"
        setup = ["uvloop", "load-engine"]
        arguments = ["--adapters", "uvloop"]
        [hosts.pi-5]
        python = "py -3.12"
        folder = "elsewhere"
        [hosts.here]
        ssh = "localhost"
        install = false
        """,
    )
    big, small, here = hosts.values()
    assert (big.name, big.destination, big.python, big.folder) == (
        "big", "bench@big.example", "python3.13", "crossloop-fleet",
    )  # fmt: skip
    assert big.arguments == ("--adapters", "uvloop")
    assert big.environment is not None
    assert big.environment.wheels == (Wheel(wheel, hashlib.sha256(b"content").hexdigest()),)
    assert big.environment.requirements == ("uvloop==0.22.1",)
    assert big.environment.setup == ("uvloop", "load-engine")
    assert (small.destination, small.python, small.folder) == ("pi-5", "py -3.12", "elsewhere")
    assert small.environment is not None
    assert small.environment.setup is True
    assert (here.is_here, here.environment, small.is_here) == (True, None, False)


REFUSED = {
    "not TOML": ("[hosts", "expected TOML"),
    "no host": ("install = false", "names no host"),
    "hosts that are no tables": ("hosts = 3", "names no host"),
    "a host that is no table": ("install = false\n[hosts]\na = 3", "[hosts.a]: 3; expected a table"),
    "a name with a slash": ('install = false\n[hosts."a/b"]', "the name becomes a folder's"),
    "a name with a point": ('install = false\n[hosts."README.md"]', "the name becomes a folder's"),
    "a name of the report's": ("install = false\n[hosts.scenarios]", "none of adapters, behaviours"),
    "a long name": (f"install = false\n[hosts.{'a' * 41}]", "at most 40"),
    "a name that a terminal obeys": ('install = false\n[hosts."\\u001b[2J"]', "host '\\x1b[2J': the name"),
    "an unknown key": ("install = false\n[hosts.a]\npyhton = 'x'", "pyhton"),
    "an unknown key at the top": ("install = false\nfoo = 1\n[hosts.a]", "foo"),
    "ssh at the top": ("install = false\nssh = 'a'\n[hosts.a]", "each has its own"),
    "nothing to install": ("[hosts.a]", "no install; expected a wheel, requirements, or false"),
    "an empty list to install": ("[hosts.a]\ninstall = []", "expected something to install, or false"),
    "true to install": ("[hosts.a]\ninstall = true", "install"),
    "an option to install": ("[hosts.a]\ninstall = '--index-url=http://x'", "expected a wheel here, or a requirement"),
    "a missing wheel": ("[hosts.a]\ninstall = 'x-1-py3-none-any.whl'", "No such file"),
    "an odd wheel": ("[hosts.a]\ninstall = 'x y.whl'", "expected the name of a wheel"),
    "setup of nothing": ("[hosts.a]\ninstall = false\nsetup = true", "takes that Python as it is"),
    "setup of an option": ("[hosts.a]\ninstall = 'x'\nsetup = ['--suite']", "expected adapters or parts"),
    "an option as destination": ("[hosts.a]\ninstall = false\nssh = '-oProxyCommand=x'", "and no option"),
    "a destination with a blank": ("[hosts.a]\ninstall = false\nssh = 'a b'", "without blanks"),
    "python with a shell's sign": ("[hosts.a]\ninstall = false\npython = 'python3; x'", "no shell reads otherwise"),
    "an option as python": ("[hosts.a]\ninstall = false\npython = '-c'", "no shell reads otherwise"),
    "a folder that a terminal obeys": ('[hosts.a]\ninstall = false\nfolder = "\\u001b"', "printable"),
    "a line in an argument": ('[hosts.a]\ninstall = false\narguments = ["a\\nb"]', "printable"),
    "two names in case alone": ("install = false\n[hosts.a]\n[hosts.A]\nssh = 'b'", "differ in case alone"),
    "two of one destination": ("install = false\n[hosts.a]\n[hosts.b]\nssh = 'a'", "'a' and 'b' are both 'a'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(FleetError) as refused:
        fleet_of(tmp_path, text)
    message = str(refused.value)
    assert message.startswith(f"{tmp_path}")
    assert reason in message
    assert message.isprintable()


# What is asked --------------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (here,) = fleet_of(tmp_path, "install = false\n[hosts.a]\nssh = 'localhost'").values()
    return here


@pytest.mark.parametrize(
    "command", [(), ("report", "x"), ("bench", "--out", "x"), ("bench", "--out=x"), ("check", "--resume")]
)
def test_a_command_that_leaves_no_journal_is_refused(host: Host, command: tuple[str, ...]) -> None:
    with pytest.raises(FleetError):
        question_of(command, [host])


def test_what_the_answer_depends_on_makes_another_question(tmp_path: Path) -> None:
    (tmp_path / "a-1-py3-none-any.whl").write_bytes(b"1")
    base = "[hosts.a]\ninstall = 'a-1-py3-none-any.whl'\n"
    others = ("ssh = 'b'", "setup = false", "arguments = ['--seed', '2']", "python = 'q'")
    texts = [base, *(base + other for other in others)]
    digests = [question_of(["bench"], ()).digest(fleet_of(tmp_path, text)["a"]) for text in texts]
    (tmp_path / "a-1-py3-none-any.whl").write_bytes(b"2")
    digests.append(question_of(["bench"], ()).digest(fleet_of(tmp_path, base)["a"]))
    digests.append(question_of(["check"], ()).digest(fleet_of(tmp_path, base)["a"]))
    assert len(set(digests)) == len(digests)


# The program that is sent ------------------------------------------------------------------------------


def test_the_program_is_what_an_older_python_can_read() -> None:
    source = Path(on_host.__file__).read_bytes()
    assert source.isascii()
    tree = ast.parse(source, feature_version=(3, 7))
    imports = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imports <= sys.stdlib_module_names


def starts(python: str) -> bool:
    """Whether there is such a command, and it runs: that of a version manager may not."""
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def test_an_older_python_says_what_it_is(host: Host, call: Calls) -> None:
    older = next(filter(starts, (f"python3.{minor}" for minor in (10, 9, 8, 7))), None)
    if older is None:
        pytest.skip("no Python from 3.7 to 3.10 that starts here")
    outcome = visit(call(), with_python(host, older))
    assert isinstance(outcome, Failed)
    assert "3.11 or newer is needed" in outcome.reason


# Hosts that lie ----------------------------------------------------------------------------------------


def with_python(host: Host, python: str) -> Host:
    return dataclasses.replace(host, python=python)


def lying(tmp_path: Path, output: bytes, status: int = 0) -> str:
    """A "Python" that takes the program that it is sent, and says what it likes."""
    (tmp_path / "output").write_bytes(output)
    script = tmp_path / "lying"
    script.write_text(f"#!/bin/sh\ncat >{tmp_path}/sent\ncat {tmp_path}/output\nexit {status}\n")
    script.chmod(0o755)
    return str(script)


def message(say: str, **fields: object) -> bytes:
    return json.dumps({"say": say, **fields}).encode() + b"\n"


def sent(content: bytes, name: str = "run.jsonl", sha256: str = "") -> bytes:
    parts = [content[at : at + 40_000] for at in range(0, len(content), 40_000)]
    return b"".join(
        [
            message("file", name=name),
            *(message("part", content=base64.b64encode(part).decode()) for part in parts),
            message("whole", sha256=sha256 or hashlib.sha256(content).hexdigest()),
        ]
    )


RUN = journal_bytes([run_record(), EndRecord(elapsed_s=1.0, cells={})])
TORN = journal_bytes([run_record()])
END = message("end", status=0)


@POSIX
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        pytest.param(sent(b"\x00\xff") + END, "its run.jsonl is refused: run.jsonl: ", id="no journal"),
        pytest.param(sent(RUN[: len(RUN) // 3]) + END, "its run.jsonl is refused: ", id="no whole line"),
        pytest.param(sent(RUN + b'{"kind":"cell"}\n') + END, "run.jsonl: line 3", id="a record that is none"),
        pytest.param(sent(RUN, sha256="0" * 64) + END, "another SHA-256", id="damaged"),
        pytest.param(sent(RUN, name="../../run.jsonl") + END, "sent '../../run.jsonl'", id="a path"),
        pytest.param(sent(RUN, name="checks.jsonl") + END, "sent 'checks.jsonl'", id="another command's"),
        pytest.param(sent(RUN) + sent(RUN) + END, "expected each of run.jsonl once", id="twice"),
        pytest.param(message("part", content="AAAA") + END, "a part of no file", id="a part of nothing"),
        pytest.param(sent(TORN) + END, "run.jsonl has no end", id="not ended"),
        pytest.param(END, "left no journal", id="nothing"),
        pytest.param(message("lacks", files=["0" * 64]), "asks for files", id="asks for what nobody has"),
        pytest.param(message("failed", reason="no\x1b[2J"), "no\\x1b[2J", id="escapes"),
        pytest.param(message("err", text="gone") + message("end", status=3), "status 3: gone", id="a status"),
    ],
)
def test_what_a_host_sends_is_looked_at_before_it_has_a_place(
    tmp_path: Path, host: Host, call: Calls, output: bytes, reason: str
) -> None:
    outcome = visit(call(), with_python(host, lying(tmp_path, output)))
    assert isinstance(outcome, Failed)
    assert reason in outcome.reason
    kept = {path.name for path in (tmp_path / "out" / "a").glob("*")}
    torn = {"run.jsonl", "fleet.json"}  # it is a journal, of which a report can be made
    assert kept == (torn if output == sent(TORN) + END else set())
    answer = answer_in(tmp_path / "out" / "a")
    assert answer is None or not answer.complete


@POSIX
@pytest.mark.parametrize(
    ("output", "status", "outcome"),
    [
        (b"", 127, Failed("not reached: {python} ended with status 127")),
        (b"Welcome\n", 0, Failed("not reached: {python} ended with status 0: Welcome")),
        (message("alive"), 255, Vanished("{python} ended with status 255")),
        (message("alive") + sent(RUN)[:-20], 0, Vanished("{python} ended with status 0: ")),
    ],
)
def test_a_connection_that_ends_too_early_is_lost(
    tmp_path: Path, host: Host, call: Calls, output: bytes, status: int, outcome: Failed | Vanished
) -> None:
    python = lying(tmp_path, output, status)
    seen = visit(call(), with_python(host, python))
    assert type(seen) is type(outcome)
    assert isinstance(seen, Failed | Vanished)
    assert seen.reason.startswith(outcome.reason.format(python=python))


@POSIX
def test_a_host_that_floods_is_not_listened_to(
    tmp_path: Path, host: Host, call: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossloop.fleet.session.MAX_TEXT_BYTES", 100_000)
    flooding = tmp_path / "flooding"
    flooding.write_text("#!/bin/sh\ncat >/dev/null\nexec yes 'a line of many'\n")
    flooding.chmod(0o755)
    outcome = visit(call(), with_python(host, str(flooding)))
    assert isinstance(outcome, Failed)
    assert "said more than 100,000 bytes" in outcome.reason


@POSIX
def test_an_answer_is_kept_and_not_asked_for_again(tmp_path: Path, host: Host, call: Calls) -> None:
    before = b"Greeting of a shell\n" + message("step", text="s") + message("begins", resumes=False)
    output = before + message("out", text="result") + sent(RUN) + END
    there = with_python(host, lying(tmp_path, output))
    assert visit(call(), there) == Complete(0)
    assert (tmp_path / "out" / "a" / "run.jsonl").read_bytes() == RUN
    assert call.lines == [
        "a err Greeting of a shell", "a err s", "a err begins bench", "a out result",
    ]  # fmt: skip
    (tmp_path / "sent").unlink()
    assert visit(call(), there) == Complete(0, before=True)
    assert not (tmp_path / "sent").exists()
    with pytest.raises(
        FleetError, match="answers another question: it was asked 'bench', this is 'bench --seed 2'"
    ):
        require_same_question(call("bench", "--seed", "2"), there)
    require_same_question(call("bench", "--seed", "2", again=True), there)
    checked = sent(RUN, name="checks.jsonl") + message("end", status=1)
    assert visit(call("check", again=True), with_python(host, lying(tmp_path, checked))) == Complete(1)
    assert {path.name for path in (tmp_path / "out" / "a").iterdir()} == {"checks.jsonl", "fleet.json"}


@POSIX
def test_what_was_asked_again_and_lost_is_not_complete(tmp_path: Path, host: Host, call: Calls) -> None:
    there = with_python(host, lying(tmp_path, sent(RUN) + END))
    assert visit(call(), there) == Complete(0)
    lying(tmp_path, message("alive"))
    assert isinstance(visit(call(again=True), there), Vanished)
    lying(tmp_path, message("begins", resumes=True) + sent(RUN) + END)
    assert visit(call(), there) == Complete(0, resumed=True)


@POSIX
@pytest.mark.campaign
def test_a_wheel_is_sent_to_a_host_that_lacks_it(tmp_path: Path, call: Calls) -> None:
    """By the program itself, up to pip, which refuses what is no wheel."""
    wheel = tmp_path / "nothing-1-py3-none-any.whl"
    wheel.write_bytes(os.urandom(3_000_000))
    common = f"install = '{wheel.name}'\nfolder = '{tmp_path}/there'\npython = '{sys.executable}'\n"
    text = f"{common}[hosts.a]\nssh = 'localhost'"
    (there,) = fleet_of(tmp_path, text).values()
    outcome = visit(call(), there)
    (arrived,) = (tmp_path / "there").glob("*/files/*/*")
    assert arrived.read_bytes() == wheel.read_bytes()
    assert arrived.name == wheel.name
    assert arrived.parent.name == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("pip ended with status 1: ERROR: ")
    assert "nothing" in outcome.reason


# This machine as a host --------------------------------------------------------------------------------


@POSIX
def test_this_machine_is_a_host_that_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    """A second fleet is refused meanwhile; after Ctrl-C nothing runs on, and the same command resumes."""
    file, journal = tmp_path / "hosts.toml", "*/runs/*/run.jsonl"
    common = f"install = false\npython = '{sys.executable}'\nfolder = '{tmp_path}/there'\n"
    file.write_text(f"{common}[hosts.here]\nssh = 'localhost'\n", "utf-8")
    with subprocess.Popen(
        fleet(file, tmp_path / "out"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(
            process,
            lambda: any(b'"slice"' in path.read_bytes() for path in (tmp_path / "there").glob(journal)),
        )
        other = visit(Calls(tmp_path / "other")(), read_fleet(file)["here"])
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=LIMIT_S)
    assert isinstance(other, Failed)
    assert other.reason.startswith("another fleet is at work here (process ")
    assert process.returncode == 130, errors
    assert output == "here: interrupted\n"
    assert errors.splitlines()[-1] == "crossloop: interrupted; the same command goes on from here"
    assert not list((tmp_path / "there").glob(f"{journal}.lock"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["fleet.json"]

    again = run(fleet(file, tmp_path / "out"))
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-2:] == ["here: resumed", str(tmp_path / "out" / "README.md")]
    (there,) = (tmp_path / "there").glob(journal)
    assert there.read_bytes() == (tmp_path / "out" / "here" / "run.jsonl").read_bytes()
    assert b'"resumed":' in there.read_bytes()


def fleet(file: Path, out: Path) -> list[str]:
    line = [sys.executable, "-m", "crossloop", "fleet", str(file), "--out", str(out), "--", "bench"]
    measured = ("--profile", "smoke", "--adapters", "select", "--scenarios", "timers,wakeups")
    return [*line, *measured, "--no-references", "--no-evidence"]


def run(line: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def until(process: subprocess.Popen[str], seen: Callable[[], bool]) -> None:
    """Wait for what a process that runs brings about."""
    end_s = time.monotonic() + LIMIT_S
    while not seen():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s


@POSIX
def test_nothing_that_was_brought_is_a_status_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, python = tmp_path / "hosts.toml", lying(tmp_path, message("failed", reason="it rains"))
    file.write_text(f"install = false\npython = '{python}'\n[hosts.a]\nssh = 'localhost'\n", "utf-8")
    line = ["fleet", str(file), "--out", str(tmp_path / "out"), "--", "bench"]
    with pytest.raises(StopError) as stopped:
        cli.main(line, prog_name="crossloop", standalone_mode=False)
    assert stopped.value.status == 3
    assert capsys.readouterr() == ("a: failed: it rains\n", "a: failed: it rains\n")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("nowhere.toml -- bench", "nowhere.toml: No such file"),
        ("hosts.toml", "expected a command of bench, check, dropin after --"),
        ("hosts.toml -- selftest", "'selftest' is nothing for a fleet"),
        ("hosts.toml -- bench --profil smoke", "'--profile'"),
        ("hosts.toml -- bench --profile smok", "'smok' is not one of"),
        ("hosts.toml --hosts b -- bench", "unknown host 'b'; hosts.toml has a"),
    ],
)
def test_what_no_host_could_do_is_refused_here(tmp_path: Path, command: str, reason: str) -> None:
    (tmp_path / "hosts.toml").write_text("install = false\n[hosts.a]\nssh = 'localhost'\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(click.ClickException) as refused:
            cli.main(["fleet", *command.split()], prog_name="crossloop", standalone_mode=False)
    assert reason in refused.value.format_message()
    assert [path.name for path in tmp_path.iterdir()] == ["hosts.toml"]
