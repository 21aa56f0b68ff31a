"""The engine's shared state: databases, command table, propagation, notifications, counters, and hooks for the rooms above core.

Core knows nothing of ACL, cluster, replication or persistence: they set hooks and gate bits here. A gate bit that is 0 costs the hot path nothing.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from scrubjay_engine.core.numbers cimport format_int64

NOTIFY_KEYSPACE = 1 << 0    # K
NOTIFY_KEYEVENT = 1 << 1    # E
NOTIFY_GENERIC = 1 << 2     # g
NOTIFY_STRING = 1 << 3      # $
NOTIFY_LIST = 1 << 4        # l
NOTIFY_SET = 1 << 5         # s
NOTIFY_HASH = 1 << 6        # h
NOTIFY_ZSET = 1 << 7        # z
NOTIFY_EXPIRED = 1 << 8     # x
NOTIFY_EVICTED = 1 << 9     # e
NOTIFY_STREAM = 1 << 10     # t
NOTIFY_KEY_MISS = 1 << 11   # m (not part of A)
NOTIFY_MODULE = 1 << 13     # d
NOTIFY_NEW = 1 << 14        # n (not part of A)
NO_LEASE = (1 << 63) - 1     # Engine.lease_ns while no lease is needed

cdef extern from "time.h" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec* now)
    int CLOCK_MONOTONIC, CLOCK_REALTIME


cdef inline int64_t clock_now(int clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef class Engine:
    """See engine.pxd for what each field means."""

    def __cinit__(self, Keyspace keyspace=None, Table commands=None):
        self.keyspace = keyspace if keyspace is not None else Keyspace()
        self.commands = commands if commands is not None else Table()
        self.parts = {}
        self.clients = {}
        self.pending = []
        self.next_client_id = 1
        self.sinks = []
        self.effects = []
        self.slow_ns = 10_000_000
        self.latency_ns = -1
        self.lease_ns = NO_LEASE
        self.client_query_limit = 1 << 30
        self.bulk_limit = 512 << 20
        self.error_counts = {}
        self.refresh_clock()
        self.started_ms = self.keyspace.now_ms

    def __getattr__(self, str name):
        """Parts by name: `engine.pubsub` is `engine.parts["pubsub"]`."""
        try:
            return self.parts[name]
        except KeyError:
            raise AttributeError(f"the engine has no part called {name!r}") from None

    cpdef int64_t tick(self):
        """Reads the clock: monotonic nanoseconds, and with it the keyspace's wall clock unless that stands still."""
        self.clock_ns = clock_now(CLOCK_MONOTONIC)
        if not self.keyspace.clock_frozen:
            self.keyspace.now_ms = (self.clock_ns + self.wall_offset_ns) // 1000000
        return self.clock_ns

    def refresh_clock(self) -> None:
        """Follows the wall clock (it may be set) and renews the access clock; called by the timer and at start."""
        self.wall_offset_ns = clock_now(CLOCK_REALTIME) - clock_now(CLOCK_MONOTONIC) + self.shift_ns
        self.tick()
        if self.keyspace.lfu:
            self.keyspace.access_clock = <unsigned int>(((self.keyspace.now_ms // 60000) & 0xffff) << 8)
        else:
            self.keyspace.access_clock = <unsigned int>((self.keyspace.now_ms // 1000) & 0xffffff)

    def set_gate(self, unsigned int gate, bint on) -> None:
        self.gates = self.gates | gate if on else self.gates & ~gate

    cpdef void notify(self, unsigned int kind, str event, bytes key, int db):
        """Publishes a keyspace event where `notify-keyspace-events` asks for it."""
        if self.notify_flags & kind and self.on_notify is not None:
            self.on_notify(kind, event, key, db)

    # -- propagation ---------------------------------------------------------------------------------------------------

    def add_sink(self, sink) -> None:
        self.sinks.append(sink)
        self.propagating = True

    def remove_sink(self, sink) -> None:
        self.sinks.remove(sink)
        self.propagating = bool(self.sinks)

    cpdef void add_effect(self, int db, list args):
        """Adds a command to what the present one propagates; outside any command call `flush_effects` afterwards."""
        if self.propagating:
            self.effects.append((db, encode_command(args)))

    cpdef void flush_effects(self):
        """Hands the effects of the outermost command to AOF and replicas: several as one transaction.

        An effect may have a third item, the kinds of sink it is for (redis.set_repl: 1 the AOF, 2 replicas); a sink says what it is in `kind`.
        """
        cdef list effects = self.effects
        cdef bint wrap
        if not effects:
            return
        self.effects = []
        wrap = len(effects) > 1 and not self.effects_plain
        for sink in self.sinks:
            if wrap:
                sink.feed(effects[0][0], b"*1\r\n$5\r\nMULTI\r\n")
            for effect in effects:
                if len(effect) == 2 or effect[2] & getattr(sink, "kind", 3):
                    sink.feed(effect[0], effect[1])
            if wrap:
                sink.feed(effects[len(effects) - 1][0], b"*1\r\n$4\r\nEXEC\r\n")

    cpdef void flush_pending(self):
        """Sends what other clients got while one was served (pub/sub, unblocked clients, invalidations)."""
        cdef list pending
        while self.pending:
            pending = self.pending
            self.pending = []
            for client in pending:
                client.flush()


cdef bytes encode_args(Arg* argv, int argc):
    """A command as RESP2 array of bulk strings."""
    cdef Py_ssize_t total = 24
    cdef int i
    cdef bytes out
    cdef char* at
    for i in range(argc):
        total += argv[i].size + 26
    out = PyBytes_FromStringAndSize(NULL, total)
    at = PyBytes_AS_STRING(out)
    at[0] = c'*'
    at += 1
    at += format_int64(at, argc)
    memcpy(at, b"\r\n", 2)
    at += 2
    for i in range(argc):
        at[0] = c'$'
        at += 1
        at += format_int64(at, argv[i].size)
        memcpy(at, b"\r\n", 2)
        at += 2
        memcpy(at, argv[i].data, argv[i].size)
        at += argv[i].size
        memcpy(at, b"\r\n", 2)
        at += 2
    return out[:at - PyBytes_AS_STRING(out)]


cpdef bytes encode_command(list args):
    """A list of bytes (or str, int) as RESP2 array of bulk strings."""
    cdef list parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode()
        elif isinstance(arg, int):
            arg = b"%d" % arg
        parts.append(b"$%d\r\n" % len(arg))
        parts.append(arg)
        parts.append(b"\r\n")
    return b"".join(parts)
