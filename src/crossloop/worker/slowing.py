"""A stream scenario whose application is slower by a known amount, so that a measurement can be tried on it."""

from crossloop.api.streams import Receive, StreamApplication
from crossloop.api.workload import StreamScenario


class Slowed(StreamScenario):
    """*scenario*, with *iterations* turns of an empty loop for each chunk that its application receives."""

    def __init__(self, scenario: StreamScenario, iterations: int):
        self._scenario = scenario
        self._iterations = iterations

    def application(self) -> StreamApplication:
        """The scenario's application in a frame that is busy first."""
        application = self._scenario.application()
        turns = (None,) * self._iterations

        def connect() -> Receive:
            receive = application()

            def busy(data: bytes) -> bytes:
                for _ in turns:
                    pass
                return receive(data)

            return busy

        return connect
