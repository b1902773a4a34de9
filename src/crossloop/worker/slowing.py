"""An application that is slower by a known amount, so that a measurement can be tried on it."""

from crossloop.api.streams import Receive, StreamApplication


def busy(application: StreamApplication, iterations: int) -> StreamApplication:
    """*application*, with *iterations* turns of an empty loop for each chunk that it receives."""
    turns = (None,) * iterations

    def connect() -> Receive:
        receive = application()

        def slowly(data: bytes) -> bytes:
            for _ in turns:
                pass
            return receive(data)

        return slowly

    return connect
