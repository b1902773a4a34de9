"""How many connections one machine holds: several servers, each with a load of its own, all held at once.

A process has its limit of descriptors, and a machine has its memory. With a limit of 20,000 this holds 100,000
connections by six pairs of processes: `python benchmarks/held.py --adapter epoll --pairs 6 --each 16667`. Each pair
connects, waits until all have, has its connections answer at random for two seconds, and closes them. Printed: memory
for each connection, and the time that connecting took.
"""

import argparse
import json
import subprocess
import sys
import time
from contextlib import ExitStack

import psutil

from crossloop.api import echo
from crossloop.load import Target
from crossloop.load.commands import Address
from crossloop.load.connecting import connect_proven
from crossloop.load.engines import choose_engine
from crossloop.load.loops import open_loop
from crossloop.measure import clocks

SIZE, RATE, SECONDS, LIMIT_S = 64, 1000.0, 2.0, 600.0


def load(port: int, connections: int, rate: float) -> None:
    """One load: connect, say so, and go on when told to."""
    target = Target(Address(host="127.0.0.1", port=port), connections, echo(SIZE))
    connect_proven(target, LIMIT_S, spin=False)
    print("connected", flush=True)
    sys.stdin.readline()
    engine = choose_engine().engine
    stretch = open_loop(
        target, rate, choice="random", run_in_s=0.1, duration_s=SECONDS, seed=port, engine=engine, spin=False
    )
    print(stretch.operations, stretch.unanswered, flush=True)
    sys.stdin.readline()
    target.close(reset=True)


def _started(stack: ExitStack, *arguments: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-P", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _read(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def measure(adapter: str, pairs: int, each: int) -> None:
    """Hold *pairs* times *each* connections, and print what they cost."""
    total = pairs * each
    with ExitStack() as stack:
        servers = [_started(stack, "-m", "crossloop", "serve", adapter, "c10k") for _pair in range(pairs)]
        ready = [json.loads(_read(server)) for server in servers]
        before = [clocks.rss_bytes([server_said["pid"]]) for server_said in ready]
        kernel, start = clocks.kernel_bytes() or 0, time.monotonic()
        loads = [
            _started(
                stack,
                __file__,
                "--load",
                str(server_said["port"]),
                "--each",
                str(each),
                "--pairs",
                str(pairs),
            )
            for server_said in ready
        ]
        for process in loads:
            if _read(process) != "connected\n":
                raise SystemExit("a load could not connect; its words stand above")
        took_s = time.monotonic() - start
        held = sum(clocks.rss_bytes([server_said["pid"]]) for server_said in ready) - sum(before)
        in_kernel = (clocks.kernel_bytes() or 0) - kernel
        for process in loads:
            _tell(process)
        answers = [tuple(map(int, _read(process).split())) for process in loads]
        print(
            f"{adapter}: {total:,} connections in {pairs} pairs of processes after {took_s:.1f} s; "
            f"{held / total:,.0f} bytes of the servers and {in_kernel / total:,.0f} of the kernel for each; "
            f"{sum(done for done, _late in answers):,} requests answered, {sum(late for _done, late in answers)} not; "
            f"{psutil.virtual_memory().available / 2**30:.1f} GiB left"
        )


def main() -> None:
    """As the file says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", default="epoll")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--each", type=int, default=16_667)
    parser.add_argument("--load", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.load is not None:
        load(given.load, given.each, RATE / given.pairs)
    else:
        measure(given.adapter, given.pairs, given.each)


if __name__ == "__main__":
    main()
