"""A connection that is made anew for each exchange: connecting, the handshake of TLS, one request, its answer, closing.

Its time counts from before connect(2). The descriptors of those that were closed come again, so the tables that lead
from a descriptor to a connection are kept at each step.
"""

import ctypes
import errno
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crossloop.load.connection import Connection
from crossloop.load.errors import not_connected
from crossloop.load.message import Script
from crossloop.load.polling import Poller
from crossloop.load.secure import Secure, SecureLink

ADDRESS_ROOM = 128
"""Bytes of a `struct sockaddr_storage`."""
UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK}
"""What connect(2) says of a connection that is being made; on Windows the latter."""


@dataclass
class Door:
    """Where the connections lead, and what all of them share."""

    where: str
    """For errors."""
    family: int
    address: Any
    encoded: bytes
    """The same as a C program has it (`struct sockaddr`)."""
    secure: Secure | None
    poller: Poller
    table: dict[int, Connection]
    """Descriptor → connection."""
    refused: "list[Visit]" = field(default_factory=list)
    """To a unix socket whose backlog was full: connect(2) says EAGAIN, and must be called again (Linux)."""
    made: int = 0
    resumed: int = 0
    """Connections that resumed a session of TLS."""


class Visit(Connection):
    """A place for connections, of which there is one at a time."""

    __slots__ = ("door", "open", "secure_link")

    def __init__(self, number: int, script: Script, door: Door):
        super().__init__(number, script, door.poller, 1)
        self.door = door
        self.open = False
        self.descriptor = -1

    def request(self, now: int, _count: int = 1) -> None:
        """Make a connection that sends the target's next request as soon as it can."""
        door = self.door
        self.take_composers()
        self.reader.reset()
        self.script.sent += 1
        self.expect(self.script.sent, self.answer(self.script.sent), now)
        self.secure_link: SecureLink | None = None
        try:
            sock = socket.socket(door.family, socket.SOCK_STREAM)
            self.attach(sock, sock)
            sock.setblocking(False)
            if door.family in {socket.AF_INET, socket.AF_INET6}:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise self._unmade(error) from error
        self.reach()

    def reach(self) -> None:
        """Call connect(2)."""
        door = self.door
        code = self.sock.connect_ex(door.address)
        if code == errno.EAGAIN and sys.platform != "win32" and door.family == socket.AF_UNIX:
            door.refused.append(self)
            return
        if code and code not in UNDER_WAY:
            raise self._unmade(OSError(code, errno.errorcode.get(code, str(code))))
        door.table[self.descriptor] = self
        door.poller.add(self.sock)
        door.poller.want_write(self.sock, True)

    def _go_on(self) -> None:
        """It is ready: go on with connecting, and send the request when that is done."""
        door = self.door
        if self.secure_link is None:
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise self._unmade(OSError(error, errno.errorcode.get(error, str(error))))
            door.poller.want_write(self.sock, False)
        if door.secure is not None:
            try:
                if self.secure_link is None:
                    self.secure_link = door.secure.wrap(self.sock)
                    self.sock, self.link = self.secure_link.sock, self.secure_link
                    self.receive, self.send = self.link.recv, self.link.send
                if not self.secure_link.handshake():
                    return
            except OSError as error:
                raise self.lost(error) from error
            door.resumed += self.secure_link.resumed()
        self.open = True
        door.made += 1
        self.write(self.ask(self.sequence))

    def take(self) -> Sequence[int]:
        """As `Connection.take`; the answer ends the connection."""
        if not self.open:
            self._go_on()
            return ()
        answered = super().take()
        if answered:
            self.hang_up()
        return answered

    turn = Connection.step

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        if self.descriptor >= 0:
            if self.door.table.pop(self.descriptor, None) is not None:
                self.door.poller.discard(self.sock)
            self.link.close()
        self.descriptor = -1
        self.open = False

    def _unmade(self, error: OSError) -> Exception:
        return not_connected(self.door.where, self.door.made, error)


def encoded_peer(sock: socket.socket) -> bytes:
    """The address at the other end of *sock* as getpeername(2) gives it; nothing on Windows, where no C asks for it."""
    if sys.platform == "win32":
        return b""
    room, size = ctypes.create_string_buffer(ADDRESS_ROOM), ctypes.c_uint32(ADDRESS_ROOM)
    if ctypes.CDLL(None).getpeername(sock.fileno(), room, ctypes.byref(size)):
        sock.getpeername()  # says why
    return room.raw[: size.value]
