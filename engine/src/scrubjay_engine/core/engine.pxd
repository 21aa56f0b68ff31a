from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.core.command cimport Arg, Command, Table
from scrubjay_engine.core.keyspace cimport Database, Keyspace


cdef enum:
    # Conditions of the whole server that some commands must be checked against (Engine.gates)
    GATE_LOADING = 1 << 0
    GATE_NO_ROLE = 1 << 1           # managed mode, no order received yet
    GATE_REPLICA = 1 << 2           # read-only replica: writes only from the primary
    GATE_STALE = 1 << 3             # link to the primary down and replica-serve-stale-data no
    GATE_PAUSED = 1 << 4            # CLIENT PAUSE or a hand-over
    GATE_MAXMEMORY = 1 << 5
    GATE_CLUSTER = 1 << 6
    GATE_MIN_REPLICAS = 1 << 7
    GATE_BUSY = 1 << 8              # a script runs past its time limit
    GATE_DISK_ERROR = 1 << 9        # a snapshot or the AOF could not be written
    GATE_LEASE = 1 << 10            # managed primary whose lease is over: set and cleared at the start of each batch
    GATE_MONITORS = 1 << 11

    # Conditions of one client (Client.gates)
    CLIENT_UNAUTHENTICATED = 1 << 0
    CLIENT_LIMITED = 1 << 1         # its user may not do everything: ask the ACL
    CLIENT_MULTI = 1 << 2
    CLIENT_SUBSCRIBED = 1 << 3      # RESP2 with subscriptions: few commands allowed
    CLIENT_TRACKING = 1 << 4
    CLIENT_DETACHED = 1 << 5        # script, AOF, replication: no ACL, no MULTI queue unless it says so
    CLIENT_PRIMARY = 1 << 6         # the link to our primary: its writes are always taken
    CLIENT_DENY_BLOCKING = 1 << 7   # within MULTI or a script


cdef class Engine:
    """What the whole server shares. Attributes that the hot path reads are C fields; the rest is in `parts` by name."""
    cdef readonly Keyspace keyspace
    cdef readonly Table commands
    cdef public dict parts              # "acl", "pubsub", "config", "replication" ...: see `server.py`
    cdef public object loop
    cdef public dict clients            # id -> Client
    cdef public list pending            # clients with replies to send that are not the one being served
    cdef public uint64_t next_client_id
    cdef public unsigned int gates
    cdef public object current          # the client whose command runs, or ran last
    cdef public int depth               # commands being executed inside one another (EXEC, scripts)
    cdef public int64_t clock_ns        # monotonic, at the end of the last command
    cdef int64_t wall_offset_ns         # wall clock minus monotonic
    cdef public int64_t shift_ns        # tests: how far the clock is put forward (memcached's debugtime)
    cdef public uint64_t started_ms

    # propagation
    cdef public list sinks              # feed(db_id, command: bytes)
    cdef public bint propagating
    cdef public list effects            # (db_id, command bytes) of the outermost command
    cdef public bint effects_plain      # never wrap in MULTI/EXEC (active expiry, eviction)

    # thresholds that the hot path reads
    cdef public int64_t slow_ns         # commands that take at least this long are noted; -1: none
    cdef public int64_t latency_ns      # latency monitor; -1: off
    cdef public uint64_t maxmemory
    cdef public uint64_t client_query_limit
    cdef public int64_t bulk_limit      # proto-max-bulk-len
    cdef public unsigned int notify_flags

    # hooks (None: nothing)
    cdef public object on_slow          # (Client, Command, args, nanoseconds)
    cdef public object on_latency       # (event, milliseconds)
    cdef public object on_notify        # (class flag, event, key, db id)
    cdef public object on_monitor       # (Client, args)
    cdef public object on_ready_keys    # () serve blocked clients
    cdef public object check_acl        # (Client, Command, args) raises
    cdef public object check_cluster    # (Client, Command, args) raises MOVED, ASK ...
    cdef public object check_paused     # (Client, Command, args) -> bool: held back
    cdef public object check_replicas   # () raises NOREPLICAS
    cdef public object check_busy       # (Client, Command, args) raises BUSY
    cdef public object check_lease      # (Client, Command, args) raises
    cdef public object make_room        # () -> bool: False when over maxmemory and nothing can be evicted
    cdef public object on_tracking      # (Client, Command, args) after a command of a tracking client
    cdef public object before_send      # () called before replies of a turn are sent (AOF fsync always), or None
    cdef public bint keys_ready         # on_ready_keys has work

    # a managed primary (replication/node.py)
    cdef public int64_t lease_ns        # monotonic, when the lease is over; the largest number when none is needed
    cdef public object on_unleased      # (Client): its replies wait for a new lease
    cdef public bint hold_replies       # replies of writes wait for replicas (`acknowledgements`)
    cdef public object on_debt          # (Client, spans, end) -> bool: must its output wait?

    # counters
    cdef public uint64_t commands_run
    cdef public uint64_t connections_received
    cdef public uint64_t connections_rejected
    cdef public uint64_t bytes_in
    cdef public uint64_t bytes_out
    cdef public uint64_t error_replies
    cdef public uint64_t reads
    cdef public uint64_t writes
    cdef public uint64_t unexpected_errors
    cdef public dict error_counts       # error code -> count
    cdef public uint64_t evicted
    cdef public uint64_t client_bytes   # query and output buffers of normal clients

    cpdef int64_t tick(self)
    cpdef void notify(self, unsigned int kind, str event, bytes key, int db)
    cpdef void add_effect(self, int db, list args)
    cpdef void flush_effects(self)
    cpdef void flush_pending(self)


cdef bytes encode_args(Arg* argv, int argc)
cpdef bytes encode_command(list args)
