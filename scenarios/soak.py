"""Soak: what does a server still hold after thousands of connections have come and gone?

A server runs for months, and what it keeps of each connection adds up: a descriptor that was not closed, a task that
waits for ever, an entry in a table. So the load makes a connection for each message, as in `accept-storm`, and rests
after each slice until all are closed. Then the load looks at the server. The figures are counters, each the difference
to the same process before the first slice:

- `descriptors_more`: open descriptors. Any library can have 0; a number that goes with `connections_so_far` is a leak.
- `threads_more`: threads. Thread pools grow to their size and stay.
- `rss_more_bytes`: resident memory. Heaps grow in steps and seldom shrink, so some growth is no leak. Memory that keeps
  growing with the number of connections is a leak.

Timed region: as in accept-storm. The rest is not in it.

Check: the echo on each connection, byte for byte. A leak does not fail a row here, where it is a figure; the contract
has a promise for it (`stream-released`). How many connections there were is in the row; a longer profile has more.

What this does not say: what long-lived or broken connections, TLS or HTTP leave. Descriptors are counted on Linux.
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
