"""A client's socket on the event loop: receive, parse all pipelined commands, run them, send once.

Data path. uvloop says that the socket is readable and calls `on_readable`; we `recv` into a buffer shared by all connections (one thread, so it is
free again when we return), run every complete command in it, and `send` the replies from a shared output buffer. Only what does not fit, an incomplete
command or replies the socket will not take, moves to buffers of the connection's own. So an idle connection costs its object and nothing else, and
a turn costs two system calls however many commands it had (measured: docs/benchmarks.md).

A connection with a `wire` receives and transmits through it (core/wire: TLS).
"""

import errno as errors
import logging
import socket as sockets
from contextlib import contextmanager

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy, memmove

from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg
from scrubjay_engine.core.dispatch cimport execute, execute_list
from scrubjay_engine.core.engine cimport *
from scrubjay_engine.core.inline import split_inline
from scrubjay_engine.core.wire cimport Wire
from scrubjay_engine.values.memory cimport zfree, zmalloc, zrealloc

log = logging.getLogger(__name__)

cdef int64_t NO_LEASE = 0x7fffffffffffffff

cdef extern from "sys/socket.h" nogil:
    ssize_t c_recv "recv"(int fd, void* buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void* buffer, size_t size, int flags)
    int MSG_NOSIGNAL

cdef enum:
    SHARED = 64 * 1024
    INLINE_LIMIT = 64 * 1024        # the longest inline request, and the longest line of a header
    ARGS_KEPT = 1024                # argument slots kept between commands
    BIG_ARGUMENT = 32 * 1024        # from here on the query buffer is sized for the whole argument at once
    MAX_ARGUMENTS = 1024 * 1024
    TURN_COMMANDS = 4096            # then others get their turn
    INCOMPLETE = 0
    BROKEN = -1

cdef char shared_in[SHARED]
cdef char shared_out[SHARED]
cdef bint shared_out_lent = False
cdef Arg* arguments = <Arg*>malloc(ARGS_KEPT * sizeof(Arg))
cdef size_t arguments_room = ARGS_KEPT
cdef bint arguments_used = False
cdef bint nested = False


@contextmanager
def serving_nested():
    """Within it, connections are served below the turn of another one (a late script): the shared input buffer is in use, so each takes its own."""
    global nested
    nested = True
    try:
        yield
    finally:
        nested = False


cdef Py_ssize_t read_length(const char* data, size_t size, size_t* at, int64_t* number) noexcept:
    """Reads `123\\r\\n` at `at`: 1 and the number, 0 when incomplete, -1 when it is no number."""
    cdef const char* end = <const char*>memchr(data + at[0], c'\r', size - at[0])
    cdef size_t i = at[0]
    cdef int64_t value = 0
    cdef bint negative = False
    if end == NULL:
        return -2 if size - at[0] > INLINE_LIMIT else 0
    if <size_t>(end - data) + 1 >= size:
        return 0
    if i < size and data[i] == c'-':
        negative = True
        i += 1
    if data + i == end:
        return -1
    while data + i < end:
        if data[i] < c'0' or data[i] > c'9' or value > 922337203685477579:
            return -1
        value = value * 10 + (data[i] - 48)
        i += 1
    number[0] = -value if negative else value
    at[0] = i + 2
    return 1


cdef class Budget:
    """What all connections of an engine may take together (`maxmemory-clients`). Each tells of its own share when its output is settled."""

    def __init__(self, over):
        self.over = over

    def set(self, Connection connection, int64_t size) -> None:
        """A connection's share, as found by somebody who looked at all of them."""
        self.taken += size - connection.counted
        connection.counted = size


