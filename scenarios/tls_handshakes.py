"""TLS handshakes (RFC 8446): what does a new encrypted connection cost, and what does a resumed one save?

Each operation is a connection: TCP's handshake, TLS's, one message of 64 bytes there and back, and the close.
`connections` of them are open at a time. In a full handshake the server signs with its key (ECDSA on P-256) and both
sides agree on a secret; the processor does that in some hundred microseconds, for every library alike. A *resumed*
connection (`resumed`: true) presents a ticket that the server gave in an earlier one: neither signature nor
certificate, and the secret is agreed upon anew (psk_dhe_ke). What is left of the difference between two adapters is how
many turns of the loop, reads and writes they need for the flights of a handshake, and what objects they make.

**What a resumed row needs.** The load takes a session from a connection before, and says how many of its connections
were resumed (the counter `resumed`): as many as operations, and the few that were open at a slice's end. In every
library here the context gives tickets; a server that gives none has 0 there, and its row is of full handshakes.

The message makes sure that the server did finish the handshake: a client of TLS 1.3 is done one flight before it.

It is a scenario beside tls-echo since what one operation is (`drive`) belongs to a scenario and not to a set.
What this does not say: anything about RSA, whose signature costs ten times as much, or about early data (0-RTT).
"""

from dataclasses import replace

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("TlsServer",),
    drive="connect",
    transport="tls",
    serves="echo",
    title="TLS handshakes",
    short_title="TLS connect",
    question="What does a new connection over TLS cost, with a full handshake and with a resumed session?",
    group="connections",
    place=20,
    unit="connection",
    sets=(
        ("smoke", {"connections": 4, "resumed": False}),
        ("standard", {"connections": 4, "resumed": True}),
        ("standard", {"connections": 1, "resumed": False}),
        ("standard", {"connections": 1, "resumed": True}),
        ("full", {"connections": 32, "resumed": False}),
        ("full", {"connections": 32, "resumed": True}),
    ),
    limits={"connections": (1, 1000)},
    brief=True,
    primary_styles_only_beyond=0,
)

_SIZE = 64


class Scenario(ServedScenario):
    """Echo over TLS; the load makes a connection for each message."""

    def application(self) -> StreamApplication:
        """The echo application."""
        return Echo

    def exchange(self) -> Exchange:
        """One small message on each connection."""
        return replace(echo(_SIZE), resumed=self.parameters["resumed"])
