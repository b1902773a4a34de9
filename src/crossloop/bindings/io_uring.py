"""io_uring by its three system calls, through ctypes: the rings, the requests a network program makes, buffers.

**Why not a package.** The one on the index (liburing 2026.3.30, tried on 3.11) keeps the interpreter's lock
while it waits in the kernel, so that no other thread runs until an event comes, and offers no way to make a
ring of provided buffers. What is needed of the kernel's interface is three calls and two arrays.

**The interface** (io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2), <linux/io_uring.h>).
`io_uring_setup` gives a descriptor, on which two rings are mapped into the process. A *submission* is a
structure of 64 bytes that says what a system call's arguments would say; the program fills in as many as it
likes and moves the tail. `io_uring_enter` takes them all and, in the same call, waits. A *completion* is 16
bytes: the number that the program gave its request (`user_data`), the result as a system call would return
it (negative: the error number), flags. A request that stays (multishot) completes many times, and
`CQE_MORE` says that it is still there.

**Ordering.** Rings shared with a kernel that runs on other CPUs need memory barriers, which Python cannot
make. Here none are missing: the kernel reads submissions only within `io_uring_enter` (there is no SQPOLL
thread), and with `SETUP_DEFER_TASKRUN` (Linux 6.1) it writes completions only there as well, in the thread
that made the ring. Before 6.1 the completion of a socket's request is written in that thread too, at its
next entry to the kernel.

**Memory.** The kernel reads and writes the addresses in a submission at a time of its own. What they point to
has to stay where it is until the completion: data to send is kept referenced by whoever sends, times
lie in an array beside the submissions (they are read when these are taken), buffers to receive into are a
mapping of their own.

**Signals.** A signal ends the wait (EINTR), which `submit_and_wait` reports as "nothing completed yet": Python's
handlers run on the way back to bytecode.

Nothing here is safe to call from two threads. One makes the ring and uses it: `SETUP_SINGLE_ISSUER` makes
the kernel insist (EEXIST).
"""

import ctypes
import errno
import mmap
import os
import struct
import sys
from typing import TypeAlias

Completion: TypeAlias = tuple[int, int, int]
"""(the request's number, result or minus an error number, flags)."""

SETUP_CQSIZE = 1 << 3
SETUP_CLAMP = 1 << 4
SETUP_SUBMIT_ALL = 1 << 7
SETUP_COOP_TASKRUN = 1 << 8
SETUP_SINGLE_ISSUER = 1 << 12
SETUP_DEFER_TASKRUN = 1 << 13

SETUPS: tuple[tuple[str, int], ...] = (
    ("single issuer, deferred task work", SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN),  # Linux 6.1
    ("single issuer, cooperative task work", SETUP_SINGLE_ISSUER | SETUP_COOP_TASKRUN),  # Linux 6.0
    ("cooperative task work", SETUP_COOP_TASKRUN),  # Linux 5.19
)
"""How completions may be made to cost no interrupt of the running program, the best way first."""

CQE_BUFFER = 1 << 0
CQE_MORE = 1 << 1
CQE_BUFFER_SHIFT = 16

POLLIN = 0x1
POLLOUT = 0x4

NOBODY = 0
"""Number of requests whose completion nobody waits for; those that succeed have none."""

_NR_SETUP, _NR_ENTER, _NR_REGISTER = 425, 426, 427
"""The same on every architecture of Linux except Alpha (asm-generic/unistd.h)."""

_ENTER_GETEVENTS = 1 << 0
_OFFSET_SQES = 0x10000000
_REGISTER_PBUF_RING, _UNREGISTER_PBUF_RING = 22, 23

