"""A web client by hand on the standard library's, a thread for each connection, and what can be wrong with one."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection

from crossloop.api import CheckFailedError

LIMIT_S = 10.0


@dataclass
class Faults:
    """What is wrong; as it is made, nothing."""

    reverses: bool = False
    """It gives bodies back in the wrong order."""
    forgets: bool = False
    """It makes new connections for each call."""
    more: int = 0
    """So many more requests are under way than may be."""
    lenient: bool = False
    """It takes any status."""


class WebClient:
    """Connections to one server."""

    def __init__(self, server: tuple[str, int], in_flight: int, faults: Faults) -> None:
        self.made_for = server, in_flight
        self._faults = faults
        self._connections = [HTTPConnection(*server, timeout=LIMIT_S) for _ in range(in_flight + faults.more)]

    def get_all(self, paths: Sequence[str]) -> Sequence[bytes]:
        """The bodies of *paths*. Raises CheckFailedError."""
        bodies = [b""] * len(paths)

        def get(start: int, connection: HTTPConnection) -> None:
            for place in range(start, len(paths), len(self._connections)):
                connection.request("GET", paths[place])
                answer = connection.getresponse()
                bodies[place] = answer.read()
                if answer.status != 200 and not self._faults.lenient:
                    raise CheckFailedError(f"GET {paths[place]} is answered by {answer.status}, expected 200")

        with ThreadPoolExecutor(len(self._connections)) as pool:
            list(pool.map(get, range(len(self._connections)), self._connections))
        if self._faults.forgets:
            self.close()
        return bodies[::-1] if self._faults.reverses else bodies

    def close(self) -> None:
        """Close all; a later call connects again."""
        for connection in self._connections:
            connection.close()
