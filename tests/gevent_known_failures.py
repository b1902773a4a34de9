"""Tests of gevent's own that fail, by loop, and why; and modules that are not run.

Data for `tests/gevent_suite.py`. An entry whose test passes is an error, unless it says `sometimes`. Most
entries name gevent's compiled libev core as well: what fails there, too, says nothing about libevent.
"""

from dataclasses import dataclass

EVERY_LOOP = ("libevent", "libev-cext", "libev-cffi", "libuv-cffi")


@dataclass(frozen=True)
class KnownFailure:
    """A test that must fail."""

    module: str
    test: str
    """`Class.method`; `*`: the module as a whole (no test is counted, or it does not end in time)."""
    loops: tuple[str, ...]
    reason: str
    sometimes: bool = False
    """It may pass as well: a race, or a matter of the machine."""
    gevents: tuple[str, ...] = ()
    """Series of gevent in which it fails, such as `25.9`; empty: all."""

    def holds(self, module: str, loop: str, gevent: str) -> bool:
        """Whether it is about *module* on *loop* in release *gevent*."""
        series = ".".join(gevent.split(".")[:2])
        return self.module == module and loop in self.loops and (not self.gevents or series in self.gevents)


KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    KnownFailure(
        "test__core_timer",
        "TestTimerResolution.test_resolution",
        EVERY_LOOP,
        "takes one turn with a timer of 1 ms and a socket that is ready at once, 150 times, and wants the timer to "
        "have fired at least once, and never after 11 ms: a matter of luck and of a quiet machine",
        sometimes=True,
    ),
    KnownFailure(
        "test__lock",
        "TestLockReinitAfterFork.test_it",
        EVERY_LOOP,
        "the program under test ends with `RuntimeError: greenlet is being finalized` from gevent's get_ident: this "
        "release does not know greenlet 3.5 yet",
        gevents=("25.9",),
    ),
    KnownFailure(
        "test__subprocess",
        "RunFuncTestCase.test_run_with_shell_timeout_and_capture_output",
        EVERY_LOOP,
        "ends the shell after 0.1 s and then waits for the pipe, which the shell's `sleep 3` still holds, where "
        "/bin/sh does not replace itself by its last command (dash)",
        sometimes=True,
    ),
)

NOT_RUN: dict[str, str] = {
    "test__doctests": "needs gevent's documentation",
    "test___monkey_patching": "starts CPython's own tests from gevent's source tree",
    "test__getaddrinfo_import": "asks name servers of the internet",
    "test__execmodules": "runs every module of gevent as a program, whatever the loop",
    "test__examples": "needs gevent's examples",
    "test__example_echoserver": "needs gevent's examples",
    "test__example_portforwarder": "needs gevent's examples",
    "test__example_udp_client": "needs gevent's examples",
    "test__example_udp_server": "needs gevent's examples",
    "test__example_webproxy": "needs gevent's examples",
    "test__example_wsgiserver": "needs gevent's examples",
    "test__example_wsgiserver_ssl": "needs gevent's examples",
    "test__socket_dns": "asks name servers of the internet",
    "test__socket_dns6": "asks name servers of the internet",
    "test__resolver_dnspython": "asks name servers of the internet",
    "test__ares_timeout": "asks name servers of the internet",
}
