"""The scenario `http-client`: which answers of a client it takes, and which it finds wrong."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import pytest

from crossloop.api import CheckFailedError, Facts, HttpClient, UnsupportedError
from scenarios.http_client import SITE, Scenario

SERVER = "127.0.0.1", 1
Bodies = list[bytes]


class Client(HttpClient):
    """Knows every answer, and gives what *change* makes of them."""

    styles: ClassVar = {"HttpClient": ("known",)}

    def __init__(self, change: Callable[[Bodies], Bodies]) -> None:
        self.change = change
        self.requested: list[str] = []

    def facts(self) -> Facts:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""

    def get_pages(
        self, style: str, server: tuple[str, int], paths: Sequence[str], in_flight: int
    ) -> Sequence[bytes]:
        assert (style, server, in_flight) == ("known", SERVER, 3)
        self.requested += paths
        return self.change([b"".join(SITE.at(path) or ()) for path in paths])


def scenario(client: Client, style: str = "known", page: str = "body-10k") -> Scenario:
    return Scenario(client, style, {"requests": 20, "in_flight": 3, "page": page}, SERVER)


def test_right_bodies_are_taken_and_no_path_is_asked_for_twice() -> None:
    client = Client(lambda bodies: bodies)
    workload = scenario(client)
    for _ in range(3):
        workload.prepare()
        assert workload.run() == 20
        workload.verify()
    assert len(set(client.requested)) == 60


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda bodies: bodies[::-1], "the body of 0{24} is b'0{22}13"),
        (lambda bodies: [*bodies[:-1], bodies[-1][:-1]], "the body of 0{22}13 is "),
        (lambda bodies: [*bodies[:-1], bodies[-1][:-1] + b"?"], "the body of 0{22}13 is "),
        (lambda bodies: bodies[1:], "19 bodies to 20 requests"),
        (lambda bodies: [b"" for _ in bodies], "the body of 0{24} is b''"),
    ],
)
def test_a_wrong_body_is_found(change: Callable[[Bodies], Bodies], wrong: str) -> None:
    workload = scenario(Client(change))
    workload.prepare()
    workload.run()
    with pytest.raises(CheckFailedError, match=wrong):
        workload.verify()


def test_what_cannot_be_asked_for() -> None:
    client = Client(lambda bodies: bodies)
    with pytest.raises(UnsupportedError, match="no page 'index', but plaintext, body-10k"):
        scenario(client, page="index")
    with pytest.raises(UnsupportedError, match="no client 'requests' here, but known"):
        scenario(client, style="requests")
    with pytest.raises(UnsupportedError, match="was given no address"):
        Scenario(client, "known", {"requests": 1, "in_flight": 1, "page": "plaintext"}, None)
