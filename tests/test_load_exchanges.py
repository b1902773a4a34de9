"""Exchanges of every framing, drive and transport, in both engines, against servers that are right and that lie."""

import errno
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from crossloop.api import Content, Drive, Exchange, Transport, echo, fixed_filler
from crossloop.load import (
    ConnectionLostError,
    DescriptorsError,
    Hooks,
    LoadError,
    LoadUsageError,
    SilentServerError,
    Stretch,
    Target,
    VerificationError,
    closed_loop,
    open_loop,
)
from crossloop.load.commands import Address
from crossloop.load.errors import PortsError, not_connected
from crossloop.load.turns import Engine
from crossloop.supervise.certificates import certificates
from tests import misbehaving as bad
from tests.misbehaving import SIZE, answering, answering_datagrams, standing

Make: TypeAlias = Callable[[bytes, int], bytes]
LINE_CONTENT = Content(before=b"say ", stamp="hex", own_filler=30, after=b"\n")
LINE = Exchange(request=LINE_CONTENT, answer=LINE_CONTENT, framing="line", letters=True)
FILLER = 300
HTTP = Exchange(
    request=Content(before=b"GET /", stamp="hex", after=b" HTTP/1.1\r\nHost: here\r\n\r\n"),
    answer=Content(before=b"<", stamp="hex", fixed_filler=FILLER, after=b">"),
    framing="http",
)
DOWN = Exchange(request=Content(stamp="binary"), answer=Content(stamp="binary", fixed_filler=1 << 20))
UP = Exchange(request=Content(stamp="binary", own_filler=1 << 20), answer=Content(stamp="binary"))
TRANSPORTS: list[Transport] = ["tcp", "tls", "unix"] if sys.platform != "win32" else ["tcp", "tls"]
IN_PIECES = [1, 7, 1000]


def same(request: bytes, _count: int) -> bytes:
    return request


def body_of(request: bytes) -> bytes:
    return b"<" + request[5:29] + fixed_filler(FILLER) + b">"


def sized(request: bytes, _count: int = 0, *, head: bytes = b"HTTP/1.1 200 OK\r\nServer: x\r\n") -> bytes:
    """A response with Content-Length."""
    body = body_of(request)
    return head + b"content-length:  %d \r\n\r\n" % len(body) + body


def chunks_of(request: bytes, size: int = 100) -> list[bytes]:
    body = body_of(request)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return [b"%X;a=b\r\n%s\r\n" % (len(part), part) for part in parts]


def chunked(request: bytes, _count: int = 0, *, chunks: Callable[[bytes], list[bytes]] = chunks_of) -> bytes:
    """A response in chunks, with a trailer."""
    head = b"HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n"
    return head + b"".join(chunks(request)) + b"0\r\nX-Sum: 1\r\n\r\n"


def down(request: bytes, _count: int) -> bytes:
    return request + fixed_filler(1 << 20)


def up(request: bytes, _count: int) -> bytes:
    return request[:16]


def run(
    address: Address,
    exchange: Exchange,
    engine: Engine,
    *,
    drive: Drive = "exchange",
    connections: int = 3,
    rate: float = 0,
    duration_s: float = 0.03,
    spin: bool = True,
) -> Stretch:
    """A stretch on fresh connections, a longer one where the machine is too busy for a single answer."""
    secure = engine.secure(address.ca) if address.transport == "tls" else None
    target = Target(address, connections, exchange, drive, seed=3, first_id=10, secure=secure)
    target.connect(5)
    assert target.poller is not None
    try:
        for doubled in range(6):
            length_s = duration_s * 2**doubled
            stretch = (
                open_loop(target, rate, run_in_s=0.02, duration_s=length_s, seed=1, spin=spin, engine=engine)
                if rate
                else closed_loop(target, 0.01, length_s, spin=spin, engine=engine)
            )
            if stretch.operations:
                break
        return stretch
    finally:
        target.close()


def caught(address: Address, exchange: Exchange, engine: Engine, kind: type[LoadError], **more: int) -> str:
    """What the load says of a server that does wrong."""
    with pytest.raises(kind) as error:
        run(address, exchange, engine, duration_s=1.0, **more)  # type: ignore[arg-type]  # connections alone
    return str(error.value)


