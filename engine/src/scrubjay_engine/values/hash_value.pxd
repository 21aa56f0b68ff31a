"""Hashes: a pack of fields and values while small, a table of fields after that. See hash_value.pyx and .pyi."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from scrubjay_engine.values.listpack cimport Pack
from scrubjay_engine.values.table cimport Iterator, Table
from scrubjay_engine.values.view cimport View


cdef struct Fields:          # the large form
    Table table
    void** timers            # entries that expire: a binary heap by time
    uint32_t timed           # how many
    uint32_t timer_room

cdef class HashValue:
    cdef void* body          # Pack* or Fields*; NULL while empty
    cdef bint tabled

cdef struct HashCursor:      # a walk over a hash that does not change meanwhile
    Pack* pack
    uint8_t* at
    Iterator entries
    bint tabled

cdef Py_ssize_t hash_len(HashValue value) noexcept
cdef bint hash_get(HashValue value, const char* field, Py_ssize_t field_size, View* view) noexcept
cdef int hash_set(HashValue value, const char* field, Py_ssize_t field_size, const char* data, Py_ssize_t size,
                  bint keep_expiry) except -1
cdef int hash_delete(HashValue value, const char* field, Py_ssize_t field_size) except -1
cdef void hash_walk(HashValue value, HashCursor* cursor) noexcept
cdef bint hash_next(HashCursor* cursor, View* field, View* view) noexcept
cdef void hash_walk_end(HashCursor* cursor) noexcept
cdef uint32_t hash_timed(HashValue value) noexcept
cdef int64_t hash_next_expiry(HashValue value) noexcept
