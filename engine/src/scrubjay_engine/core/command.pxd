from libc.stdint cimport int64_t, uint64_t


cdef enum:
    CMD_WRITE = 1 << 0
    CMD_READONLY = 1 << 1
    CMD_DENYOOM = 1 << 2
    CMD_ADMIN = 1 << 3
    CMD_PUBSUB = 1 << 4
    CMD_NOSCRIPT = 1 << 5
    CMD_BLOCKING = 1 << 6
    CMD_LOADING = 1 << 7
    CMD_STALE = 1 << 8
    CMD_SKIP_MONITOR = 1 << 9
    CMD_SKIP_SLOWLOG = 1 << 10
    CMD_ASKING = 1 << 11
    CMD_FAST = 1 << 12
    CMD_NO_AUTH = 1 << 13
    CMD_MAY_REPLICATE = 1 << 14
    CMD_NO_MANDATORY_KEYS = 1 << 15
    CMD_ALLOW_BUSY = 1 << 16
    CMD_NO_MULTI = 1 << 17
    CMD_MOVABLEKEYS = 1 << 18
    CMD_PROTECTED = 1 << 19
    CMD_NO_ASYNC_LOADING = 1 << 20
    CMD_NO_ROLE = 1 << 21       # answered even by a managed node that has no role yet
    LATENCY_BUCKETS = 40


cdef struct Arg:
    const char* data
    Py_ssize_t size


cdef class Command:
    cdef readonly str name              # lower case; a subcommand's is "client|id"
    cdef readonly int arity
    cdef readonly uint64_t flags
    cdef readonly object handler        # (Client, list[bytes]) -> Reply; None for hot ones and containers
    cdef void* hot                      # a HotHandler (see client.pxd), or NULL
    cdef readonly dict subcommands      # lower-case bytes -> Command
    cdef readonly Command parent
    cdef readonly list key_specs
    cdef readonly object getkeys
    cdef readonly frozenset categories
    cdef readonly str group
    cdef readonly str since
    cdef readonly str summary
    cdef readonly str complexity
    cdef readonly list tips
    cdef readonly list history
    cdef readonly list arguments
    cdef readonly int number            # position in the table: ACL bitmaps
    cdef public uint64_t calls
    cdef public uint64_t nanoseconds
    cdef public uint64_t rejected
    cdef public uint64_t failed
    cdef uint64_t* latency              # calls by power of two of nanoseconds; NULL until first called

    cdef int record(self, uint64_t nanoseconds) except -1
    cdef Command subcommand(self, const char* name, Py_ssize_t size)
    cpdef list keys(self, list args)


cdef class Table:
    cdef readonly dict by_name          # lower-case bytes -> Command (top level)
    cdef readonly list all              # every Command, containers and subcommands too, in order of `number`
    cdef void** slots
    cdef size_t mask

    cpdef void add(self, Command command)
    cdef Command find(self, const char* name, Py_ssize_t size)


cdef Command make_hot(
    str name, void* handler, int arity, str flags, list key_specs, str group, str since, str summary, str complexity
)
