"""The load generator against servers that behave and servers that do not."""

import gc
import random
import re
import selectors
import socket
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.api import echo
from crossloop.load import (
    ConnectionLostError,
    Hooks,
    LoadUsageError,
    SilentServerError,
    Stretch,
    Target,
    VerificationError,
    closed_loop,
    loops,
    message,
    open_loop,
    polling,
    target,
)
from crossloop.load.commands import Address
from crossloop.load.histogram import percentile
from crossloop.load.loops import PYTHON
from crossloop.load.message import HEADER, MAGIC, Script
from crossloop.load.turns import Engine
from tests import misbehaving as bad
from tests.misbehaving import SIZE, echo_target, serving

CONNECTIONS = 4
CHOICES: tuple[loops.Choice, ...] = ("idle", "random")
BUCKET = 0.995
"""The middle of a histogram's bucket may lie below a value in it by 0.4 %."""


@pytest.fixture
def _select(monkeypatch: pytest.MonkeyPatch) -> None:
    """The poller that every platform has."""
    monkeypatch.setattr(
        target, "new_poller", lambda _count: polling.SelectorPoller(selectors.SelectSelector())
    )


@pytest.fixture
def _short_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on answers sooner than in earnest."""
    monkeypatch.setattr(loops, "DRAIN_S", 0.5)


def closed(
    port: int, engine: Engine, *, connections: int = CONNECTIONS, size: int = SIZE, duration_s: float = 0.2
) -> Stretch:
    """One closed stretch on fresh connections."""
    goal = echo_target(port, connections, size, first_id=10)
    goal.connect(5)
    try:
        return closed_loop(goal, 0.01, duration_s, engine=engine)
    finally:
        goal.close()


def opened(
    port: int,
    engine: Engine,
    *,
    rate: float = 500,
    connections: int = CONNECTIONS,
    duration_s: float = 0.3,
    drain_s: float = 0.3,
    choice: loops.Choice = "idle",
) -> Stretch:
    """One open stretch, constant arrivals, on fresh connections."""
    goal = echo_target(port, connections, first_id=10)
    goal.connect(5)
    try:
        return open_loop(
            goal,
            rate,
            "constant",
            choice,
            run_in_s=0.05,
            duration_s=duration_s,
            drain_s=drain_s,
            seed=7,
            engine=engine,
        )
    finally:
        goal.close()


def chosen(port: int, engine: Engine) -> Stretch:
    """One open stretch whose arrivals have a connection each, drawn at random."""
    return opened(port, engine, choice="random")


LOADS = pytest.mark.parametrize("load", [closed, opened, chosen], ids=["closed", "open", "chosen"])
Load: TypeAlias = Callable[[int, Engine], Stretch]


def count_of(stretch: Stretch) -> int:
    """Samples in a stretch's histogram."""
    return sum(count for _value, count in stretch.latency)


@LOADS
@pytest.mark.parametrize("handler", [bad.echo, bad.in_small_pieces], ids=["echo", "pieces"])
def test_right_answers_are_counted_and_timed(load: Load, handler: bad.Handler, every_engine: Engine) -> None:
    with serving(handler) as port:
        stretch = load(port, every_engine)
    assert stretch.operations > 0
    assert stretch.unanswered == 0
    assert stretch.scheduled == count_of(stretch) > 0
    assert stretch.latency[0][0] > 0
    assert stretch.elapsed_ns >= 0.2e9


@pytest.mark.parametrize("size", [16, 1024, 16 * 1024, 100 * 1024, 8 * 1024 * 1024])
def test_sizes_from_the_bare_header_to_more_than_the_kernel_buffers(size: int, engine: Engine) -> None:
    with serving(bad.echo) as port:
        assert closed(port, engine, connections=2, size=size, duration_s=0.3).operations > 0


@pytest.mark.usefixtures("_select")
@LOADS
@pytest.mark.parametrize("handler", [bad.echo, bad.in_small_pieces], ids=["echo", "pieces"])
def test_select_does_where_a_platform_has_nothing_else(load: Load, handler: bad.Handler) -> None:
    with serving(handler) as port:
        assert load(port, PYTHON).operations > 0


@pytest.mark.usefixtures("_select")
def test_select_does_for_messages_larger_than_the_kernel_buffers() -> None:
    with serving(bad.echo) as port:
        assert closed(port, PYTHON, connections=2, size=8 * 1024 * 1024, duration_s=0.3).operations > 0


@pytest.mark.usefixtures("_select")
def test_the_native_engine_refuses_a_poller_that_is_not_its_own(native: Engine) -> None:
    with serving(bad.echo) as port, pytest.raises(LoadUsageError, match="this target through select"):
        closed(port, native)