RIGHT = [
    pytest.param(echo(SIZE), same, id="echo"),
    pytest.param(LINE, same, id="line"),
    pytest.param(HTTP, sized, id="http"),
    pytest.param(HTTP, chunked, id="chunked"),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("drive", ["exchange", "connect"])
@pytest.mark.parametrize(("exchange", "make"), RIGHT)
def test_right_answers_of_every_framing_and_transport_are_counted(
    exchange: Exchange, make: Make, drive: Drive, transport: Transport, every_engine: Engine
) -> None:
    with standing(answering(exchange.request.size, make), transport) as address:
        stretch = run(address, exchange, every_engine, drive=drive)
    assert stretch.operations == sum(count for _value, count in stretch.latency) > 0
    assert stretch.sent >= stretch.operations
    assert ("jain" in stretch.counters) == (drive == "exchange")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a connection is refused for good")
def test_a_unix_socket_whose_backlog_is_full_is_connected_again(every_engine: Engine) -> None:
    with standing(answering(SIZE, same), "unix", backlog=0) as address:
        stretch = run(address, echo(SIZE), every_engine, drive="connect", connections=20)
    assert stretch.operations > 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_open_loop_goes_over_every_transport(transport: Transport, engine: Engine) -> None:
    with standing(answering(SIZE, same), transport) as address:
        stretch = run(address, echo(SIZE), engine, rate=300, spin=False)
    assert stretch.unanswered == 0
    assert stretch.operations > 0


@pytest.mark.parametrize("size", IN_PIECES)
@pytest.mark.parametrize("make", [sized, chunked])
def test_an_http_response_may_come_in_pieces_of_any_size(make: Make, size: int, engine: Engine) -> None:
    def handler(sock: socket.socket, _number: int) -> None:
        while request := bad.exactly(sock, HTTP.request.size):
            answer = make(request, 0)
            for at in range(0, len(answer), size):
                sock.sendall(answer[at : at + size])

    with standing(handler, "tcp") as address:
        assert run(address, HTTP, engine, connections=2).operations > 0


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("exchange", "make"), [(DOWN, down), (UP, up)], ids=["down", "up"])
def test_answers_and_requests_of_a_mebibyte(
    exchange: Exchange, make: Make, transport: Transport, engine: Engine
) -> None:
    with standing(answering(exchange.request.size, make), transport) as address:
        assert run(address, exchange, engine, connections=2, duration_s=0.1).operations > 0


@pytest.mark.parametrize("depth", [2, 64])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("exchange", "make"), RIGHT)
def test_pipelined_requests_are_answered_in_order(
    exchange: Exchange, make: Make, transport: Transport, depth: int, engine: Engine
) -> None:
    pipelined = replace(exchange, in_flight=depth)
    with standing(answering(exchange.request.size, make), transport) as address:
        stretch = run(address, pipelined, engine)
    assert stretch.operations > 0
    assert stretch.sent - stretch.operations <= 3 * depth


def test_more_in_flight_than_the_kernel_buffers(engine: Engine) -> None:
    """The server reads no more while its answers are not read: both sides hold what is left."""
    exchange = replace(echo(100_000), in_flight=64)
    with standing(answering(100_000, same), "tcp") as address:
        assert run(address, exchange, engine, connections=2, duration_s=0.2).operations > 0


def test_a_push_reaches_every_connection(every_engine: Engine) -> None:
    with standing(bad.pushing(), "tcp") as address:
        stretch = run(address, echo(SIZE), every_engine, drive="push", connections=5)
    assert stretch.operations > 5
    assert stretch.operations <= stretch.sent <= stretch.operations + 5, (
        "the CPU time is shared out over deliveries"
    )
    assert stretch.counters["jain"] > 0.9


def test_greedy_connections_have_more_in_flight_and_the_polite_a_figure_of_their_own(engine: Engine) -> None:
    exchange = replace(echo(SIZE), greedy=2, greedy_in_flight=32)
    with standing(answering(SIZE, same), "tcp") as address:
        stretch = run(address, exchange, engine, connections=6, duration_s=0.1)
    counters = stretch.counters
    assert 0 < counters["jain"] <= 1
    assert 0 < counters["jain_polite"] <= 1
    assert counters["polite_p99_us"] > 0


