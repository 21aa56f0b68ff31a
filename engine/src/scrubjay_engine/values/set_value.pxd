"""Sets: sorted integers, a pack of members, or a table of members. See set_value.pyx; Python callers see set_value.pyi."""
from libc.stdint cimport uint8_t, uint32_t

from scrubjay_engine.values.listpack cimport Pack
from scrubjay_engine.values.table cimport Iterator, Table
from scrubjay_engine.values.view cimport View


cdef enum SetForm:
    SET_EMPTY = 0
    SET_INTEGERS = 1
    SET_PACK = 2
    SET_TABLE = 3

cdef struct Integers:        # sorted, all of one width; they follow this header (RDB's intset has the same body)
    uint32_t width           # 2, 4 or 8 bytes each
    uint32_t count

cdef struct Members:         # the large form
    Table table

cdef class SetValue:
    cdef void* body          # Integers*, Pack* or Members*; NULL while empty
    cdef SetForm form

cdef struct SetCursor:       # a walk over a set that does not change meanwhile
    void* body
    SetForm form
    uint32_t index
    uint8_t* at
    Iterator entries

cdef Py_ssize_t set_len(SetValue value) noexcept
cdef int set_add(SetValue value, const char* data, Py_ssize_t size) except -1
cdef int set_remove(SetValue value, const char* data, Py_ssize_t size) except -1
cdef bint set_contains(SetValue value, const char* data, Py_ssize_t size) noexcept
cdef bint set_random(SetValue value, View* view) noexcept
cdef void set_walk(SetValue value, SetCursor* cursor) noexcept
cdef bint set_next(SetCursor* cursor, View* view) noexcept
cdef void set_walk_end(SetCursor* cursor) noexcept