@pytest.mark.parametrize(("after", "run_in_s"), [(1, 0.01), (1, 0.3), (5, 0.3)])
def test_a_server_that_stops_in_the_run_in_is_not_measured_and_seen(
    after: int, run_in_s: float, every_engine: Engine
) -> None:
    with serving(bad.stalling_once(after, 0.05)) as port:
        goal = echo_target(port, 3)
        goal.connect(5)
        wait_ns = closed_loop(goal, run_in_s, 0.05, engine=every_engine).run_in_wait_ns
        goal.close()
    assert wait_ns is not None
    assert wait_ns >= 49e6


def test_closed_loop_works_again_on_the_same_connections(every_engine: Engine) -> None:
    with serving(bad.echo) as port:
        goal = echo_target(port, 3)
        goal.connect(5)
        assert closed_loop(goal, 0, 0.3, engine=every_engine).operations > 0
        for choice in CHOICES:
            offered = open_loop(
                goal, 200, choice=choice, run_in_s=0, duration_s=0.1, seed=1, spin=False, engine=every_engine
            )
            assert offered.unanswered == 0
        assert closed_loop(goal, 0.01, 0.05, spin=False, engine=every_engine).operations > 0
        goal.connect(5)
        assert closed_loop(goal, 0, 0.3, engine=every_engine).operations > 0
        goal.close()
        goal.close()


@LOADS
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), f"a wrong answer at offset {SIZE - 1}: expected "),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "a wrong answer at offset 0: expected 43 4c 4d 02 "),
        (
            lambda data: data + b"xyz",
            f"the answer goes on at offset {SIZE}: expected nothing more, got 78",
        ),
        (lambda data: data + b"\0", f"the answer goes on at offset {SIZE}: expected nothing more, got 00"),
    ],
    ids=["last-byte", "first-byte", "too-long", "a zero more"],
)
def test_a_wrong_answer_is_named_by_connection_sequence_offset_and_bytes(
    load: Load, change: Callable[[bytes], bytes], sentence: str, engine: Engine
) -> None:
    with serving(bad.changing(change)) as port, pytest.raises(VerificationError, match=sentence) as caught:
        load(port, engine)
    assert str(caught.value).startswith("connection 1")
    assert ", sequence " in str(caught.value)


def test_a_wrong_byte_in_a_large_answer_is_found(every_engine: Engine) -> None:
    size = 100 * 1024

    def handler(sock: socket.socket, _number: int) -> None:
        data = bytearray(bad.exactly(sock, size))
        data[size - 2] ^= 0x80
        sock.sendall(data)
        bad.silent(sock, 0)

    with serving(handler) as port, pytest.raises(VerificationError, match=f"at offset {size - 2}: "):
        closed(port, every_engine, size=size)


def test_crossed_answers_are_told_with_their_owner(engine: Engine) -> None:
    with serving(bad.crossing()) as port, pytest.raises(VerificationError) as caught:
        closed(port, engine, connections=2)
    text = str(caught.value)
    first, other = ("10", "11") if text.startswith("connection 10") else ("11", "10")
    assert text.startswith(f"connection {first}, sequence ")
    assert f"(the message of connection {other}, sequence " in text


def test_an_answer_to_an_earlier_message_is_told_with_its_sequence(engine: Engine) -> None:
    with serving(bad.replaying) as port, pytest.raises(VerificationError) as caught:
        closed(port, engine, connections=1)
    text = str(caught.value)
    assert re.match(r"connection 10, sequence 3: a wrong answer at offset 8: expected 03", text)
    assert "(the message of connection 10, sequence 2)" in text


