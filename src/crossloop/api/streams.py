"""Stream applications, sans-I/O: bytes in, bytes out, no socket in sight.

Written once, served by every adapter in its library's own idiom. An application is a factory called
once per connection; what it returns is called with every piece that arrives, in order, and gives back
what to send (empty: nothing yet). Pieces are the stream's, not the sender's: an application that needs
messages frames them itself.
"""

from collections.abc import Callable
from typing import TypeAlias

Receive: TypeAlias = Callable[[bytes], bytes]
StreamApplication: TypeAlias = Callable[[], Receive]
Send: TypeAlias = Callable[[bytes], object]
PushApplication: TypeAlias = Callable[[Send], Receive]
"""Called once per connection with what sends on that connection at any time: from within any connection's `Receive`. At
the connection's end its `Receive` is called with no bytes, once; what is sent afterwards is dropped."""
DatagramApplication: TypeAlias = Callable[[bytes], bytes]
"""Called with each datagram; what it returns goes to the sender (empty: nothing does)."""


def Echo() -> Receive:  # noqa: N802  (used like a class, and as cheap as a function)
    """Echo protocol (RFC 862): what arrives goes back."""
    return _same


def _same(data: bytes) -> bytes:
    return data
