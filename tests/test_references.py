"""The native references: each before a plain client, at its limits, and at the end of whoever started it."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossloop.installing.compiling import c_compiler
from crossloop.installing.debian_archive import archive_there, take_from_archive
from crossloop.installing.parts import PARTS
from crossloop.installing.recipes.reference_servers import NEEDS, bring_reference
from crossloop.installing.results import AlreadyThere, Built, InstallFailed, NotForThisPlatform
from crossloop.measure import clocks
from crossloop.native import NotBuiltError, build_of
from crossloop.outcomes import Measured, NotInstalled, outcome_reason
from crossloop.references import REFERENCES, Reference
from crossloop.supervise.answers import Serving
from crossloop.supervise.child import ChildError
from crossloop.supervise.references import probe_references, reference_server

LIMIT_S = 30.0
MANY = 1000
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the references are written for POSIX")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="c-epoll, limits of other processes: Linux")
COMPILES = pytest.mark.skipif(
    sys.platform == "win32" or not c_compiler(), reason="needs a C compiler, on another system than Windows"
)
STRICT = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


@pytest.fixture(params=list(REFERENCES))
def reference(request: pytest.FixtureRequest) -> Reference:
    """Each reference that is built here; of the others the reason."""
    native = REFERENCES[str(request.param)]
    if sys.platform not in native.platforms:
        pytest.skip(f"{native.id} is for {', '.join(native.platforms)}")
    try:
        build_of(native.part)
    except NotBuiltError as error:
        pytest.skip(f"{native.id}: {error}")
    return native


class Served:
    """A server, and what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[bytes]):
        assert process.stdout is not None
        self.process = process
        self.ready: dict[str, Any] = json.loads(process.stdout.readline())

    def connect(self) -> socket.socket:
        if sys.platform != "win32" and "path" in self.ready:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(LIMIT_S)
            client.connect(self.ready["path"])
            return client
        client = socket.create_connection((self.ready["host"], self.ready["port"]), LIMIT_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client


@contextlib.contextmanager
def served(reference: Reference, *arguments: str, descriptors: int = 0) -> Iterator[Served]:
    command = [str(build_of(reference.part)), *arguments]
    if descriptors:
        command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


def received(client: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data = client.recv(min(size - len(parts), 1 << 20))
        assert data, f"the server closed the connection after {len(parts)} of {size} bytes"
        parts += data
    return bytes(parts)


def exchange(client: socket.socket, message: bytes) -> None:
    client.sendall(message)
    assert received(client, len(message)) == message


def reset(client: socket.socket) -> None:
    """Close with RST instead of FIN (SO_LINGER with no time, socket(7))."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


# The conversation.


@POSIX
def test_the_same_bytes_come_back_in_whatever_pieces(reference: Reference) -> None:
    with served(reference) as server:
        assert server.ready["ready"] is True
        assert (server.ready["host"], server.ready["pid"]) == ("127.0.0.1", server.process.pid)
        with server.connect() as client:
            for size in (1, 1024, 65_536, 65_537):
                exchange(client, os.urandom(size))
            message = os.urandom(9_000)
            for at in range(0, len(message), 1_000):
                client.sendall(message[at : at + 1_000])
            assert received(client, len(message)) == message
            client.sendall(b"the last words")
            client.shutdown(socket.SHUT_WR)
            assert received(client, 14) == b"the last words"
            assert client.recv(1) == b""


@POSIX
def test_a_thousand_clients_of_which_half_reset(reference: Reference) -> None:
    from crossloop.worker.process import raise_descriptor_limit

    if raise_descriptor_limit() < MANY + 100:
        pytest.skip(f"{MANY} clients need more descriptors than this process may open")
    with served(reference) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _number in range(MANY)]
        for number, client in enumerate(clients):
            client.sendall(b"%04d" % number)
        assert [received(client, 4) for client in clients] == [b"%04d" % number for number in range(MANY)]
        for client in clients[::2]:
            client.sendall(b"unread")
            reset(client)
        for client in clients[1::2]:
            exchange(client, os.urandom(100))
        with server.connect() as late:
            exchange(late, b"late")


@POSIX
def test_a_peer_that_does_not_read_fills_no_memory_and_loses_nothing(reference: Reference) -> None:
    with served(reference) as server, server.connect() as client:
        exchange(client, b"x" * 65_536)
        before = clocks.rss_bytes([server.process.pid])
        client.settimeout(0.5)
        block, sent = os.urandom(1 << 20), 0
        with contextlib.suppress(TimeoutError):
            while sent < 256 << 20:
                sent += client.send(block[sent % len(block) :])
        assert sent < 256 << 20, "the server takes whatever comes, and keeps it"
        assert clocks.rss_bytes([server.process.pid]) - before < 8 << 20
        client.settimeout(LIMIT_S)
        for at in range(0, sent, len(block)):
            wanted = block[: min(len(block), sent - at)]
            assert received(client, len(wanted)) == wanted
        exchange(client, b"and it goes on")


@POSIX
def test_a_unix_socket_is_made_answers_and_is_removed(reference: Reference, tmp_path: Path) -> None:
    path = tmp_path / 'a "quoted" one.sock'
    with served(reference, "--unix", str(path)) as server:
        assert server.ready == {"ready": True, "path": str(path), "pid": server.process.pid}
        with server.connect() as first, server.connect() as second:
            message = os.urandom(1 << 20)
            sender = threading.Thread(target=first.sendall, args=(message,))
            sender.start()  # more than both sockets hold: what is not read comes in parts
            assert received(first, len(message)) == message
            sender.join()
            exchange(second, b"its neighbour")
        server.process.terminate()
        assert server.process.wait(LIMIT_S) == 0
    assert not path.exists()


@POSIX
def test_datagrams_go_back_to_their_senders(reference: Reference) -> None:
    with served(reference, "--udp") as server, contextlib.ExitStack() as stack:
        address = (server.ready["host"], server.ready["port"])
        peers = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _number in range(3)]
        for peer in peers:
            peer.settimeout(LIMIT_S)
            peer.connect(address)
        for size in (0, 1, 1400, 9000):  # an empty one too (RFC 768)
            messages = [os.urandom(size) for _peer in peers]
            for peer, message in zip(peers, messages, strict=True):
                peer.send(message)
            assert [peer.recv(65_536) for peer in peers] == messages
        peers[0].send(b"unread")
        peers[0].close()  # the kernel refuses the answer (ICMP), which is no matter of the others
        peers[1].send(b"still served")
        assert peers[1].recv(65_536) == b"still served"


@POSIX
@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_connections_that_come_for_one_exchange(reference: Reference, tmp_path: Path, transport: str) -> None:
    """As a load of drive `connect` makes them; half of them are ended by the client's FIN, half by its RST."""
    place = ["--unix", str(tmp_path / "s")] if transport == "unix" else []
    with served(reference, *place) as server:
        for number in range(300):
            with server.connect() as client:
                exchange(client, b"%d" % number)
                if number % 2:
                    reset(client)
        if sys.platform == "linux":
            held = clocks.descriptors(server.process.pid)
            assert held is not None
            assert held[0] < 30, "connections that ended are not closed"


@LINUX
def test_out_of_descriptors_it_serves_those_it_has_and_does_not_spin(reference: Reference) -> None:
    with served(reference, descriptors=40) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _number in range(60)]
        for client in clients[:10]:
            exchange(client, b"served")
        before = clocks.process_cpu_ns(server.process.pid)
        clients[0].settimeout(0.4)
        with pytest.raises(TimeoutError):
            clients[0].recv(1)
        assert clocks.process_cpu_ns(server.process.pid) - before < 20_000_000, "it spins on its listener"
        clients[0].settimeout(LIMIT_S)
        exchange(clients[0], b"still served")
        for client in clients[1:]:
            client.close()
        with server.connect() as late:
            exchange(late, b"a place was free again")


# The process.


@POSIX
def test_it_says_what_it_is_linked_with(reference: Reference) -> None:
    (probed,) = probe_references({reference.id: reference}, {})
    assert probed.outcome == Measured()
    facts = probed.facts
    assert facts["library"] == reference.library
    assert bool(facts["library_version"]) is (reference.library != "none")
    assert facts["loaded_from"].startswith("lib")
    if sys.platform == "linux":
        assert facts["mechanism"] == "epoll"


@POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(reference: Reference, number: int) -> None:
    with served(reference) as server, server.connect() as client:
        exchange(client, b"served")
        server.process.send_signal(number)
        assert server.process.wait(LIMIT_S) == 0


@POSIX
def test_supervised_it_ends_with_its_input_alone(reference: Reference) -> None:
    with served(reference, "--supervised") as server, server.connect() as client:
        assert server.process.stdin is not None
        server.process.stdin.write(b'{"do": "serve"}\n')
        server.process.stdin.flush()
        server.process.send_signal(signal.SIGINT)  # the supervisor's matter
        exchange(client, b"served")
        server.process.stdin.close()
        assert server.process.wait(LIMIT_S) == 0


PARENT = """\
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
line = server.stdout.readline()
sys.stdout.buffer.write(line)
sys.stdout.flush()
sys.stdin.read()
"""


@LINUX
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_nothing_is_left_when_the_parent_is_killed(reference: Reference, *, stopped: bool) -> None:
    command = [sys.executable, "-c", PARENT, str(build_of(reference.part)), "--supervised"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        server = Served(parent)
        client = server.connect()
        exchange(client, b"served")
        if stopped:
            psutil.Process(server.ready["pid"]).suspend()
        parent.kill()
    with client:
        assert client.recv(1) == b"", "the connection ends with the process that held it"


@POSIX
def test_supervised_it_serves_what_it_is_started_for(reference: Reference, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with reference_server(reference, None, 1 << 30, "unix", str(path)) as child:
        serving = child.receive(Serving, LIMIT_S)
        assert (serving.path, serving.pid) == (str(path), child.pid)
    assert not path.exists()
    with reference_server(reference, None, 1 << 30, "udp") as child:
        ready = child.receive(Serving, LIMIT_S)
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(LIMIT_S)
            client.sendto(b"served", (ready.host, ready.port))
            assert client.recv(10) == b"served"
    with pytest.raises(ValueError, match="TLS"):
        reference_server(reference, None, 1 << 30, "tls")


@LINUX
def test_it_is_pinned_where_it_is_told_to(reference: Reference) -> None:
    cpu = max(psutil.Process().cpu_affinity())
    with reference_server(reference, cpu, 1 << 30) as child:
        assert child.receive(Serving, LIMIT_S).ready is True
        assert psutil.Process(child.pid).cpu_affinity() == [cpu]


@POSIX
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "http", "--host", "nosuch.invalid"), "cannot listen on 'nosuch.invalid' port http"),
        (("--cpus", "1"), "--cpus: expected --host H"),
        (("--port",), "--port: expected --host H"),
        (
            ("--unix", "/nowhere/s"),
            "cannot listen on '/nowhere/s'",
        ),
        (("--unix", "x" * 200), "the path is too long for a unix socket"),
    ],
)
def test_bad_usage_is_status_2_and_a_line(reference: Reference, arguments: Sequence[str], said: str) -> None:
    command = [str(build_of(reference.part)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, said in done.stderr, done.stdout) == (2, True, ""), done


@LINUX
def test_serve_becomes_it() -> None:
    reference = REFERENCES["c-epoll"]
    try:
        build_of(reference.part)
    except NotBuiltError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "crossloop", "serve", "c-epoll", "tcp-echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            server = Served(process)
            assert server.ready["pid"] == process.pid
            with server.connect() as client:
                exchange(client, b"served")
            process.terminate()
            assert process.wait(LIMIT_S) == 0
        finally:
            process.kill()


# Built, or not.


def test_the_parts_of_setup_are_those() -> None:
    assert set(REFERENCES) <= set(PARTS)


@COMPILES
@LINUX
def test_without_a_library_it_is_built_from_source_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    reference = REFERENCES["c-epoll"]
    (missing,) = probe_references({reference.id: reference}, {reference.id: "failed: no C compiler; help"})
    assert isinstance(missing.outcome, NotInstalled)
    assert "`crossloop setup c-epoll` makes it; it said: failed: no C compiler" in outcome_reason(
        missing.outcome
    )
    with pytest.raises(ChildError, match=r"NotInstalled.*c-epoll is not built"):
        reference_server(reference, None, 1 << 30)
    assert isinstance(bring_reference(reference), Built)
    (probed,) = probe_references({reference.id: reference}, {})
    assert probed.usable


@POSIX
def test_no_compiler_is_the_reason_of_each_and_raised_by_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    for reference in REFERENCES.values():
        result = bring_reference(reference)
        if sys.platform in reference.platforms:
            assert isinstance(result, InstallFailed)
            assert (result.why, bool(result.remedy)) == ("no C compiler", True)
        else:
            assert isinstance(result, NotForThisPlatform)


@pytest.mark.skipif(sys.platform != "win32", reason="Windows alone does without")
def test_windows_does_without() -> None:
    for reference in REFERENCES.values():
        assert isinstance(bring_reference(reference), NotForThisPlatform)


def another(folder: Path, source: str) -> Reference:
    """A reference on libev that is made of *source*."""
    (folder / "c_other.c").write_text(source)
    part = replace(REFERENCES["c-libev"].part, id="c-other", folder=folder, files=("c_other.c",))
    return replace(REFERENCES["c-libev"], id="c-other", part=part)


@COMPILES
def test_a_missing_header_is_named_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr("crossloop.installing.recipes.reference_servers.archive_there", lambda: False)
    result = bring_reference(another(tmp_path, "#include <nowhere/ev.h>\nint main(void) { return 0; }\n"))
    assert isinstance(result, InstallFailed)
    assert "nowhere/ev.h" in result.why
    assert "libev" in result.remedy or "-lev" in result.remedy


@COMPILES
@LINUX
def test_what_was_built_and_does_not_run_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    other = replace(another(tmp_path, "int main(void) { return 3; }\n"), library="none")
    result = bring_reference(other)
    assert isinstance(result, InstallFailed)
    assert result.why == "it was built, but does not run"
    assert other.part.builds() == []


@COMPILES
@LINUX
def test_c_epoll_compiles_without_a_warning(tmp_path: Path) -> None:
    compiled(REFERENCES["c-epoll"], tmp_path, tmp_path)


def compiled(reference: Reference, tree: Path, out: Path) -> None:
    sources = [str(reference.part.folder / name) for name in reference.part.files if name.endswith(".c")]
    command = [*c_compiler(), *STRICT, "-isystem", str(tree / "usr" / "include"), "-c"]
    run = subprocess.run(
        [*command, *sources, "-o", str(out / f"{reference.id}.o")],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.network
@COMPILES
@pytest.mark.skipif(not archive_there(), reason="no apt-get: setup names the command instead")
def test_all_compile_without_a_warning_on_the_headers_of_the_archive(tmp_path: Path) -> None:
    packages = [needs.packages[0] for needs in NEEDS.values()]

    def compile_all(tree: Path) -> None:
        for reference in REFERENCES.values():
            compiled(reference, tree, tmp_path)

    assert take_from_archive(packages, compile_all, "") is None
    assert {path.stem for path in tmp_path.glob("*.o")} == set(REFERENCES)


@pytest.mark.network
@COMPILES
@pytest.mark.skipif(not archive_there(), reason="no apt-get: setup names the command instead")
def test_a_library_comes_from_the_archive_and_runs_where_it_was_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    reference = REFERENCES["c-libev"]
    result = bring_reference(reference)
    assert isinstance(result, Built)
    assert result.detail.startswith("c-libev 4.")
    with served(reference) as server, server.connect() as client:
        exchange(client, b"served")
    assert isinstance(bring_reference(reference), AlreadyThere)
