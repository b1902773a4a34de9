"""Names to addresses: what does a lookup cost, by c-ares on the loop, in threads, or by the library itself?

The suite's own DNS server runs on loopback (`crossloop.companions.dns_server`). Names are new for each repetition, so
no cache can answer. Their addresses follow from the names, so each answer is verified. The rows of an adapter are
resolvers:

- `pycares`, on every adapter with `Readiness`: c-ares resolves, with neither loop nor thread. It names the sockets to
  watch (`sock_state_cb`). The adapter watches them, tells c-ares which are ready (`process_fd`), and keeps one timer at
  c-ares's next deadline (`timeout`). pycares could also run its own event thread, which is not measured here.
- the adapter's own resolvers (`NameResolution`): `getaddrinfo` in a thread pool, gevent's resolvers.

Kinds of names (`kind`): `plain`; `nxdomain`, names that do not exist; `truncated`, whose UDP answer sends the
client to TCP; `delayed`, answered 2 ms later; `lossy`, where one datagram in ten is lost; and `mixed`: of 20
names, 2 do not exist, 2 are truncated and 2 delayed.

**What `lossy` waits for.** Mostly for the resolver's timeout: c-ares waits at least 250 ms for a known server, even
with a shorter `timeout`, and glibc waits a second. All lost datagrams of a repetition are lost within the same wait, so
the repetition takes about that time. Read CPU per name, and whether all were resolved.

Timed region: from the first query until the last answer was delivered. Samples (`pycares` alone, where each
query is ours to time): from the query until the callback with its answer.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from crossloop.api import (
    Adapter,
    CheckFailedError,
    NameResolution,
    Parameters,
    Readiness,
    ScenarioAbout,
    UnsupportedError,
    Workload,
    styles_of,
)
from crossloop.companions.dns_zone import address_of, behaviour_of, name_of

ABOUT = ScenarioAbout(
    levels=("Readiness", "NameResolution"),
    drive="work",
    title="Name resolution",
    short_title="DNS",
    question="What does it cost to resolve a name, one at a time and with 100 in flight?",
    group="clients",
    place=20,
    unit="name",
    sets=(
        ("smoke", {"names": 300, "in_flight": 100, "kind": "plain"}),
        ("standard", {"names": 100, "in_flight": 1, "kind": "plain"}),
        ("standard", {"names": 200, "in_flight": 100, "kind": "mixed"}),
        ("standard", {"names": 40, "in_flight": 1, "kind": "mixed"}),
        ("standard", {"names": 100, "in_flight": 100, "kind": "lossy"}),
        ("full", {"names": 300, "in_flight": 10, "kind": "plain"}),
        ("full", {"names": 300, "in_flight": 100, "kind": "nxdomain"}),
        ("full", {"names": 100, "in_flight": 1, "kind": "nxdomain"}),
        ("full", {"names": 100, "in_flight": 100, "kind": "truncated"}),
        ("full", {"names": 50, "in_flight": 1, "kind": "truncated"}),
        ("full", {"names": 300, "in_flight": 100, "kind": "delayed"}),
        ("full", {"names": 10, "in_flight": 1, "kind": "delayed"}),
    ),
    limits={"names": (1, 100000), "in_flight": (1, 1000)},
    requires=("pycares>=5", "dnspython>=2.6"),
    companion=True,
    primary_styles_only_beyond=1,
    brief=True,
)

_CARES = "pycares"
_KINDS: Mapping[str, Sequence[str]] = {
    "plain": ("plain",),
    "nxdomain": ("nx",),
    "truncated": ("tc",),
    "delayed": ("delay2",),
    "lossy": ("drop1", *["plain"] * 9),
    "mixed": ("nx", "tc", "delay2", *["plain"] * 7),
}
"""Kind → behaviours of the names (`crossloop.companions.dns_zone`), taken in turn."""
_QUERY_TIMEOUT_S = 0.2
"""For the first queries; then c-ares goes by the answers it got, but not below 250 ms (ares_metrics.c)."""
_TRIES = 5
_LIMIT_S = 10.0
"""Longer than c-ares tries; what has no answer by then has been forgotten by the loop."""

Answer = Sequence[str] | int | None
"""Addresses, or the error of the resolver, or None: no answer."""


def versions() -> Mapping[str, str]:
    """The libraries that resolve, as they say themselves."""
    import pycares

    return {"pycares": pycares.__version__, "c-ares": pycares.ARES_VERSION}


def companion(ready: Callable[[str, int], None], stop: socket.socket) -> None:
    """The DNS server; returns when *stop* is readable. Needs dnspython, which the client side does not."""
    from crossloop.companions.dns_server import serve

    serve(ready, stop)


class Scenario(Workload):
    """Names of one kind, through one resolver."""

    @classmethod
    def styles(cls, adapter: type[Adapter]) -> tuple[str, ...]:
        """c-ares on the adapter's readiness, then the adapter's own resolvers."""
        resolvers = styles_of(adapter).get("NameResolution", ())
        return (_CARES, *resolvers) if issubclass(adapter, Readiness) else resolvers

    def __init__(self, adapter: Adapter, style: str, parameters: Parameters, server: tuple[str, int] | None):
        """Raises `UnsupportedError` for a kind or resolver that there is not, ImportError without pycares."""
        super().__init__(adapter, style, parameters, server)
        kind: str = parameters["kind"]
        if kind not in _KINDS:
            raise UnsupportedError(f"dns has no kind {kind!r}, but {', '.join(_KINDS)}")
        if style not in self.styles(type(adapter)):
            raise UnsupportedError(f"no resolver {style!r} here, but {', '.join(self.styles(type(adapter)))}")
        if server is None:
            raise UnsupportedError("dns needs its companion, the DNS server, and was given no address")
        self._host, self._port = server
        self._behaviours = _KINDS[kind]
        self._count: int = parameters["names"]
        self._in_flight: int = parameters["in_flight"]
        self._unique = os.urandom(4).hex()
        self._made = 0
        self._names: list[str] = []
        self._answers: Mapping[str, Answer] = {}
        self._absent = int(getattr(socket, "EAI_NONAME", 0))
        self._cares: _Cares | None = None
        if style == _CARES:
            self._cares = _Cares(cast(Readiness, adapter), server)
            self._absent = self._cares.absent

    def prepare(self) -> None:
        """Make up names that nobody has asked for yet, all of the same length."""
        self._names = []
        for index in range(self._count):
            behaviour = self._behaviours[index % len(self._behaviours)]
            self._names.append(name_of(f"n{self._unique}{self._made:08x}", behaviour))
            self._made += 1
        self._answers = {}

    def run(self) -> int:
        """Resolve all names; returns how many have an answer, right or wrong."""
        if self._cares is not None:
            return self._cares.resolve(self._names, self._in_flight)
        resolver = cast(NameResolution, self.adapter)
        self._answers = resolver.resolve(self.style, (self._host, self._port), self._names, self._in_flight)
        return len(self._answers)

    def verify(self) -> None:
        """Each name has the address that follows from it, or does not exist where it should not."""
        if self._cares is not None:
            self._answers = self._cares.take_answers()
            self.samples_ns.extend(self._cares.took_ns)
            for name, number in self._cares.take_counters().items():
                self.counters[name] = self.counters.get(name, 0) + number
        for name in self._names:
            expected = self._expected(name)
            actual = self._answers.get(name)
            if actual is None:
                raise CheckFailedError(f"{name} has no answer")
            if (tuple(actual) if not isinstance(actual, int) else actual) != expected:
                raise CheckFailedError(f"{name} is {expected!r}, but {actual!r} was the answer")
        if len(self._answers) != self._count:
            raise CheckFailedError(f"{len(self._answers)} answers to {self._count} names")

    def _expected(self, name: str) -> tuple[str, ...] | int:
        behaviour = behaviour_of(name)
        assert behaviour is not None, name
        return self._absent if behaviour.kind == "nx" else (address_of(name),)

    def close(self) -> None:
        """End c-ares, its sockets and timer; the adapter's own resolvers end with the adapter."""
        if self._cares is not None:
            self._cares.close()


