"""`crossloop serve` before an independent client, and `crossloop load` before it: every adapter, every style.

The client is written here, of plain blocking sockets, and shares nothing with the load generator.
"""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crossloop.native import NotBuiltError, build_of
from crossloop.references import REFERENCES
from crossloop.supervise.certificates import certificates
from crossloop.supervise.probe import probe_all
from tests.everyday import by_adapter
from tests.own_suite import SUITE

LIMIT_S = 30.0
MANY = 1000


def _styles() -> list[tuple[str, str]]:
    return [
        (adapter.entry.id, style)
        for adapter in probe_all(SUITE, SUITE.adapters, {})
        if adapter.usable
        for style in adapter.levels.get("StreamServer", ())
    ]


STYLES = _styles()
FIRST = dict(reversed(STYLES))
ALL = pytest.mark.parametrize(
    ("adapter", "style"),
    by_adapter(
        STYLES,
        ["-".join(pair) for pair in STYLES],
        everyday=[pair for pair in STYLES if pair in FIRST.items()],
    ),
)
"""Every day all styles of some adapters, and the first of each of the others."""
POSIX = pytest.mark.skipif(os.name != "posix", reason="ends by signals")


@pytest.fixture(scope="module", autouse=True)
def enough_descriptors() -> None:
    """A thousand clients are ours."""
    if sys.platform != "win32":
        from crossloop.worker.process import raise_descriptor_limit

        if raise_descriptor_limit() < MANY + 100:
            pytest.skip(f"{MANY} clients need more descriptors than this process may open")


class Served:
    """A server that was started by `crossloop serve`, and what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]):
        self.process = process
        self.ready = ready

    def connect(self) -> socket.socket:
        client = socket.create_connection((self.ready["host"], self.ready["port"]), LIMIT_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def end(self, number: int) -> tuple[int, str, str]:
        """(exit status, what else was on stdout, stderr)."""
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, out, errors


def command(*arguments: str, suite: Path | None = None) -> list[str]:
    return [sys.executable, "-m", "crossloop", *(("--suite", str(suite)) if suite else ()), *arguments]


def crossloop(*arguments: str, suite: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments, suite=suite), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@contextlib.contextmanager
def served(*arguments: str, suite: Path | None = None, **options: Any) -> Iterator[Served]:
    process = subprocess.Popen(
        command("serve", *arguments, suite=suite),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=5)
        yield Served(process, json.loads(line))
    finally:
        process.kill()
        process.communicate()


def exchange(client: socket.socket, message: bytes) -> None:
    """Send, and require the same bytes back."""
    client.sendall(message)
    assert received(client, len(message)) == message


def received(client: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        data = client.recv(size - len(parts))
        assert data, f"the server closed the connection after {len(parts)} of {size} bytes"
        parts += data
    return parts


def reset(client: socket.socket) -> None:
    """Close with RST instead of FIN (SO_LINGER with no time, socket(7))."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@POSIX
@ALL
def test_one_client_a_thousand_and_the_end(adapter: str, style: str) -> None:
    with served(adapter, "tcp-echo", "--style", style) as server, contextlib.ExitStack() as stack:
        assert server.ready["ready"] is True
        assert server.ready["pid"] == server.process.pid, (
            "a signal to the pid of the ready line must reach it"
        )
        assert server.ready["host"] == "127.0.0.1"
        with server.connect() as client:
            for size in (1, 1024, 300_000):
                exchange(client, os.urandom(size))

        many = min(MANY, *server.ready.get("most_connections", [MANY])[:1])
        clients = [stack.enter_context(server.connect()) for _ in range(many)]
        messages = [b"%06d " % number + os.urandom(64) for number in range(many)]
        for client, message in zip(clients, messages, strict=True):
            client.sendall(message)
        answers = [received(client, len(message)) for client, message in zip(clients, messages, strict=True)]
        assert answers == messages

        for client in clients[::2]:
            client.sendall(b"unread" * 10)
            reset(client)
        for number, client in enumerate(clients[1::2]):
            exchange(client, b"still here %d" % number)
        with server.connect() as late:
            exchange(late, b"and so is the listener")
        assert server.end(signal.SIGTERM) == (0, "", "")
        assert clients[1].recv(1) == b"", "what was connected is closed"