_POLL_ADD, _POLL_REMOVE = 6, 7
_TIMEOUT, _TIMEOUT_REMOVE = 11, 12
_SENDMSG, _RECVMSG = 9, 10
_ACCEPT, _ASYNC_CANCEL, _CLOSE, _READ, _SEND, _RECV = 13, 14, 19, 22, 26, 27
_SQE_BUFFER_SELECT = 1 << 5
_SQE_CQE_SKIP_SUCCESS = 1 << 6
_ACCEPT_MULTISHOT = 1 << 0
_RECV_MULTISHOT = 1 << 1
_TIMEOUT_ABS = 1 << 0
_TIMEOUT_UPDATE = 1 << 1
_SOCK_CLOEXEC = 0o2000000
_MSG_WAITALL = 0x100
_MSG_NOSIGNAL = 0x4000
_MSG_DONTWAIT = 0x40

_WRAP = 0xFFFFFFFF
_PARAMS = struct.Struct("=30I")
"""struct io_uring_params: sizes, flags and features (10 words), offsets of the two rings (10 words each)."""
_SQE = struct.Struct("=BBHiQQIIQHHiQQ")
"""opcode, flags, ioprio, fd, off, addr, len, operation's flags, user_data, buf_group, and what is zero here."""
_CQE = struct.Struct("=QiI")
_TIMESPEC = struct.Struct("=qq")
_BUFFER = struct.Struct("=QIH")
"""struct io_uring_buf without its last two bytes, which in the first entry are the ring's tail."""
_BUFFER_BYTES = 16
_MESSAGE = struct.Struct("=QI4xQQQQi4x")
"""struct msghdr of 64-bit Linux: name, its length, vectors, their number, control data, its length, flags."""
_VECTOR = struct.Struct("=QQ")
_NAME_LENGTH = struct.Struct("=I")
_NAME_BYTES = 128
"""sizeof(struct sockaddr_storage)."""
_SLOT_BYTES = _MESSAGE.size + _VECTOR.size + _NAME_BYTES
_BUFFER_REGISTRATION = struct.Struct("=QIHH3Q")


