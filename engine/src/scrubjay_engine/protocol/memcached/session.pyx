"""One memcached client: what a connection (core/connection) remembers between commands, and the replies that both text protocols share.

The protocols are next door (text, meta, binary); connection.pyx puts them together. A command is parsed from its first byte each time more has come until
it is whole, so nothing of a half-received one is kept but its bytes.
"""

from libc.string cimport memcpy

from scrubjay_engine.core.entry cimport entry_item_cas, entry_item_flags
from scrubjay_engine.core.keyspace cimport StringView
from scrubjay_engine.protocol.memcached.words cimport format_u64


cdef class Session(Connection):
    """See session.pxd for what each field means."""

    def __init__(self, engine, socket, on_close=None):
        super().__init__(engine, socket, on_close)
        self.begin(engine.parts["memcached"].items)

    def begin(self, Items items) -> None:
        """Ties the session to the items it serves; for those without a socket (UDP) it is all there is to begin."""
        self.items = items
        self.last_command = items.space.now_ms / 1000

    def respond(self, bytes data not None) -> None:
        """Adds a reply made by Python code, unless the client wants none."""
        if not self.noreply:
            self.write_raw(data)

    cdef int line(self, const char* text, size_t size) except -1:
        """A reply line, line end included; none when the client said noreply."""
        if self.noreply:
            return 0
        return self.write(text, size)

    cdef int error_line(self, const char* text, size_t size) except -1:
        """An error that is told in any case."""
        self.noreply = False
        return self.write(text, size)

    cdef int value_reply(self, const char* key, Py_ssize_t size, Entry entry, bint with_cas) except -1:
        """`VALUE key flags bytes [cas]`, and the value."""
        cdef StringView view
        cdef char* at
        self.items.db.view(entry, &view)
        if self.out_size + size + view.size + 96 > self.out_capacity:
            self.reserve(size + view.size + 96)
        at = self.out + self.out_size
        memcpy(at, b"VALUE ", 6)
        at += 6
        memcpy(at, key, size)
        at += size
        at[0] = c' '
        at += 1
        at += format_u64(at, entry_item_flags(entry))
        at[0] = c' '
        at += 1
        at += format_u64(at, view.size)
        if with_cas:
            at[0] = c' '
            at += 1
            at += format_u64(at, entry_item_cas(entry))
        memcpy(at, b"\r\n", 2)
        at += 2
        memcpy(at, view.data, view.size)
        at += view.size
        memcpy(at, b"\r\n", 2)
        self.out_size = at + 2 - self.out
        if not self.in_pending:
            self.changed_output()
        return 0

    cdef Py_ssize_t await_value(self, size_t whole) except -2:
        """The command needs this many bytes in all: come again when they are there."""
        self.wanted = whole
        self.waiting_for_value = True
        return INCOMPLETE

    cdef Py_ssize_t refuse_value(self, size_t used, size_t value) except -2:
        """The command was answered by an error: its value is thrown away as it comes."""
        self.swallow = value
        return <Py_ssize_t>used

    cdef int make_room_for_argument(self) except -1:
        """A long value has begun: size the buffer for all of it, so that it is received where it will be read."""
        if self.query != NULL and self.wanted > self.query_size:
            self.grow_query(self.wanted + 64)
        return 0

    @property
    def descriptor(self) -> int:
        """The socket's file descriptor (stats conns)."""
        return self.fd
