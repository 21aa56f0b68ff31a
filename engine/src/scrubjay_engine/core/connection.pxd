from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg
from scrubjay_engine.core.wire cimport Wire


cdef class Budget:
    cdef public int64_t limit       # bytes; 0: none, and nobody counts
    cdef public int64_t taken       # by all connections that count
    cdef public int64_t alarm       # `over` is called when more than this is taken
    cdef public object over         # ()


cdef class Connection(Client):
    cdef Budget budget              # None: memory is not counted
    cdef int64_t counted            # what of the budget's `taken` is ours
    cdef readonly object socket
    cdef readonly object loop
    cdef readonly int fd
    cdef readonly Wire wire         # TLS, or None: the socket itself
    cdef char* query                # unparsed input that did not fit into one turn; NULL while there is none
    cdef size_t query_size
    cdef size_t query_capacity
    cdef size_t awaited             # where a long argument that is being received will end in `query`; 0: none
    cdef size_t turn_size           # bytes being served now that are in the shared buffer
    cdef bint writing               # waits for the socket to take more
    cdef bint reading
    cdef public bint paused         # blocked or held back: input waits
    cdef bint serving
    cdef int multibulk              # arguments still expected of a long command read in pieces; 0: none
    cdef object on_close            # (Connection)
    cdef list debts                 # of this turn: (from, to) in `bytes_out` terms of replies to writes; None: none
    cdef int holding                # pieces of output that wait for replicas
    cdef uint64_t clear_to          # while holding: how far, in `bytes_out` terms, output may be sent
    cdef bint stalled               # output waits for a new lease
    cdef bint refused               # this turn began without a lease: its replies are refusals, and may be sent
    cdef public object plain        # replication: (bytes) takes the input instead of the parser

    cdef int serve(self, const char* data, size_t size) except -1
    cdef Py_ssize_t parse_one(self, const char* data, size_t size) except -2
    cdef int turn(self, object fresh, const char* data, size_t size) except -1
    cdef int take_plain(self, const char* data, size_t size, bint own) except -1
    cdef int resume(self) except -1
    cdef int serve_owned(self, char* query, size_t size) except -1
    cdef size_t run_complete(self, const char* data, size_t size) except? 0
    cdef int run_parsed(self, Arg* argv, int argc) except -1
    cdef bint probe_multibulk(self, const char* data, size_t size, size_t at) except -1
    cdef Py_ssize_t parse_inline(self, const char* data, size_t size) except -2
    cdef Py_ssize_t protocol_error(self, str what) except -2
    cdef int grow_query(self, size_t wanted) except -1
    cdef int make_room_for_argument(self) except -1
    cdef int drop_query(self) except -1
    cdef int count_memory(self) except -1
    cdef size_t parsed(self) except? 0
    cdef int note_sent(self, ssize_t sent) except -1
    cdef int settle_output(self) except -1
    cdef size_t sendable(self) except? 0
    cdef bint unleased(self) except -1
    cdef int keep(self, const char* data, size_t size) except -1
    cdef int read_on(self) except -1
    cdef ssize_t receive(self, char* into, size_t room) except -3
    cdef ssize_t transmit(self, const char* data, size_t size) except -3
