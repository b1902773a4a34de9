"""What verification and recording cost: crossloop's load against a bare C client, on the same C echo server.

    python benchmarks/load_engine.py [--rounds N] [--seconds S] [--size BYTES] [--connections 1,10,100,1000]

Compiles benchmarks/native in a temporary folder, pins the server to the first CPU and the clients to the
second, and lets the C client, crossloop's native engine and its Python engine take turns in random order: the
machine's state drifts, so only what was measured in the same round is compared. Prints a markdown table: medians
of messages a second, and medians of the paired ratios to the C client with the range of their middle half. The C
client compares nothing; crossloop compares every byte and records each latency.
Linux, a C compiler, two CPUs and `crossloop setup load-engine` needed.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from crossloop.api import echo
from crossloop.references import REFERENCES

NATIVE = Path(__file__).parent / "native"
CLIENT = "client"
ENGINES = ("native", "python")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--connections", default="1,10,100,1000")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit(f"load_engine: needs epoll and CPU pinning (Linux), this is {sys.platform}")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit(f"load_engine: needs 2 CPUs, this process may use {len(cpus)}")
    with tempfile.TemporaryDirectory() as folder:
        server_file, client_file = (build(name, Path(folder)) for name in ("epoll_echo", "epoll_client"))
        os.sched_setaffinity(0, {cpus[0]})  # children inherit it: the server here, the clients below
        server = subprocess.Popen([server_file], stdout=subprocess.PIPE)
        os.sched_setaffinity(0, {cpus[1]})
        loads = {name: Load(name) for name in ENGINES}
        try:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            print("| connections | C client, messages/s | native ÷ C client | Python ÷ C client | rounds |")
            print("| ---: | ---: | --- | --- | ---: |")
            for connections in map(int, options.connections.split(",")):
                rounds = [
                    one_round(client_file, loads, ready, connections, options.size, options.seconds)
                    for _number in range(options.rounds)
                ]
                print(row(connections, rounds), flush=True)
        finally:
            for load in loads.values():
                load.end()
            server.terminate()
            server.wait(10)


def build(name: str, folder: Path) -> Path:
    """Compile one of the native programs with the system's compiler; the server is the native reference."""
    result = folder / name
    source = REFERENCES["c-epoll"].part.folder / "c_epoll.c" if name == "epoll_echo" else NATIVE / f"{name}.c"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", result, source, "-ldl"], check=True)
    return result


class Load:
    """A load process with one engine, as in a run."""

    def __init__(self, engine: str):
        command = [sys.executable, "-m", "crossloop.load.server", engine]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.ask({"do": "engine"})["engine"] != engine:
            sys.exit(f"load_engine: no {engine} engine; `crossloop setup load-engine` builds it")

    def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send one command and read its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or b'{"error": "it ended"}')
        if "error" in answer:
            sys.exit(f"load_engine: {answer['error']}")
        return answer

    def end(self) -> None:
        """End of input ends it."""
        self._process.communicate(timeout=20)

    def rate(self, ready: dict[str, Any], connections: int, size: int, seconds: float) -> float:
        """Messages a second of one slice on fresh connections."""
        self.ask(
            {
                "do": "open",
                "target": "echo",
                "address": {"host": ready["host"], "port": ready["port"]},
                "connections": connections,
                "exchange": echo(size).as_dict(),
                "pids": [ready["pid"]],
            }
        )
        figures = self.ask(
            {
                "do": "slice",
                "target": "echo",
                "phase": "capacity",
                "run_in_ms": seconds * 100,
                "duration_ms": seconds * 1000,
                "seed": 1,
            }
        )
        self.ask({"do": "close", "target": "echo", "reset": True})
        return float(figures["operations"] / (figures["elapsed_ns"] / 1e9))


def one_round(
    client_file: Path,
    loads: dict[str, Load],
    ready: dict[str, Any],
    connections: int,
    size: int,
    seconds: float,
) -> dict[str, float]:
    """Messages a second of the C client and of both engines, measured one right after the other."""
    rates = {}
    for who in random.sample([CLIENT, *loads], 1 + len(loads)):
        if who == CLIENT:
            command = [
                str(client_file),
                str(ready["port"]),
                str(connections),
                str(size),
                str(seconds),
                "spin",
            ]
            ran = subprocess.run(command, check=True, capture_output=True, timeout=seconds * 3 + 10)
            figures = json.loads(ran.stdout)
            rates[who] = figures["messages"] / figures["elapsed_s"]
        else:
            rates[who] = loads[who].rate(ready, connections, size, seconds)
    return rates


def row(connections: int, rounds: list[dict[str, float]]) -> str:
    """One line of the table."""
    cells = [f"{connections:,}", f"{statistics.median(rates[CLIENT] for rates in rounds):,.0f}"]
    for name in ENGINES:
        ratios = [rates[name] / rates[CLIENT] for rates in rounds]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        cells.append(f"{middle:.3f} ({low:.2f} – {high:.2f})")
    return f"| {' | '.join(cells)} | {len(rounds)} |"


if __name__ == "__main__":
    main()
