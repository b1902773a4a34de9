"""C10K: what do ten thousand connections cost when few are active?

In 1999 Dan Kegel asked how one machine could serve ten thousand clients at once ("The C10K problem"). The trouble was
not the traffic, of which there is little, but the number of clients: a thread or a process for each, or a list of all
passed to the kernel at every turn. This scenario asks the question again, on a ladder of connections with the *same*
traffic on every rung: an open loop at a fixed rate, each request on a connection drawn at random, all others idle.

So the growth from rung to rung is the price of idle connections. A server that learns from the kernel which connections
are ready (epoll, kqueue, completions) pays per request and not per connection: a level line. A server that passes its
whole list (select, poll) pays for all connections at each turn: its cost per request grows with the number. The rate is
low, so that a turn seldom has more than one request. Once a turn takes as long as the pause between two requests,
requests share turns: from there on the cost per request grows less than the number, and the answers wait for turns. The
evidence (requests per sleep) shows where that begins.

A random connection is cold: neither the kernel's socket nor the server's objects are in the processor's caches. That
cost grows with the number too, gently and for all.

The climb of an adapter ends on the first rung that fails, or where the p99 of its answers is above 100 ms (that rung
has figures, and is marked). The rungs above say where and why the climb stopped.

Only each adapter's first style climbs: the question is about the model, and making connections takes long.

`bench --rungs` names other rungs, up to 1,000,000 connections. What a machine must allow for that, and what it takes,
is in docs/scale.md.
"""

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    serves="echo",
    title="C10K",
    question="What do ten thousand connections cost when few are active, and how far does each adapter get?",
    group="connections",
    place=30,
    unit="request",
    sets=(
        ("smoke", {"connections": 100, "rate": 1000, "size": 64}),
        ("smoke", {"connections": 1000, "rate": 1000, "size": 64}),
        ("standard", {"connections": 10000, "rate": 1000, "size": 64}),
        ("standard", {"connections": 300, "rate": 1000, "size": 64}),
        ("standard", {"connections": 3000, "rate": 1000, "size": 64}),
        ("full", {"connections": 30000, "rate": 1000, "size": 64}),
        ("full", {"connections": 100000, "rate": 1000, "size": 64}),
    ),
    limits={"connections": (1, 1000000), "rate": (1, 1000000), "size": (16, 65536)},
    primary_styles_only_beyond=0,
    ladder="connections",
    objective_p99_ms=100,
)


class Scenario(ServedScenario):
    """Echo, served by the adapter."""

    def application(self) -> StreamApplication:
        """The echo application: what is asked is what a connection costs, not what is done with it."""
        return Echo

    def exchange(self) -> Exchange:
        """A message of `size` bytes, which comes back as it is."""
        return echo(self.parameters["size"])
