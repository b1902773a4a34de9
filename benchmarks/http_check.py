"""The web server of scenario `http` under an independent client: wrk and crossloop's load, adapter by adapter.

    python benchmarks/http_check.py [--adapters A,B] [--rounds N] [--seconds S] [--connections N]

For each usable adapter that serves streams it starts `crossloop serve ADAPTER http`, asks for every resource once by
Python's own HTTP client, and compares status and body; then it runs

    wrk -t1 -cN -dSs http://127.0.0.1:PORT/plaintext
    crossloop load http --connect 127.0.0.1:PORT --connections N --duration S

one after the other. A round visits all adapters in random order, and each visit has a server of its own: some are busy
while they wait (`spin`). On Linux with two CPUs the server has the first one and the clients have the second.

wrk counts answers that are not 2xx or 3xx and what fails at the socket, and compares no bodies; the load compares every
byte. Prints a markdown table: medians of requests a second, the places of each adapter in both orders, and Spearman's
rank correlation of the two. Ends with status 1 if anything was wrong. wrk is in Debian, Homebrew and FreeBSD's ports.
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

from scipy.stats import spearmanr

from crossloop.api import fixed_filler
from crossloop.suite import load_suite, select
from crossloop.supervise.probe import probe_all

SIZES = {"plaintext": 32, "body-10k": 10240, "pieces": 10240}
"""Bytes of the bodies, which begin with 24 zeros where no ID is asked for."""
LIMIT_S = 60.0
CROSSLOOP = (sys.executable, "-m", "crossloop")


@dataclass
class Row:
    """What one adapter did, over all rounds."""

    wrk_per_s: list[float] = field(default_factory=list)
    load_per_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What was not as it should be, in words; empty: nothing."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapters", help="ids or prefixes, with commas; default: all that are usable")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=10)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("http_check: wrk is not installed; in Debian `apt-get install wrk` brings it")
    rows = {id_: Row() for id_ in usable(options.adapters)}
    for _round in range(options.rounds):
        for id_ in random.sample(list(rows), len(rows)):
            visit(id_, rows[id_], options.connections, options.seconds)
    print("\n".join(table(rows)))
    sys.exit(1 if any(row.wrong for row in rows.values()) else 0)


def usable(wanted: str | None) -> list[str]:
    """Ids of the adapters that can be opened here and serve streams."""
    suite = load_suite()
    probed = probe_all(suite, select("adapter", suite.adapters, wanted), {})
    return [one.entry.id for one in probed if one.usable and "StreamServer" in one.levels]


def visit(id_: str, row: Row, connections: int, seconds: int) -> None:
    """One server, asked by three clients."""
    with serving(id_) as address:
        row.wrong += asked_once(address)
        place, count = f"{address[0]}:{address[1]}", str(connections)
        by_wrk = run("wrk", "-t1", f"-c{count}", f"-d{seconds}s", f"http://{place}/plaintext")
        row.wrong += re.findall("Socket errors:.*|Non-2xx.*", by_wrk)
        row.wrk_per_s.append(float(re.findall(r"Requests/sec:\s*([0-9.]+)", by_wrk)[0]))
        words = ("--connections", count, "--duration", str(seconds), "--json")
        loaded = json.loads(run(*CROSSLOOP, "load", "http", "--connect", place, *words))
        row.load_per_s.append(loaded["messages_per_s"])
        if loaded["errors"]:
            row.wrong.append(f"load: {loaded['errors']} errors")


@contextmanager
def serving(id_: str) -> Iterator[tuple[str, int]]:
    """Address of a server that runs until the end."""
    pin(0)
    server = subprocess.Popen([*CROSSLOOP, "serve", id_, "http"], stdout=subprocess.PIPE, text=True)
    pin(1)
    try:
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        yield ready["host"], ready["port"]
    finally:
        server.terminate()
        server.wait(LIMIT_S)


def pin(number: int) -> None:
    """Keep this process, and those that it starts from now on, on one of the CPUs, where there are two."""
    if sys.platform == "linux" and len(CPUS) > 1:
        os.sched_setaffinity(0, {CPUS[number]})


CPUS: list[int] = []
if sys.platform == "linux":
    CPUS += sorted(os.sched_getaffinity(0))


def asked_once(address: tuple[str, int]) -> Iterator[str]:
    """What is wrong with an answer, by Python's client on one connection."""
    client = http.client.HTTPConnection(*address, timeout=LIMIT_S)
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


def table(rows: dict[str, Row]) -> Iterator[str]:
    """Lines of markdown, the fastest by wrk first."""
    wrk = {id_: statistics.median(row.wrk_per_s) for id_, row in rows.items()}
    load = {id_: statistics.median(row.load_per_s) for id_, row in rows.items()}
    by_wrk, by_load = (sorted(rows, key=order.__getitem__, reverse=True) for order in (wrk, load))
    yield "| adapter | wrk, requests/s | load, requests/s | place by wrk | by load | wrong |"
    yield "| :--- | ---: | ---: | ---: | ---: | :--- |"
    for place, id_ in enumerate(by_wrk, 1):
        wrong = "; ".join(dict.fromkeys(rows[id_].wrong)) or "nothing"
        yield f"| {id_} | {wrk[id_]:,.0f} | {load[id_]:,.0f} | {place} | {by_load.index(id_) + 1} | {wrong} |"
    if len(rows) > 2:
        correlation = spearmanr([wrk[id_] for id_ in rows], [load[id_] for id_ in rows]).statistic
        yield f"\nSpearman's rank correlation of the two orders: {correlation:.3f}"


if __name__ == "__main__":
    main()
