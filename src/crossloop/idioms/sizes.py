"""How much a server reads at a time, and how much data may be unsent: the same for every server of this suite.

A server that read more at a time would make fewer calls under bulk, and would win by that and not by its library. So
the size is one, wherever the program chooses it: in `recv` on a descriptor, and in what it asks a stream for. There are
two exceptions. A completion's buffer is held as long as the receive waits, on every idle connection
(`HELD_READ_BYTES`). A transport reads by the size of its library: 256 KiB a `recv` in asyncio, 250 KiB in libuv under
uvloop, 64 KiB on the Proactor and in Twisted. A buffer of libevent's is filled by at most `READ_BYTES` as well
(`bufferevent_set_max_single_read`, in `crossloop.bindings.libevent`).
"""

READ_BYTES = 65536
"""Most that one `recv` takes. Below 128 KiB: beyond it malloc may map the buffer and unmap it again for each
message (mallopt(3), M_MMAP_THRESHOLD); a `recv(262144)` of 1 KiB took 25 µs so, a `recv(65536)` 4.4."""

HELD_READ_BYTES = 16384
"""Most that one receive takes whose buffer is the kernel's while it waits: io_uring's, and completion ports'."""

UNSENT_LIMIT_BYTES = 65536
"""While more than this waits to be sent on a connection, it is not read from, where the library has a buffer of its own
or a receive that stays under way. asyncio's transports have the same (`set_write_buffer_limits`). Servers that send by
themselves do not read while anything waits."""
