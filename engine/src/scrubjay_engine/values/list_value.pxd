"""Lists: one pack while small, a chain of packs after that. See list_value.pyx; Python callers see list_value.pyi."""
from libc.stdint cimport uint8_t, uint64_t

from scrubjay_engine.values.listpack cimport Pack
from scrubjay_engine.values.view cimport View


cdef struct Node:
    Node* before
    Node* after
    Pack* pack

cdef struct Chain:
    Node* first
    Node* last
    uint64_t count       # elements in all nodes
    uint64_t nodes

cdef struct Place:       # an element; void after any change of the list
    Node* node           # NULL in the small form
    Pack* pack
    uint8_t* at

cdef class ListValue:
    cdef void* body      # Pack* or Chain*; NULL while empty
    cdef bint chained

cdef Py_ssize_t list_len(ListValue value) noexcept
cdef int list_push(ListValue value, const char* data, Py_ssize_t size, bint head) except -1
cdef bint list_peek(ListValue value, bint head, View* view) noexcept
cdef int list_drop(ListValue value, Py_ssize_t elements, bint head) except -1
cdef bint list_seek(ListValue value, Py_ssize_t index, Place* place) noexcept
cdef bint list_next(Place* place) noexcept
cdef bint list_previous(Place* place) noexcept