class _Cares:
    """A c-ares channel on an adapter's readiness and timers.

    c-ares reports through C, where an exception can only be printed: what goes wrong in a callback is
    kept, the loop is stopped, and `resolve` raises it.
    """

    def __init__(self, loop: Readiness, server: tuple[str, int]):
        import pycares

        host, port = server
        self._loop = loop
        self._no_socket = pycares.ARES_SOCKET_BAD
        self.absent: int = pycares.errno.ARES_ENOTFOUND
        self._refused = pycares.AresError
        self._type_a: int = pycares.QUERY_TYPE_A
        self._reading: set[int] = set()
        self._writing: set[int] = set()
        self._counters = {"sockets": 0.0, "deadlines": 0.0}
        self._closed = False
        self._failure: Exception | None = None
        self._timer: Any = None
        self._guard: Any = None
        self._names: Sequence[str] = ()
        self._results: list[tuple[Any, int | None] | None] = []
        self._asked_ns: list[int] = []
        self.took_ns: list[int] = []
        self._room = self._next = self._answered = self._repeated = 0
        self._channel: pycares.Channel = pycares.Channel(
            servers=[f"{host}:{port}"],
            timeout=_QUERY_TIMEOUT_S,
            tries=_TRIES,
            sock_state_cb=self._on_state,
        )
        self._until_deadline_s: Callable[[], float] = self._channel.timeout

    def resolve(self, names: Sequence[str], in_flight: int) -> int:
        """Resolve *names* within one run of the loop; returns how many answers came."""
        count = len(names)
        self._names = names
        self._results = [None] * count
        self._asked_ns = [0] * count
        self.took_ns.clear()
        self._room, self._next, self._answered, self._repeated = in_flight, 0, 0, 0
        self._loop.call_later(0.0, self._begin)
        self._loop.run()
        if self._failure is not None:
            raise self._failure
        return self._answered

    def _begin(self, *_: object) -> None:
        self._guard = self._loop.call_later(_LIMIT_S, self._on_limit)
        self._advance()

    def _on_limit(self, *_: object) -> None:
        self._loop.stop()

    def _advance(self) -> None:
        """Ask for what there is room for, and set the timer to c-ares's next deadline; or end the run."""
        names, count, query = self._names, len(self._names), self._channel.query
        while self._room and self._next < count:
            index, self._next = self._next, self._next + 1
            self._room -= 1
            self._asked_ns[index] = time.perf_counter_ns()
            try:
                query(names[index], self._type_a, callback=partial(self._on_answer, index))
            except self._refused as error:  # a send that failed at once; c-ares may have called back, too
                if self._results[index] is None:
                    self._on_answer(index, None, error.args[0])
        if self._answered >= count or self._failure is not None:
            self._stop_timers()
            self._loop.stop()
            return
        deadline_s = self._until_deadline_s()
        if self._timer is None:
            self._timer = self._loop.call_later(deadline_s, self._on_deadline)
        else:
            self._timer = self._loop.rearm(self._timer, deadline_s, self._on_deadline)

    def _on_answer(self, index: int, result: Any, error: int | None) -> None:
        if self._results[index] is not None:
            self._repeated += 1
            return
        self._results[index] = result, error
        self.took_ns.append(time.perf_counter_ns() - self._asked_ns[index])
        self._answered += 1
        self._room += 1

    def _on_state(self, fd: int, readable: bool, writable: bool) -> None:
        """c-ares wants *fd* watched so; neither: it is about to close it."""
        if self._closed:  # called by the thread in which pycares destroys its channel
            return
        try:
            if fd not in self._reading and fd not in self._writing:
                self._counters["sockets"] += 1
            if readable != (fd in self._reading):
                self._switch(
                    fd, readable, self._reading, self._loop.watch, self._loop.unwatch, self._on_readable
                )
            if writable != (fd in self._writing):
                self._switch(
                    fd,
                    writable,
                    self._writing,
                    self._loop.watch_write,
                    self._loop.unwatch_write,
                    self._on_writable,
                )
        except Exception as error:
            self._failure = error
            self._loop.stop()

    @staticmethod
    def _switch(
        fd: int,
        wanted: bool,
        watched: set[int],
        watch: Callable[[int, Any], object],
        unwatch: Callable[[int], object],
        callback: Callable[..., None],
    ) -> None:
        if wanted:
            watch(fd, partial(callback, fd))
            watched.add(fd)
        else:
            unwatch(fd)
            watched.discard(fd)

    def _on_readable(self, fd: int, *_: object) -> None:
        self._channel.process_fd(fd, self._no_socket)
        self._advance()

    def _on_writable(self, fd: int, *_: object) -> None:
        self._channel.process_fd(self._no_socket, fd)
        self._advance()

    def _on_deadline(self, *_: object) -> None:
        self._counters["deadlines"] += 1
        self._channel.process_fd(self._no_socket, self._no_socket)
        self._advance()

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._guard):
            if timer is not None:
                self._loop.cancel(timer)
        self._timer = self._guard = None

    def take_answers(self) -> Mapping[str, Answer]:
        """Name → addresses or ARES_* number, of the last run.

        Raises CheckFailedError when a query was answered twice.
        """
        if self._repeated:
            raise CheckFailedError(f"c-ares called back {self._repeated} times more than it was asked")
        answers: dict[str, Answer] = {}
        for name, outcome in zip(self._names, self._results, strict=True):
            if outcome is not None:
                result, error = outcome
                answers[name] = error if error is not None else [record.data.addr for record in result.answer]
        return answers

    def take_counters(self) -> Mapping[str, float]:
        """Sockets opened and deadlines that came, since the last call."""
        taken = dict(self._counters)
        self._counters = dict.fromkeys(taken, 0.0)
        return taken

    def close(self) -> None:
        """Stop what is watched first: pycares closes the sockets in a thread of its own, some time later."""
        self._closed = True
        self._stop_timers()
        for fd in self._reading:
            self._loop.unwatch(fd)
        for fd in self._writing:
            self._loop.unwatch_write(fd)
        self._channel.cancel()
        self._channel.close()