def test_a_polite_connection_that_is_not_answered_counts_with_the_time_it_waited(engine: Engine) -> None:
    over = threading.Event()

    class Over(Hooks):
        def at_end(self) -> None:
            over.set()

    def talk(sock: socket.socket, number: int) -> None:
        while data := bad.exactly(sock):
            if number < 2:
                over.wait(10)
            sock.sendall(data)

    with standing(talk, "tcp") as address:
        target = Target(address, 4, replace(echo(SIZE), greedy=2, greedy_in_flight=8), seed=3)
        target.connect(5)
        stretch = closed_loop(target, 0, 0.1, Over(), engine=engine)
        target.close()
    assert stretch.counters["polite_p99_us"] >= 100_000
    assert "jain_polite" not in stretch.counters


def test_sessions_are_resumed_where_that_is_asked_for(engine: Engine) -> None:
    for drive, resumed in (("exchange", True), ("connect", True), ("connect", False)):
        with standing(answering(SIZE, same), "tls") as address:
            exchange = replace(echo(SIZE), resumed=resumed)
            stretch = run(address, exchange, engine, drive=drive)  # type: ignore[arg-type]  # literals
        counted = stretch.counters.get("resumed")
        if drive == "exchange":
            assert counted == 2, "all but the first"
        else:
            assert counted == (stretch.sent if resumed else None)


def test_before_a_stall_nothing_and_then_all_is_in_flight(engine: Engine) -> None:
    """The server writes into sockets that nobody reads until it cannot; then all of it is taken in."""
    exchange = replace(echo(100_000), in_flight=8, stall_ms=50.0)
    with standing(answering(100_000, same), "tcp") as address:
        assert run(address, exchange, engine, connections=2).operations > 0


@pytest.mark.parametrize("depth", [1, 4])
def test_datagrams_are_answered(depth: int, every_engine: Engine) -> None:
    with answering_datagrams(lambda data, _number: [data]) as address:
        stretch = run(address, replace(echo(SIZE), in_flight=depth), every_engine)
    assert stretch.operations > 0
    assert {"lost", "duplicates"} <= set(stretch.counters)


@pytest.mark.parametrize("rate", [0, 300])
def test_a_datagram_that_is_lost_is_counted_and_the_others_go_on(rate: float, every_engine: Engine) -> None:
    with answering_datagrams(lambda data, number: [] if number % 10 == 9 else [data]) as address:
        stretch = run(address, echo(SIZE), every_engine, rate=rate, duration_s=0.2)
    assert stretch.operations > 0
    assert stretch.counters["lost"] > 0
    assert (stretch.unanswered > 0) == (rate > 0)


@pytest.mark.parametrize("rate", [0, 300])
def test_a_datagram_that_comes_again_is_counted(rate: float, every_engine: Engine) -> None:
    with answering_datagrams(lambda data, number: [data] * (1 + (number % 5 == 4))) as address:
        stretch = run(address, echo(SIZE), every_engine, rate=rate, duration_s=0.1)
    assert stretch.operations > 0
    assert stretch.counters["duplicates"] > 0


def test_a_late_datagram_is_no_error(engine: Engine) -> None:
    kept: list[bytes] = []

    def swap(data: bytes, number: int) -> list[bytes]:
        """Keep the fourth until the load has given it up and gone on."""
        if number == 3:
            kept.append(data)
            return []
        return [data, kept.pop()] if kept else [data]

    with answering_datagrams(swap) as address:
        stretch = run(address, echo(SIZE), engine, connections=1, duration_s=0.2)
    assert stretch.operations > 0


def test_a_wrong_byte_in_a_datagram_is_named(engine: Engine) -> None:
    with answering_datagrams(lambda data, number: [flip(data, SIZE - 1) if number == 9 else data]) as address:
        text = caught(address, echo(SIZE), engine, VerificationError)
    assert f"a wrong answer at offset {SIZE - 1}: expected " in text


