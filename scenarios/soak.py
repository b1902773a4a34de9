"""Soak: connections come and go, thousands of them; what is left of them in the server?

A server runs for months, and what it keeps of each connection adds up: a descriptor that was not closed, a task that
waits for ever, an entry in a table. So the load does what `accept-storm` does, a connection for each message, and
after each slice it rests until all are closed. Then the server is looked at. The figures are counters, each the
difference to what the same process held before the first slice:

- `descriptors_more`: open descriptors. Any library can have 0; a number that goes with `connections_so_far` is a leak.
- `threads_more`: threads. Thread pools grow to their size and stay.
- `rss_more_bytes`: resident memory. Heaps grow in steps and seldom shrink; so some is no leak, and what grows on with
  the number of connections is.

Timed region: as in accept-storm. The rest is not in it.

Check: the echo on each connection, byte for byte. What is left fails no row: the contract has promises for that
(`stream-released`), and here it is a figure. How many connections there were is in the row; a longer profile has more.

What this does not say: what connections that last leave, or broken ones, TLS or HTTP. Descriptors are counted on Linux.
"""

from dataclasses import replace

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="connect",
    title="Soak",
    question="What does a server still hold after thousands of connections have come and gone?",
    group="connections",
    unit="connection",
    sets=(
        ("smoke", {"connections": 10}),
        ("full", {"connections": 100}),
    ),
    limits={"connections": (1, 4000)},
    brief=True,
    primary_styles_only_beyond=0,
)

_SIZE = 64
_REST_MS = 50.0


class Scenario(ServedScenario):
    """Echo, and a rest after each slice."""

    def application(self) -> StreamApplication:
        """The echo application."""
        return Echo

    def exchange(self) -> Exchange:
        """One small message on each connection."""
        return replace(echo(_SIZE), rest_ms=_REST_MS)
