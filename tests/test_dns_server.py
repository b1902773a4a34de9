"""The DNS server of the suite, asked by real clients over real sockets."""

import random
import socket
import time
from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from crossloop.companions import dns_server, dns_zone
from crossloop.companions.dns_server import Answers
from tests.workloads import running

LIMIT_S = 5.0


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    """Address of a server that runs until the module's tests are done."""
    with running(dns_server.serve) as address:
        yield address


def ask_udp(
    server: tuple[str, int], query: dns.message.Message, timeout_s: float = LIMIT_S
) -> dns.message.Message:
    return dns.query.udp(query, server[0], port=server[1], timeout=timeout_s)


def ask_tcp(server: tuple[str, int], query: dns.message.Message) -> dns.message.Message:
    return dns.query.tcp(query, server[0], port=server[1], timeout=LIMIT_S)


def a_query(name: str, kind: str = "A", edns: bool = False) -> dns.message.Message:
    return dns.message.make_query(name, kind, use_edns=0 if edns else False)


def addresses(answer: dns.message.Message) -> list[str]:
    return [record.address for rrset in answer.answer for record in rrset]


@pytest.mark.parametrize("edns", [False, True], ids=["plain", "edns"])
def test_the_address_follows_from_the_name(server: tuple[str, int], edns: bool) -> None:
    for label in ("a", "b", "a1", "b1", "n0000000a", "N0000000B", "with-dash", "x" * 63):
        name = dns_zone.name_of(label, "plain")
        answer = ask_udp(server, a_query(name, edns=edns))
        assert addresses(answer) == [dns_zone.address_of(name)]
        assert answer.rcode() == dns.rcode.NOERROR
        assert answer.flags & dns.flags.AA
        assert answer.flags & dns.flags.RA
        assert answer.answer[0].ttl == 0
        assert (answer.edns == 0) is edns


def test_different_names_have_different_addresses() -> None:
    names = [dns_zone.name_of(f"n{number:08x}", "plain") for number in range(1000)]
    assert len({dns_zone.address_of(name) for name in names}) == 1000
    assert dns_zone.address_of("A.Plain.TEST") == dns_zone.address_of("a.plain.test.")


def test_the_answer_has_the_case_of_the_question(server: tuple[str, int]) -> None:
    """Clients hide bits in the case of a name and want them back (draft-vixie-dnsext-dns0x20)."""
    for name in ("aBc1.plAIN.tesT.", "aBc2.plAIN.tesT.", "ABC2.PLAIN.TEST."):
        answer = ask_udp(server, a_query(name))
        assert answer.question[0].name.to_text() == name
        assert addresses(answer) == [dns_zone.address_of(name)]


def test_a_name_that_does_not_exist(server: tuple[str, int]) -> None:
    for name in (
        "n1.nx.test.",
        "n2.nx.test.",
        "n1.unknown.test.",
        "n1.delay.test.",
        "test.",
        "a.b.plain.test.",
    ):
        answer = ask_udp(server, a_query(name))
        assert answer.rcode() == dns.rcode.NXDOMAIN, name
        assert [rrset.rdtype for rrset in answer.authority] == [dns.rdatatype.SOA]


def test_other_types_of_a_name_that_exists_are_empty(server: tuple[str, int]) -> None:
    for label in ("n1", "n2"):
        answer = ask_udp(server, a_query(f"{label}.plain.test.", "AAAA"))
        assert answer.rcode() == dns.rcode.NOERROR
        assert not answer.answer


def test_names_of_others_are_refused(server: tuple[str, int]) -> None:
    for name in ("n1.plain.example.", "."):
        assert ask_udp(server, a_query(name)).rcode() == dns.rcode.REFUSED


def test_truncation_sends_to_tcp(server: tuple[str, int]) -> None:
    for label in ("n1", "n2"):
        name = dns_zone.name_of(label, "tc")
        over_udp = ask_udp(server, a_query(name))
        assert over_udp.flags & dns.flags.TC
        assert not over_udp.answer
        answer, over_tcp = dns.query.udp_with_fallback(
            a_query(name), server[0], port=server[1], timeout=LIMIT_S
        )
        assert over_tcp
        assert not answer.flags & dns.flags.TC
        assert addresses(answer) == [dns_zone.address_of(name)]


def test_loss_is_of_the_first_datagrams_only(server: tuple[str, int]) -> None:
    name = dns_zone.name_of("n1", "drop2")
    for _ in range(2):
        with pytest.raises(dns.exception.Timeout):
            ask_udp(server, a_query(name), timeout_s=0.1)
    assert addresses(ask_udp(server, a_query(name))) == [dns_zone.address_of(name)]


