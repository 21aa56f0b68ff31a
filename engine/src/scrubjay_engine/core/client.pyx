"""A client session and its reply writer, RESP2 and RESP3 (https://redis.io/docs/reference/protocol-spec).

Hot handlers write replies with the `add_*` methods; Python handlers return a value that `reply` encodes. Sockets are next door in
connection.pyx (a subclass); a `Client` by itself is detached: scripts, AOF and replication run commands through one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.math cimport isinf, isnan
from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from scrubjay_engine.core.engine cimport *
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.core.numbers cimport format_int64
from scrubjay_engine.values.memory cimport zfree, zmalloc, zrealloc


class Sentinel:
    """A reply that is no value: compared by identity."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NO_REPLY = Sentinel("NO_REPLY")         # nothing now: blocked, or already written
NULL_ARRAY = Sentinel("NULL_ARRAY")     # *-1 in RESP2, _ in RESP3
NOT_READY = Sentinel("NOT_READY")       # a blocked command's retry found nothing


class SetReply(list):
    """Elements of a set: ~ in RESP3, an array in RESP2."""


class Push(list):
    """An out-of-band message: > in RESP3, an array in RESP2."""


class Raw(bytes):
    """Bytes that are RESP already."""


class Verbatim:
    """Text with a format of three letters: = in RESP3, a bulk string in RESP2."""

    __slots__ = ("form", "text")

    def __init__(self, form: bytes, text: bytes) -> None:
        self.form = form
        self.text = text


class Pairs(list):
    """(key, value) pairs in order: a map in RESP3, a flat array in RESP2 (a dict does the same; this one takes repeated keys)."""


class BigNumber(bytes):
    """Digits: ( in RESP3, a bulk string in RESP2."""


cdef object _NO_REPLY = NO_REPLY
cdef object _NULL_ARRAY = NULL_ARRAY
cdef object _CommandError = CommandError
cdef object _SetReply = SetReply, _Push = Push, _Raw = Raw, _Verbatim = Verbatim, _Pairs = Pairs, _BigNumber = BigNumber


