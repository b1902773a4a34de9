"""Echo over TLS (RFC 8446): what does encryption add to a message, by the library's way of doing it?

All adapters use OpenSSL, by way of the interpreter's module `ssl` or by a C library's, with the same context: TLS 1.3,
a certificate on P-256 that is made at run time. The cipher's own work is the same for all. The path of a byte differs.
asyncio and uvloop put an `SSLProtocol` with a memory BIO between transport and protocol; tornado and gevent wrap the
socket, so that OpenSSL reads and writes the descriptor; on a readiness adapter the memory BIO is driven as a program
would do it. Each adds copies, buffers and calls of its own: compare a row with the same adapter's in tcp-echo.

The connections are established before a measured part begins. tls-handshakes measures the handshake.

1 KiB is one record. 16 KiB is the largest that a record may hold, and 100 KiB are seven: there the cipher (AES-GCM,
some gigabytes a second with the processor's help) begins to show beside the calls.

The load decrypts every answer and compares it in full. It spends CPU on that in a process of its own, about as much as
the server: look at the regime of a row before reading its throughput.
What this does not say: anything about other versions, ciphers, client certificates or kernel TLS.
"""

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("TlsServer",),
    drive="exchange",
    transport="tls",
    serves="echo",
    title="TLS echo",
    short_title="TLS",
    question="What does a message cost over TLS, on established connections?",
    group="messages",
    place=30,
    unit="message",
    sets=(
        ("smoke", {"size": 1024, "connections": 10}),
        ("standard", {"size": 102400, "connections": 10}),
        ("standard", {"size": 1024, "connections": 100}),
        ("standard", {"size": 16384, "connections": 10}),
        ("full", {"size": 1024, "connections": 1}),
        ("full", {"size": 102400, "connections": 100}),
    ),
    limits={"size": (16, 16777216), "connections": (1, 1000)},
    brief=True,
    primary_styles_only_beyond=0,
)


class Scenario(ServedScenario):
    """Echo over TLS, by the adapter's own means for it."""

    def application(self) -> StreamApplication:
        """The echo application; it sees plain bytes."""
        return Echo

    def exchange(self) -> Exchange:
        """A message of `size` bytes, which comes back as it is."""
        return echo(self.parameters["size"])
