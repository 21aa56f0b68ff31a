"""Stream IDs and entries between the wire and the hot stream commands. See stream_wire.pyx."""

from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg
from scrubjay_engine.values.stream_index cimport ID
from scrubjay_engine.values.stream_node cimport Item, Node


cdef bint is_char(const Arg* arg, char c) noexcept
cdef bint full_id(const Arg* arg, ID* id) noexcept
cdef bint plain_id(const Arg* arg, ID* id, unsigned long long missing) noexcept
cdef bint interval(const Arg* start, const Arg* end, ID* low, ID* high) noexcept
cdef ID following(ID id) noexcept
cdef int add_id(Client client, ID id) except -1
cdef int add_entry(Client client, Node* node, Item* item) except -1
