"""Faults of the group `streams`."""

import asyncio
import os
import socket
from asyncio.selector_events import _SelectorSocketTransport as SocketTransport  # type: ignore[attr-defined]
from collections.abc import Callable
from typing import Any


def loop_with(transport: type) -> asyncio.AbstractEventLoop:
    """A loop whose connections are *transport*, which has the fault."""

    class Faulty(asyncio.SelectorEventLoop):
        def _make_socket_transport(
            self,
            sock: socket.socket,
            protocol: asyncio.BaseProtocol,
            waiter: Any = None,
            *,
            extra: Any = None,
            server: Any = None,
        ) -> object:
            return transport(self, sock, protocol, waiter, extra, server)

    return Faulty()


def reads_after_half_close() -> asyncio.AbstractEventLoop:
    class ClosesBoth(SocketTransport):
        def write_eof(self) -> None:
            self.close()

    return loop_with(ClosesBoth)


def answers_after_half_close() -> asyncio.AbstractEventLoop:
    class ClosesAtEof(SocketTransport):
        def _read_ready__on_eof(self) -> None:
            super()._read_ready__on_eof()
            self.close()

    return loop_with(ClosesAtEof)


def reset_is_an_error() -> asyncio.AbstractEventLoop:
    class EndsOrderly(SocketTransport):
        def _fatal_error(self, error: Exception, message: str = "") -> None:
            self._force_close(None)

    return loop_with(EndsOrderly)


def write_after_the_end() -> asyncio.AbstractEventLoop:
    class Refuses(SocketTransport):
        def write(self, data: bytes) -> None:
            if self._sock is None:
                raise RuntimeError("the transport is closed")
            super().write(data)

    return loop_with(Refuses)


def write_leaves_at_once() -> asyncio.AbstractEventLoop:
    class HoldsBack(SocketTransport):
        def write(self, data: bytes) -> None:
            self._loop.call_soon(super().write, data)

    return loop_with(HoldsBack)


def small_messages_leave_at_once() -> asyncio.AbstractEventLoop:
    class Nagle(SocketTransport):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)

    return loop_with(Nagle)


def all_arrives_in_order() -> asyncio.AbstractEventLoop:
    class ForgetsSome(SocketTransport):
        def write(self, data: bytes) -> None:
            if len(data) != 7:
                super().write(data)

    return loop_with(ForgetsSome)


def written_buffer_can_be_reused() -> asyncio.AbstractEventLoop:
    class LooksLater(SocketTransport):
        def write(self, data: bytes) -> None:
            self._loop.call_soon(super().write, data[:1000])

    return loop_with(LooksLater)


def writing_pauses_at_high_water() -> asyncio.AbstractEventLoop:
    class TakesAll(SocketTransport):
        def _maybe_pause_protocol(self) -> None:
            pass

    return loop_with(TakesAll)


def writelines_pauses_too() -> asyncio.AbstractEventLoop:
    class PausesLate(SocketTransport):
        def _maybe_pause_protocol(self) -> None:
            if self.get_write_buffer_size() > 8 << 20:
                super()._maybe_pause_protocol()

        def writelines(self, pieces: list[bytes]) -> None:
            for piece in pieces:
                self.write(piece)

    return loop_with(PausesLate)


class PausesSoon(SocketTransport):
    """The pause holds 10 ms after it was asked for."""

    def pause_reading(self) -> None:
        pause: Callable[[], None] = super().pause_reading
        self._loop.call_later(0.01, pause)


def pausing_from_the_start() -> asyncio.AbstractEventLoop:
    return loop_with(PausesSoon)


def paused_means_paused() -> asyncio.AbstractEventLoop:
    return loop_with(PausesSoon)


def drain_tells_of_the_end() -> asyncio.AbstractEventLoop:
    class Unaware(SocketTransport):
        def write(self, data: bytes) -> None:
            pass

        def _read_ready(self) -> None:
            self._loop._remove_reader(self._sock_fd)

    return loop_with(Unaware)


def abort_drops_what_waits() -> asyncio.AbstractEventLoop:
    class Patient(SocketTransport):
        def abort(self) -> None:
            self.close()

    return loop_with(Patient)


