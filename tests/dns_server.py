"""A DNS server on loopback, UDP and TCP at one port, for the tests of resolvers. Needs dnspython."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

WAIT_S = 20.0
"""Longest that anything in these tests may take."""


class Server:
    """A DNS server on loopback: every name has one address, but `missing…` has none and `large…` comes by TCP only."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.questions: list[tuple[str, str]] = []
        self.udp, self.tcp = _a_port_of_both_kinds()
        self.port: int = self.udp.getsockname()[1]
        self.threads = [threading.Thread(target=target) for target in (self._udp, self._tcp)]
        for thread in self.threads:
            thread.start()

    def answer(self, wire: bytes, transport: str) -> bytes:
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name.to_text()
        self.questions.append((transport, name))
        if name.startswith("missing"):
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif name.startswith("large") and transport == "udp":
            response.flags |= dns.flags.TC
        else:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "A", self.address))
        return bytes(response.to_wire())

    def _udp(self) -> None:
        while True:
            wire, peer = self.udp.recvfrom(4096)
            if not wire:
                return
            self.udp.sendto(self.answer(wire, "udp"), peer)

    def _tcp(self) -> None:
        while True:
            connection, _peer = self.tcp.accept()
            with connection, connection.makefile("rb") as stream:
                head = stream.read(2)
                if not head:
                    return
                answer = self.answer(stream.read(struct.unpack("!H", head)[0]), "tcp")
                connection.sendall(struct.pack("!H", len(answer)) + answer)

    def close(self) -> None:
        self.udp.sendto(b"", self.udp.getsockname())
        socket.create_connection(self.tcp.getsockname(), WAIT_S).close()
        for thread in self.threads:
            thread.join(WAIT_S)
        self.udp.close()
        self.tcp.close()


def _a_port_of_both_kinds() -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket on the same free port of 127.0.0.1."""
    for _attempt in range(50):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()
    raise OSError("no port of 127.0.0.1 is free for UDP and TCP alike")


@contextmanager
def servers(*addresses: str) -> Iterator[list[Server]]:
    started = [Server(address) for address in addresses]
    try:
        yield started
    finally:
        for server in started:
            server.close()
