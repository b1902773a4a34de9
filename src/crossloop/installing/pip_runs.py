"""pip, run as a program in the environment of this interpreter, and what its output says when it fails.

pip's Python interface is not public; its command line is. The outcome of `pip install` is taken from its
own report (`--report`, pip 22.2, JSON), the reason of a failure from the most telling line of its output.
"""

import dataclasses
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossloop.installing.commands import CommandRun, python_command, run_command
from crossloop.plain_text import without_folders

PIP_OPTIONS = ("--no-input", "--disable-pip-version-check", "--no-color")
ENSUREPIP_LIMIT_S = 120.0
NOTHING_FOUND = "no matching distribution found"
UNFETCHED = "Could not fetch URL "
NO_INDEX = "the package index does not answer"

NO_PIP = "this environment has no pip, and Python's ensurepip cannot bring it"
NO_PIP_REMEDY = (
    f"apt-get install python3-venv, then a new environment: {Path(sys.executable).name} -m venv .venv"
)


@dataclass(frozen=True)
class Fetched:
    """One distribution that a run of pip installed."""

    name: str
    version: str
    wheel: bool
    """True: came as a wheel. False: built from source here."""


def pip_ready() -> bool:
    """Whether `python -m pip` works in this environment; tries `ensurepip` once where it does not."""
    if run_command(python_command("-m", "pip", "--version"), limit_s=60).succeeded:
        return True
    bring = run_command(
        python_command("-m", "ensurepip", "--upgrade", "--default-pip"), limit_s=ENSUREPIP_LIMIT_S
    )
    return bring.succeeded and run_command(python_command("-m", "pip", "--version"), limit_s=60).succeeded


