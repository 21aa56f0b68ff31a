# cython: boundscheck=False, wraparound=False, cdivision=True
"""Stream IDs and entries between the wire and the hot stream commands: read from arguments, written as replies.

The readers know the usual spellings only and say False to all others, errors included: the caller then leaves the command
to its Python form, which knows the whole grammar (`stream_ids`).
"""

from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.commands.hot cimport add_view
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.stream_index cimport ID, ID_TEXT, write_id
from scrubjay_engine.values.stream_node cimport Fields, Item, Node, fields_begin, fields_next
from scrubjay_engine.values.view cimport View

cdef uint64_t MOST = <uint64_t>0xFFFFFFFFFFFFFFFF


cdef bint is_char(const Arg* arg, char c) noexcept:
    return arg.size == 1 and arg.data[0] == c


cdef bint full_id(const Arg* arg, ID* id) noexcept:
    """The ID when both halves are given in plain decimal (as far as int64 goes: that is until the year 292 million)."""
    cdef Py_ssize_t dash = 0
    cdef int64_t ms = 0, seq = 0
    while dash < arg.size and arg.data[dash] != c"-":
        dash += 1
    if dash == arg.size or not parse_int64(arg.data, dash, &ms):
        return False
    if not parse_int64(arg.data + dash + 1, arg.size - dash - 1, &seq) or ms < 0 or seq < 0:
        return False
    id.ms = <uint64_t>ms
    id.seq = <uint64_t>seq
    return True


cdef bint plain_id(const Arg* arg, ID* id, unsigned long long missing) noexcept:
    """As `full_id`, or milliseconds alone: `missing` is the sequence then."""
    cdef int64_t ms = 0
    if full_id(arg, id):
        return True
    if not parse_int64(arg.data, arg.size, &ms) or ms < 0:
        return False
    id.ms = <uint64_t>ms
    id.seq = missing
    return True


cdef bint interval(const Arg* start, const Arg* end, ID* low, ID* high) noexcept:
    """The ends of a range, both included: IDs, `-` for the lowest and `+` for the highest."""
    if is_char(start, c"-"):
        low[0] = ID(0, 0)
    elif not plain_id(start, low, 0):
        return False
    if is_char(end, c"+"):
        high[0] = ID(MOST, MOST)
        return True
    return plain_id(end, high, MOST)


cdef ID following(ID id) noexcept:
    """The next higher ID (of one that is not the highest)."""
    return ID(id.ms, id.seq + 1) if id.seq != MOST else ID(id.ms + 1, 0)


cdef int add_id(Client client, ID id) except -1:
    cdef char text[ID_TEXT]
    return client.add_bulk(text, write_id(id, text))


cdef int add_entry(Client client, Node* node, Item* item) except -1:
    """[ID, [field, value, ...]]."""
    cdef Fields fields
    cdef View name, value
    client.add_array(2)
    add_id(client, item.id)
    client.add_array(item.fields * 2)
    fields_begin(node, item, &fields)
    while fields_next(&fields, &name, &value):
        add_view(client, &name)
        add_view(client, &value)
    return 0
