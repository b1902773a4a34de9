"""The web servers of scenario `http` under an independent client: wrk and crossloop's load, row by row.

    python benchmarks/http_check.py [--adapters A,B] [--styles S,T] [--rounds N] [--seconds S] [--connections N]

For each usable adapter it takes the first style of the scenario's own server, and each web server that it has as a
style; or those of `--styles`. It starts `crossloop serve ADAPTER http --style STYLE`, asks for every resource once by
Python's own HTTP client, and compares status and body; then it runs

    wrk -t1 -cN -dSs http://127.0.0.1:PORT/plaintext
    crossloop load http --connect 127.0.0.1:PORT --connections N --duration S

one after the other. A round visits all rows in random order, and each visit has a server of its own: some are busy
while they wait (`spin`). On Linux with two CPUs the server has the first one and the clients have the second.

wrk counts answers that are not 2xx or 3xx and what fails at the socket, and compares no bodies; the load compares every
byte. Prints a markdown table: medians of requests a second and of the server's CPU time for one, the places of each
row by CPU time in both orders, and Spearman's rank correlation of the two. CPU time makes the order, since requests
a second are also the client's and the neighbours' matter. The load's holds that of its run-in as well, for all alike.
Ends with status 1 if anything was wrong; a server that is not installed is named and is no fault. wrk is in Debian,
Homebrew and FreeBSD's ports.
"""

import argparse
import http.client
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import psutil
from scipy.stats import spearmanr

from crossloop.api import fixed_filler
from crossloop.suite import load_suite, select
from crossloop.supervise.probe import probe_all

SIZES = {"plaintext": 32, "body-10k": 10240, "pieces": 10240}
"""Bytes of the bodies, which begin with 24 zeros where no ID is asked for."""
LIMIT_S = 60.0
FORKING = "processes"
"""It has a process for each connection, whose CPU time is lost with it: it has no place in the orders."""
CROSSLOOP = (sys.executable, "-m", "crossloop")


@dataclass
class Row:
    """What one adapter in one style did, over all rounds."""

    wrk_per_s: list[float] = field(default_factory=list)
    wrk_cpu_us: list[float] = field(default_factory=list)
    """CPU time of the server's processes for a request."""
    load_per_s: list[float] = field(default_factory=list)
    load_cpu_us: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What was not as it should be, in words; empty: nothing."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapters", help="ids or prefixes, with commas; default: all that are usable")
    parser.add_argument("--styles", help="styles, with commas, instead of those that are said above")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=10)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("http_check: wrk is not installed; in Debian `apt-get install wrk` brings it")
    rows = {name: Row() for name in usable(options.adapters, options.styles)}
    for _round in range(options.rounds):
        for name in random.sample(list(rows), len(rows)):
            try:
                visit(name, rows[name], options.connections, options.seconds)
            except NotServedError as error:
                del rows[name]
                print(f"http_check: {name} is left out: {error}", file=sys.stderr)
    if not rows:
        sys.exit("http_check: nothing of what was asked for can be served here")
    print("\n".join(table(rows)))
    sys.exit(1 if any(row.wrong for row in rows.values()) else 0)


class NotServedError(Exception):
    """There is no server; the message is crossloop's."""


Name: TypeAlias = tuple[str, str]
"""Adapter and style."""


def usable(wanted: str | None, styles: str | None) -> list[Name]:
    """Rows of the adapters that can be opened here."""
    suite = load_suite()
    probed = probe_all(suite, select("adapter", suite.adapters, wanted), {})
    names = []
    for adapter in (adapter for adapter in probed if adapter.usable):
        streams, servers = adapter.levels.get("StreamServer", ()), adapter.levels.get("HttpServer", ())
        chosen = [*streams[:1], *servers]
        if styles is not None:
            chosen = [style for style in (*streams, *servers) if style in styles.split(",")]
        names += [(adapter.entry.id, style) for style in chosen]
    return names


