"""Streams: nodes of entries in an index by ID, and consumer groups. See stream_value.pyx; Python callers see the .pyi."""

from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.values.stream_index cimport Cursor, ID, Index, Slot
from scrubjay_engine.values.stream_node cimport Item, Node, Piece


cdef struct Walk:           # over the live entries between two IDs, see StreamValue.walk
    Index* index
    Cursor cursor
    Node node
    Item item
    ID start
    ID end
    bint reverse
    bint opened             # `node` is the cursor's


cdef bint walk_next(Walk* walk) noexcept nogil


cdef class StreamValue:
    cdef Index nodes
    cdef uint64_t length
    cdef ID last
    cdef ID first               # of the live entries; 0-0 when there is none
    cdef ID deleted             # the highest ID ever deleted by XDEL
    cdef public uint64_t entries_added
    cdef readonly dict groups   # name -> Group

    cdef int add(self, ID id, const Piece* pieces, Py_ssize_t count) except -1
    cdef int64_t cut_to_length(self, uint64_t longest, bint whole_nodes, int64_t limit) except -1
    cdef void release(self) noexcept
    cdef list collect(self, ID start, ID end, int64_t count, bint reverse, bint numbers)
    cdef void walk(self, ID start, ID end, bint reverse, Walk* walk) noexcept
    cdef bint deleted_since(self, ID id) noexcept
    cdef int64_t added_up_to(self, ID id) noexcept
    cdef void refresh_first(self, ID removed) noexcept
    cdef int64_t cut_node(self, Slot* slot, int64_t most, const ID* minimum) except -1
    cdef bint seek(self, ID id, Node* node, Item* item) noexcept
    cdef bint find_first(self, ID* out) noexcept
    cdef int drop_node(self, ID id) except -1

