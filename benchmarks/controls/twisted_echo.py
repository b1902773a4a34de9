"""Control for the adapter `twisted`: the echo server of Twisted's documentation, by hand and without crossloop.

    python benchmarks/controls/twisted_echo.py epoll|kqueue|poll|select|asyncio

Listens on 127.0.0.1 at a free port, prints one JSON line and serves until SIGTERM. After
https://docs.twisted.org/en/stable/core/howto/servers.html (class Echo), with the transport as its own producer, as
core/howto/producers.html has it for a proxy; reactors as in core/howto/choosing-reactor.html. Backlog and TCP_NODELAY
as crossloop has them; the read size, 64 KiB, is Twisted's own.
"""

import importlib
import json
import os
import signal
import socket
import sys
from typing import Any

from twisted.internet.protocol import Factory, Protocol

BACKLOG = 4096


class Echo(Protocol):
    transport: Any

    def connectionMade(self) -> None:  # noqa: N802  (here and below: Twisted's names)
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.transport.write(data)


def main() -> None:
    importlib.import_module(f"twisted.internet.{sys.argv[1]}reactor".replace("kqueue", "kq")).install()
    reactor: Any = importlib.import_module("twisted.internet.reactor")
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, Factory.forProtocol(Echo))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    host, port = listener.getsockname()
    print(json.dumps({"ready": True, "host": host, "port": port, "pid": os.getpid()}), flush=True)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
