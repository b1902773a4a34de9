"""What is said between here and a host: one task for the program there, and its messages, a JSON object a line.

A host is not trusted. Each message is validated here, on arrival: types, names, sizes. What is no message, such as the
greeting of a shell, is shown as the host's own output.
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

MAX_LINE_BYTES = 256 * 1024
"""Of one message: a part of a journal has 64 KiB in base 64, a piece of output 4 KiB, six-fold where it is escaped."""

_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class File(Struct, frozen=True):
    """A wheel that a host is to have."""

    name: str
    sha256: str
    content: str | None = None
    """In base 64; None: only asked after."""


class EnvironmentTask(Struct, frozen=True):
    """An environment for crossloop on a host."""

    digest: str
    files: list[File]
    requirements: list[str]
    shown: list[str]
    """What is installed, in words for people."""
    setup: bool | list[str]


class Task(Struct, frozen=True):
    """What the program on a host is to do."""

    folder: str
    fleet: str
    """Name of the fleet: that of the folder here into which everything is brought."""
    call: str
    """Name of this call of `crossloop fleet`."""
    environment: EnvironmentTask | None
    question: str
    arguments: list[str]
    journals: list[str]
    resumable: bool
    again: bool
    most_bytes: int
    """Of one journal."""


class Message(Struct, frozen=True, tag_field="say"):
    """What a host says."""


class Alive(Message, frozen=True, tag="alive"):
    """It lives; something is under way."""


class Step(Message, frozen=True, tag="step"):
    """What it does now, in words."""

    text: Annotated[str, Meta(max_length=1000)]


class Out(Message, frozen=True, tag="out"):
    """A line of a command's results."""

    text: str


class Err(Message, frozen=True, tag="err"):
    """A line of a command's progress and errors."""

    text: str


class Lacks(Message, frozen=True, tag="lacks"):
    """It ends because files are missing there: their SHA-256."""

    files: Annotated[list[_Digest], Meta(min_length=1, max_length=100)]


class Begins(Message, frozen=True, tag="begins"):
    """The command begins, or goes on with what was interrupted."""

    resumes: bool


class FileBegins(Message, frozen=True, tag="file"):
    """A journal follows in parts."""

    name: Annotated[str, Meta(max_length=100)]


class Part(Message, frozen=True, tag="part"):
    """Its next bytes."""

    content: bytes
    """In base 64, which is decoded with the message."""


class Whole(Message, frozen=True, tag="whole"):
    """It has been sent."""

    sha256: _Digest


class End(Message, frozen=True, tag="end"):
    """All is done; *status* is the command's."""

    status: Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)]


class FailedThere(Message, frozen=True, tag="failed"):
    """It ends without an answer."""

    reason: Annotated[str, Meta(max_length=4000)]


AnyMessage: TypeAlias = (
    Alive | Step | Out | Err | Lacks | Begins | FileBegins | Part | Whole | End | FailedThere
)
_decoder: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def decode(line: bytes) -> AnyMessage | None:
    """The message that a line is; None where it is none."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
