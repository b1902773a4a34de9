"""C10K: what does it cost to have ten thousand connections, of which few have anything to say?

In 1999 Dan Kegel asked how one machine could serve ten thousand clients at once ("The C10K problem"). The
trouble was not the traffic, of which there is little, but the number: a thread or a process for each, or a list
of all of them handed to the kernel at every turn. This scenario asks the question again of everything here, on
a ladder of connections with the *same* traffic on every rung: an open loop at a fixed rate, each request on a
connection drawn at random, every other one idle.

What grows from rung to rung is therefore the price of connections that do nothing. A server that is told by
the kernel who is ready (epoll, kqueue, completions) pays per request and not per connection: a level line.
One that hands over its whole list (select, poll) pays for all of them at each turn: its cost per request grows
with the number. The rate is low, so that a turn seldom has more than one request to share its price among.
Once a turn takes as long as the pause between two requests, it has: from there on the cost per request stays
behind the number, while the answers wait for turns. The evidence (requests per sleep) shows where that begins.

A random connection is a cold one: nothing of it is in the processor's caches, neither the kernel's socket nor
the server's objects. That too grows with the number, gently and for all.

The climb of an adapter ends on the first rung that it cannot do, or where the slowest hundredth of its answers
takes more than 100 ms (it has figures there, and is marked). The rungs above say where and why it stopped.

Only each adapter's first style climbs: it is the model that is asked, and connections are dear to make.
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
    ),
    limits={"connections": (1, 100000), "rate": (1, 1000000), "size": (16, 65536)},
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