cdef class Connection(Client):
    """A `Client` with a non-blocking stream socket."""

    def __init__(self, Engine engine, socket, on_close=None):
        self.socket = socket
        self.loop = engine.loop
        self.fd = socket.fileno()
        self.on_close = on_close
        self.budget = engine.parts.get("client_budget")
        self.engine.clients[self.id] = self

    def use(self, Wire wire) -> None:
        """Talk through a wire from now on; before `start`."""
        self.wire = wire

    def start(self) -> None:
        """Begins to read."""
        self.reading = True
        self.loop.add_reader(self.fd, self.on_readable)
        self.read_on()

    def __dealloc__(self):
        zfree(self.query)

    cdef ssize_t receive(self, char* into, size_t room) except -3:
        """Bytes read, 0 at the end, -1 to try later, -2 broken."""
        cdef ssize_t got
        if self.wire is not None:
            return self.wire.receive(into, room)
        while True:
            got = c_recv(self.fd, into, room, 0)
            if got >= 0:
                return got
            if errno == EAGAIN:
                return -1
            if errno != EINTR:
                return -2

    cdef ssize_t transmit(self, const char* data, size_t size) except -3:
        """Bytes taken by the socket, -1 to try later, -2 broken."""
        cdef ssize_t sent
        if self.wire is not None:
            return self.wire.transmit(data, size)
        while True:
            sent = c_send(self.fd, data, size, MSG_NOSIGNAL)
            if sent >= 0:
                return sent
            if errno == EAGAIN:
                return -1
            if errno != EINTR:
                return -2

    # -- reading -------------------------------------------------------------------------------------------------------

    def on_readable(self) -> None:
        """The loop's callback."""
        cdef ssize_t got
        cdef char* into
        cdef size_t room
        cdef bint own
        if self.closed:
            return
        if nested and self.query == NULL:
            self.grow_query(16384)
        own = self.query != NULL
        if own:
            room = self.query_capacity - self.query_size
            if room < 16384 and (room == 0 or self.query_size >= self.awaited):
                self.grow_query(self.query_size + 16384)
            into = self.query + self.query_size
            room = self.query_capacity - self.query_size
        else:
            into = shared_in
            room = SHARED
        got = self.receive(into, room)
        if got == -1:
            return
        if got <= 0:
            self.close()
            return
        self.engine.bytes_in += got
        self.engine.reads += 1
        self.bytes_in += got
        if own:
            self.query_size += got
            if self.query_size > self.engine.client_query_limit and not self.gates & CLIENT_PRIMARY:
                log.warning("closing client %s: its query buffer passed client-query-buffer-limit", self.address)
                self.close()
                return
        self.turn(None if own else PyBytes_FromStringAndSize(NULL, 0), into, <size_t>got)
        self.read_on()

    cdef int read_on(self) except -1:
        """Input that waits in the wire is read at the next turn: the socket does not speak of it."""
        if self.wire is not None and self.wire.more and self.reading and not self.closed:
            self.loop.call_soon(self.on_readable)
        return 0

    cdef int turn(self, object fresh, const char* data, size_t size) except -1:
        """One turn: run what is complete, keep the rest, send the replies of this client and of all others that got some."""
        cdef Engine engine = self.engine
        global shared_out_lent
        engine.tick()
        self.active_ms = engine.keyspace.now_ms
        if engine.clock_ns >= engine.lease_ns:
            engine.gates |= GATE_LEASE
            self.refused = True
        elif engine.gates & GATE_LEASE:
            engine.gates &= ~GATE_LEASE
        if self.out == NULL and not shared_out_lent:
            shared_out_lent = True
            self.out = shared_out
            self.out_capacity = SHARED
            self.out_borrowed = True
        self.in_pending = True      # we flush at the end ourselves
        self.turn_size = size if fresh is not None else 0
        if self.plain is not None:
            self.take_plain(data, size, fresh is None)
        elif fresh is None:
            self.resume()
        else:
            self.serve(data, size)
        self.turn_size = 0
        if engine.before_send is not None:
            engine.before_send()
        self.flush()
        self.refused = False
        if engine.pending:
            engine.flush_pending()
        return 0

    cdef int take_plain(self, const char* data, size_t size, bint own) except -1:
        cdef bytes piece
        if own:
            piece = PyBytes_FromStringAndSize(self.query, self.query_size)
            self.drop_query()
        else:
            piece = PyBytes_FromStringAndSize(data, size)
        self.plain(piece)
        return 0

    cdef int resume(self) except -1:
        """Runs what is complete in the connection's own query buffer."""
        cdef char* query = self.query
        cdef size_t size = self.query_size
        cdef bint kept = False
        # `serve` keeps the rest in a new buffer: taking ours away first keeps one owner for each byte.
        self.query = NULL
        self.query_size = self.query_capacity = 0
        try:
            kept = self.serve_owned(query, size)
        finally:
            if not kept:
                zfree(query)
        if kept:
            self.make_room_for_argument()       # may move the block, so only when its owner is settled
        return 0

    cdef int serve_owned(self, char* query, size_t size) except -1:
        """True when the block was kept as the connection's query buffer again."""
        cdef size_t done = self.run_complete(query, size)
        if self.closed:
            return False
        if done < size:
            if self.query == NULL:
                # Keep the same block, moved to its start: a long argument arriving in pieces is not copied again and again.
                if done:
                    memmove(query, query + done, size - done)
                self.query = query
                self.query_size = size - done
                self.query_capacity = usable(query)
                return True
        return False

    cdef int serve(self, const char* data, size_t size) except -1:
        cdef size_t done = self.run_complete(data, size)
        if done < size and not self.closed:
            self.keep(data + done, size - done)
            self.make_room_for_argument()
        return 0

    cdef size_t run_complete(self, const char* data, size_t size) except? 0:
        """Runs complete commands from the start of `data`; how many bytes are done with."""
        cdef size_t done = 0
        cdef Py_ssize_t used
        cdef int count = 0
        while done < size and not self.paused and not self.closing and self.plain is None:
            used = self.parse_one(data + done, size - done)
            if used == INCOMPLETE:
                break
            if used == BROKEN:
                self.closing = True
                return size
            done += used
            count += 1
            if count >= TURN_COMMANDS and done < size:
                self.loop.call_soon(self.go_on)
                self.stop_reading()
                break
        if self.closing:
            return size
        if self.plain is not None and done < size:
            self.plain(PyBytes_FromStringAndSize(data + done, size - done))
            return size
        return done

    cdef Py_ssize_t parse_one(self, const char* data, size_t size) except -2:
        """Parses and runs one command: bytes used, INCOMPLETE, or BROKEN after an error reply."""
        global arguments, arguments_room, arguments_used
        cdef size_t at = 1
        cdef int64_t count = 0, length = 0
        cdef Py_ssize_t status
        cdef Arg* argv
        cdef bint own
        cdef int i
        if data[0] != c'*':
            return self.parse_inline(data, size)
        status = read_length(data, size, &at, &count)
        if status == 0:
            return INCOMPLETE
        if status == -2:
            return self.protocol_error("too big mbulk count string")
        if status < 0 or count > 2147483647:
            return self.protocol_error("invalid multibulk length")
        if self.gates & CLIENT_UNAUTHENTICATED and count > 10:
            return self.protocol_error("unauthenticated multibulk length")
        if count <= 0:
            return at
        if <size_t>count > size and count > MAX_ARGUMENTS and size < (<size_t>count) * 4:
            return INCOMPLETE if self.probe_multibulk(data, size, at) else BROKEN
        own = arguments_used
        if own:
            argv = <Arg*>malloc(count * sizeof(Arg))
        else:
            if <size_t>count > arguments_room:
                arguments = <Arg*>realloc(arguments, count * sizeof(Arg))
                arguments_room = count
            argv = arguments
        try:
            for i in range(<int>count):
                if at >= size:
                    return INCOMPLETE
                if data[at] != c'$':
                    return self.protocol_error(f"expected '$', got '{chr(<unsigned char>data[at])}'")
                at += 1
                status = read_length(data, size, &at, &length)
                if status == 0:
                    return INCOMPLETE
                if status == -2:
                    return self.protocol_error("too big bulk count string")
                if status < 0 or length < 0 or (length > self.engine.bulk_limit and not self.gates & CLIENT_PRIMARY):
                    return self.protocol_error("invalid bulk length")
                if self.gates & CLIENT_UNAUTHENTICATED and length > 16384:
                    return self.protocol_error("unauthenticated bulk length")
                if at + <size_t>length + 2 > size:
                    return INCOMPLETE
                argv[i].data = data + at
                argv[i].size = length
                at += length + 2
            arguments_used = True
            self.run_parsed(argv, <int>count)
        finally:
            if own:
                free(argv)
            else:
                arguments_used = False
                if arguments_room > ARGS_KEPT * 64:
                    arguments = <Arg*>realloc(arguments, ARGS_KEPT * sizeof(Arg))
                    arguments_room = ARGS_KEPT
        return at

    cdef int run_parsed(self, Arg* argv, int argc) except -1:
        if self.mute_next and not self.muted:
            self.mute_next = False
            self.muted = True
            try:
                execute(self, argv, argc)
            finally:
                self.muted = False
            return 0
        return execute(self, argv, argc)

    cdef bint probe_multibulk(self, const char* data, size_t size, size_t at) except -1:
        """A count of over a million with few bytes yet: look at the first argument's header only, so that nonsense fails early."""
        if at < size and data[at] != c'$':
            self.protocol_error(f"expected '$', got '{chr(<unsigned char>data[at])}'")
            return False
        return True

    cdef Py_ssize_t parse_inline(self, const char* data, size_t size) except -2:
        cdef const char* end = <const char*>memchr(data, c'\n', size)
        cdef bytes line
        if end == NULL:
            if size > INLINE_LIMIT:
                return self.protocol_error("too big inline request")
            return INCOMPLETE
        line = PyBytes_FromStringAndSize(data, end - data)
        args = split_inline(line.removesuffix(b"\r"))
        if args is None:
            return self.protocol_error("unbalanced quotes in request")
        if args:
            execute_list(self, args)
        elif self.replica is not None:
            self.active_ms = self.engine.keyspace.now_ms
        return end - data + 1

    cdef Py_ssize_t protocol_error(self, str what) except -2:
        log.info("protocol error from client %s: %s", self.address, what)
        self.add_error(f"ERR Protocol error: {what}".encode())
        self.closing = True
        return BROKEN

    # -- the query buffer ----------------------------------------------------------------------------------------------

    cdef int keep(self, const char* data, size_t size) except -1:
        cdef size_t before = self.query_size
        self.grow_query(before + size)
        memcpy(self.query + before, data, size)
        self.query_size = before + size
        return 0

    cdef int grow_query(self, size_t wanted) except -1:
        cdef size_t room
        if wanted <= self.query_capacity:
            return 0
        room = wanted + wanted // 2 if wanted < (1 << 20) else wanted + (1 << 18)
        self.query = <char*>zrealloc(self.query, room)
        self.query_capacity = room
        return 0

    cdef int make_room_for_argument(self) except -1:
        """A long argument has begun: size the buffer for all of it now, so that it is received where it will be read."""
        cdef size_t at = 1, header
        cdef int64_t count, length
        self.awaited = 0
        if self.query == NULL or self.query[0] != c'*' or self.query_size < BIG_ARGUMENT // 4:
            return 0
        if read_length(self.query, self.query_size, &at, &count) != 1:
            return 0
        while at < self.query_size and count > 0 and self.query[at] == c'$':
            at += 1
            if read_length(self.query, self.query_size, &at, &length) != 1 or length < 0:
                return 0
            if at + length + 2 > self.query_size:
                if length >= BIG_ARGUMENT:
                    self.awaited = at + length + 2
                    self.query_capacity = self.awaited + 64
                    self.query = <char*>zrealloc(self.query, self.query_capacity)
                return 0
            at += length + 2
            count -= 1
        return 0

    cdef int drop_query(self) except -1:
        zfree(self.query)
        self.query = NULL
        self.query_size = self.query_capacity = 0
        return 0

    @property
    def query_bytes(self) -> int:
        """Input that is being kept or served, without the arguments of an unfinished command that are there in full."""
        return self.query_size - self.parsed() + self.turn_size

    @property
    def argument_bytes(self) -> int:
        """Of an unfinished command: the arguments that are there in full, with their headers."""
        return self.parsed()

    cdef size_t parsed(self) except? 0:
        """How much of the kept input is headers and whole arguments of the command that is being received."""
        cdef size_t at = 1, done = 0
        cdef int64_t count, length
        if self.query == NULL or self.query_size == 0 or self.query[0] != c'*':
            return 0
        if read_length(self.query, self.query_size, &at, &count) != 1:
            return 0
        done = at
        while at < self.query_size and count > 0 and self.query[at] == c'$':
            at += 1
            if read_length(self.query, self.query_size, &at, &length) != 1 or length < 0:
                break
            done = at
            if at + length + 2 > self.query_size:
                break
            at += length + 2
            done = at
            count -= 1
        return done

    @property
    def query_free(self) -> int:
        """Room for more in the query buffer that it has of its own."""
        return self.query_capacity - self.query_size if self.query != NULL else 0

    @property
    def events(self) -> str:
        """What the loop waits for: r, w, or both (CLIENT LIST)."""
        return ("r" if self.reading else "") + ("w" if self.writing else "")

    @property
    def memory(self) -> int:
        """Bytes this client takes: buffers, its transaction, what it watches, listens to and tracks (CLIENT LIST tot-mem, client eviction)."""
        cdef Py_ssize_t held = 0
        for each in (self.multi, self.watched, self.subscriptions, self.tracking):
            if each is not None:
                held += each.bytes
        return 512 + held + self.query_capacity + (0 if self.out_borrowed else self.out_capacity)

    cdef int count_memory(self) except -1:
        """Tell the budget what we take. Replicas and the primary have limits of their own; who is being closed takes nothing any more."""
        cdef bint counts = not (self.doomed or self.closed or self.replica is not None or self.gates & CLIENT_PRIMARY)
        self.budget.set(self, self.memory if counts else 0)
        if self.budget.taken > self.budget.alarm:
            self.budget.over()
        return 0

    def preload(self, bytes data) -> None:
        """Input that was received before the connection was made; `start` and `go_on` take it up."""
        self.keep(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    # -- pausing -------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Leaves further input alone until `go_on` (blocked, or held back by CLIENT PAUSE)."""
        self.paused = True

    def go_on(self) -> None:
        """Takes up the input again: first what was received already, then the socket."""
        if self.closed or self.blocked is not None:
            return
        self.paused = False
        if not self.reading:
            self.reading = True
            self.loop.add_reader(self.fd, self.on_readable)
        if self.query != NULL:
            self.turn(None, NULL, 0)
        self.read_on()

    def stop_reading(self) -> None:
        if self.reading:
            self.reading = False
            self.loop.remove_reader(self.fd)

    # -- writing -------------------------------------------------------------------------------------------------------

    cpdef void changed_output(self):
        if not self.in_pending and not self.closed:
            self.in_pending = True
            self.engine.pending.append(self)

    def flush(self) -> None:
        """Sends what there is; what the socket does not take is sent when it can."""
        cdef ssize_t sent = 0
        cdef size_t size
        self.in_pending = False
        if self.closed:
            return
        if self.out_size > SHARED:
            self.limits_reached(self.out_size)
        if self.doomed:
            self.out_size = 0
            self.debts = None
        if self.debts is not None:
            self.settle_debts()
        size = self.sendable()
        if size and not self.writing:
            sent = self.transmit(self.out, size)
            if sent == -2:
                self.close()
                return
            if sent > 0:
                self.note_sent(sent)
        self.settle_output()
        if self.budget is not None and self.budget.limit:
            self.count_memory()
        if self.closing and self.out_size == 0:
            self.close()

    cdef size_t sendable(self) except? 0:
        """How much of the output may be sent now: all, but for what waits for replicas or for a lease."""
        if self.engine.lease_ns != NO_LEASE and self.out_size and self.unleased():
            return 0
        if self.holding:
            return min(self.out_size, <size_t>(self.clear_to - self.bytes_out)) if self.clear_to > self.bytes_out else 0
        return self.out_size

    cdef bint unleased(self) except -1:
        """Whether the lease has ended since this output was made: it may not be sent, unless the lease is renewed."""
        cdef Engine engine = self.engine
        if self.replica is not None or (self.refused and not self.stalled):
            return False
        if engine.tick() < engine.lease_ns:
            self.stalled = False
            return False
        if not self.stalled:
            self.stalled = True
            engine.on_unleased(self)
        return True

    def owe(self, size_t mark) -> None:
        """What was written from `mark` on answers a write: it waits for replicas when the turn ends."""
        if self.debts is None:
            self.debts = []
        self.debts.append((self.bytes_out + mark, self.bytes_out + self.out_size))
        if not self.in_pending:
            self.changed_output()

    def settle_debts(self) -> None:
        debts, self.debts = self.debts, None
        if self.engine.on_debt is None or not self.engine.on_debt(self, debts, self.bytes_out + self.out_size):
            return
        if self.holding == 0:
            self.clear_to = self.bytes_out
        self.holding += 1

    def release(self, uint64_t end) -> None:
        """The oldest piece that waits, up to `end`, may be sent."""
        self.holding -= 1
        self.clear_to = end
        self.changed_output()

    def replace_held(self, list spans, bytes error) -> int:
        """Puts an error in the place of each of these replies that wait; by how many bytes the output grew."""
        cdef bytes data = self.output_since(0)
        cdef list pieces = []
        cdef Py_ssize_t at = 0, size = len(data)
        for start, end in spans:
            if end > start:
                pieces.append(data[at:start - self.bytes_out])
                pieces.append(error)
                at = end - self.bytes_out
        pieces.append(data[at:])
        data = b"".join(pieces)
        self.out_size = 0
        self.in_pending = True      # the one who calls this flushes
        self.write(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        self.in_pending = False
        return len(data) - size

    cdef int note_sent(self, ssize_t sent) except -1:
        self.engine.bytes_out += sent
        self.engine.writes += 1
        self.bytes_out += sent
        if <size_t>sent < self.out_size:
            memmove(self.out, self.out + sent, self.out_size - sent)
        self.out_size -= sent
        return 0

    cdef int settle_output(self) except -1:
        """Gives the shared buffer back, keeping what is unsent in an own one, and asks the loop for writability if need be."""
        global shared_out_lent
        cdef char* own
        cdef size_t size
        if self.out_borrowed:
            own = NULL
            if self.out_size:
                own = <char*>zmalloc(self.out_size)
                memcpy(own, self.out, self.out_size)
            self.out = own
            self.out_capacity = self.out_size
            self.out_borrowed = False
            shared_out_lent = False
        elif self.out_size == 0 and self.out != NULL:
            zfree(self.out)
            self.out = NULL
            self.out_capacity = 0
        size = 0 if self.stalled else self.sendable()
        if size and not self.writing:
            self.writing = True
            self.loop.add_writer(self.fd, self.on_writable)
            self.limits_reached(self.out_size)
        elif size == 0 and self.writing:
            self.writing = False
            self.loop.remove_writer(self.fd)
        if self.out_size == 0 and self.replica is not None:
            self.replica.drained()
        return 0

    def on_writable(self) -> None:
        cdef ssize_t sent
        cdef size_t size
        if self.closed:
            return
        size = self.sendable()
        if size:
            sent = self.transmit(self.out, size)
            if sent == -2:
                self.close()
                return
            if sent > 0:
                self.note_sent(sent)
                self.active_ms = self.engine.keyspace.now_ms
        self.settle_output()
        if self.closing and self.out_size == 0:
            self.close()

    cdef int limits_reached(self, size_t size) except -1:
        check = self.engine.parts.get("output_limits")
        if check is not None and not self.exempt:
            check(self, size)
        return 0

    # -- the end -------------------------------------------------------------------------------------------------------

    def close_soon(self) -> None:
        """Closes at the next turn of the loop, from wherever it is called; what is unsent is lost."""
        self.doomed = True
        self.muted = True
        self.closing = True
        self.stop_reading()
        self.loop.call_soon(self.close)

    def close(self) -> None:
        """Ends the connection; the session's state is told by `on_close`."""
        global shared_out_lent
        if self.closed:
            return
        self.closed = True
        self.stop_reading()
        if self.writing:
            self.writing = False
            self.loop.remove_writer(self.fd)
        if self.out_borrowed:
            self.out = NULL
            self.out_borrowed = False
            shared_out_lent = False
        else:
            zfree(self.out)
            self.out = NULL
        self.out_size = self.out_capacity = 0
        self.drop_query()
        if self.budget is not None:
            self.budget.set(self, 0)
        self.engine.clients.pop(self.id, None)
        if self.on_close is not None:
            self.on_close(self)
        if self.wire is not None:
            self.wire.end()
        self.socket.close()


cdef extern from "malloc.h" nogil:
    size_t malloc_usable_size(void* block)


cdef inline size_t usable(char* block) noexcept:
    return malloc_usable_size(block)
