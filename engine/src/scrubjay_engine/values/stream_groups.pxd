"""Consumer groups for the hot commands. See stream_groups.pyx; Python callers see the .pyi."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from scrubjay_engine.values.stream_index cimport ID, Index
from scrubjay_engine.values.stream_value cimport StreamValue


cdef struct Pending:
    int64_t delivered_at
    int64_t deliveries
    PyObject* consumer      # borrowed: a consumer outlives its pending entries


cdef class Consumer:
    cdef readonly bytes name
    cdef public int64_t seen_at     # when it last asked for entries
    cdef Index pending


cdef class Group:
    cdef ID last                    # the last ID that was given out
    cdef public int64_t entries_read
    cdef readonly dict consumers    # name -> Consumer
    cdef Index pending

    cdef void drop_last(self) noexcept
    cdef int pass_entry(self, StreamValue stream, ID id) except -1
    cdef int give(self, ID id, Consumer consumer, int64_t delivered_at, int64_t deliveries) except -1
    cdef bint release(self, ID id) noexcept
