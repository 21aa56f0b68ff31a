from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.core.command cimport Arg, Command
from scrubjay_engine.core.engine cimport Engine
from scrubjay_engine.core.keyspace cimport Database


ctypedef int (*HotHandler)(Client client, Arg* argv, int argc) except -1


cdef class Client:
    """One session: who it is, what state it is in, and the buffer its replies go to."""
    cdef readonly Engine engine
    cdef readonly uint64_t id
    cdef public Database db
    cdef readonly int protocol              # 2 or 3
    cdef public unsigned int gates
    cdef public bytes name
    cdef public bytes lib_name
    cdef public bytes lib_ver
    cdef public object user                 # security.acl.User, or None before there are any
    cdef public str address                 # "ip:port", or the socket's path
    cdef public str local_address
    cdef public int64_t created_ms
    cdef public int64_t active_ms
    cdef public Command command             # being executed, or the last one
    cdef public object multi                # commands/transactions: queued commands, or None
    cdef public object watched              # keys it WATCHes, or None
    cdef public object subscriptions        # commands/pubsub, or None
    cdef public object tracking             # commands/tracking, or None
    cdef public object blocked              # core/blocking.Blocked, or None
    cdef public object replica              # replication: the replica at the other end, or None
    cdef public object script               # scripting: the run this detached client belongs to, or None
    cdef public dict notes                  # anything else a family keeps for a client
    cdef public bint muted                  # replies are dropped (CLIENT REPLY OFF, the primary's link)
    cdef public bint mute_next              # CLIENT REPLY SKIP: the next command's reply is dropped
    cdef public bint no_evict
    cdef public bint no_touch
    cdef public bint readonly               # cluster READONLY
    cdef public bint asking
    cdef public bint closing                # close once the replies are sent
    cdef public bint closed
    cdef public bint in_pending             # stands in engine.pending
    cdef public bint exempt                 # from output limits (a replica's link has its own)
    cdef public bint doomed                 # being closed without its replies
    cdef public uint64_t commands_run
    cdef public uint64_t bytes_in
    cdef public uint64_t bytes_out

    # output
    cdef char* out
    cdef size_t out_size
    cdef size_t out_capacity
    cdef bint out_borrowed                  # `out` is the shared buffer, lent while this client is served
    cdef list out_hard_limit

    # what the command being executed propagates; None: itself if it changed something
    cdef public list rewritten
    cdef public bint not_propagated

    cdef int reserve(self, size_t more) except -1
    cdef int write(self, const char* data, size_t size) except -1
    cdef int add_header(self, char kind, int64_t count) except -1
    cdef int add_int(self, int64_t number) except -1
    cdef int add_bulk(self, const char* data, Py_ssize_t size) except -1
    cdef int add_bulk_int(self, int64_t number) except -1
    cdef int add_null(self) except -1
    cdef int add_null_array(self) except -1
    cdef int add_array(self, int64_t count) except -1
    cdef int add_map(self, int64_t pairs) except -1
    cdef int add_set(self, int64_t count) except -1
    cdef int add_push(self, int64_t count) except -1
    cdef int add_ok(self) except -1
    cdef int add_double(self, double number) except -1
    cpdef void add_status(self, str text)
    cpdef void add_error(self, bytes text)
    cpdef void reply(self, object value)
    cpdef void write_raw(self, bytes data)
    cpdef void changed_output(self)
    cdef int limits_reached(self, size_t size) except -1

cdef int format_double(char* out, double number) noexcept