def test_a_delayed_answer_comes_no_earlier(server: tuple[str, int]) -> None:
    for label in ("n1", "n2"):
        name = dns_zone.name_of(label, "delay30")
        for ask in (ask_udp, ask_tcp):
            began_s = time.monotonic()
            assert addresses(ask(server, a_query(name))) == [dns_zone.address_of(name)]
            assert time.monotonic() - began_s >= 0.030


def test_a_delay_holds_nobody_else_up(server: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT_S)
        slow, quick = a_query("n3.delay200.test."), a_query("n3.plain.test.")
        client.sendto(slow.to_wire(), server)
        client.sendto(quick.to_wire(), server)
        order = [dns.message.from_wire(client.recv(4096)).id for _ in range(2)]
    assert order == [quick.id, slow.id]


def test_many_queries_in_pieces_on_one_connection(server: tuple[str, int]) -> None:
    queries = {query.id: query for query in (a_query(f"n{number}.plain.test.") for number in range(50))}
    wire = b"".join(
        len(data).to_bytes(2, "big") + data for data in (query.to_wire() for query in queries.values())
    )
    with socket.create_connection(server, timeout=LIMIT_S) as client:
        for start in range(0, len(wire), 7):
            client.sendall(wire[start : start + 7])
        stream = client.makefile("rb")
        for _ in range(len(queries)):
            answer = dns.message.from_wire(stream.read(int.from_bytes(stream.read(2), "big")))
            question = queries.pop(answer.id).question[0].name.to_text()
            assert addresses(answer) == [dns_zone.address_of(question)]
        stream.close()
    assert not queries


def test_garbage_is_ignored_and_the_next_query_answered(server: tuple[str, int]) -> None:
    source = random.Random(1)
    good = a_query("n1.plain.test.", edns=True).to_wire()
    answer = dns.message.make_response(a_query("n1.plain.test.")).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for data in (b"", b"\0", good[:12], good[:-1], good + b"x", answer, source.randbytes(600)):
            client.sendto(data, server)
    with socket.create_connection(server, timeout=LIMIT_S) as client:
        client.sendall(b"\0\0" + b"\0\5abcde" + b"\xff\xff" + good)
    assert addresses(ask_udp(server, a_query("n1.plain.test.")))
    assert addresses(ask_tcp(server, a_query("n1.plain.test.")))


def test_no_damaged_query_breaks_the_server() -> None:
    """Bytes of real queries changed at random, thousands of times: an answer or none, never an exception."""
    source, answers = random.Random(2), Answers()
    originals = [
        a_query(f"n{number}.{behaviour}.test.", kind, edns).to_wire()
        for number, behaviour in enumerate(("plain", "nx", "tc", "drop1", "delay2", "other"))
        for kind in ("A", "AAAA")
        for edns in (False, True)
    ]
    for _ in range(5000):
        damaged = bytearray(source.choice(originals))
        for _ in range(source.randint(0, 3)):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        answer = answers.of(bytes(damaged), source.random() < 0.5)
        if answer is not None:
            assert dns.message.from_wire(answer.wire).id == int.from_bytes(damaged[:2], "big")


@pytest.mark.parametrize("behaviour", ["plain", "nx", "tc", "delay5"])
@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize("edns", [False, True], ids=["plain", "edns"])
@pytest.mark.parametrize("over_tcp", [False, True], ids=["udp", "tcp"])
def test_the_short_way_gives_what_dnspython_builds(
    behaviour: str, kind: str, edns: bool, over_tcp: bool
) -> None:
    answers = Answers()
    for label in ("n1", "n2", "N2", "longer", "n3", "shorte"):
        query = a_query(f"{label}.{behaviour}.test.", kind, edns).to_wire()
        quick = answers.of(query, over_tcp)
        built = Answers().of(query, over_tcp)  # a new one has no short way yet
        assert quick == built, label


def test_what_is_not_a_question_to_answer() -> None:
    answers = Answers()
    notify = a_query("n1.plain.test.")
    notify.set_opcode(dns.opcode.NOTIFY)
    future = dns.message.make_query("n1.plain.test.", "A", use_edns=1)
    chaos = dns.message.make_query("n1.plain.test.", "A", rdclass="CH")
    expected = ((notify, dns.rcode.NOTIMP), (future, dns.rcode.BADVERS), (chaos, dns.rcode.REFUSED))
    for query, code in expected:
        answer = answers.of(query.to_wire(), False)
        assert answer is not None
        assert dns.message.from_wire(answer.wire).rcode() == code