def test_a_datagram_of_another_size_is_named(engine: Engine) -> None:
    with answering_datagrams(lambda data, number: [data + b"x" if number == 9 else data]) as address:
        text = caught(address, echo(SIZE), engine, VerificationError)
    assert f"an answer of {SIZE + 1} bytes, of which the first {SIZE} are right: expected {SIZE}" in text


def test_nobody_who_answers_datagrams_is_a_silent_server(engine: Engine) -> None:
    with (
        answering_datagrams(lambda _data, _number: []) as address,
        pytest.raises(SilentServerError, match=r"none of \d+ datagrams was answered"),
    ):
        run(address, echo(SIZE), engine)


def test_a_closed_port_of_datagrams_is_a_lost_connection(engine: Engine) -> None:
    with answering_datagrams(lambda data, _number: [data]) as address:
        pass
    assert "refused" in caught(address, echo(SIZE), engine, ConnectionLostError)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def third(wrong: Callable[[bytes], bytes], right: Make = same) -> Make:
    """Right but for the answer to the third request of each connection."""
    return lambda request, count: wrong(request) if count == 2 else right(request, count)


def wrong_in_body(request: bytes) -> bytes:
    answer = sized(request)
    return flip(answer, len(answer) - 100)


def without_a_chunk(request: bytes) -> list[bytes]:
    return [each for place, each in enumerate(chunks_of(request)) if place != 1]


LIES = [
    (LINE, same, lambda data: flip(data, 40), "a wrong line at offset 40: expected "),
    (LINE, same, lambda data: data[:20] + b"\n", r"a wrong line at offset 20: expected [0-9a-f ]+, got 0a"),
    (HTTP, sized, wrong_in_body, r"a wrong body at offset 226: expected "),
    (HTTP, sized, lambda data: sized(data, head=b"HTTP/1.1 500 Oops\r\n"),
     r"a wrong status line at offset 0 of the head: expected HTTP/1.1 200, got 'HTTP/1.1 500 Oops'$"),
    (HTTP, sized, lambda data: sized(data, head=b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"),
     r"a wrong header at offset 17 of the head: expected Content-Length: 326, once, got 'Content-Length: 7'$"),
    (HTTP, sized, lambda data: sized(data, head=b"HTTP/1.1 200 OK\r\nnonsense\r\n"), "expected name: value"),
    (HTTP, sized, lambda data: sized(data, head=b"HTTP/1.1 200 OK\n"), "expected CR before LF"),
    (HTTP, sized, lambda data: sized(data, head=b"HTTP/1.1 200 OK\r\nX: " + b"y" * 9000), "more than 8192 bytes"),
    (HTTP, sized, lambda data: b"HTTP/1.1 200 OK\r\n\r\n" + body_of(data), "expected Content-Length or "),
    (HTTP, sized, lambda data: sized(data) + b"xyz",
     "the answer goes on at offset 326: expected nothing more|HTTP/1.1 200, got 'xyz"),
    (HTTP, chunked, lambda data: chunked(data, chunks=without_a_chunk), "a wrong body at offset 100: expected "),
    (HTTP, chunked, lambda data: chunked(data, chunks=lambda each: chunks_of(each)[:-1]),
     r"a wrong chunk size at offset 300 of the body: expected 1 to 1a \(hexadecimal\), got '0'$"),
    (HTTP, chunked, lambda data: chunked(data, chunks=lambda each: [*chunks_of(each), b"1\r\nx\r\n"]),
     "a wrong chunk size at offset 326 of the body: expected 0, as the body is whole, got '1'"),
    (HTTP, chunked, lambda data: chunked(data).replace(b"64;", b"6g;", 1), "expected 1 to 146 "),
    (HTTP, chunked, lambda data: chunked(data).replace(b"\r\n64;", b"x\r\n64;", 1), "expected an empty line|a wrong"),
]  # fmt: skip


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize(("exchange", "right", "wrong", "sentence"), LIES)
def test_a_lie_is_named_by_connection_sequence_part_offset_and_bytes(
    exchange: Exchange,
    right: Make,
    wrong: Callable[[bytes], bytes],
    sentence: str,
    depth: int,
    engine: Engine,
) -> None:
    liar = answering(exchange.request.size, third(wrong, right))
    with standing(liar, "tcp") as address, pytest.raises(VerificationError, match=sentence) as error:
        run(address, replace(exchange, in_flight=depth), engine, duration_s=1.0)
    assert str(error.value).startswith("connection 1")
    assert ", sequence " in str(error.value)


def test_both_engines_have_the_same_words_for_a_lie(native: Engine) -> None:
    from crossloop.load.loops import PYTHON

    liar = answering(HTTP.request.size, third(wrong_in_body, sized))
    texts = []
    for each in (PYTHON, native):
        with standing(liar, "tcp") as address:
            texts.append(caught(address, HTTP, each, VerificationError, connections=1))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("exchange", "make"), RIGHT[1:])
