"""Echo over TCP (RFC 862): what does it cost to move a message in and out?

The server runs in the measured process, in the library's own idiom and once per style that the library
offers; the load comes from another process, by a generator that is the same for all. A message of
`size` bytes goes out, the same bytes come back, and each is compared in full: connection id and sequence
are part of it, so that a lost, late or crossed answer makes the cell fail.

The sizes are chosen for what they touch. 1 KiB is one segment and one read: the cost is the library's.
10 KiB is several segments on a real network, still one or two reads. 100 KiB exceeds the buffers that
libraries read into (64 KiB in libuv, 256 KiB in asyncio) and the default send buffer, so that partial writes
and backpressure take part. With 1 connection every message has a sleep of its own, with 100 one
wake-up serves many: that is why the regime stands beside each figure.
"""

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    serves="echo",
    title="TCP echo",
    short_title="TCP",
    question="What does a request and its answer cost over TCP, and how does that change with size and load?",
    group="messages",
    place=10,
    unit="message",
    sets=(
        ("smoke", {"size": 1024, "connections": 10}),
        ("standard", {"size": 1024, "connections": 100}),
        ("standard", {"size": 1024, "connections": 1}),
        ("standard", {"size": 102400, "connections": 10}),
        ("standard", {"size": 10240, "connections": 10}),
        ("standard", {"size": 10240, "connections": 1}),
        ("standard", {"size": 10240, "connections": 100}),
        ("standard", {"size": 102400, "connections": 1}),
        ("standard", {"size": 102400, "connections": 100}),
        ("full", {"size": 1024, "connections": 1000}),
    ),
    limits={"size": (16, 16777216), "connections": (1, 10000)},
    primary_styles_only_beyond=1,
)


class Scenario(ServedScenario):
    """Echo, served by the adapter."""

    def application(self) -> StreamApplication:
        """The echo application; it keeps no state, so framing does not matter to it."""
        return Echo

    def exchange(self) -> Exchange:
        """A message of `size` bytes, which comes back as it is."""
        return echo(self.parameters["size"])
