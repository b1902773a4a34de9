"""The errors of the binding: libevent said no, or there is no libevent."""

import os


class LibeventError(Exception):
    """A call into libevent failed.

    libevent reports a failure as -1 or NULL and, mostly, a line for its log; the line is in the message.
    `call` is the C function, `errno` the C library's number at that moment (0: it left none).
    """

    def __init__(self, call: str, detail: str = "", errno: int = 0) -> None:
        self.call = call
        self.errno = errno
        reason = detail or (os.strerror(errno) if errno else "libevent gives no reason")
        super().__init__(f"{call}: {reason}")


class LibraryNotFoundError(LibeventError, ImportError):
    """No usable shared library; the message lists what was tried and the command that brings it.

    An `ImportError` too: to a caller, a binding without its C library is a module that is not installed.
    """

    def __init__(self, detail: str, library: str = "libevent_core") -> None:
        super().__init__(library, detail)
