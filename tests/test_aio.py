"""POSIX AIO as glibc makes it: its twenty threads, what aio_init changes, where the server ends, what is left.

The threads are a process's own and their number is set once, so each test has a process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossloop.api import UnsupportedError

if sys.platform != "linux":
    pytest.skip("the layout of struct aiocb is known for glibc on Linux alone", allow_module_level=True)

from crossloop.bindings.posix_aio import DEFAULT_THREADS, Library

WAIT_S = 30.0
ROOT = Path(__file__).parent.parent

REQUESTS = """
import json, os, socket, sys
from crossloop.bindings.posix_aio import Library, Requests, native_threads
library = Library()
def tell(**said):
    print(json.dumps(said), flush=True)
def reads(count):
    pairs = [socket.socketpair() for _ in range(count)]
    requests = Requests(library, count, 64)
    for index, (ours, theirs) in enumerate(pairs):
        requests.read(index, ours.fileno())
    return pairs, requests
"""

SERVER = '''
import json, os, socket, sys, threading, time
import adapters.aio
from adapters.aio import Adapter
from crossloop.api import Echo
from crossloop.bindings.posix_aio import native_threads
from crossloop.contract.promise import Subject
from crossloop.contract.peer import echo, expect_end, serve
def tell(**said):
    print(json.dumps(said), flush=True)
def held(before=None):
    """Threads and descriptors. A thread that was joined is on its way out; an idle one of glibc's stays for 1 s."""
    deadline = time.monotonic() + 0.7
    while True:
        now = len(native_threads()), len(os.listdir("/proc/self/fd"))
        if before in (None, now) or time.monotonic() > deadline:
            return now
'''


def said_by(*code: str) -> dict[str, Any]:
    """What a process that runs *code* prints; it must end by itself, with nothing on standard error."""
    command = [sys.executable, "-c", "\n".join(code)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


STARVING = """
pairs, requests = reads(21)
pairs[20][1].send(b"here is data for the twenty-first")
taken_back = [requests.cancel(index, pairs[index][0].fileno()) for index in (0, 19, 20)]
for index in (0, 20):
    pairs[index][1].send(b"x")
completed = []
while len(completed) < 1 + (not taken_back[2]):
    completed += requests.wait()
tell(taken_back=taken_back, threads=len(native_threads()) - 1)
sys.stdout.flush()
os._exit(0)
"""
"""A request that no thread works on can be taken back (aio_cancel(3)), one that blocks in its read cannot."""


def test_twenty_idle_reads_starve_the_twenty_first() -> None:
    said = said_by(REQUESTS, STARVING)
    assert said == {"taken_back": [False, False, True], "threads": DEFAULT_THREADS}


def test_aio_init_makes_room_before_the_first_request() -> None:
    said = said_by(REQUESTS, "library.limit_threads(21)", STARVING)
    assert said["taken_back"] == [False, False, False]
    assert said["threads"] in (20, 21), "the one whose read is complete may read on for another, or none"


def test_aio_init_is_too_late_after_the_first_request() -> None:
    first = """
library.limit_threads(20, idle_s=-1)
earlier, others = reads(1)
earlier[0][1].send(b'x')
while not others.wait():
    pass
others.result(0)
while len(native_threads()) > 1:  # one that idles would take a read over, some time
    pass
"""
    said = said_by(REQUESTS, first, "library.limit_threads(21)", STARVING)
    assert said["taken_back"] == [False, False, True]


def test_buffers_outlive_their_requests() -> None:
    said = said_by(
        REQUESTS,
        """
pairs, requests = reads(2)
try:
    requests.close()
except RuntimeError as error:
    refused = str(error)
pairs[0][1].send(b"first"); pairs[1][0].shutdown(socket.SHUT_RDWR)
results = {}
while requests.pending:
    for index in requests.wait():
        done = requests.result(index)
        results[index] = requests.data(index, done).decode()
requests.write(0, pairs[0][0].fileno(), b"an answer", 3)
while not requests.wait():
    pass
written = requests.result(0)
pairs[0][1].close()
requests.write(0, pairs[0][0].fileno(), b"to nobody")
while not requests.wait():
    pass
failed = requests.result(0)
requests.close()
tell(refused=refused, results=results, written=written, failed=failed)
""",
    )
    assert said == {
        "refused": "2 requests are pending",
        "results": {"0": "first", "1": ""},
        "written": len("answer"),
        "failed": -32,  # EPIPE
    }


@pytest.mark.parametrize("connections", [1, 20, 21, 100])
def test_as_many_threads_as_connections_and_none_afterwards(connections: int) -> None:
    said = said_by(
        SERVER,
        f"connections = {connections}",
        """
adapter = Adapter()
before = held()
at_work = []
def client(server):
    peers = [server.connect() for _ in range(connections)]
    for turn in range(3):
        for number, peer in enumerate(peers):
            echo(peer, b"%d of %d" % (turn, number))
    # The last answer is here before the server reads that connection again, and a thread that ended meanwhile
    # is replaced only then.
    deadline = time.monotonic() + 10
    while len(native_threads()) < 3 + connections + 1 and time.monotonic() < deadline:
        time.sleep(0.001)
    at_work.append(len(native_threads()))
serve(Subject(adapter, "native"), client)
between = held(before)
serve(Subject(adapter, "native"), client)
after = held(before)
adapter.close()
tell(before=before, between=between, after=after, at_work=at_work)
""",
    )
    assert said["between"] == said["after"] == said["before"]
    # Ours, the client's, the doorman, one for each connection, one for the bell; and one or two idle ones.
    assert min(said["at_work"]) >= 3 + connections + 1


def test_nobody_waits_for_a_thread_that_will_not_come() -> None:
    said = said_by(
        SERVER,
        """
adapters.aio.THREADS = 4
adapter = Adapter()
def client(server):
    peers = [server.connect() for _ in range(3)]
    for peer in peers:
        echo(peer, b"one of three")
    late = server.connect()
    expect_end(late)
    for peer in peers:
        echo(peer, b"still here")
    peers[0].close()
    while True:  # until the server has noticed
        with server.connect() as again:
            try:
                again.sendall(b"in its place")
                if again.recv(100) == b"in its place":
                    break
            except ConnectionError:
                pass
serve(Subject(adapter, "native"), client)
tell(most=adapter.most_connections())
""",
    )
    most, reason = said["most"]
    assert most == 3
    assert (
        reason
        == "an idle read keeps a thread, another the bell: 4 threads of glibc's, as many as it is asked for (aio_init)"
    )


def test_an_error_of_the_application_leaves_nothing() -> None:
    said = said_by(
        SERVER,
        """
def failing():
    def receive(data):
        if data == b"fail":
            raise KeyError("no such key")
        return data
    return receive
adapter = Adapter()
before = held()
def client(server):
    others = [server.connect() for _ in range(5)]
    for other in others:
        echo(other, b"here")
    peer = server.connect()
    peer.sendall(b"fail")
    for one in (peer, *others):
        expect_end(one, reset_allowed=True)
try:
    serve(Subject(adapter, "native"), client, failing)
except KeyError as error:
    raised = str(error)
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
tell(raised=raised, before=before, after=held(before))
""",
    )
    assert said["raised"] == "'no such key'"
    assert said["after"] == said["before"]


@pytest.mark.parametrize(
    ("libc", "machine", "reason"),
    [("", "x86_64", "this is another C library on x86_64"), ("glibc", "mips64", "this is glibc on mips64")],
)
def test_unknown_layouts_are_refused(
    libc: str, machine: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: (libc, "1"))
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(UnsupportedError, match=reason):
        Library()
