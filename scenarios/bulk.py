"""Bulk: what does a megabyte cost, out or in, and does a slow reader make the server's memory grow?

Small messages measure a turn of the loop. A large message measures how bytes get through: how large a piece the library
reads, how often it copies the piece, and what it does with unsent data. Three directions:

- `down`: a request of 16 bytes, an answer of 1 MiB. The application gives the answer back as one piece, so partial
  writes are the library's: it waits for room and goes on where it stopped. A download.
- `up`: a request of 1 MiB, an answer of 16 bytes. An upload. The server compares each piece with the bytes that it
  expects (`bytes.startswith` in place, no copy; some 50 µs for a megabyte on a machine of 2020, for all alike) and
  acknowledges with the stamp only if all were right. Otherwise a reader that reuses its buffer would not be noticed.
- `slow`: an echo of 64 KiB with 512 messages in flight on each connection, 32 MiB: more than the kernel's buffers on
  both sides hold (`tcp_rmem`, `tcp_wmem`: some 4 and 6 MiB, 32 MiB at the most). Before each measured part the load
  writes what the server takes, and reads nothing for a while. A server with backpressure stops reading. A server
  without it keeps answering into its own memory. The figures are counters: `rss_stalled_bytes`, the server's resident
  memory at the end of that while, and `rss_peak_bytes`, the most that it ever had.

Every answer is compared in full. In `down` all of it but the stamp is the same each time (`fixed_filler`).

What this does not say: loopback has no loss, no distance and segments of 64 KiB, so that copying is most of the cost; a
network card would take some of that work and add some. And it is not `sendfile`: the bytes come from Python. `slow`
shows bounds of memory. Its time and CPU contain the wait, and are not for comparing servers.
"""

from collections.abc import Mapping

from crossloop.api import (
    Content,
    Echo,
    Exchange,
    Receive,
    ScenarioAbout,
    ServedScenario,
    StreamApplication,
    UnsupportedError,
    echo,
    fixed_filler,
)

ABOUT = ScenarioAbout(
    levels=("StreamServer",),
    drive="exchange",
    title="Bulk transfer",
    short_title="Bulk",
    question="What does a megabyte cost, down or up, and what does a slow reader do to the server's memory?",
    group="messages",
    place=40,
    unit="exchange",
    sets=(
        ("smoke", {"direction": "down", "connections": 4}),
        ("standard", {"direction": "slow", "connections": 4}),
        ("standard", {"direction": "up", "connections": 4}),
        ("standard", {"direction": "down", "connections": 1}),
        ("standard", {"direction": "up", "connections": 1}),
        ("full", {"direction": "down", "connections": 100}),
        ("full", {"direction": "up", "connections": 100}),
        ("full", {"direction": "slow", "connections": 16}),
    ),
    limits={"connections": (1, 1000)},
    server_parameters=("direction",),
    brief=True,
    primary_styles_only_beyond=0,
)

_STAMP_BYTES = 16
_LARGE_BYTES = 1 << 20
_FILLER_BYTES = _LARGE_BYTES - _STAMP_BYTES
_SLOW_BYTES = 1 << 16
_SLOW_IN_FLIGHT = 512
_STALL_MS = 200.0
_WRONG = b"bytes are wrong!"
"""The acknowledgement of a request that was not what was sent: as long as a stamp, and none."""

_SMALL = Content(stamp="binary")
_LARGE = Content(stamp="binary", fixed_filler=_FILLER_BYTES)


class Scenario(ServedScenario):
    """One direction, with an application of its own."""

    def application(self) -> StreamApplication:
        """What serves `direction`. Raises `UnsupportedError` for one that there is not."""
        applications: Mapping[str, StreamApplication] = {"down": Download, "up": Upload, "slow": Echo}
        return applications[self._direction()]

    def exchange(self) -> Exchange:
        """What the load sends for `direction`. Raises `UnsupportedError` for one that there is not."""
        match self._direction():
            case "down":
                return Exchange(request=_SMALL, answer=_LARGE)
            case "up":
                return Exchange(request=_LARGE, answer=_SMALL)
            case _:
                message = echo(_SLOW_BYTES).request
                return Exchange(
                    request=message, answer=message, in_flight=_SLOW_IN_FLIGHT, stall_ms=_STALL_MS
                )

    def _direction(self) -> str:
        direction: str = self.parameters["direction"]
        if direction not in ("down", "up", "slow"):
            raise UnsupportedError(f"bulk has no direction {direction!r}, but down, up, slow")
        return direction


def Download() -> Receive:  # noqa: N802  (used like a class)
    """Answers each 16 bytes, a stamp, by them and the filler."""
    filler = fixed_filler(_FILLER_BYTES)
    held = b""

    def receive(data: bytes) -> bytes:
        nonlocal held
        held += data
        whole = len(held) - len(held) % _STAMP_BYTES
        stamps = [held[at : at + _STAMP_BYTES] for at in range(0, whole, _STAMP_BYTES)]
        held = held[whole:]
        return b"".join(part for stamp in stamps for part in (stamp, filler))

    return receive


def Upload() -> Receive:  # noqa: N802  (used like a class)
    """Acknowledges each request of 1 MiB by its stamp, if the rest of it was the filler."""
    filler = fixed_filler(_FILLER_BYTES)
    stamp, came, right = b"", 0, True

    def receive(data: bytes) -> bytes:
        nonlocal stamp, came, right
        answers, at = [], 0
        while at < len(data):
            if len(stamp) < _STAMP_BYTES:
                piece = data[at : at + _STAMP_BYTES - len(stamp)]
                stamp += piece
                at += len(piece)
                continue
            piece = data[at : at + _FILLER_BYTES - came]  # the same object where it is all of it
            right = right and filler.startswith(piece, came)
            came += len(piece)
            at += len(piece)
            if came == _FILLER_BYTES:
                answers.append(stamp if right else _WRONG)
                stamp, came, right = b"", 0, True
        return b"".join(answers)

    return receive
