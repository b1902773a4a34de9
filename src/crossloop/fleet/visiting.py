"""One host, from its first connection to its outcome."""

import base64
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, assert_never

from crossloop.fleet.brought import (
    Answer,
    Arriving,
    Journal,
    UnfitError,
    answer_in,
    has_journals,
    keep_answer,
    put,
)
from crossloop.fleet.hosts import FleetError, Host
from crossloop.fleet.protocol import (
    Alive,
    Begins,
    End,
    EnvironmentTask,
    Err,
    FailedThere,
    File,
    FileBegins,
    Lacks,
    Out,
    Part,
    Step,
    Task,
    Whole,
)
from crossloop.fleet.question import Question, environment_digest
from crossloop.fleet.session import LostError, Noise, Session, command_of, source_of
from crossloop.journal.files import MAX_BYTES
from crossloop.plain_text import printable

ANSWERED = (0, 1)
"""Statuses of a command that has answered: done, and no."""
MAX_REASON = 300
_NOT_REACHED, _NOT_FOUND = 255, (126, 127)
"""Statuses of ssh: no connection; and of a shell that cannot start PYTHON."""

Stream: TypeAlias = Literal["out", "err"]
Tell: TypeAlias = Callable[[Host, Stream, str], None]


@dataclass(frozen=True)
class Complete:
    """The command has answered, and its journals are here."""

    status: int
    resumed: bool = False
    """It went on with what had been interrupted."""
    before: bool = False
    """An earlier call brought them."""


@dataclass(frozen=True)
class Failed:
    """It did not answer, or not with what can be used."""

    reason: str


@dataclass(frozen=True)
class Vanished:
    """The connection was lost when something was under way; the next call goes on."""

    reason: str


@dataclass(frozen=True)
class Interrupted:
    """This call was ended."""


Outcome: TypeAlias = Complete | Failed | Vanished | Interrupted


@dataclass
class Call:
    """One call of `crossloop fleet`: what is common to its hosts."""

    question: Question
    out: Path
    fleet: str
    id: str
    again: bool
    ssh_config: str
    """A file of its own for ssh; empty without."""
    tell: Tell
    _sessions: set[Session] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def folder(self, host: Host) -> Path:
        """Where a host's journals lie here."""
        return self.out / host.name

    def stop(self) -> None:
        """End every connection, and begin no other."""
        with self._guard:
            self._stopped = True
            for session in self._sessions:
                session.end()

    @property
    def stopped(self) -> bool:
        """Whether it was."""
        return self._stopped

    def begin(self, session: Session) -> None:
        """Take part in `stop`. Raises `LostError` after it."""
        with self._guard:
            if self._stopped:
                raise LostError("this call was ended")
            self._sessions.add(session)

    def leave(self, session: Session) -> None:
        """The opposite of `begin`."""
        with self._guard:
            self._sessions.discard(session)


def require_same_question(call: Call, host: Host) -> None:
    """Raises `FleetError` where the host's folder holds the answer to another question."""
    folder = call.folder(host)
    answer = answer_in(folder)
    if (
        answer is None
        or call.again
        or answer.question == call.question.digest(host)
        or not has_journals(folder)
    ):
        return
    before, now = " ".join(answer.arguments), " ".join(call.question.arguments(host))
    differs = f"{before!r:.300}, this is {now!r:.300}" if before != now else "of other settings of this host"
    raise FleetError(
        f"{folder} answers another question: it was asked {differs}; choose another --out, or --again to "
        "ask anew"
    )


def visit(call: Call, host: Host) -> Outcome:
    """Ask one host, unless it has answered. Raises OSError where nothing can be written here."""
    folder, question = call.folder(host), call.question.digest(host)
    before = answer_in(folder)
    if before is not None and before.complete and not call.again and before.status is not None:
        return Complete(before.status, before=True)
    arguments = call.question.arguments(host)
    if before is not None:
        keep_answer(folder, Answer(question, arguments, None, complete=False))
    try:
        with Arriving(call.out, call.question.kind.journals) as arriving:
            talk = _Talk(call, host, arriving)
            end = talk.ask()
            journals = arriving.journals()
            if journals:
                put(journals, folder)
    except UnfitError as error:
        return Interrupted() if call.stopped else Failed(str(error))
    except LostError as error:
        return Interrupted() if call.stopped else talk.lost(str(error))
    if call.stopped and end.status not in ANSWERED:
        return Interrupted()
    outcome = _outcome(call, end.status, journals, talk)
    if journals:
        keep_answer(folder, Answer(question, arguments, end.status, complete=isinstance(outcome, Complete)))
    return outcome


def _outcome(call: Call, status: int, journals: list[Journal], talk: "_Talk") -> Outcome:
    command = call.question.command[0]
    if status not in ANSWERED:
        return Failed(f"{command} ended with status {status}{talk.last_words()}")
    if not journals:
        return Failed(f"{command} left no journal")
    torn = [journal.path.name for journal in journals if not journal.ended]
    if torn:
        return Failed(f"{command} ended with status {status}, and {', '.join(torn)} has no end")
    return Complete(status, resumed=talk.resumed)