@LOADS
@pytest.mark.parametrize("kept", [16, SIZE // 2, SIZE - 8])
def test_a_server_that_answers_with_the_tail_of_the_message_before_is_caught(
    load: Load, kept: int, every_engine: Engine
) -> None:
    """All of a message depends on its sequence, not its header alone: a buffer that is not filled anew shows."""
    liar = bad.with_the_tail_of_the_message_before(kept)
    with serving(liar) as port, pytest.raises(VerificationError) as caught:
        load(port, every_engine)
    text = str(caught.value)
    match = re.match(r"connection 1\d, sequence (\d+): a wrong answer at offset (\d+): expected ", text)
    assert match, text
    assert kept <= int(match[2]) < SIZE
    before = re.search(r" \(as in the message before it, sequence (\d+)\)$", text)
    assert before, text
    assert 0 < int(before[1]) < int(match[1])


@LOADS
def test_an_answer_that_comes_again_much_later_is_found(load: Load, engine: Engine) -> None:
    """Its connection may be idle then, and its last message is the very same bytes."""
    with serving(bad.repeating_the_first) as port, pytest.raises(VerificationError, match="at offset "):
        load(port, engine)


def test_the_same_answer_again_on_a_connection_that_asked_for_nothing_is_found(engine: Engine) -> None:
    """Byte for byte the connection's last message. When it is in flight again by then, its sequence is another."""
    with (
        serving(bad.repeating_the_others_last()) as port,
        pytest.raises(VerificationError, match="at offset"),
    ):
        opened(port, engine, rate=100, connections=2)


@LOADS
def test_a_second_answer_is_not_taken_for_the_next(load: Load, engine: Engine) -> None:
    with serving(bad.changing(lambda data: data + data)) as port, pytest.raises(VerificationError):
        load(port, engine)


@LOADS
def test_bytes_before_the_first_message_are_not_asked_for(load: Load, engine: Engine) -> None:
    with serving(bad.greeting) as port, pytest.raises(VerificationError, match=r"32 32 30|nothing asked for"):
        load(port, engine)


@pytest.mark.usefixtures("_short_drain")
def test_one_lost_answer_among_others_is_a_wrong_result(engine: Engine) -> None:
    with serving(bad.dropping(connection=2)) as port, pytest.raises(VerificationError) as caught:
        closed(port, engine, duration_s=0.5)
    assert "no answer within" in str(caught.value)
    assert "1 of 4 connections wait; the others were answered, so it is lost" in str(caught.value)


@pytest.mark.usefixtures("_short_drain")
@LOADS
@pytest.mark.parametrize(
    "handler", [bad.silent, bad.changing(lambda data: data[:-1], message=0)], ids=["silent", "truncates"]
)
def test_a_server_that_stops_answering_is_left_within_the_limit(
    load: Load, handler: bad.Handler, engine: Engine
) -> None:
    with serving(handler) as port, pytest.raises(SilentServerError, match="4 of 4 connections wait"):
        load(port, engine)


@LOADS
@pytest.mark.parametrize(
    ("handler", "sentence"),
    [(bad.resetting, "reset"), (bad.closing, f"closed the connection, with {SIZE - 10} bytes of the answer")],
    ids=["resets", "closes"],
)
def test_a_lost_connection_is_named(load: Load, handler: bad.Handler, sentence: str, engine: Engine) -> None:
    with serving(handler) as port, pytest.raises(ConnectionLostError, match=sentence) as caught:
        load(port, engine)
    assert str(caught.value).startswith("connection 1")


def test_an_error_closes_the_target_and_restores_the_collector(engine: Engine) -> None:
    with serving(bad.resetting) as port:
        goal = echo_target(port, 2)
        goal.connect(5)
        with pytest.raises(ConnectionLostError):
            closed_loop(goal, 0, 0.2, engine=engine)
        assert gc.isenabled()
        with pytest.raises(LoadUsageError, match="is not connected"):
            closed_loop(goal, 0, 0.2, engine=engine)


def test_refused_and_unresolvable_addresses_are_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionLostError, match=rf"127\.0\.0\.1:{port}: cannot connect \(0 of 1 made\)"):
        echo_target(port, 1).connect(5)
    with pytest.raises(ConnectionLostError, match="cannot connect"):
        Target(Address(host="name.invalid", port=7), 1, echo(SIZE)).connect(5)


@pytest.mark.skipif(
    sys.platform != "linux", reason="how a full backlog shows differs: a drop here, a reset there"
)
def test_a_server_that_never_accepts_is_left_within_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        goal = echo_target(listener.getsockname()[1], 20)
        with pytest.raises(SilentServerError, match=r"\d of 20 connections made, the next not in 0\.\d+ s"):
            goal.connect(0.4)


def test_open_loop_charges_a_stall_to_everyone_who_had_to_wait(engine: Engine) -> None:
    """300 ms at 200 a second are 60 of 200 messages; a closed loop has one connection's worth of them."""
    stall_s = 0.3
    with serving(bad.stalling_once(60, stall_s)) as port:
        stretch = opened(port, engine, rate=200, duration_s=1.0, drain_s=1.0)
    assert stretch.unanswered == 0
    assert stretch.latency[-1][0] >= stall_s * 1e9 * 0.95
    assert percentile(stretch.latency, 99) >= stall_s * 1e9 * 0.9
    assert sum(count for value, count in stretch.latency if value > 0.1e9) >= 30


def test_time_spent_on_looking_in_vain_is_told_and_waiting_is_not(engine: Engine) -> None:
    with serving(bad.delaying(0.02)) as port:
        goal = echo_target(port, 1)
        goal.connect(5)
        for spin in (True, False):
            closed_ = closed_loop(goal, 0, 0.1, spin=spin, engine=engine)
            open_ = open_loop(goal, 20, run_in_s=0, duration_s=0.1, seed=1, spin=spin, engine=engine)
            for stretch in (closed_, open_):
                assert (0 < stretch.looking_ns < stretch.elapsed_ns) == spin
        goal.close()


def test_open_loop_latency_is_at_least_the_servers_delay(engine: Engine) -> None:
    with serving(bad.delaying(0.02)) as port:
        stretch = opened(port, engine, rate=50, duration_s=0.4)
    assert stretch.latency[0][0] >= 0.02e9 * BUCKET


def test_overload_counts_the_wait_in_the_queue_and_what_never_got_out_of_it(engine: Engine) -> None:
    with serving(bad.delaying(0.02)) as port:
        stretch = opened(port, engine, rate=500, connections=1, duration_s=0.3, drain_s=0.1)
    assert stretch.scheduled == count_of(stretch) == pytest.approx(150, abs=1)
    assert stretch.unanswered > stretch.scheduled / 2
    assert stretch.latency[0][0] >= 0.02e9 * BUCKET
    assert stretch.latency[-1][0] >= 0.25e9, (
        "the first of those without an answer had waited since the middle of the run"
    )


def test_hooks_stand_at_the_ends_of_the_measured_part_and_cost_nothing_of_it(engine: Engine) -> None:
    calls: list[str] = []

    def slow(name: str) -> None:
        calls.append(name)
        end = time.perf_counter_ns() + 50_000_000
        while time.perf_counter_ns() < end:
            pass

    class Slow(Hooks):
        def settle(self) -> None:
            slow("settle")

        def at_start(self) -> None:
            slow("start")

        def at_end(self) -> None:
            slow("end")

        def at_rest(self) -> None:
            slow("rest")

    with serving(bad.echo) as port:
        goal = echo_target(port, 2)
        goal.connect(5)
        hooks = Slow()
        runs: list[Callable[[], Stretch]] = [
            lambda: closed_loop(goal, 0.02, 0.1, hooks, engine=engine),
            lambda: open_loop(goal, 300, run_in_s=0.02, duration_s=0.1, seed=3, hooks=hooks, engine=engine),
        ]
        for run in runs:
            calls.clear()
            before = time.perf_counter_ns()
            stretch = run()
            assert time.perf_counter_ns() - before - stretch.elapsed_ns >= 0.02e9 + len(calls) * 0.05e9
            assert stretch.elapsed_ns >= 0.1e9
            # The open loop does not drain before what is measured, and settles after it where nothing is in flight.
            closed, open_ = ["settle", "start", "end", "settle", "rest"], ["start", "end", "settle", "rest"]
            assert calls in (closed, open_, ["start", "end", "rest"])
            assert stretch.operations <= stretch.sent <= stretch.operations + 2
        goal.close()


@pytest.mark.parametrize(
    ("connections", "size", "port", "sentence"),
    [
        (0, 64, 7, "connections 0: expected 1 or more"),
        (1, 2**40, 7, "size 1099511627776, 1099511627776: expected 1 to "),
        (10**6, 10**6, 7, "bytes of memory"),
        (1, 64, 0, "port 0: expected 1 to 65535"),
    ],
)
def test_shapes_that_make_no_sense_are_refused(connections: int, size: int, port: int, sentence: str) -> None:
    with pytest.raises(LoadUsageError, match=sentence):
        echo_target(port, connections, size)


def test_messages_differ_by_connection_in_header_and_filler() -> None:
    script = Script(echo(SIZE), seed=3)
    first, second = script.request.of(1)(7), script.request.of(2)(7)
    assert len(first) == len(second) == SIZE
    assert HEADER.unpack_from(first) == (MAGIC, 1, 7)
    assert first[16:] != second[16:]
    assert first == Script(echo(SIZE), seed=3).answer.of(1)(7)


@given(st.integers(0, 2**31), st.integers(0, 2**48), st.integers(1, message.PLACES - 1))
def test_a_filler_comes_again_on_its_connection_after_as_many_messages_as_there_are_places(
    connection: int, sequence: int, later: int
) -> None:
    compose = Script(echo(SIZE), seed=3).request.of(connection)
    filler = compose(sequence)[HEADER.size :]
    assert compose(sequence + later)[HEADER.size :] != filler
    assert compose(sequence + message.PLACES)[HEADER.size :] == filler


def test_a_message_stays_verified_over_many_random_sizes(engine: Engine) -> None:
    draw = random.Random(4)
    with serving(bad.echo) as port:
        for _number in range(5):
            assert closed(port, engine, size=draw.randint(16, 40_000), duration_s=0.3).operations > 0
