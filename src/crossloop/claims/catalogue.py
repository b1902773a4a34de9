"""The published claims, as data: who said what, how it is tested here, and the rule that gives the verdict.

What is tested is the claim's shape, not its figures: a ratio of 2016 can be held against a ratio of today, a number of
requests a second on another machine cannot. CPU time per operation stands for speed where a workload has one CPU for
its server: as long as the server is the limit, throughput is its inverse.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crossloop.claims.judging import (
    Judgement,
    NotMeasuredError,
    Verdict,
    about,
    at_least,
    below,
    between,
    every,
    joined,
    neither_wins,
    shown,
)
from crossloop.claims.sources import Sources, What
from crossloop.journal import Estimate, ParameterSet
from crossloop.markup import digits

ECHO: ParameterSet = {"size": 1024, "connections": 10}
RING: tuple[ParameterSet, ...] = (
    {"pairs": 100, "active": 100, "timeouts": False},
    {"pairs": 1000, "active": 100, "timeouts": False},
    {"pairs": 1000, "active": 100, "timeouts": True},
)
NAMES: ParameterSet = {"in_flight": 100, "kind": "plain"}
TEN_THOUSAND = 10_000
GROWS, LEVEL = 0.3, 0.15
"""Exponents of cost over the number watched: above the first it grows, below the second it does not; 1 would be in
proportion. A cold connection costs a little more than a warm one whoever waits for it, hence not 0."""


@dataclass(frozen=True)
class Need:
    """Rows of a scenario that a claim is tested by, on sets that have these parameters."""

    scenario: str
    adapters: tuple[str, ...]
    parameters: tuple[ParameterSet, ...] = ({},)


@dataclass(frozen=True)
class Claim:
    """One claim. `find` raises `NotMeasuredError` where its evidence is not there."""

    id: str
    words: str
    source: str
    """Who, where, when."""
    test: str
    """How it is tested, in words."""
    find: Callable[[Sources], Judgement]
    needs: tuple[Need, ...] = ()
    programs: tuple[str, ...] = ()
    caveat: str = ""


def _uvloop_factor(sources: Sources) -> Judgement:
    found = {
        style: sources.ratio("tcp-echo", ECHO, ("asyncio", style), ("uvloop", style))
        for style in ("protocol", "streams", "sockets")
    }
    verdict = joined([between(one, 2, 4) for one in found.values()])
    return Judgement(verdict, _listed("asyncio ÷ uvloop", found))


def _uvloop_twice(other: str, style: str) -> Callable[[Sources], Judgement]:
    def find(sources: Sources) -> Judgement:
        ratio = sources.ratio("tcp-echo", ECHO, (other, style), ("uvloop", "protocol"))
        return Judgement(at_least(ratio, 2), f"{other} ÷ uvloop (protocol): {shown(ratio)}")

    return find


def _tornado_to_gevent(sources: Sources) -> Judgement:
    ratio = sources.ratio("tcp-echo", ECHO, ("tornado", "iostream"), ("gevent-libev", "streamserver"))
    return Judgement(about(ratio, 30.5 / 19.9), f"tornado ÷ gevent-libev: {shown(ratio)}")


def _libev_faster(sources: Sources) -> Judgement:
    found: dict[str, Estimate] = {}
    for parameters in RING:
        words = f"{parameters['pairs']:,} pairs" + (" with timeouts" if parameters["timeouts"] else "")
        found[words] = sources.ratio("pipe-pairs", parameters, ("pyev", "native"), ("libevent", "native"))
    return Judgement(joined([below(one, 1) for one in found.values()]), _listed("pyev ÷ libevent", found))


def _libev_watcher(sources: Sources) -> Judgement:
    sizes = sources.program("watcher-sizes")
    size = max(int(sizes["libev_bytes"]), int(sizes["libev_timer_bytes"]))
    words = f"ev_io {sizes['libev_bytes']}, ev_timer {sizes['libev_timer_bytes']} bytes ({sizes['libev']})"
    return Judgement(Verdict.HOLDS if size <= 56 else Verdict.DOES_NOT, words)


def _libevent_watcher(sources: Sources) -> Judgement:
    sizes = sources.program("watcher-sizes")
    words = f"struct event {sizes['libevent_bytes']} bytes (libevent {sizes['libevent']})"
    return Judgement(Verdict.HOLDS if int(sizes["libevent_bytes"]) == 152 else Verdict.DOES_NOT, words)


GEVENT_WORKLOADS: Mapping[str, tuple[str, ParameterSet, str]] = {
    "echo": ("tcp-echo", ECHO, "streamserver"),
    "ring": ("pipe-pairs", RING[0], "native"),
    "timers": ("timers", {"mode": "fire"}, "native"),
    "wake-ups": ("wakeups", {"threads": 1, "mode": "throughput"}, "native"),
}


def _gevent_loops(sources: Sources) -> Judgement:
    found = {
        name: sources.ratio(scenario, parameters, ("gevent-libuv", style), ("gevent-libev", style))
        for name, (scenario, parameters, style) in GEVENT_WORKLOADS.items()
    }
    return Judgement(neither_wins(list(found.values())), _listed("libuv ÷ libev", found))


def _dns(dearer: str, claimed: float) -> Callable[[Sources], Judgement]:
    def find(sources: Sources) -> Judgement:
        what: What = "time"
        rows = ("gevent-libev", dearer), ("gevent-libev", "gevent-ares")
        ratio = sources.ratio("dns", NAMES, *rows, what=what)
        return Judgement(about(ratio, claimed), f"{dearer} ÷ gevent-ares in time: {shown(ratio)}")

    return find


def _serves_ten_thousand(sources: Sources, adapter: str) -> tuple[bool | None, str]:
    """Whether an adapter served 10,000 connections within the objective, and in words what came of it.

    None where that is not known: it was ended because it held more memory than a worker may here, a bound of ours
    and not of the world's; another process failed beside it; or its climb ended on a
    lower rung, and 10,000 were not tried.
    """
    cell = sources.cell("c10k", {"connections": TEN_THOUSAND}, adapter)
    if cell.figures is None:
        if cell.outcome in {"not-installed", "unsupported"}:
            raise NotMeasuredError(f"{adapter} is {cell.outcome}: {cell.reason}")
        unknown = cell.outcome == "over-limit" or cell.beside or cell.reason.startswith("stopped at ")
        return None if unknown else False, f"{adapter}: {cell.outcome}: {cell.reason}"
    latency, objective = cell.figures.latency_us, cell.figures.objective
    p99 = f"p99 {digits.number(latency.p99 / 1000)} ms" if latency is not None else "no latency"
    met = objective is None or objective.met
    slices = cell.figures.cpu_ns_per_operation.slices
    return met, f"{adapter}: {'served' if met else 'too slow'}, {p99}, every answer verified; {slices} slices"


def _served(verdicts: Mapping[bool, Verdict], served: bool | None) -> Verdict:
    return Verdict.UNDECIDED if served is None else verdicts[served]


def _does_not_serve(adapter: str) -> Callable[[Sources], Judgement]:
    def find(sources: Sources) -> Judgement:
        served, words = _serves_ten_thousand(sources, adapter)
        return Judgement(_served({True: Verdict.DOES_NOT, False: Verdict.HOLDS}, served), words)

    return find


def _one_loop_serves(sources: Sources) -> Judgement:
    found = [_serves_ten_thousand(sources, adapter) for adapter in ("epoll", "uvloop", "pyev", "libevent")]
    verdicts = [_served({True: Verdict.HOLDS, False: Verdict.DOES_NOT}, served) for served, _words in found]
    return Judgement(every(verdicts), "; ".join(words for _served, words in found))


def _grows(adapter: str) -> Callable[[Sources], Judgement]:
    def find(sources: Sources) -> Judgement:
        slope = sources.slope("c10k", "connections", adapter)
        return Judgement(at_least(slope, GROWS), f"exponent over connections: {shown(slope)}")

    return find


def _level(sources: Sources) -> Judgement:
    slope = sources.slope("c10k", "connections", "epoll")
    return Judgement(below(slope, LEVEL), f"exponent over connections: {shown(slope)}")


def _libuv_pool(sources: Sources) -> Judgement:
    counted = sources.program("libuv-threads")
    start, sockets, names = (len(counted[when]) for when in ("start", "sockets", "names"))
    alone = int(counted["python_threads"]) == 1
    words = f"threads: {start} at the start, {sockets} after {counted['messages']:,} messages, {names} after one name"
    holds = sockets == start and names > sockets and alone
    return Judgement(Verdict.HOLDS if holds else Verdict.DOES_NOT, f"{words} (uvloop {counted['uvloop']})")


def _libuv_poller(sources: Sources) -> Judgement:
    counted = sources.program("libuv-threads")
    kinds = [str(kind) for kind in counted["kernel_objects"]]
    verdict = Verdict.HOLDS if "eventpoll" in kinds else Verdict.DOES_NOT
    return Judgement(
        verdict, f"with a connection under way it holds {', '.join(kinds) or 'no kernel object'}"
    )


def _elsewhere(why: str) -> Callable[[Sources], Judgement]:
    def find(_sources: Sources) -> Judgement:
        raise NotMeasuredError(why)

    return find


def _listed(what: str, found: Mapping[str, Estimate]) -> str:
    return f"{what}: " + "; ".join(f"{name} {shown(one)}" for name, one in found.items())


UVLOOP_2016 = "uvloop's announcement (Y. Selivanov, 2016)"
LIBEV = "libev's README (relative to libevent 1.3e, amd64)"
C10K = "D. Kegel, The C10K problem, 1999"
STEVENS = "W. R. Stevens, UNIX Network Programming, volume 1; epoll(7)"
LIBUV = "libuv's documentation, Design overview"
GEVENT_DNS = "gevent's issue 1088"
CPU = "CPU per message; throughput is its inverse while the server is the limit"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "uvloop-2-4",
        "uvloop makes asyncio 2 to 4 times faster",
        "uvloop's README",
        "tcp-echo, 1 KiB, 10 connections: asyncio ÷ uvloop in each style",
        _uvloop_factor,
        (Need("tcp-echo", ("asyncio", "uvloop"), (ECHO,)),),
        caveat=f"{CPU}. Python's own loop has become faster since. With glibc, in a process that never freed a block "
        "of more than 256 KiB, asyncio maps memory on every message and uvloop does not; here each has freed one",
    ),
    Claim(
        "uvloop-twice-gevent",
        "uvloop is at least 2 times faster than gevent",
        UVLOOP_2016,
        "tcp-echo, 1 KiB, 10 connections: gevent's default loop ÷ uvloop",
        _uvloop_twice("gevent-libev", "streamserver"),
        (Need("tcp-echo", ("gevent-libev", "uvloop"), (ECHO,)),),
        caveat=CPU,
    ),
    Claim(
        "uvloop-twice-tornado",
        "uvloop is at least 2 times faster than tornado",
        UVLOOP_2016,
        "tcp-echo, 1 KiB, 10 connections: tornado ÷ uvloop",
        _uvloop_twice("tornado", "iostream"),
        (Need("tcp-echo", ("tornado", "uvloop"), (ECHO,)),),
        caveat=f"{CPU}. tornado had a loop of its own in 2016 and runs on asyncio today",
    ),
    Claim(
        "gevent-over-tornado",
        "1 KiB echo, 10 clients: gevent 30.5k, tornado 19.9k a second, that is 1.53 to 1",
        UVLOOP_2016,
        "tcp-echo, 1 KiB, 10 connections: tornado ÷ gevent-libev, within a quarter of 1.53",
        _tornado_to_gevent,
        (Need("tcp-echo", ("tornado", "gevent-libev"), (ECHO,)),),
        caveat=CPU,
    ),
    Claim(
        "echo-2016-others",
        "1 KiB echo, 10 clients: twisted 23.7k, curio 25.1k, node 44.1k, Go 103.3k a second",
        UVLOOP_2016,
        "not at all",
        _elsewhere(
            "figures of another machine and year, and no row here beside which they would be a ratio: node and Go "
            "are no Python, curio has no current release, twisted has no adapter in this test"
        ),
    ),
    Claim(
        "libev-faster",
        "libev is faster than libevent",
        LIBEV,
        "pipe-pairs, the method of libevent's own benchmark: pyev ÷ libevent below 1 on every set",
        _libev_faster,
        (Need("pipe-pairs", ("pyev", "libevent"), RING),),
        caveat="the bindings are in it: pyev is a C extension on libev 4.04, libevent's is cffi on 2.1; both moved on "
        "since 1.3e",
    ),
    Claim(
        "libev-watcher-56",
        "a watcher of libev takes at most 56 bytes",
        LIBEV,
        "size of struct ev_io and ev_timer as compiled into gevent's extension",
        _libev_watcher,
        programs=("watcher-sizes",),
        caveat="libev has larger ones too (ev_stat), which few programs have many of",
    ),
    Claim(
        "libevent-watcher-152",
        "a watcher of libevent takes 152 bytes",
        LIBEV,
        "event_get_struct_event_size() of the library that is loaded",
        _libevent_watcher,
        programs=("watcher-sizes",),
        caveat="said of 1.3e; it is another size today, and still larger than libev's",
    ),
    Claim(
        "gevent-loops-even",
        "neither of gevent's loops wins or loses clearly",
        "gevent's documentation, loop_impls",
        "echo, ring, timers, wake-ups: gevent-libuv ÷ gevent-libev; clear is a quarter, with the whole interval",
        _gevent_loops,
        tuple(
            Need(scenario, ("gevent-libev", "gevent-libuv"), (parameters,))
            for scenario, parameters, _style in GEVENT_WORKLOADS.values()
        ),
        caveat="libev in gevent is compiled (Cython), libuv goes through cffi; gevent-libev-cffi has libev likewise",
    ),
    Claim(
        "dns-threads",
        "one DNS workload: threads take 0.40 s where c-ares takes 0.31, that is 1.29 to 1",
        GEVENT_DNS,
        "dns, 100 in flight: gevent's resolvers in elapsed time, within a quarter of 1.29",
        _dns("gevent-thread", 0.40 / 0.31),
        (Need("dns", ("gevent-libev",), (NAMES,)),),
        caveat="against a server on loopback, which answers at once; theirs asked the internet",
    ),
    Claim(
        "dns-dnspython",
        "one DNS workload: dnspython takes 5.46 s where c-ares takes 0.31, that is 17.6 to 1",
        GEVENT_DNS,
        "dns, 100 in flight: gevent's resolvers in elapsed time, within a quarter of 17.6",
        _dns("gevent-dnspython", 5.46 / 0.31),
        (Need("dns", ("gevent-libev",), (NAMES,)),),
        caveat="against a server on loopback, which answers at once; theirs asked the internet",
    ),
    Claim(
        "dns-blocking",
        "one DNS workload: a blocking resolver takes 0.34 s where c-ares takes 0.31",
        GEVENT_DNS,
        "not at all",
        _elsewhere(
            "no adapter resolves in the thread of its loop, which would stop everything else meanwhile"
        ),
    ),
    Claim(
        "c10k-threads",
        "10,000 threads do not serve 10,000 connections",
        C10K,
        "c10k on its rung of 10,000: a thread a connection; all answered once in the time that the profile gives, then "
        "p99 within the objective, every answer verified",
        _does_not_serve("threads"),
        (Need("c10k", ("threads",)),),
        caveat="1,000 requests a second over all; memory a connection is in the report of the scenario",
    ),
    Claim(
        "c10k-processes",
        "10,000 processes do not serve 10,000 connections",
        C10K,
        "c10k on its rung of 10,000: a process a connection; likewise",
        _does_not_serve("processes"),
        (Need("c10k", ("processes",)),),
        caveat="ended for its memory, or on a lower rung, it is undecided: that bound is ours (bench --memory)",
    ),
    Claim(
        "c10k-one-loop",
        "one event loop serves 10,000 connections",
        C10K,
        "c10k on its rung of 10,000: epoll, uvloop, pyev and libevent, all of them",
        _one_loop_serves,
        (Need("c10k", ("epoll", "uvloop", "pyev", "libevent")),),
        caveat="1,000 requests a second over all",
    ),
    Claim(
        "select-grows",
        "select's cost grows with the number watched",
        STEVENS,
        f"c10k: exponent of CPU per request over connections above {GROWS}",
        _grows("select"),
        (Need("c10k", ("select",)),),
        caveat="select knows 1,024 descriptors at most: two rungs",
    ),
    Claim(
        "poll-grows",
        "poll's cost grows with the number watched",
        STEVENS,
        f"c10k: exponent of CPU per request over connections above {GROWS}",
        _grows("poll"),
        (Need("c10k", ("poll",)),),
        caveat="below 1, because part of a request's cost is the same on every rung and slow turns share their price",
    ),
    Claim(
        "epoll-level",
        "epoll's cost grows with the number active, not with the number watched",
        STEVENS,
        f"c10k: exponent of CPU per request over connections below {LEVEL}, at one rate of requests",
        _level,
        (Need("c10k", ("epoll",)),),
        caveat="that it grows with the number active is what a cost per request takes for granted, and is not tested",
    ),
    Claim(
        "libuv-pool",
        "libuv uses a thread pool for names, and none for sockets",
        LIBUV,
        "threads of a process with uvloop before and after traffic, and after loop.getaddrinfo",
        _libuv_pool,
        programs=("libuv-threads",),
        caveat="files: uvloop has no call for them, so that part is not measured",
    ),
    Claim(
        "libuv-poller",
        "libuv uses the kernel's poller for sockets",
        LIBUV,
        "kernel objects among the descriptors of a process with uvloop",
        _libuv_poller,
        programs=("libuv-threads",),
        caveat="an io_uring beside it serves files and batches of epoll_ctl; strace -c -f shows epoll_wait at work",
    ),
)