cdef class Client:
    """See client.pxd for what each field means."""

    def __cinit__(self, Engine engine, *args, **kwargs):
        self.engine = engine
        self.id = engine.next_client_id
        engine.next_client_id += 1
        self.db = engine.keyspace.databases[0]
        self.protocol = 2
        self.name = self.lib_name = self.lib_ver = b""
        self.address = self.local_address = ""
        self.created_ms = self.active_ms = engine.keyspace.now_ms
        self.notes = {}

    def __dealloc__(self):
        if self.out != NULL and not self.out_borrowed:
            zfree(self.out)

    @staticmethod
    def detached(Engine engine, unsigned int gates=CLIENT_DETACHED) -> Client:
        """A client without a socket, for running commands from code (`dispatch.call`)."""
        cdef Client made = Client(engine)
        made.gates = gates
        return made

    def set_protocol(self, int protocol) -> None:
        """HELLO 2 or 3."""
        self.protocol = protocol

    # -- the output buffer ---------------------------------------------------------------------------------------------

    cdef int reserve(self, size_t more) except -1:
        cdef size_t wanted = self.out_size + more
        cdef char* own
        if wanted <= self.out_capacity:
            return 0
        wanted = wanted * 2 if wanted < (1 << 20) else wanted + wanted // 4
        if wanted < 512:
            wanted = 512
        if self.out_borrowed:
            own = <char*>zmalloc(wanted)
            memcpy(own, self.out, self.out_size)
            self.out = own
            self.out_borrowed = False
        else:
            self.out = <char*>zrealloc(self.out, wanted)
        self.out_capacity = wanted
        self.limits_reached(self.out_size + more)
        return 0

    cdef int limits_reached(self, size_t size) except -1:
        """Overridden by connections: the output is about to be this long."""
        return 0

    cpdef void changed_output(self):
        """Overridden by connections: something was written outside the client's own turn."""

    cdef int write(self, const char* data, size_t size) except -1:
        if self.muted:
            return 0
        if self.out_size + size > self.out_capacity:
            self.reserve(size)
        memcpy(self.out + self.out_size, data, size)
        self.out_size += size
        if not self.in_pending:
            self.changed_output()
        return 0

    cpdef void write_raw(self, bytes data):
        """Appends bytes to the output whatever `muted` says (replication stream, MONITOR)."""
        cdef bint muted = self.muted
        self.muted = False
        try:
            self.write(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        finally:
            self.muted = muted

    def owe(self, size_t mark) -> None:
        """Overridden by connections: what was written from `mark` on answers a write that replicas must have first."""

    def flush(self) -> None:
        """Overridden by connections."""
        self.in_pending = False

    def take_output(self) -> bytes:
        """What has been written since the last call (detached clients)."""
        cdef bytes taken = PyBytes_FromStringAndSize(self.out, self.out_size)
        self.out_size = 0
        return taken

    @property
    def output_bytes(self) -> int:
        return 0 if self.out_borrowed else self.out_capacity

    @property
    def output_pending(self) -> int:
        return self.out_size

    def output_mark(self) -> int:
        """Where the output ends now; `output_since(mark)` gives and `output_cut(mark)` removes what came after."""
        return self.out_size

    def output_since(self, size_t mark) -> bytes:
        return PyBytes_FromStringAndSize(self.out + mark, self.out_size - mark)

    def output_cut(self, size_t mark) -> None:
        self.out_size = mark

    # -- replies -------------------------------------------------------------------------------------------------------

    cdef int add_header(self, char kind, int64_t count) except -1:
        cdef char text[32]
        cdef int n
        text[0] = kind
        n = 1 + format_int64(text + 1, count)
        text[n] = c'\r'
        text[n + 1] = c'\n'
        return self.write(text, n + 2)

    cdef int add_int(self, int64_t number) except -1:
        return self.add_header(c':', number)

    cdef int add_bulk(self, const char* data, Py_ssize_t size) except -1:
        cdef char* at
        if self.muted:
            return 0
        if self.out_size + size + 32 > self.out_capacity:
            self.reserve(size + 32)
        at = self.out + self.out_size
        at[0] = c'$'
        at += 1
        at += format_int64(at, size)
        at[0] = c'\r'
        at[1] = c'\n'
        at += 2
        memcpy(at, data, size)
        at += size
        at[0] = c'\r'
        at[1] = c'\n'
        self.out_size = at + 2 - self.out
        if not self.in_pending:
            self.changed_output()
        return 0

    cdef int add_bulk_int(self, int64_t number) except -1:
        cdef char text[24]
        return self.add_bulk(text, format_int64(text, number))

    cdef int add_null(self) except -1:
        return self.write(b"_\r\n", 3) if self.protocol == 3 else self.write(b"$-1\r\n", 5)

    cdef int add_null_array(self) except -1:
        return self.write(b"_\r\n", 3) if self.protocol == 3 else self.write(b"*-1\r\n", 5)

    cdef int add_array(self, int64_t count) except -1:
        return self.add_header(c'*', count)

    cdef int add_map(self, int64_t pairs) except -1:
        return self.add_header(c'%', pairs) if self.protocol == 3 else self.add_header(c'*', pairs * 2)

    cdef int add_set(self, int64_t count) except -1:
        return self.add_header(c'~' if self.protocol == 3 else c'*', count)

    cdef int add_push(self, int64_t count) except -1:
        return self.add_header(c'>' if self.protocol == 3 else c'*', count)

    cdef int add_ok(self) except -1:
        return self.write(b"+OK\r\n", 5)

    cdef int add_double(self, double number) except -1:
        cdef char text[400]
        cdef int n = format_double(text + 1, number)
        if self.protocol == 3:
            text[0] = c','
            text[n + 1] = c'\r'
            text[n + 2] = c'\n'
            return self.write(text, n + 3)
        return self.add_bulk(text + 1, n)

    cpdef void add_status(self, str text):
        cdef bytes data = b"+%s\r\n" % text.encode()
        self.write(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cpdef void add_error(self, bytes text):
        """An error reply; counted by its code (INFO errorstats). Line breaks would end it early, so they become blanks."""
        cdef bytes data
        cdef Engine engine = self.engine
        if b"\r" in text or b"\n" in text:
            text = text.replace(b"\r", b" ").replace(b"\n", b" ")
        data = b"-%s\r\n" % text
        self.write(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        engine.error_replies += 1
        code = text.split(b" ", 1)[0]
        counts = engine.error_counts
        if code in counts or len(counts) < 128:
            counts[code] = counts.get(code, 0) + 1

    cpdef void reply(self, object value):
        """Encodes what a Python handler returned (the table of types is in docs/architecture/engine.md)."""
        kind = type(value)
        if kind is bytes:
            self.add_bulk(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        elif kind is int:
            self.add_int(value)
        elif value is None:
            self.add_null()
        elif kind is str:
            self.add_status(value)
        elif kind is list or kind is tuple:
            self.add_array(len(value))
            for element in value:
                self.reply(element)
        else:
            self.reply_rare(value, kind)

    def reply_rare(self, value, kind) -> None:
        if value is _NO_REPLY:
            return
        if value is _NULL_ARRAY:
            self.add_null_array()
        elif kind is bool:
            self.add_int(1 if value else 0)
        elif kind is float:
            self.add_double(value)
        elif kind is dict or kind is _Pairs:
            self.add_map(len(value))
            for key, element in value.items() if kind is dict else value:
                self.reply(key)
                self.reply(element)
        elif kind is _SetReply or kind is _Push:
            self.add_header((c'~' if kind is _SetReply else c'>') if self.protocol == 3 else c'*', len(value))
            for element in value:
                self.reply(element)
        elif kind is _Raw:
            self.write(value, len(value))
        elif kind is _Verbatim:
            if self.protocol == 3:
                self.write_all(b"=%d\r\n%s:%s\r\n" % (len(value.text) + 4, value.form, value.text))
            else:
                self.reply(value.text)
        elif kind is _BigNumber:
            if self.protocol == 3:
                self.write_all(b"(%s\r\n" % value)
            else:
                self.add_bulk(value, len(value))
        elif isinstance(value, _CommandError):
            self.add_error(value.text)
        else:
            raise TypeError(f"a command handler returned {kind.__name__}, which is no reply")

    def write_all(self, bytes data) -> None:
        """Appends RESP bytes as part of a reply."""
        self.write(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def push(self, list elements) -> None:
        """An out-of-band message, sent with the next flush: a push in RESP3, an array in RESP2. CLIENT REPLY does not silence it."""
        cdef bint muted = self.muted
        self.muted = False
        try:
            self.reply(_Push(elements))
        finally:
            self.muted = muted

    # -- what a handler says about its command -------------------------------------------------------------------------

    def notify(self, unsigned int kind, str event, bytes key) -> None:
        """A keyspace event about a key of the selected database."""
        if self.engine.notify_flags & kind:
            self.engine.notify(kind, event, key, self.db.id)

    def rewrite(self, list args) -> None:
        """Propagate these words instead of the command as it was sent."""
        self.rewritten = [(self.db.id, args)]

    def also_propagate(self, list args, int db=-1) -> None:
        """Propagate this as well (the first call replaces the command itself, as `rewrite` does)."""
        if self.rewritten is None:
            self.rewritten = []
        self.rewritten.append((self.db.id if db < 0 else db, args))

    def no_propagate(self) -> None:
        self.not_propagated = True

    @property
    def may_block(self) -> bool:
        return not self.gates & CLIENT_DENY_BLOCKING

    def block(self, keys, retry, timeout_ms, on_timeout, **about):
        """Holds the reply until `retry` gives one: see core/blocking.py."""
        return self.engine.parts["blocking"].block(self, keys, retry, timeout_ms, on_timeout, **about)


cdef int format_double(char* out, double number) noexcept:
    """As Redis prints doubles: integers plainly, else the shortest of %.17g."""
    cdef int64_t whole
    cdef int n
    cdef bytes text
    if isnan(number):
        memcpy(out, b"nan", 3)
        return 3
    if isinf(number):
        memcpy(out, b"inf" if number > 0 else b"-inf", 3 if number > 0 else 4)
        return 3 if number > 0 else 4
    if -4503599627370496.0 < number < 4503599627370496.0:
        whole = <int64_t>number
        if <double>whole == number and not (number == 0 and 1.0 / number < 0):
            return format_int64(out, whole)
    n = snprintf(out, 64, b"%.17g", number)
    return n
