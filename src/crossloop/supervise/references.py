"""The native references as child processes: what each says it is, and its server."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

import msgspec

from crossloop.api import Transport
from crossloop.native import NotBuiltError, build_of
from crossloop.outcomes import Measured, NotInstalled, Outcome, Unsupported
from crossloop.references import Reference
from crossloop.supervise.answers import ReferenceFacts
from crossloop.supervise.child import Child, ChildError

LIMIT_S = 20.0


@dataclass(frozen=True)
class ProbedReference:
    """A reference as its own program described it."""

    reference: Reference
    outcome: Outcome
    """`Measured` stands for usable."""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether it can be run here."""
        return isinstance(self.outcome, Measured)


def probe_references(
    references: Mapping[str, Reference], recorded: Mapping[str, str]
) -> Iterator[ProbedReference]:
    """Ask each program what it is linked with; *recorded* is how `crossloop setup` brought it, by id."""
    for reference in references.values():
        yield _probed(reference, recorded.get(reference.id, ""))


def _probed(reference: Reference, recorded: str) -> ProbedReference:
    if sys.platform not in reference.platforms:
        return ProbedReference(reference, Unsupported(f"not made for {sys.platform}"))
    try:
        program = build_of(reference.part)
    except NotBuiltError as error:
        failed = f"; it said: {recorded}" if recorded.startswith("failed") else ""
        return ProbedReference(reference, NotInstalled(f"{error}{failed}"))
    try:
        with Child(["--describe"], name=reference.id, program=str(program)) as child:
            said = child.receive(ReferenceFacts, LIMIT_S)
    except ChildError as error:
        return ProbedReference(reference, error.outcome)
    facts = {
        "binding": "C",
        "binding_version": "",
        "io_uring": None,
        "gil": None,
        **msgspec.structs.asdict(said),
    }
    facts["loaded_from"] = Path(said.loaded_from).name
    return ProbedReference(reference, Measured(), facts)


def reference_words(transport: Transport, path: str = "") -> list[str]:
    """What a reference's program is told of *transport*; *path* is the unix socket that it is to make."""
    match transport:
        case "tcp":
            return []
        case "unix":
            return ["--unix", path]
        case "udp":
            return ["--udp"]
        case "tls":
            raise ValueError("no native reference speaks TLS")
        case _:
            assert_never(transport)


def reference_server(
    reference: Reference,
    cpu: int | None,
    limit_bytes: int,
    transport: Transport = "tcp",
    path: str = "",
    host: str = "127.0.0.1",
) -> Child:
    """Its server, on the address *host*, which will say `ready` by itself. Raises ChildError for one that cannot be
    started."""
    pinned = [] if cpu is None else ["--cpu", str(cpu)]
    arguments = ["--supervised", *pinned, "--host", host, *reference_words(transport, path)]
    try:
        program = build_of(reference.part)
    except NotBuiltError as error:
        raise ChildError(NotInstalled(str(error))) from error
    return Child(arguments, name=reference.id, limit_bytes=limit_bytes, program=str(program))
