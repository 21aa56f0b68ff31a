# cython: boundscheck=False, wraparound=False, cdivision=True
"""Entries of a stream packed together, laid out as in Redis' streams so that DUMP and RDB need no translation.

A node is a listpack. First comes the master entry: live entries, deleted entries, number of fields, the field names,
and 0. Then one entry after another: flags; the ID as differences (milliseconds, sequence) to the node's own ID; unless
SAME_FIELDS says that they are the master's, the number of fields; then field and value pairs, or the values alone; and
last how many listpack elements the entry has, so that it can be read backwards. Deleting an entry only flags it. Source:
the layout comments of Redis 7.0's streams. Which node an entry belongs to is `stream_value`'s affair.
"""

from libc.stdint cimport int64_t, uint8_t

from scrubjay_engine.values.listpack cimport (
    Pack, entry_after, entry_before, entry_view, pack_begin, pack_end, pack_insert, pack_insert_number, pack_new,
    pack_remove,
)
from scrubjay_engine.values.stream_index cimport ID
from scrubjay_engine.values.view cimport View, view_bytes, view_equals


cdef inline int64_t number_at(const uint8_t* at) noexcept nogil:
    cdef View view
    view.number = 0
    entry_view(at, &view)
    return view.number


cdef inline int add_number(Pack** pack, int64_t number) except -1:
    pack_insert_number(pack, pack_end(pack[0]), number)
    return 0


cdef inline int add_piece(Pack** pack, const Piece* piece) except -1:
    pack_insert(pack, pack_end(pack[0]), piece.data, piece.size)
    return 0


cdef int replace_number(Pack** pack, uint8_t* at, int64_t number) except -1:
    if at[0] < 0x80 and 0 <= number < 0x80:
        at[0] = <uint8_t>number             # one byte before and after: counters of nodes of the usual size, and flags
        return 0
    at = pack_remove(pack, at, 1)
    pack_insert_number(pack, at, number)
    return 0


cdef Pack* node_new(ID id, const Piece* pieces, Py_ssize_t count) except NULL:
    """A node that holds one entry; `pieces` are its fields and values, alternating."""
    cdef Pack* pack = pack_new(64)
    cdef Py_ssize_t i
    add_number(&pack, 0)
    add_number(&pack, 0)
    add_number(&pack, count // 2)
    for i in range(0, count, 2):
        add_piece(&pack, &pieces[i])
    add_number(&pack, 0)
    node_append(&pack, id, id, pieces, count)
    return pack


cdef void node_open(Pack* pack, ID master, Node* node) noexcept nogil:
    cdef uint8_t* at = entry_after(entry_after(pack_begin(pack)))
    cdef int64_t i
    node.pack = pack
    node.master = master
    node.fields = number_at(at)
    node.names = at = entry_after(at)
    for i in range(node.fields):
        at = entry_after(at)
    node.first = entry_after(at)


cdef int64_t node_live(Pack* pack) noexcept nogil:
    """Entries that are not deleted."""
    return number_at(pack_begin(pack))


cdef int64_t node_total(Pack* pack) noexcept nogil:
    """Entries, deleted ones included."""
    return node_live(pack) + number_at(entry_after(pack_begin(pack)))


cdef bint same_fields(Pack* pack, const Piece* pieces, Py_ssize_t count) noexcept nogil:
    cdef Node node
    cdef View view
    cdef uint8_t* at
    cdef Py_ssize_t i
    node_open(pack, ID(0, 0), &node)
    if node.fields != count // 2:
        return False
    at = node.names
    for i in range(0, count, 2):
        entry_view(at, &view)
        if not view_equals(&view, pieces[i].data, pieces[i].size):
            return False
        at = entry_after(at)
    return True


cdef int node_append(Pack** pack, ID master, ID id, const Piece* pieces, Py_ssize_t count) except -1:
    """Add an entry at the end; `pieces` are its fields and values, alternating."""
    cdef bint same = same_fields(pack[0], pieces, count)
    cdef Py_ssize_t fields = count // 2
    cdef Py_ssize_t i
    replace_number(pack, pack_begin(pack[0]), node_live(pack[0]) + 1)
    add_number(pack, SAME_FIELDS if same else 0)
    add_number(pack, <int64_t>(id.ms - master.ms))
    add_number(pack, <int64_t>(id.seq - master.seq))
    if same:
        for i in range(1, count, 2):
            add_piece(pack, &pieces[i])
        add_number(pack, fields + 3)
        return 0
    add_number(pack, fields)
    for i in range(count):
        add_piece(pack, &pieces[i])
    add_number(pack, 2 * fields + 4)
    return 0


cdef void read_item(Node* node, uint8_t* at, Item* item) noexcept nogil:
    cdef int64_t skip
    item.at = at
    item.flags = number_at(at)
    at = entry_after(at)
    item.id.ms = node.master.ms + <unsigned long long>number_at(at)
    at = entry_after(at)
    item.id.seq = node.master.seq + <unsigned long long>number_at(at)
    at = entry_after(at)
    if item.flags & SAME_FIELDS:
        item.fields = skip = node.fields
    else:
        item.fields = number_at(at)
        at = entry_after(at)
        skip = item.fields * 2
    item.body = at
    while skip:
        at = entry_after(at)
        skip -= 1
    item.after = entry_after(at)


cdef void node_start(Node* node, Item* item, bint reverse) noexcept nogil:
    """Stand before the first entry, or behind the last one to walk backwards."""
    item.after = node.first
    item.at = pack_end(node.pack) if reverse else NULL


cdef bint node_next(Node* node, Item* item) noexcept nogil:
    if item.after >= pack_end(node.pack):
        return False
    read_item(node, item.after, item)
    return True


cdef bint node_previous(Node* node, Item* item) noexcept nogil:
    cdef uint8_t* at
    cdef int64_t elements
    if item.at <= node.first:
        return False
    at = entry_before(item.at)
    elements = number_at(at)
    while elements:
        at = entry_before(at)
        elements -= 1
    read_item(node, at, item)
    return True


cdef int node_delete(Pack** pack, uint8_t* at) except -1:
    """Flag the entry at `at` as deleted and count it; positions in the node are void afterwards."""
    cdef int64_t live = node_live(pack[0])
    cdef int64_t deleted = node_total(pack[0]) - live
    at[0] |= DELETED                        # flags are below 128, so one byte holds them
    replace_number(pack, entry_after(pack_begin(pack[0])), deleted + 1)
    replace_number(pack, pack_begin(pack[0]), live - 1)
    return 0


cdef list node_pairs(Node* node, Item* item):
    """[field, value, ...] of an entry."""
    cdef list pairs = []
    cdef Fields fields
    cdef View name, value
    fields_begin(node, item, &fields)
    while fields_next(&fields, &name, &value):
        pairs.append(view_bytes(&name))
        pairs.append(view_bytes(&value))
    return pairs
