"""A stream's macro node: up to a hundred entries packed behind one "master entry". See stream_node.pyx for the layout."""

from libc.stdint cimport int64_t, uint8_t

from scrubjay_engine.values.listpack cimport Pack, entry_after, entry_view
from scrubjay_engine.values.stream_index cimport ID
from scrubjay_engine.values.view cimport View


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

cdef struct Fields:         # a walk over an entry's fields and values
    uint8_t* name           # the next field, where the fields are the master entry's; else NULL
    uint8_t* at             # the next value, or the next field in front of its value
    int64_t left


cdef inline void fields_begin(Node* node, Item* item, Fields* fields) noexcept nogil:
    fields.name = node.names if item.flags & SAME_FIELDS else NULL
    fields.at = item.body
    fields.left = item.fields


cdef inline bint fields_next(Fields* fields, View* name, View* value) noexcept nogil:
    """The next field and its value; False when there is none."""
    if fields.left == 0:
        return False
    fields.left -= 1
    if fields.name != NULL:
        entry_view(fields.name, name)
        fields.name = entry_after(fields.name)
    else:
        entry_view(fields.at, name)
        fields.at = entry_after(fields.at)
    entry_view(fields.at, value)
    fields.at = entry_after(fields.at)
    return True


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