def visit(name: Name, row: Row, connections: int, seconds: int) -> None:
    """One server, asked by three clients. Raises NotServedError."""
    with serving(name, row.wrong) as (host, port, pid):
        row.wrong += asked_once(host, port)
        place, count = f"{host}:{port}", str(connections)
        before_s = cpu_s(pid)
        by_wrk = run("wrk", "-t1", f"-c{count}", f"-d{seconds}s", f"http://{place}/plaintext")
        between_s = cpu_s(pid)
        options = ("--connections", count, "--duration", str(seconds), "--json")
        loaded = json.loads(run(*CROSSLOOP, "load", "http", "--connect", place, *options))
        after_s = cpu_s(pid)
    row.wrong += re.findall("Socket errors:.*|Non-2xx.*", by_wrk)
    if loaded["errors"]:
        row.wrong.append(f"load: {loaded['errors']} errors")
    requests = int(re.findall(r"(\d+) requests in", by_wrk)[0])
    row.wrk_per_s.append(float(re.findall(r"Requests/sec:\s*([0-9.]+)", by_wrk)[0]))
    row.wrk_cpu_us.append((between_s - before_s) / requests * 1e6)
    row.load_per_s.append(loaded["messages_per_s"])
    row.load_cpu_us.append((after_s - between_s) / loaded["messages"] * 1e6)


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, in seconds; on Linux in steps of 10 ms."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def serving(name: Name, wrong: list[str]) -> Iterator[tuple[str, int, int]]:
    """Host, port and pid of a server that runs until the end, which is to be silent and of status 0.

    Raises NotServedError.
    """
    pin(0)
    command = [*CROSSLOOP, "serve", name[0], "http", "--style", name[1]]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pin(1)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        if not line:
            raise NotServedError(server.communicate(timeout=LIMIT_S)[1].strip())
        ready = json.loads(line)
        yield ready["host"], ready["port"], ready["pid"]
    finally:
        server.terminate()
        _, said = server.communicate(timeout=LIMIT_S)
    if server.returncode or said:
        wrong.append(f"status {server.returncode}, on standard error {said[:80]!r}")


def pin(number: int) -> None:
    """Keep this process, and those that it starts from now on, on one of the CPUs, where there are two."""
    if sys.platform == "linux" and len(CPUS) > 1:
        os.sched_setaffinity(0, {CPUS[number]})


CPUS: list[int] = []
if sys.platform == "linux":
    CPUS += sorted(os.sched_getaffinity(0))


def asked_once(host: str, port: int) -> Iterator[str]:
    """What is wrong with an answer, by Python's client on one connection."""
    client = http.client.HTTPConnection(host, port, timeout=LIMIT_S)
    for resource, size in SIZES.items():
        client.request("GET", f"/{resource}")
        answer = client.getresponse()
        body, expected = answer.read(), b"0" * 24 + fixed_filler(size - 24)
        if answer.status != 200 or body != expected:
            yield f"{resource}: status {answer.status}, {len(body)} bytes, expected 200 and {size} others"
    client.close()


def run(*command: str) -> str:
    """Output of a client. Raises CalledProcessError, whose message has the command in it."""
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout


def table(rows: dict[Name, Row]) -> Iterator[str]:
    """Lines of markdown, the one that costs least by wrk first."""
    ranked = [name for name in rows if name[0] != FORKING]
    wrk = {name: statistics.median(rows[name].wrk_cpu_us) for name in ranked}
    load = {name: statistics.median(rows[name].load_cpu_us) for name in ranked}
    by_wrk, by_load = (sorted(ranked, key=order.__getitem__) for order in (wrk, load))
    yield "| adapter (style) | wrk: requests/s | CPU µs | place | load: requests/s | CPU µs | place | wrong |"
    yield "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | :--- |"
    for name in (*by_wrk, *(name for name in rows if name not in wrk)):
        row, placed = rows[name], name in wrk
        cells = [
            f"{name[0]} ({name[1]})",
            f"{statistics.median(row.wrk_per_s):,.0f}",
            *((f"{wrk[name]:.2f}", f"{by_wrk.index(name) + 1}") if placed else ("–", "–")),
            f"{statistics.median(row.load_per_s):,.0f}",
            *((f"{load[name]:.2f}", f"{by_load.index(name) + 1}") if placed else ("–", "–")),
            "; ".join(dict.fromkeys(row.wrong)) or "nothing",
        ]
        yield f"| {' | '.join(cells)} |"
    if len(ranked) > 2:
        correlation = spearmanr([wrk[name] for name in ranked], [load[name] for name in ranked]).statistic
        yield f"\nSpearman's rank correlation of the two orders: {correlation:.3f}"


if __name__ == "__main__":
    main()