def test_crossed_answers_are_told_with_their_owner(exchange: Exchange, make: Make, engine: Engine) -> None:
    held: list[bytes] = []

    def cross(request: bytes, count: int) -> bytes:
        """Answer the third request of whoever comes second with that of who came first."""
        if count != 2:
            return make(request, count)
        held.append(request)
        return make(held[0], count)

    with standing(answering(exchange.request.size, cross), "tcp") as address:
        text = caught(address, exchange, engine, VerificationError)
    assert " (the message of connection 1" in text


@pytest.mark.parametrize(("exchange", "make"), RIGHT)
def test_an_answer_to_a_later_request_is_found_under_pipelining(
    exchange: Exchange, make: Make, engine: Engine
) -> None:
    """The second request is answered after the third."""

    def handler(sock: socket.socket, _number: int) -> None:
        size = exchange.request.size
        sock.sendall(make(bad.exactly(sock, size), 0))
        second, other = bad.exactly(sock, size), bad.exactly(sock, size)
        sock.sendall(make(other, 0) + make(second, 0))
        bad.silent(sock, 0)

    with standing(handler, "tcp") as address:
        text = caught(address, replace(exchange, in_flight=4), engine, VerificationError, connections=1)
    assert "sequence 2: a wrong " in text
    assert "(the message of connection 10, sequence 3)" in text


