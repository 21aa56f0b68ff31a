from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from scrubjay_engine.core.engine cimport Engine
from scrubjay_engine.core.entry cimport Entry
from scrubjay_engine.core.keyspace cimport Database, Keyspace

cdef enum:
    # how to store
    SET
    ADD
    REPLACE
    APPEND
    PREPEND
    CAS

cdef enum:
    # how it went
    STORED
    NOT_STORED
    EXISTS
    NOT_FOUND
    TOO_LARGE
    NO_MEMORY
    NON_NUMERIC
    CHANGED

cdef enum:
    KEY_MAX = 250
    NEVER = -1

# What a client wants stored
cdef struct Request:
    const char* key
    Py_ssize_t key_size
    const char* data
    Py_ssize_t size
    int64_t expire_at       # ms since 1970, NEVER
    uint64_t cas            # what it must have now; 0: whatever
    uint32_t flags
    uint8_t state
    int mode
    bint may_be_stale       # a cas below the present one stores, marked stale

# An addition or subtraction, and its outcome
cdef struct Delta:
    uint64_t amount
    uint64_t cas            # must match unless 0; afterwards the new one
    uint64_t value
    char digits[24]
    int size
    bint down


cdef class Items:
    cdef readonly Engine engine
    cdef readonly Keyspace space
    cdef readonly Database db

    # options
    cdef public bint use_cas
    cdef public uint64_t item_size_max
    cdef public bint flush_enabled
    cdef public bint dump_enabled
    cdef public bint watch_enabled
    cdef public bint shutdown_enabled
    cdef public bint debug_time
    cdef public int verbosity
    cdef public int64_t flush_at        # seconds since 1970; 0: no flush is due
    cdef public object prefixes         # stats detail: prefix -> [get, hit, set, del]; None: off
    cdef public object on_read          # watchers: (session, key, found), or None
    cdef public object on_written       # watchers: (session, key, mode, outcome, bytes), or None

    # counters (`stats`)
    cdef public uint64_t cmd_get, cmd_set, cmd_flush, cmd_touch, cmd_meta
    cdef public uint64_t get_hits, get_misses, get_expired, get_flushed
    cdef public uint64_t delete_hits, delete_misses
    cdef public uint64_t incr_hits, incr_misses, decr_hits, decr_misses
    cdef public uint64_t cas_hits, cas_misses, cas_badval
    cdef public uint64_t touch_hits, touch_misses
    cdef public uint64_t store_too_large, store_no_memory
    cdef public uint64_t auth_cmds, auth_errors
    cdef public uint64_t total_items, total_connections, rejected_connections, idle_kicks

    cdef uint64_t stored_cas            # of the last item stored

    cdef int64_t now(self) noexcept
    cdef int64_t expiry(self, int64_t exptime) noexcept
    cdef uint64_t next_cas(self) noexcept
    cdef bint fits(self, Py_ssize_t key_size, uint32_t flags, Py_ssize_t size) noexcept
    cdef Entry find(self, const char* key, Py_ssize_t size, bint update) except? NULL
    cdef int bump(self, Entry entry) except -1
    cdef Entry with_fields(self, Entry entry, const char* key, Py_ssize_t size) except NULL
    cdef Entry set_expiry(self, Entry entry, const char* key, Py_ssize_t size, int64_t at) except NULL
    cdef int store(self, Request* request) except -1
    cdef int replace(self, Request* request) except -1
    cdef int joined(self, Request* request, Entry old) except -1
    cdef int add_delta(self, const char* key, Py_ssize_t size, Delta* delta) except -1
    cdef int write_number(self, Entry entry, const char* key, Py_ssize_t size, Delta* delta, Py_ssize_t old_size) except -1
    cdef int delete(self, const char* key, Py_ssize_t size, uint64_t cas) except -1
    cdef int remove(self, const char* key, Py_ssize_t size) except -1
    cdef int mark_stale(self, Entry entry, const char* key, Py_ssize_t size) except -1
    cdef int changed(self, const char* key, Py_ssize_t size, str event) except -1
    cdef int propagate_value(self, const char* key, Py_ssize_t size) except -1
    cdef int propagate_expiry(self, const char* key, Py_ssize_t size, int64_t at) except -1
    cdef int count_prefix(self, const char* key, Py_ssize_t size, int what) except -1
