"""Where an adapter must not work, and why: each entry names a condition, a reason and a link.

A failure without an entry is an error, and so is an entry whose check succeeds.
"""

from crossloop.conformance.expectations import ALWAYS, WINDOWS, Expectation

ASYNCIO_PLATFORMS = "https://docs.python.org/3/library/asyncio-platforms.html"
LIBUV_STOP = (
    "https://github.com/MagicStack/uvloop/blob/525cca2ce68d60ce6acaf83bdc902fd9f57d6c54/uvloop/loop.pyx"
)

TORNADO_EOF = "https://github.com/tornadoweb/tornado/blob/v6.5.2/tornado/iostream.py"

EXPECTATIONS = (
    *(
        Expectation(
            adapter,
            "stream-half-close-queue@iostream",
            ALWAYS,
            "IOStream closes at an end of file that it sees while an answer waits to be written: a stream that "
            "had nothing to do keeps listening for reads (_handle_events, _read_to_buffer), and what was "
            "queued is lost; whether it looks in that moment is a race",
            TORNADO_EOF,
            sometimes=True,
        )
        for adapter in ("tornado", "tornado-uvloop")
    ),
    Expectation(
        "*",
        "readiness-pipe",
        WINDOWS,
        "Winsock reports the readiness of sockets alone",
        "https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select",
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
        "https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select",
    ),
    *(
        Expectation(
            adapter,
            "readiness-*",
            WINDOWS,
            "the loop is the Proactor: it waits for completions and has no add_reader",
            ASYNCIO_PLATFORMS,
        )
        for adapter in ("asyncio", "asyncio-proactor")
    ),
    *(
        Expectation(
            adapter,
            "readiness-stop-twice",
            ALWAYS,
            "a stop is a queued callback: one that comes in the last turn ends the next run at once",
            LIBUV_STOP,
        )
        for adapter in ("uvloop", "tornado-uvloop", "winloop")
    ),
)
