"""A stream's macro node: up to a hundred entries packed behind one "master entry". See stream_node.pyx for the layout."""

from libc.stdint cimport int64_t, uint8_t

from scrubjay_engine.values.listpack cimport Pack
from scrubjay_engine.values.stream_index cimport ID


cdef enum:
    DELETED = 1             # flags of an entry
    SAME_FIELDS = 2

cdef struct Piece:          # a field or a value
    const char* data
    Py_ssize_t size

cdef struct Node:           # a pack, opened for reading
    Pack* pack
    ID master               # the ID the differences count from
    int64_t fields          # of the master entry
    uint8_t* names          # the master entry's first field
    uint8_t* first          # the first entry

cdef struct Item:           # one entry of an open node
    uint8_t* at
    ID id
    int64_t flags
    int64_t fields
    uint8_t* body           # the first value, or the first field where the fields are the entry's own
    uint8_t* after          # behind the entry


cdef Pack* node_new(ID id, const Piece* pieces, Py_ssize_t count) except NULL
cdef void node_open(Pack* pack, ID master, Node* node) noexcept nogil
cdef int64_t node_live(Pack* pack) noexcept nogil
cdef int64_t node_total(Pack* pack) noexcept nogil
cdef int node_append(Pack** pack, ID master, ID id, const Piece* pieces, Py_ssize_t count) except -1
cdef bint node_next(Node* node, Item* item) noexcept nogil
cdef bint node_previous(Node* node, Item* item) noexcept nogil
cdef void node_start(Node* node, Item* item, bint reverse) noexcept nogil
cdef int node_delete(Pack** pack, uint8_t* at) except -1
cdef list node_pairs(Node* node, Item* item)
