"""Where an adapter must not work, and why: each entry names a condition, a reason and a link.

A failure without an entry is an error, and so is an entry whose check succeeds.
"""

from crossloop.conformance.expectations import LINUX, MACOS, WINDOWS, Expectation

ASYNCIO_PLATFORMS = "https://docs.python.org/3/library/asyncio-platforms.html"
LIBUV_STOP = "https://github.com/MagicStack/uvloop/blob/v0.22.1/uvloop/loop.pyx"

EXPECTATIONS = (
    Expectation(
        "*",
        "readiness-pipe",
        WINDOWS,
        "Winsock reports the readiness of sockets alone",
        "https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select",
    ),
    *(
        Expectation(
            adapter,
            "stream-1000-connections@*",
            WINDOWS,
            "select() there takes 512 sockets",
            ASYNCIO_PLATFORMS,
        )
        for adapter in ("asyncio-select",)
    ),
    Expectation(
        "asyncio",
        "readiness-*",
        WINDOWS,
        "the default loop is the Proactor: it waits for completions and has no add_reader",
        ASYNCIO_PLATFORMS,
    ),
    *(
        Expectation(
            adapter,
            "readiness-stop-twice",
            LINUX | MACOS,
            "a stop is a queued callback: one that comes in the last turn ends the next run at once",
            LIBUV_STOP,
        )
        for adapter in ("uvloop", "tornado-uvloop")
    ),
)