@POSIX
@ALL
def test_ctrl_c_ends_it_too_with_and_without_clients(adapter: str, style: str) -> None:
    with served(adapter, "tcp-echo", "--style", style) as server, server.connect() as client:
        exchange(client, b"hello")
        assert server.end(signal.SIGINT) == (0, "", "")


@POSIX
def test_the_first_style_and_a_given_port_are_taken() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with served("asyncio", "tcp-echo", "--port", str(port)) as server, server.connect() as client:
        assert server.ready["port"] == port
        exchange(client, b"hello")
        assert server.end(signal.SIGTERM) == (0, "", "")


@POSIX
@pytest.mark.parametrize("style", [style for adapter, style in STYLES if adapter == "asyncio-select"])
def test_more_clients_than_select_can_name_disturb_nobody(style: str) -> None:
    """FD_SETSIZE is 1,024: the 1,100 connect all (the kernel accepts), and those that are served go on."""
    with served("asyncio-select", "tcp-echo", "--style", style) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(MANY + 100)]
        for turn in range(2):
            for number, client in enumerate(clients[: MANY - 50]):
                exchange(client, b"%d/%d" % (number, turn))
        for client in clients[: MANY - 50]:
            reset(client)
        exchange(clients[-1], b"my turn has come")
        assert server.end(signal.SIGTERM) == (0, "", "")


@POSIX
@pytest.mark.parametrize(
    ("adapter", "style"),
    [pair for pair in STYLES if pair[1] in {"protocol", "native", "iostream", "streamserver"}],
)
def test_a_server_out_of_descriptors_goes_on(adapter: str, style: str) -> None:
    """With room for about a hundred, 160 come: those that are served go on, and nothing is printed."""
    if sys.platform == "win32":
        pytest.skip("no such limit")
    import resource

    def few() -> None:
        assert sys.platform != "win32"
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))

    with (
        served(adapter, "tcp-echo", "--style", style, preexec_fn=few) as server,
        contextlib.ExitStack() as stack,
    ):
        first = [stack.enter_context(server.connect()) for _ in range(60)]
        for client in first:
            exchange(client, b"before")
        for _ in range(100):
            stack.enter_context(server.connect())
        for client in first:
            exchange(client, b"after")
        assert server.end(signal.SIGTERM) == (0, "", "")


# Every transport ------------------------------------------------------------------------------------

