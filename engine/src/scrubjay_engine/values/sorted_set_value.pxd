"""Sorted sets: a pack in order while small, a table and a tree of blocks after that. See sorted_set_value.pyx and .pyi."""
from libc.stdint cimport uint8_t, uint32_t

from scrubjay_engine.values.listpack cimport Pack
from scrubjay_engine.values.ranks cimport Bound, Leaf, Ranks
from scrubjay_engine.values.table cimport Iterator, Table
from scrubjay_engine.values.view cimport View


cdef enum:
    ZADD_NX = 1          # only new members
    ZADD_XX = 2          # only members that are there
    ZADD_GT = 4          # only where the score grows
    ZADD_LT = 8          # only where the score falls
    ZADD_INCR = 16       # the score is added to the member's

    ZADD_ADDED = 1
    ZADD_UPDATED = 2
    ZADD_NOTHING = 4     # a condition was not met
    ZADD_NAN = 8         # the score is, or would become, not a number

cdef struct Ranked:          # the large form
    Table table              # by member
    Ranks ranks              # by score and member

cdef class SortedSetValue:
    cdef void* body          # Pack* or Ranked*; NULL while empty
    cdef bint ranked

cdef struct SortedPlace:     # a member; void after any change of the set
    Pack* pack
    uint8_t* at
    Leaf* leaf
    uint32_t index

cdef Py_ssize_t zset_len(SortedSetValue value) noexcept
cdef int zset_add(SortedSetValue value, const char* data, Py_ssize_t size, double* score, int flags) except -1
cdef bint zset_score(SortedSetValue value, const char* data, Py_ssize_t size, double* score) noexcept
cdef int zset_remove(SortedSetValue value, const char* data, Py_ssize_t size) except -1
cdef Py_ssize_t zset_rank(SortedSetValue value, const char* data, Py_ssize_t size) noexcept
cdef Py_ssize_t zset_bound(SortedSetValue value, const Bound* bound) noexcept
cdef bint zset_seek(SortedSetValue value, Py_ssize_t rank, SortedPlace* place) noexcept
cdef bint zset_step(SortedPlace* place, bint backward) noexcept
cdef double zset_view(const SortedPlace* place, View* member) noexcept
cdef int zset_remove_range(SortedSetValue value, Py_ssize_t start, Py_ssize_t count) except -1
