"""Where an adapter of this suite must not work, and why: each entry has a condition, a reason and a link.

A failure without an entry is an error, and so is an entry whose check succeeds. This file is read, not run
(`crossloop.conformance.known_limits`): constants and `Expectation(…)`, no code.
"""

from crossloop.conformance.expectations import ALWAYS, WINDOWS, Expectation

ASYNCIO_PLATFORMS = "https://docs.python.org/3/library/asyncio-platforms.html"
LIBUV_STOP = (
    "https://github.com/MagicStack/uvloop/blob/525cca2ce68d60ce6acaf83bdc902fd9f57d6c54/uvloop/loop.pyx"
)
STOP_IS_QUEUED = "a stop is a queued callback: one that comes in the last turn ends the next run at once"
TORNADO_EOF = "https://github.com/tornadoweb/tornado/blob/v6.5.2/tornado/iostream.py"
WINSOCK_SELECT = "https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select"

EXPECTATIONS = (
    Expectation(
        "tornado*",
        "stream-half-close-queue@iostream",
        ALWAYS,
        "IOStream closes at an end of file that it sees while an answer waits to be written: a stream that "
        "had nothing to do keeps listening for reads (_handle_events, _read_to_buffer), and what was "
        "queued is lost; whether it looks in that moment is a race",
        TORNADO_EOF,
        sometimes=True,
    ),
    Expectation(
        "*", "readiness-pipe", WINDOWS, "Winsock reports the readiness of sockets alone", WINSOCK_SELECT
    ),
    Expectation(
        "asyncio-select",
        "stream-1000-connections@*",
        WINDOWS,
        "select() there takes 512 sockets",
        ASYNCIO_PLATFORMS,
    ),
    Expectation(
        "select",
        "stream-1000-connections@*",
        WINDOWS,
        "select() there takes 512 sockets; the other connections are closed",
        WINSOCK_SELECT,
    ),
    Expectation(
        "asyncio",
        "readiness-*",
        WINDOWS,
        "the loop is the Proactor: it waits for completions and has no add_reader",
        ASYNCIO_PLATFORMS,
    ),
    Expectation(
        "asyncio-proactor",
        "readiness-*",
        WINDOWS,
        "the loop is the Proactor: it waits for completions and has no add_reader",
        ASYNCIO_PLATFORMS,
    ),
    Expectation("*uvloop", "readiness-stop-twice", ALWAYS, STOP_IS_QUEUED, LIBUV_STOP),
    Expectation("winloop", "readiness-stop-twice", ALWAYS, STOP_IS_QUEUED, LIBUV_STOP),
)