class Ring:
    """One io_uring of the thread that makes it.

    *entries*: submissions that fit before the kernel has to take them; *completions*: those that it can report
    before it has to queue them itself. Raises OSError: ENOSYS, EPERM or EACCES where there is no io_uring or it is
    not allowed, EINVAL where the kernel knows none of *setups*, ENOMEM where memory or its limit does not suffice.
    """

    def __init__(self, entries: int, completions: int, setups: tuple[tuple[str, int], ...] = SETUPS) -> None:
        self._libc = _libc()
        self.fd, self.setup, params = self._open(entries, completions, setups)
        self.entries, self.completions = params[0], params[1]
        sq_head, sq_tail, sq_array = params[10], params[11], params[16]
        cq_head, cq_tail, cqes = params[20], params[21], params[25]
        size = max(sq_array + 4 * self.entries, cqes + _CQE.size * self.completions)
        self._rings = _map(self.fd, size, 0)
        self._sqes = _map(self.fd, _SQE.size * self.entries, _OFFSET_SQES)
        self._times = mmap.mmap(-1, _TIMESPEC.size * self.entries)
        self._times_address = address_of(self._times)
        bytes_view = memoryview(self._rings)
        self._ring_words = bytes_view.cast("I")
        self._sq_head, self._sq_tail = sq_head // 4, sq_tail // 4
        self._cq_head, self._cq_tail = cq_head // 4, cq_tail // 4
        self._cqes = bytes_view[cqes : cqes + _CQE.size * self.completions]
        bytes_view.release()
        for index in range(self.entries):  # slot n of the submission ring is always structure n
            self._ring_words[sq_array // 4 + index] = index
        self._tail = self._ring_words[self._sq_tail]
        self._head = self._ring_words[self._cq_head]
        self._free = self.entries
        self._mask = self.entries - 1
        self._header_bytes = _header_bytes()
        self._enter = self._libc["syscall"]  # a function object of its own
        self._enter.restype = ctypes.c_long
        self._enter.argtypes = [ctypes.c_long] * 7
        # Made once: ctypes converts an int at every call, and these never change.
        self._call = ctypes.c_long(_NR_ENTER), ctypes.c_long(self.fd)
        self._wait = tuple(ctypes.c_long(number) for number in (1, _ENTER_GETEVENTS, 0, 0))
        self._no_wait = tuple(ctypes.c_long(0) for _ in range(4))

    def _open(
        self, entries: int, completions: int, setups: tuple[tuple[str, int], ...]
    ) -> tuple[int, str, tuple[int, ...]]:
        syscall = self._libc["syscall"]
        always = SETUP_CQSIZE | SETUP_CLAMP | SETUP_SUBMIT_ALL
        trouble = errno.EINVAL
        for name, flags in setups:
            params = ctypes.create_string_buffer(_PARAMS.pack(0, completions, always | flags, *[0] * 27), 120)
            fd = syscall(ctypes.c_long(_NR_SETUP), ctypes.c_long(entries), params)
            if fd >= 0:
                return fd, name, _PARAMS.unpack(params.raw)
            trouble = ctypes.get_errno()
            if trouble != errno.EINVAL:  # EINVAL: the kernel is older than these flags
                break
        raise OSError(trouble, os.strerror(trouble))

    def close(self) -> None:
        """Unmap the rings and close the descriptor. Requests still under way are cancelled by the kernel, some time."""
        self._ring_words.release()
        self._cqes.release()
        self._rings.close()
        self._sqes.close()
        self._times.close()
        os.close(self.fd)

    # Submitting and waiting

    def submit(self) -> None:
        """Hand over what was prepared, without waiting. Raises OSError."""
        self._flush(self._no_wait)

    def submit_and_wait(self) -> list[Completion]:
        """Hand over what was prepared, wait until something has completed, and take what has.

        One system call. May return nothing: a signal came. Completions that did not fit the ring wait in the kernel
        and come with the next call (`IORING_FEAT_NODROP`). Raises OSError.
        """
        self._flush(self._wait)
        head, ring_words = self._head, self._ring_words
        tail = ring_words[self._cq_tail]
        count = (tail - head) & _WRAP
        first = head & (self.completions - 1)
        cqes, size = self._cqes, _CQE.size
        completions = list(_CQE.iter_unpack(cqes[first * size : (first + count) * size]))
        if len(completions) < count:  # the rest lies at the ring's beginning
            completions += _CQE.iter_unpack(cqes[: (count - len(completions)) * size])
        self._head = ring_words[self._cq_head] = tail
        return completions

    def _flush(self, how: tuple[ctypes.c_long, ...]) -> None:
        ring_words = self._ring_words
        tail = ring_words[self._sq_tail] = self._tail
        prepared = (tail - ring_words[self._sq_head]) & _WRAP
        if self._enter(*self._call, prepared, *how) < 0:
            trouble = ctypes.get_errno()
            # EBUSY: completions that did not fit have to be taken first, which the caller does next.
            if trouble not in {errno.EINTR, errno.EBUSY}:
                raise OSError(trouble, os.strerror(trouble))
        self._free = self.entries - ((tail - ring_words[self._sq_head]) & _WRAP)

    # Requests, prepared now and handed over by the next call above

    def accept(self, listener: int, number: int) -> None:
        """Accept connections, one completion each, until cancelled or something fails (Linux 5.19).

        *listener* should be blocking: with O_NONBLOCK the kernel answers EAGAIN instead of waiting.
        """
        self._prepare(_ACCEPT, 0, _ACCEPT_MULTISHOT, listener, 0, 0, 0, _SOCK_CLOEXEC, number, 0)

    def receive(self, fd: int, group: int, number: int, multishot: bool) -> None:
        """Receive into a buffer of *group* that the kernel picks: once, or whenever data comes (Linux 6.0)."""
        again = _RECV_MULTISHOT if multishot else 0
        self._prepare(_RECV, _SQE_BUFFER_SELECT, again, fd, 0, 0, 0, 0, number, group)

    def send(self, fd: int, data: bytes, start: int, number: int) -> None:
        """Send *data* from *start* on; the caller keeps it referenced until the completion.

        MSG_WAITALL has the kernel go on by itself when a peer is slow; less than everything may still be sent.
        Raises TypeError for anything but `bytes`.
        """
        if data.__class__ is not bytes:
            raise TypeError(f"bytes are needed, whose address is known: {type(data).__name__}")
        if not self._free:
            self._make_room()
        # As _prepare does, without a call of its own: this is done for every message.
        _SQE.pack_into(
            self._sqes, (self._tail & self._mask) * 64,
            _SEND, 0, 0, fd, 0, id(data) + self._header_bytes + start, len(data) - start,
            _MSG_WAITALL | _MSG_NOSIGNAL, number, 0, 0, 0, 0, 0,
        )  # fmt: skip
        self._tail = (self._tail + 1) & _WRAP
        self._free -= 1

    def receive_message(self, fd: int, address: int, number: int) -> None:
        """recvmsg(2) by the message header at *address*: data and the sender's address."""
        self._prepare(_RECVMSG, 0, 0, fd, 0, address, 1, 0, number, 0)

    def send_message(self, fd: int, address: int, number: int) -> None:
        """sendmsg(2) by the message header at *address*; ends with EAGAIN where it would have to wait."""
        self._prepare(_SENDMSG, 0, 0, fd, 0, address, 1, _MSG_DONTWAIT | _MSG_NOSIGNAL, number, 0)

    def read(self, fd: int, address: int, length: int, number: int) -> None:
        """Read into memory at *address*."""
        self._prepare(_READ, 0, 0, fd, 0, address, length, 0, number, 0)

    def poll(self, fd: int, events: int, number: int) -> None:
        """Complete once *fd* is ready for one of *events*, now or later; once."""
        mask = events if sys.byteorder == "little" else events << 16  # poll32_events is word-reversed there
        self._prepare(_POLL_ADD, 0, 0, fd, 0, 0, 0, mask, number, 0)

    def timeout(self, due_ns: int, number: int) -> None:
        """Complete with ETIME when CLOCK_MONOTONIC (`time.monotonic_ns`) shows *due_ns*."""
        address = self._time(due_ns)
        self._prepare(_TIMEOUT, 0, 0, -1, 0, address, 1, _TIMEOUT_ABS, number, 0)

    def move_timeout(self, number: int, due_ns: int) -> None:
        """Have timeout *number* end at *due_ns* instead; nothing happens if it has ended."""
        address = self._time(due_ns)
        flags = _TIMEOUT_UPDATE | _TIMEOUT_ABS
        self._prepare(_TIMEOUT_REMOVE, _SQE_CQE_SKIP_SUCCESS, 0, -1, address, number, 0, flags, NOBODY, 0)

    def remove_timeout(self, number: int) -> None:
        """End timeout *number*; it completes with ECANCELED."""
        self._prepare(_TIMEOUT_REMOVE, _SQE_CQE_SKIP_SUCCESS, 0, -1, 0, number, 0, 0, NOBODY, 0)

    def cancel(self, number: int) -> None:
        """End request *number*: it completes with ECANCELED, or with what it had done."""
        self._prepare(_ASYNC_CANCEL, _SQE_CQE_SKIP_SUCCESS, 0, -1, 0, number, 0, 0, NOBODY, 0)

    def close_descriptor(self, fd: int) -> None:
        """close(2) as a request. A file lives on while another request uses it: cancel those first."""
        self._prepare(_CLOSE, _SQE_CQE_SKIP_SUCCESS, 0, fd, 0, 0, 0, 0, NOBODY, 0)

    def _prepare(
        self,
        opcode: int,
        flags: int,
        ioprio: int,
        fd: int,
        offset: int,
        address: int,
        length: int,
        operation_flags: int,
        number: int,
        group: int,
    ) -> None:
        if not self._free:
            self._make_room()
        place = (self._tail & self._mask) * 64
        _SQE.pack_into(
            self._sqes, place, opcode, flags, ioprio, fd, offset, address, length, operation_flags,
            number, group, 0, 0, 0, 0,
        )  # fmt: skip
        self._tail = (self._tail + 1) & _WRAP
        self._free -= 1

    def _time(self, due_ns: int) -> int:
        """Put a time beside the submission that is prepared next; returns its address."""
        if not self._free:
            self._make_room()
        place = (self._tail & self._mask) * _TIMESPEC.size
        _TIMESPEC.pack_into(self._times, place, *divmod(due_ns, 1_000_000_000))
        return self._times_address + place

    def _make_room(self) -> None:
        while not self._free:  # a signal may have come first
            self.submit()

    # Registering

    def register(self, opcode: int, argument: bytes) -> None:
        """io_uring_register(2) with one argument. Raises OSError."""
        result = self._libc["syscall"](
            ctypes.c_long(_NR_REGISTER),
            ctypes.c_long(self.fd),
            ctypes.c_long(opcode),
            ctypes.create_string_buffer(argument, len(argument)),
            ctypes.c_long(1),
        )
        if result < 0:
            trouble = ctypes.get_errno()
            raise OSError(trouble, os.strerror(trouble))


class Buffers:
    """A ring of *count* buffers of *size* bytes, from which the kernel picks one when data is there (Linux 5.19).

    So memory belongs to connections that have something to say, not to all that are open. *count* is a power
    of two. When all are in use a receive ends with ENOBUFS. Raises OSError: EINVAL before Linux 5.19.
    """

    def __init__(self, ring: Ring, group: int, count: int, size: int) -> None:
        self._ring, self.group, self.count, self.size = ring, group, count, size
        self._memory = mmap.mmap(-1, count * size)
        self._entries = mmap.mmap(-1, count * _BUFFER_BYTES)
        address = address_of(self._memory)
        self._records = [_BUFFER.pack(address + number * size, size, number) for number in range(count)]
        self._tail, self._mask = 0, count - 1
        registration = _BUFFER_REGISTRATION.pack(address_of(self._entries), count, group, 0, 0, 0, 0)
        try:
            ring.register(_REGISTER_PBUF_RING, registration)
        except OSError:
            self._unmap()
            raise
        self._tails = memoryview(self._entries).cast("H")
        for number in range(count):
            self.give_back(number)

    def take(self, flags: int, length: int) -> bytes:
        """The data of a completion with `CQE_BUFFER` among its *flags*, copied; the buffer goes back."""
        number = flags >> CQE_BUFFER_SHIFT
        start = number * self.size
        data = self._memory[start : start + length]
        # As give_back does, without a call of its own: this is done for every message.
        tail = self._tail
        place = (tail & self._mask) * _BUFFER_BYTES
        self._entries[place : place + _BUFFER.size] = self._records[number]
        self._tail = self._tails[7] = (tail + 1) & 0xFFFF
        return data

    def give_back(self, number: int) -> None:
        """Put a buffer at the ring's end. Takes effect at once, without a system call."""
        place = (self._tail & self._mask) * _BUFFER_BYTES
        self._entries[place : place + _BUFFER.size] = self._records[number]
        self._tail = self._tails[7] = (self._tail + 1) & 0xFFFF  # bytes 14 and 15 of the first entry

    def close(self) -> None:
        """Take the buffers back; no request may be using them."""
        self._ring.register(_UNREGISTER_PBUF_RING, _BUFFER_REGISTRATION.pack(0, 0, self.group, 0, 0, 0, 0))
        self._tails.release()
        self._unmap()

    def _unmap(self) -> None:
        self._memory.close()
        self._entries.close()


class Messages:
    """*count* message headers (struct msghdr, recvmsg(2)), each with *size* bytes and room for an address."""

    def __init__(self, count: int, size: int) -> None:
        self._size, self._stride = size, _SLOT_BYTES + size
        self._memory = mmap.mmap(-1, count * self._stride)
        self._base = address_of(self._memory)
        self._header_bytes = _header_bytes()
        self._answers: list[bytes] = [b""] * count
        """Referenced until the kernel has read them."""

    def to_receive(self, slot: int) -> int:
        """Make the header of *slot* ready for a receive into its buffer; returns its address."""
        start = slot * self._stride
        self._answers[slot] = b""
        return self._filled(start, _NAME_BYTES, self._base + start + _SLOT_BYTES, self._size)

    def data(self, slot: int, length: int) -> bytes:
        """What has been received, copied."""
        start = slot * self._stride + _SLOT_BYTES
        return self._memory[start : start + length]

    def to_send(self, slot: int, answer: bytes) -> int:
        """Make the header ready to send *answer* to the address that it has; returns its address.

        Raises TypeError for anything but `bytes`.
        """
        if answer.__class__ is not bytes:
            raise TypeError(f"bytes are needed, whose address is known: {type(answer).__name__}")
        self._answers[slot] = answer
        start = slot * self._stride
        (name_bytes,) = _NAME_LENGTH.unpack_from(self._memory, start + 8)
        return self._filled(start, name_bytes, id(answer) + self._header_bytes, len(answer))

    def _filled(self, start: int, name_bytes: int, buffer: int, length: int) -> int:
        address = self._base + start
        vector, name = address + _MESSAGE.size, address + _MESSAGE.size + _VECTOR.size
        _MESSAGE.pack_into(self._memory, start, name, name_bytes, vector, 1, 0, 0, 0)
        _VECTOR.pack_into(self._memory, start + _MESSAGE.size, buffer, length)
        return address

    def close(self) -> None:
        """Unmap them; no request may be using them."""
        self._memory.close()


def _header_bytes() -> int:
    """How far behind its `id` the data of a `bytes` begins, by CPython's documented call for its address."""
    address_of_bytes = ctypes.pythonapi.PyBytes_AsString
    address_of_bytes.restype = ctypes.c_void_p
    address_of_bytes.argtypes = [ctypes.py_object]
    example = b"example"
    address: int = address_of_bytes(example)
    return address - id(example)


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"no io_uring on {sys.platform}")
    return ctypes.CDLL(None, use_errno=True)