class _Talk:
    """What is said with one host in a call."""

    def __init__(self, call: Call, host: Host, arriving: Arriving):
        self._call = call
        self._host = host
        self._arriving = arriving
        self._errors: deque[str] = deque(maxlen=1)
        """The last line of errors of a command there."""
        self._noise: deque[str] = deque(maxlen=1)
        """The last line that was no message: what ssh says of itself, or a shell."""
        self._reached = False
        self.resumed = False

    def ask(self) -> End:
        """The end of the command there. Raises `LostError`, `UnfitError`."""
        answer = self._session(contents={})
        if isinstance(answer, Lacks) and self._host.environment is not None:
            wanted = set(answer.files)
            wheels = [wheel for wheel in self._host.environment.wheels if wheel.sha256 in wanted]
            self._tell("err", f"sends {', '.join(wheel.path.name for wheel in wheels)}")
            contents = {
                wheel.sha256: base64.b64encode(wheel.path.read_bytes()).decode("ascii") for wheel in wheels
            }
            answer = self._session(contents)
        if isinstance(answer, Lacks):
            raise UnfitError("asks for files that it has been sent, or that nobody offered")
        return answer

    def lost(self, reason: str) -> Outcome:
        """What a lost connection means: a host that was never reached did not vanish."""
        reason = f"{reason}{_after_colon(self._noise)}"
        return Vanished(reason) if self._reached else Failed(f"not reached: {reason}")

    def last_words(self) -> str:
        """The last line of errors, after a colon; empty without one."""
        return _after_colon(self._errors or self._noise)

    def _session(self, contents: Mapping[str, str]) -> End | Lacks:
        line = command_of(self._host, self._call.ssh_config)
        try:
            session = Session(line, source_of(self._task(contents)))
        except OSError as error:
            raise LostError(f"{line[0]}: {error.strerror}") from error
        with session:
            try:
                self._call.begin(session)
                for heard in session.listen():
                    match heard:
                        case End() | Lacks():
                            return heard
                        case FailedThere(reason=reason):
                            self._reached = True
                            raise UnfitError(f"{printable(reason)[:MAX_REASON]}{self.last_words()}")
                        case _:
                            self._hear(heard)
                raise LostError(self._how_it_ended(session))
            finally:
                self._call.leave(session)

    def _hear(self, heard: Alive | Step | Out | Err | Begins | FileBegins | Part | Whole | Noise) -> None:
        if not isinstance(heard, Noise):
            self._reached = True
        match heard:
            case Alive():
                pass
            case Step(text=text):
                self._tell("err", text)
            case Out(text=text):
                self._tell("out", text)
            case Err(text=text) | Noise(text=text):
                if text.strip():
                    (self._noise if isinstance(heard, Noise) else self._errors).append(text.strip())
                self._tell("err", text)
            case Begins(resumes=resumes):
                self.resumed = resumes
                how = "goes on with" if resumes else "begins"
                self._tell("err", f"{how} {' '.join(self._call.question.arguments(self._host))}")
            case FileBegins() | Part() | Whole():
                self._arriving.take(heard)
            case _:
                assert_never(heard)

    def _how_it_ended(self, session: Session) -> str:
        try:
            status = session.status()
        except subprocess.TimeoutExpired:
            return "it closed the connection"
        if self._host.is_here:
            return f"{self._host.python} ended with status {status}"
        if status == _NOT_REACHED:
            return "ssh lost the connection" if self._reached else "ssh could not connect"
        if status in _NOT_FOUND:
            return f"no {self._host.python} there, which `python` of the file names"
        return f"{self._host.python} there ended with status {status}"

    def _task(self, contents: Mapping[str, str]) -> Task:
        call, environment = self._call, self._host.environment
        wanted = None
        if environment is not None:
            names = [wheel.path.name for wheel in environment.wheels]
            wanted = EnvironmentTask(
                digest=environment_digest(self._host),
                files=[
                    File(wheel.path.name, wheel.sha256, contents.get(wheel.sha256))
                    for wheel in environment.wheels
                ],
                requirements=list(environment.requirements),
                shown=[*names, *environment.requirements],
                setup=environment.setup if isinstance(environment.setup, bool) else list(environment.setup),
            )
        return Task(
            folder=self._host.folder,
            fleet=call.fleet,
            call=call.id,
            environment=wanted,
            question=call.question.digest(self._host),
            arguments=call.question.arguments(self._host),
            journals=list(call.question.kind.journals),
            resumable=call.question.kind.resumable,
            again=call.again,
            most_bytes=MAX_BYTES,
        )

    def _tell(self, stream: Stream, text: str) -> None:
        self._call.tell(self._host, stream, text)


def _after_colon(lines: Iterable[str]) -> str:
    return "".join(f": {printable(line)[:MAX_REASON]}" for line in lines)