def run_pip(
    *arguments: str,
    limit_s: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> CommandRun:
    """`python -m pip COMMAND …` with a time limit; *arguments* begin with pip's command.

    A run that found no distribution is made again with a log, where alone pip says what it could not fetch; the
    output then begins with that. The first run has none, because with one pip keeps what a build says to itself.
    """
    command, *rest = arguments

    def pip(*options: str) -> CommandRun:
        pip_command = python_command("-m", "pip", command, *PIP_OPTIONS, *options, *rest)
        return run_command(pip_command, limit_s=limit_s, environment=environment, folder=folder)

    run = pip()
    if run.succeeded or NOTHING_FOUND not in run.output.lower():
        return run
    with tempfile.TemporaryDirectory(prefix="crossloop-pip-log-") as place:
        log = Path(place) / "log"
        pip("--log", str(log))
        if not log.is_file():
            return run
        with log.open(encoding="utf-8", errors="replace") as lines:
            failed = [line.partition(UNFETCHED)[2] for line in lines if UNFETCHED in line]
    return dataclasses.replace(run, output="".join(f"{UNFETCHED}{line}" for line in failed) + run.output)


def pip_install(requirements: Sequence[str], *, limit_s: float) -> tuple[CommandRun, tuple[Fetched, ...]]:
    """Install *requirements* together; also returns what came with them, empty if the run failed."""
    with tempfile.TemporaryDirectory(prefix="crossloop-pip-") as folder:
        report = Path(folder) / "report.json"
        # A name that begins with a dash would be read as an option: everything after `--` is not.
        run = run_pip("install", "--report", str(report), "--", *requirements, limit_s=limit_s)
        if not run.succeeded:
            return run, ()
        return run, _fetched(report)


def _fetched(report: Path) -> tuple[Fetched, ...]:
    """What pip's report names (schema version 1); nothing where pip wrote none because nothing was to do."""
    if not report.is_file():
        return ()
    document = json.loads(report.read_text(encoding="utf-8"))
    fetched = []
    for entry in document.get("install", []):
        metadata = entry.get("metadata", {})
        address = str(entry.get("download_info", {}).get("url", ""))
        fetched.append(
            Fetched(str(metadata.get("name", "")), str(metadata.get("version", "")), address.endswith(".whl"))
        )
    return tuple(fetched)


# An index that does not answer. pip goes on without it, and then says that it has found no distribution.
_NO_ANSWER = (
    r"(?:temporary failure in name resolution|failed to establish a new connection|network is unreachable"
    r"|no route to host|name or service not known|nodename nor servname|getaddrinfo failed"
    r"|certificate verify failed|connection refused|connection reset|connection aborted|connection broken"
    r"|remote end closed connection|cannot connect to proxy|timed out|didn't respond within"
    r"|too many [45]\d\d error responses"
    r"|\b(?:5\d\d server error|40[137] client error)).*$"
)
_VERSIONS = re.compile(r"\(from versions: (?!none\))")
"""pip lists what an index has, when that does not fit."""
# From the most to the least telling. The last match of the first pattern that matches at all is taken:
# a build prints its real complaint last, and pip's own summary after it says only that a build failed.
_TELLING = tuple(
    re.compile(pattern, re.MULTILINE | re.IGNORECASE)
    for pattern in (
        r"^.*\bended after the limit of .*$",
        r"^.*\bexternally-managed-environment\b.*$",
        r"^.*(?:can't find rust compiler|rust not found|cargo, the rust package manager, is not).*$",
        r"^.*command '[^']*' failed: no such file or directory.*$",
        r"^.*fatal error: .*$",
        r"^.*:\d+:\d+: error: .*$",
        r"^.*requires a different python.*$",
        r"^.*do not match the hashes.*$",
        _NO_ANSWER,
        rf"^.*{NOTHING_FOUND}.*$",
        r"^.*no space left on device.*$",
        r"^.*permission denied.*$",
        r"^\s*(?:error|💥 maturin failed|cmake error).*(?::|\bfailed\b).*$",
        r"^ERROR: .*$",
    )
)

_REMEDIES = (
    (r"ended after the limit", "run setup again: what was downloaded and built before is cached"),
    (r"externally-managed", f"make an environment first: {Path(sys.executable).name} -m venv .venv"),
    (r"\brust|\bcargo|maturin", "install Rust (rustup, or apt-get install cargo), then run setup again"),
    (r"Python\.h", "apt-get install python3-dev"),
    (
        r"'(?:gcc|cc|clang|g\+\+|c\+\+)[^']*' failed: no such file",
        "apt-get install build-essential (macOS: xcode-select --install)",
    ),
    (
        r"fatal error: .*\.h",
        "the header named above belongs to a development package of the system; install that",
    ),
    (rf"{NO_INDEX}|{_NO_ANSWER}", "check the network, and PIP_INDEX_URL or PIP_CERT behind a proxy"),
    (r"different python|no matching distribution", "another version of Python, or of the binding"),
    (r"no space left", "free some space, or point TMPDIR at a larger disk"),
    (r"permission denied", f"make an environment that you own: {Path(sys.executable).name} -m venv .venv"),
)


def informative_line(output: str) -> str:
    """The line of a failed run's output that says why, without addresses and folders of this machine."""
    for pattern in _TELLING:
        matches = pattern.findall(output)
        if not matches:
            continue
        if pattern.pattern != _NO_ANSWER:
            return public_text(matches[-1])
        if not _VERSIONS.search(output):  # else it has answered, in another attempt
            return public_text(f"{NO_INDEX}: {matches[-1]}").rstrip("')\"")
    lines = [line for line in output.splitlines() if line.strip()]
    return public_text(lines[-1]) if lines else "it ended without a word"


def remedy_for(why: str) -> str:
    """What a person can do about a reason; empty if nothing is known."""
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, why, re.IGNORECASE):
            return remedy
    return ""


def public_text(line: str, *, limit: int = 300) -> str:
    """*line* fit for a report: one line, bounded, no internet address, no private folder."""
    text = re.sub(r"\b(?:https?|file)://\S+", "<address>", line)
    text = re.sub(r"\bhost='[^']*'", "host=<address>", text)
    text = "".join(character if character.isprintable() else " " for character in text)
    text = without_folders(" ".join(text.split()).removeprefix("ERROR: "))
    text = text.rstrip(".")
    return text if len(text) <= limit else text[: limit - 1] + "…"
