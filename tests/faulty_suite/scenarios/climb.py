"""A ladder of two rungs, which the faulty adapters of this suite climb so far."""

from crossloop.api import Echo, Exchange, ScenarioAbout, ServedScenario, StreamApplication, echo

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    serves="echo",
    title="Climb",
    question="How far does each fault get?",
    unit="request",
    sets=(
        ("smoke", {"connections": 10, "rate": 1000, "size": 64}),
        ("smoke", {"connections": 100, "rate": 1000, "size": 64}),
    ),
    primary_styles_only_beyond=0,
    ladder="connections",
    objective_p99_ms=100,
)


class Scenario(ServedScenario):
    """Echo, served by the adapter."""

    def application(self) -> StreamApplication:
        """The echo application."""
        return Echo

    def exchange(self) -> Exchange:
        """A message of `size` bytes, which comes back as it is."""
        return echo(self.parameters["size"])