SCENARIO = '''"""An echo over {transport}."""

from crossloop.api import Echo, ScenarioAbout, ServedScenario, echo

ABOUT = ScenarioAbout(
    levels=("{level}",),
    drive="{drive}",
    transport="{transport}",
    serves="echo",
    title="Echo",
    question="Does it come back?",
    unit="delivery",
    sets=(("smoke", {{"connections": 3, "size": 64, "word": "plain"}}),),
    limits={{"size": (16, 1000)}},
    server_parameters=("word",),
)


class Hub:
    """Sends what comes on any connection to all."""

    def __init__(self):
        self.sends = []

    def __call__(self, send):
        self.sends.append(send)
        return lambda data: self.receive(send, data)

    def receive(self, send, data):
        if data:
            for one in self.sends:
                one(data)
        else:
            self.sends.remove(send)
        return b""


class Scenario(ServedScenario):
    """What comes goes back; `word` stands before it unless it is `plain`."""

    def application(self):
        word = "" if self.parameters["word"] == "plain" else self.parameters["word"]

        def receive(data):
            return word.encode() + data

        return {{"Datagrams": receive, "PushServer": Hub()}}.get("{level}", lambda: receive)

    def exchange(self):
        return echo(self.parameters["size"])
'''
LEVELS = {"tcp": "StreamServer", "unix": "StreamServer", "tls": "TlsServer", "udp": "Datagrams"}
DRIVES = {"connect": "StreamServer", "push": "PushServer"}
ADAPTER = "select"
"""It has every level, on every platform."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite folder with an echo for each transport and drive: `trial-tcp`, `trial-unix`, `trial-push` and so on."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "scenarios").mkdir()
    for transport, level in LEVELS.items():
        text = SCENARIO.format(transport=transport, level=level, drive="exchange")
        (folder / "scenarios" / f"trial_{transport}.py").write_text(text)
    for drive, level in DRIVES.items():
        text = SCENARIO.format(transport="tcp", level=level, drive=drive)
        (folder / "scenarios" / f"trial_{drive}.py").write_text(text)
    return folder


def connected(ready: dict[str, Any]) -> socket.socket:
    """A client over TCP, or over a unix socket where the ready line names one."""
    if sys.platform != "win32" and "path" in ready:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(LIMIT_S)
        client.connect(ready["path"])
        return client
    return socket.create_connection((ready["host"], ready["port"]), LIMIT_S)


@POSIX
def test_over_tls_the_ready_line_names_the_authority_and_its_folder_goes_with_the_server(suite: Path) -> None:
    with served(ADAPTER, "trial-tls", suite=suite) as server:
        folder = Path(server.ready["ca"]).parent
        context = ssl.create_default_context(cafile=server.ready["ca"])
        with (
            connected(server.ready) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            exchange(client, b"over TLS")
        assert server.end(signal.SIGTERM) == (0, "", "")
    assert not folder.exists()


@POSIX
@pytest.mark.parametrize("given", [False, True], ids=["made", "given"])
def test_over_a_unix_socket_the_ready_line_names_its_path(
    suite: Path, tmp_path: Path, *, given: bool
) -> None:
    arguments = ("--path", str(tmp_path / "s")) if given else ()
    with served(ADAPTER, "trial-unix", *arguments, suite=suite) as server:
        path = Path(server.ready["path"])
        with connected(server.ready) as client:
            exchange(client, b"over a unix socket")
        assert server.end(signal.SIGTERM) == (0, "", "")
    assert not path.exists()
    assert path.parent.exists() == given, "a folder that it made goes with it, another's stays"


@POSIX
def test_over_udp_a_datagram_goes_back_to_its_sender(suite: Path) -> None:
    with served(ADAPTER, "trial-udp", suite=suite) as server:
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(LIMIT_S)
            client.connect((server.ready["host"], server.ready["port"]))
            client.send(b"over UDP")
            assert client.recv(100) == b"over UDP"
        assert server.end(signal.SIGTERM) == (0, "", "")


@pytest.fixture
def reference() -> str:
    """The native reference, where it is built."""
    try:
        build_of(REFERENCES["c-epoll"].part)
    except NotBuiltError as error:
        pytest.skip(str(error))
    return "c-epoll"


@POSIX
def test_a_reference_serves_its_transports_and_no_other(suite: Path, tmp_path: Path, reference: str) -> None:
    path = tmp_path / "s"
    with served(reference, "trial-unix", "--path", str(path), suite=suite) as server:
        assert server.ready == {"ready": True, "path": str(path), "pid": server.process.pid}
        done = crossloop("load", "trial-unix", "--connect", str(path), "--duration", "0.1", suite=suite)
        assert (done.returncode, done.stderr) == (0, "")
        assert server.end(signal.SIGTERM) == (0, "", "")
    with served(reference, "trial-udp", suite=suite) as server:
        address = f"127.0.0.1:{server.ready['port']}"
        done = crossloop("load", "trial-udp", "--connect", address, "--duration", "0.1", suite=suite)
        assert (done.returncode, done.stderr) == (0, "")
    refused = {
        "trial-tls": "c-epoll serves echoes over tcp, unix, udp; scenario 'trial-tls' is an echo over tls",
        "trial-unix": "--path: c-epoll makes no folder for its unix socket",
        "timers": "scenario 'timers' drives itself",
    }
    for scenario, said in refused.items():
        done = crossloop("serve", reference, scenario, suite=suite)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@POSIX
def test_what_is_set_reaches_the_servers_scenario(suite: Path) -> None:
    with (
        served(ADAPTER, "trial-tcp", "--set", "word=odd ", suite=suite) as server,
        server.connect() as client,
    ):
        client.sendall(b"one")
        assert received(client, 7) == b"odd one"


@POSIX
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "word"), "--set 'word': expected NAME=VALUE"),
        (("--set", "colour=red"), "'colour' is no parameter, expected one of connections, size, word"),
        (("--set", "size=large"), "size is 'large': Expected `int`"),
        (("--set", "size=2000"), "'size' is 2000, expected 16 to 1000"),
        (("--path", "s"), "--path 's': scenario 'trial-tcp' is served over tcp; leave it out"),
    ],
)
def test_what_cannot_be_set_is_said(suite: Path, arguments: Sequence[str], said: str) -> None:
    done = crossloop("serve", ADAPTER, "trial-tcp", *arguments, suite=suite)
    assert (done.returncode, done.stdout, said in done.stderr) == (2, "", True), done.stderr


@POSIX
@pytest.mark.parametrize(
    ("scenario", "arguments", "said"),
    [
        ("trial-tls", (), "--ca: expected the file that `crossloop serve` names as ca"),
        ("trial-tcp", ("--ca", "ca.pem"), "--ca 'ca.pem': the transport is tcp"),
        ("trial-tcp", ("--size", "2000"), "'size' is 2000, expected 16 to 1000"),
        ("timers", (), "scenario 'timers' drives itself, and has neither server nor load"),
    ],
)
def test_a_load_that_cannot_be_is_said(
    suite: Path, scenario: str, arguments: Sequence[str], said: str
) -> None:
    done = crossloop("load", scenario, "--connect", "127.0.0.1:9", *arguments, suite=suite)
    assert (done.returncode, done.stdout, said in done.stderr) == (2, "", True), done.stderr


# The load --------------------------------------------------------------------------------------------


def load(server: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    address = f"{server.ready['host']}:{server.ready['port']}"
    return crossloop("load", "tcp-echo", "--connect", address, *arguments)


@POSIX
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--connections", "200", "--size", "16"),
        ("--connections", "2", "--size", "1000000"),
        ("--rate", "500", "--connections", "20"),
    ],
    ids=["closed", "closed-many", "closed-large", "open"],
)
def test_load_answers_one_document(arguments: tuple[str, ...]) -> None:
    with served("asyncio", "tcp-echo") as server:
        done = load(server, "--duration", "0.4", "--json", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert server.end(signal.SIGTERM) == (0, "", "")
    document = json.loads(done.stdout)
    assert set(document) >= {
        "messages",
        "duration_s",
        "messages_per_s",
        "verified",
        "errors",
        "engine",
        "latency_us",
    }
    assert document["messages"] == document["verified"] > 0
    assert document["errors"] == 0
    assert document["engine"]
    assert 0.3 < document["duration_s"] < 5
    assert document["messages_per_s"] == pytest.approx(
        document["messages"] / document["duration_s"], rel=0.01
    )
    latency = document["latency_us"]
    assert list(latency) == ["p50", "p90", "p99", "p99.9", "max"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99.9"] <= latency["max"]


@POSIX
@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("transport", LEVELS)
def test_load_goes_over_every_transport(suite: Path, transport: str, engine: str) -> None:
    with served(ADAPTER, f"trial-{transport}", suite=suite) as server:
        ready = server.ready
        address = ready.get("path") or f"{ready['host']}:{ready['port']}"
        arguments = ["--connect", address, "--duration", "0.2", "--json", "--engine", engine]
        arguments += ["--ca", ready["ca"]] if "ca" in ready else []
        done = crossloop("load", f"trial-{transport}", *arguments, suite=suite)
        assert (done.returncode, done.stderr) == (0, "")
        assert server.end(signal.SIGTERM) == (0, "", "")
    document = json.loads(done.stdout)
    assert document["messages"] == document["verified"] > 0
    assert (document["errors"], document["engine"]) == (0, engine)
    assert ("lost" in document["counters"]) == (transport == "udp")


@POSIX
def test_a_load_trusts_the_named_authority_alone(suite: Path) -> None:
    with certificates() as other, served(ADAPTER, "trial-tls", suite=suite) as server:
        address = f"127.0.0.1:{server.ready['port']}"
        done = crossloop("load", "trial-tls", "--connect", address, "--ca", str(other.ca), suite=suite)
        missing = crossloop("load", "trial-tls", "--connect", address, "--ca", "nowhere.pem", suite=suite)
        assert server.end(signal.SIGTERM) == (0, "", ""), "a handshake that fails is no error of the server"
    assert (done.returncode, missing.returncode) == (2, 2), (done, missing)
    assert "certificate verify failed" in done.stderr
    assert "nowhere.pem" in missing.stderr


@POSIX
@pytest.mark.parametrize("drive", ["connect", "push"])
def test_load_makes_its_operations_as_the_scenario_is_driven(suite: Path, drive: str) -> None:
    with served(ADAPTER, f"trial-{drive}", suite=suite) as server:
        address = f"127.0.0.1:{server.ready['port']}"
        done = crossloop("load", f"trial-{drive}", "--connect", address, "--duration", "0.2", suite=suite)
        assert (done.returncode, done.stderr) == (0, "")
        assert server.end(signal.SIGTERM) == (0, "", "")
    assert re.match(r"[1-9][0-9,]* deliveries in 0\.", done.stdout), done.stdout


@POSIX
def test_a_wrong_answer_is_status_1_over_what_is_set(suite: Path) -> None:
    with served(ADAPTER, "trial-tcp", "--set", "word=odd ", suite=suite) as server:
        done = crossloop("load", "trial-tcp", "--connect", f"127.0.0.1:{server.ready['port']}", suite=suite)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("crossloop: connection ")


@POSIX
def test_load_for_people_says_the_same() -> None:
    with served("asyncio", "tcp-echo") as server:
        closed = load(server, "--duration", "0.2")
        offered = load(server, "--duration", "0.2", "--rate", "500")
    for done in (closed, offered):
        assert (done.returncode, done.stderr) == (0, "")
        first, second, *more = done.stdout.splitlines()
        assert " messages in 0." in first
        assert ", 0 errors (" in first
        assert second.startswith("latency in µs: p50 ")
        assert len(more) == (done is closed)
    assert "leave out the time that requests wait" in closed.stdout
    assert "--rate R has latencies that count from when each request was due" in closed.stdout


@POSIX
def test_load_of_a_server_that_goes_away_says_so() -> None:
    with served("asyncio", "tcp-echo") as server:
        address = f"127.0.0.1:{server.ready['port']}"
        with subprocess.Popen(
            [sys.executable, "-m", "crossloop", "load", "tcp-echo", "--connect", address, "--duration", "20"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as client:  # fmt: skip
            while not _established(server):
                assert client.poll() is None, client.communicate()
            server.process.kill()
            out, errors = client.communicate(timeout=LIMIT_S)
    assert client.returncode == 2
    assert out == ""
    (line,) = errors.splitlines()
    assert line.startswith("crossloop: connection ")


def _established(server: Served) -> bool:
    import psutil

    return any(
        connection.status == "ESTABLISHED"
        for connection in psutil.Process(server.process.pid).net_connections("tcp")
    )