def close_sends_what_waits() -> asyncio.AbstractEventLoop:
    class Impatient(SocketTransport):
        def close(self) -> None:
            self.abort()

    return loop_with(Impatient)


def data_before_eof() -> asyncio.AbstractEventLoop:
    class EofFirst(SocketTransport):
        def _read_ready(self) -> None:
            self._protocol.eof_received()
            super()._read_ready()

    return loop_with(EofFirst)


def data_goes_to_the_set_protocol() -> asyncio.AbstractEventLoop:
    class Faithful(SocketTransport):
        def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
            if self._protocol is None:
                super().set_protocol(protocol)

    return loop_with(Faithful)


def nothing_after_close() -> asyncio.AbstractEventLoop:
    class ReadsOn(SocketTransport):
        def close(self) -> None:
            if not self._closing:
                self._loop.call_later(0.05, super().close)

    return loop_with(ReadsOn)


def addresses_as_sockets_have_them() -> asyncio.AbstractEventLoop:
    class Forgets(SocketTransport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return super().get_extra_info(name) if self._sock is not None else default

    return loop_with(Forgets)


def zone_of_an_address() -> asyncio.AbstractEventLoop:
    class WithoutZone(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *args: Any, **keywords: Any) -> Any:
            infos = await super().getaddrinfo(*args, **keywords)
            return [(*entry[:4], entry[4][:2]) for entry in infos]

    return WithoutZone()


def abstract_names() -> asyncio.AbstractEventLoop:
    class TakesStrings(asyncio.SelectorEventLoop):
        async def create_unix_connection(
            self, protocol_factory: Any, path: Any = None, **keywords: Any
        ) -> Any:
            return await super().create_unix_connection(protocol_factory, path.split(b"\0")[1], **keywords)

    return TakesStrings()


def refused_by_number() -> asyncio.AbstractEventLoop:
    class WithoutNumber(asyncio.SelectorEventLoop):
        async def sock_connect(self, sock: socket.socket, address: Any) -> None:
            try:
                await super().sock_connect(sock, address)
            except OSError as error:
                raise OSError(str(error)) from error

    return WithoutNumber()


def given_up_connect_gives_up_its_socket() -> asyncio.AbstractEventLoop:
    return ClosesTwice()


class ClosesTwice(asyncio.SelectorEventLoop):
    """A connection that is given up closes the descriptor and leaves its number with the socket object."""

    async def create_connection(
        self, protocol_factory: Any, *args: Any, sock: Any = None, **keywords: Any
    ) -> Any:
        if sock is None:
            return await super().create_connection(protocol_factory, *args, **keywords)
        number = sock.fileno()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            socket.close(number)
            raise
        return await super().create_connection(
            protocol_factory, sock=socket.socket(fileno=sock.detach()), **keywords
        )


def answers_are_never_crossed() -> asyncio.AbstractEventLoop:
    return ClosesTwice()


def given_socket_ends_with_its_transport() -> asyncio.AbstractEventLoop:
    class TakesDuplicates(asyncio.SelectorEventLoop):
        async def create_connection(
            self, protocol_factory: Any, *args: Any, sock: Any = None, **keywords: Any
        ) -> Any:
            return await super().create_connection(
                protocol_factory, *args, sock=sock and sock.dup(), **keywords
            )

    return TakesDuplicates()


def pipe_is_closed_once() -> asyncio.AbstractEventLoop:
    class ClosesFirst(asyncio.SelectorEventLoop):
        async def connect_read_pipe(self, protocol_factory: Any, pipe: Any) -> Any:
            transport, protocol = await super().connect_read_pipe(protocol_factory, pipe)
            self.call_soon(os.close, pipe.fileno())
            return transport, protocol

    return ClosesFirst()


def socket_operations_are_whole() -> asyncio.AbstractEventLoop:
    class SendsOnce(asyncio.SelectorEventLoop):
        async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
            sock.send(data)
            sock.shutdown(socket.SHUT_WR)

        async def sock_recv(self, sock: socket.socket, nbytes: int) -> bytes:
            return await super().sock_recv(sock, nbytes) or b"more"

    return SendsOnce()