@pytest.mark.parametrize("drive", ["exchange", "connect"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_line_that_is_cut_is_a_lost_connection(transport: Transport, drive: Drive, engine: Engine) -> None:
    def handler(sock: socket.socket, _number: int) -> None:
        sock.sendall(bad.exactly(sock, LINE.request.size)[:20])

    with standing(handler, transport) as address, pytest.raises(ConnectionLostError) as error:
        run(address, LINE, engine, drive=drive, duration_s=1.0)
    assert f"closed the connection, with {LINE.answer.size - 20} bytes of the answer missing" in str(
        error.value
    )


def test_an_answer_before_its_request_is_all_sent_is_named(engine: Engine) -> None:
    named = threading.Event()

    def hasty(sock: socket.socket, _number: int) -> None:
        sock.sendall(bad.exactly(sock, 16))
        named.wait(10)  # a server that read on could take all of the request before its answer is seen

    large = Exchange(request=Content(stamp="binary", own_filler=32 << 20), answer=Content(stamp="binary"))
    with standing(hasty, "tcp") as address:
        try:
            text = caught(address, large, engine, VerificationError, connections=1)
        finally:
            named.set()
    assert "the answer came before all of its request was sent" in text


def test_a_server_that_pushes_to_the_sender_alone_is_silent() -> None:
    with standing(answering(SIZE, same), "tcp") as address:
        target = Target(address, 3, echo(SIZE), "push")
        with pytest.raises(SilentServerError, match="2 of 3 connections receive nothing that is pushed"):
            target.connect(0.3)


def test_a_push_that_is_wrong_for_one_connection_is_named(engine: Engine) -> None:
    count = iter(range(1000))

    def change(data: bytes, number: int) -> bytes:
        return flip(data, 50) if number == 2 and next(count) == 3 else data

    with standing(bad.pushing(change), "tcp") as address, pytest.raises(VerificationError) as error:
        run(address, echo(SIZE), engine, drive="push", duration_s=1.0)
    assert str(error.value).startswith("connection 12, sequence ")
    assert "a wrong answer at offset 50" in str(error.value)


CUTS: list[tuple[Callable[[socket.socket, bytes], None], str]] = [
    (lambda sock, sealed: sock.sendall(sealed[:-20]), "without close_notify"),
    (lambda sock, sealed: sock.sendall(flip(sealed, 30)), "TLS: decryption failed or bad record mac"),
    (lambda _sock, _sealed: None, "without close_notify"),
]


@pytest.mark.parametrize(("send", "sentence"), CUTS, ids=["cut", "changed", "ended"])
def test_a_record_of_tls_that_is_cut_or_changed_is_named(
    send: Callable[[socket.socket, bytes], None], sentence: str, engine: Engine
) -> None:
    with certificates() as files:
        liar = bad.sealing_badly(bad.server_context(files), send)
        with standing(liar, "tcp") as plain:
            address = Address(transport="tls", host="127.0.0.1", port=plain.port, ca=str(files.ca))
            text = caught(address, echo(SIZE), engine, ConnectionLostError)
    assert sentence in text
    assert f"with {SIZE} bytes of the answer missing" in text


@pytest.mark.parametrize("drive", ["exchange", "connect"])
def test_a_server_of_another_authority_is_refused(drive: Drive, engine: Engine) -> None:
    with certificates() as other, standing(answering(SIZE, same), "tls") as address:
        strange = Address(transport="tls", host="127.0.0.1", port=address.port, ca=str(other.ca))
        with pytest.raises(ConnectionLostError, match="TLS: certificate verify failed"):
            run(strange, echo(SIZE), engine, drive=drive)


def test_a_file_without_a_certificate_is_refused(engine: Engine) -> None:
    with pytest.raises(LoadUsageError, match="certificate"):
        engine.secure(__file__)


@pytest.mark.parametrize("drive", ["exchange", "connect"])
def test_a_server_that_goes_away_is_a_lost_connection(drive: Drive, engine: Engine) -> None:
    """It accepts one connection of each set, and is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        target = Target(Address(host="127.0.0.1", port=port), 1, echo(SIZE), drive)
        target.connect(5)
    with pytest.raises(ConnectionLostError):
        closed_loop(target, 0, 0.5, engine=engine)


@pytest.mark.parametrize(
    ("exchange", "drive", "transport", "sentence"),
    [
        (replace(LINE, letters=False), "exchange", "tcp", "at their end and nowhere else"),
        (Exchange(request=Content(), answer=Content()), "exchange", "tcp", "expected 1 to "),
        (replace(echo(64), greedy=9), "exchange", "tcp", "greedy 9: expected at most 3"),
        (replace(echo(64), in_flight=2), "push", "tcp", "expected one request in flight"),
        (echo(70_000), "exchange", "udp", "a datagram has at most 65507 bytes"),
        (echo(64), "connect", "udp", "expected drive 'exchange'"),
    ],
)
def test_exchanges_that_make_no_sense_are_refused(
    exchange: Exchange, drive: Drive, transport: Transport, sentence: str
) -> None:
    with pytest.raises(LoadUsageError, match=sentence):
        Target(Address(transport=transport, host="127.0.0.1", port=7), 3, exchange, drive)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EADDRNOTAVAIL, PortsError),
        (errno.EMFILE, DescriptorsError),
        (errno.ECONNREFUSED, ConnectionLostError),
    ],
)
def test_why_a_connection_is_not_made_is_told_apart(number: int, kind: type[LoadError]) -> None:
    error = not_connected("127.0.0.1:7", 3, OSError(number, "so"), " of 4")
    assert type(error) is kind
    assert "3 of 4" in str(error)


@pytest.mark.parametrize("more", [{"in_flight": 2}, {"stall_ms": 1.0}, {"greedy": 1, "greedy_in_flight": 2}])
def test_an_open_loop_has_one_request_in_flight(more: dict[str, float], engine: Engine) -> None:
    with standing(answering(SIZE, same), "tcp") as address, pytest.raises(LoadUsageError, match="open loop"):
        run(address, replace(echo(SIZE), **more), engine, rate=100)  # type: ignore[arg-type]  # as it takes them
