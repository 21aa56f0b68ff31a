"""A key's block: header, optional fields, key, and the value if it is a short string, in one allocation.

    byte 0      flags: bits 0-1 form, bit 2 has an expiry, bit 3 snapshot parity, bit 4 has memcached's flags and cas
    byte 1      key size; 255: the size stands as uint32 behind the header
    bytes 2-4   access clock: seconds (LRU) or minutes and counter (LFU), see eviction
    bytes 5-7   EMBEDDED: value size; OBJECT: type code
    [4 bytes    key size, where byte 1 is 255]
    [8 bytes    expiry, milliseconds since 1970, where bit 2 is set]
    [13 bytes   memcached: flags (uint32), cas (uint64), state (uint8), where bit 4 is set]
    key bytes
    payload     EMBEDDED: the value; NUMBER: int64; OBJECT: PyObject*; EXTERNAL: char*, size, capacity

With a 16-byte key and a 64-byte value the block is 88 bytes, and glibc's chunk for it exactly 96. Fields are read with memcpy since
nothing behind the header is aligned; on x86-64 and arm64 that is one plain load.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    EMBEDDED = 0        # short string in the block
    NUMBER = 1          # string that is an int64
    OBJECT = 2          # compound value
    EXTERNAL = 3        # long or growing string in a block of its own
    FORM = 3
    HAS_EXPIRE = 4
    PARITY = 8
    HAS_MEMCACHED = 16
    MEMCACHED_SIZE = 13
    HEADER_SIZE = 8
    LONG_KEY = 255
    EMBEDDED_MAX = 65536

# State of a key in memcached's terms (the last byte of its fields)
cdef enum:
    ITEM_FETCHED = 1        # read since it was stored
    ITEM_STALE = 2          # marked so by `md I` or a late `ms I`
    ITEM_TOKEN_SENT = 4     # some client has been told to renew it
    ITEM_KEY_BINARY = 8     # its key came base64-encoded

ctypedef uint8_t* Entry

cdef struct ItemFields:
    uint32_t flags
    uint64_t cas
    uint8_t state

cdef struct External:
    char* data
    size_t size
    size_t capacity


cdef inline int entry_form(Entry e) noexcept nogil:
    return e[0] & FORM


cdef inline bint entry_expires(Entry e) noexcept nogil:
    return e[0] & HAS_EXPIRE


cdef inline Py_ssize_t entry_key_size(Entry e) noexcept nogil:
    cdef uint32_t size
    if e[1] != LONG_KEY:
        return e[1]
    memcpy(&size, e + HEADER_SIZE, 4)
    return size


cdef inline Py_ssize_t entry_expire_offset(Entry e) noexcept nogil:
    return HEADER_SIZE + (4 if e[1] == LONG_KEY else 0)


cdef inline Py_ssize_t entry_memcached_offset(Entry e) noexcept nogil:
    return entry_expire_offset(e) + (8 if e[0] & HAS_EXPIRE else 0)


cdef inline uint32_t entry_item_flags(Entry e) noexcept nogil:
    """The client's flags; 0 for a key that memcached clients have not written."""
    cdef uint32_t flags
    if not e[0] & HAS_MEMCACHED:
        return 0
    memcpy(&flags, e + entry_memcached_offset(e), 4)
    return flags


cdef inline uint64_t entry_item_cas(Entry e) noexcept nogil:
    cdef uint64_t cas
    if not e[0] & HAS_MEMCACHED:
        return 0
    memcpy(&cas, e + entry_memcached_offset(e) + 4, 8)
    return cas


cdef inline uint8_t entry_item_state(Entry e) noexcept nogil:
    return e[entry_memcached_offset(e) + 12] if e[0] & HAS_MEMCACHED else 0


cdef inline void entry_store_item(Entry e, const ItemFields* item) noexcept nogil:
    """Writes the fields of an entry that has room for them."""
    cdef uint8_t* at = e + entry_memcached_offset(e)
    memcpy(at, &item.flags, 4)
    memcpy(at + 4, &item.cas, 8)
    at[12] = item.state


cdef inline void entry_store_cas(Entry e, uint64_t cas) noexcept nogil:
    memcpy(e + entry_memcached_offset(e) + 4, &cas, 8)


cdef inline void entry_store_state(Entry e, uint8_t state) noexcept nogil:
    e[entry_memcached_offset(e) + 12] = state


cdef inline Py_ssize_t entry_key_offset(Entry e) noexcept nogil:
    return entry_memcached_offset(e) + (MEMCACHED_SIZE if e[0] & HAS_MEMCACHED else 0)


cdef inline char* entry_key(Entry e) noexcept nogil:
    return <char*>e + entry_key_offset(e)


cdef inline char* entry_payload(Entry e) noexcept nogil:
    return <char*>e + entry_key_offset(e) + entry_key_size(e)


cdef inline int64_t entry_expire_at(Entry e) noexcept nogil:
    """Milliseconds since 1970, or -1 when the key does not expire."""
    cdef int64_t at
    if not e[0] & HAS_EXPIRE:
        return -1
    memcpy(&at, e + entry_expire_offset(e), 8)
    return at


cdef inline void entry_store_expire(Entry e, int64_t at) noexcept nogil:
    memcpy(e + entry_expire_offset(e), &at, 8)


cdef inline uint32_t entry_u24(Entry e, int offset) noexcept nogil:
    return e[offset] | (<uint32_t>e[offset + 1] << 8) | (<uint32_t>e[offset + 2] << 16)


cdef inline void entry_store_u24(Entry e, int offset, uint32_t value) noexcept nogil:
    e[offset] = value & 0xff
    e[offset + 1] = (value >> 8) & 0xff
    e[offset + 2] = (value >> 16) & 0xff


cdef inline uint32_t entry_clock(Entry e) noexcept nogil:
    return entry_u24(e, 2)


cdef inline void entry_store_clock(Entry e, uint32_t clock) noexcept nogil:
    entry_store_u24(e, 2, clock)


cdef inline uint32_t entry_embedded_size(Entry e) noexcept nogil:
    return entry_u24(e, 5)


cdef inline int entry_type_code(Entry e) noexcept nogil:
    """OBJECT: which registered type; any string form: 0."""
    return <int>entry_u24(e, 5) if e[0] & FORM == OBJECT else 0


cdef inline int64_t entry_number(Entry e) noexcept nogil:
    cdef int64_t number
    memcpy(&number, entry_payload(e), 8)
    return number


cdef inline void* entry_object(Entry e) noexcept nogil:
    cdef void* pointer
    memcpy(&pointer, entry_payload(e), sizeof(void*))
    return pointer


cdef inline External entry_external(Entry e) noexcept nogil:
    cdef External external
    memcpy(&external, entry_payload(e), sizeof(External))
    return external


cdef inline void entry_store_external(Entry e, External external) noexcept nogil:
    memcpy(entry_payload(e), &external, sizeof(External))


cdef inline Py_ssize_t entry_payload_size(Entry e) noexcept nogil:
    cdef int form = e[0] & FORM
    if form == EMBEDDED:
        return entry_embedded_size(e)
    if form == NUMBER:
        return 8
    if form == OBJECT:
        return sizeof(void*)
    return sizeof(External)


cdef inline Py_ssize_t entry_size(Entry e) noexcept nogil:
    return entry_key_offset(e) + entry_key_size(e) + entry_payload_size(e)