def _map(fd: int, size: int, offset: int) -> mmap.mmap:
    """A part of the ring's memory, shared with the kernel."""
    if sys.platform == "win32":  # for the type checker: there has been no descriptor
        raise OSError(errno.ENOSYS, "no io_uring")
    return mmap.mmap(fd, size, mmap.MAP_SHARED, offset=offset)


def address_of(memory: mmap.mmap) -> int:
    """Where a writable mapping begins; it has to stay open while the address is used."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def takes_multishot_receive(ring: Ring) -> bool:
    """Whether this kernel receives again and again on one request, tried on a socket pair (Linux 6.0 does).

    Nothing else may be under way on *ring*. Raises OSError where there are no rings of buffers.
    """
    import socket  # (this trial only)

    buffers = Buffers(ring, group=0xFFFF, count=1, size=16)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ring.receive(ours.fileno(), buffers.group, 1, multishot=True)
        theirs.send(b"once")
        theirs.shutdown(socket.SHUT_WR)
        results = []
        flags = CQE_MORE
        while flags & CQE_MORE:
            for _number, result, flags in ring.submit_and_wait():
                results.append(result)
                if flags & CQE_BUFFER:
                    buffers.give_back(flags >> CQE_BUFFER_SHIFT)
    buffers.close()
    return results[0] > 0 and len(results) > 1
