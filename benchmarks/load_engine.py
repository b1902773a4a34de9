"""What verification and Python cost: crossloop's load against a bare C client, on the same C echo server.

    python benchmarks/load_engine.py [--pairs N] [--seconds S] [--size BYTES] [--connections 1,10,100]

Compiles benchmarks/native in a temporary folder, pins the server to the first CPU and both clients to the
second, and lets them take turns: the machine's state drifts, so only a pair that was measured back to back
is compared. Prints a markdown table: medians of messages a second, and the median of the paired ratios.
The C client compares nothing; crossloop compares every byte and records each latency.
Linux, a C compiler and two CPUs needed.
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

NATIVE = Path(__file__).parent / "native"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--connections", default="1,10,100")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit(f"load_engine: needs epoll and CPU pinning (Linux), this is {sys.platform}")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit(f"load_engine: needs 2 CPUs, this process may use {len(cpus)}")
    with tempfile.TemporaryDirectory() as folder:
        server_file, client_file = (build(name, Path(folder)) for name in ("epoll_echo", "epoll_client"))
        os.sched_setaffinity(0, {cpus[0]})  # children inherit it: the server here, both clients below
        server = subprocess.Popen([server_file], stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            os.sched_setaffinity(0, {cpus[1]})
            print("| connections | C client, messages/s | crossloop, messages/s | ratio | spread (pairs) |")
            print("| ---: | ---: | ---: | ---: | --- |")
            for connections in map(int, options.connections.split(",")):
                pairs = [
                    pair(client_file, ready, connections, options.size, options.seconds)
                    for _number in range(options.pairs)
                ]
                print(row(connections, pairs), flush=True)
        finally:
            server.terminate()
            server.wait(10)


def build(name: str, folder: Path) -> Path:
    """Compile one of the native programs with the system's compiler."""
    result = folder / name
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", result, NATIVE / f"{name}.c"], check=True)
    return result


def pair(
    client_file: Path, ready: dict[str, Any], connections: int, size: int, seconds: float
) -> tuple[float, float]:
    """Messages a second of the C client and of crossloop, measured one right after the other."""
    rates = {}
    for who in random.sample(["native", "crossloop"], 2):
        if who == "native":
            words = [str(client_file), str(ready["port"]), str(connections), str(size), str(seconds), "spin"]
            ran = subprocess.run(words, check=True, capture_output=True, timeout=seconds * 3 + 10)
            figures = json.loads(ran.stdout)
            rates[who] = figures["messages"] / figures["elapsed_s"]
        else:
            rates[who] = own_rate(ready, connections, size, seconds)
    return rates["native"], rates["crossloop"]


def own_rate(ready: dict[str, Any], connections: int, size: int, seconds: float) -> float:
    """One slice by the load process, as in a run."""
    place = {"target": "echo", "connections": connections, "size": size}
    commands = [
        {"do": "open", "host": ready["host"], "port": ready["port"], "pid": ready["pid"], **place},
        {
            "do": "slice",
            "phase": "capacity",
            "run_in_ms": seconds * 100,
            "duration_ms": seconds * 1000,
            "seed": 1,
        }
        | place,
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "crossloop.load.process"],
        input="".join(json.dumps(command) + "\n" for command in commands).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds * 3 + 20,
    )
    figures = json.loads(ran.stdout.splitlines()[-1])
    if "error" in figures:
        sys.exit(f"load_engine: {figures['error']}")
    return float(figures["operations"] / (figures["elapsed_ns"] / 1e9))


def row(connections: int, pairs: list[tuple[float, float]]) -> str:
    """One line of the table."""
    ratios = sorted(own / native for native, own in pairs)
    native, own = (statistics.median(side) for side in zip(*pairs, strict=True))
    spread = f"{ratios[0]:.2f} – {ratios[-1]:.2f} ({len(pairs)})"
    return f"| {connections} | {native:,.0f} | {own:,.0f} | {statistics.median(ratios):.2f} | {spread} |"


if __name__ == "__main__":
    main()
