"""Packed entries in one block of memory: the small form of hashes, sets and sorted sets, and the nodes of lists.

Entries are encoded exactly as in Redis' listpack (the comments on `entry_view` give the layout; source: Redis'
listpack.c and antirez' listpack specification), so that the body can be copied from and to DUMP and RDB. The header
is our own: it leaves a gap in front of the first entry, which makes pushing at the head of a list as cheap as at its
tail. Positions are pointers to entries; any change invalidates them, except where a function returns a new one.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from scrubjay_engine.values.view cimport View


cdef struct Pack:
    uint32_t gap         # free bytes before the first entry
    uint32_t used        # bytes of entries
    uint32_t count       # entries

cdef enum:
    PACK_HEADER = 12
    PACK_LIMIT = 1 << 30  # larger packs are never made by growing (Redis' LISTPACK_MAX_SAFETY_LIMIT)


cdef inline uint8_t* pack_begin(Pack* pack) noexcept nogil:
    return <uint8_t*> pack + PACK_HEADER + pack.gap


cdef inline uint8_t* pack_end(Pack* pack) noexcept nogil:
    return <uint8_t*> pack + PACK_HEADER + pack.gap + pack.used


cdef inline uint32_t load32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline uint32_t backlen_size(uint64_t length) noexcept nogil:
    """Bytes of the back length of an entry whose encoding and data take `length`."""
    if length <= 127:
        return 1
    if length < 16383:
        return 2
    if length < 2097151:
        return 3
    return 4 if length < 268435455 else 5


cdef inline uint64_t entry_body(const uint8_t* at) noexcept nogil:
    """Bytes of encoding and data of an entry."""
    cdef uint8_t first = at[0]
    if first < 0x80:
        return 1
    if first < 0xC0:
        return 1 + (first & 0x3F)
    if first < 0xE0:
        return 2
    if first < 0xF0:
        return 2 + ((<uint64_t> (first & 0x0F) << 8) | at[1])
    if first == 0xF0:
        return 5 + <uint64_t> load32(at + 1)
    if first == 0xF1:
        return 3
    if first == 0xF2:
        return 4
    return 5 if first == 0xF3 else 9


cdef inline uint8_t* entry_after(const uint8_t* at) noexcept nogil:
    cdef uint64_t body = entry_body(at)
    return <uint8_t*> at + body + backlen_size(body)


cdef inline uint8_t* entry_before(const uint8_t* at) noexcept nogil:
    """The entry that ends where this one begins (`at` is not the first)."""
    cdef uint64_t body = 0
    cdef int shift = 0
    at -= 1
    while True:
        body |= <uint64_t> (at[0] & 0x7F) << shift
        if not at[0] & 0x80:
            break
        shift += 7
        at -= 1
    return <uint8_t*> at - body


cdef inline bint entry_view(const uint8_t* at, View* view) noexcept nogil:
    """Decode an entry; True when it is an integer.

    0xxxxxxx: 0..127. 10xxxxxx: string of up to 63 bytes. 110xxxxx + 1: 13-bit integer. 1110xxxx + 1: string of up to
    4095 bytes. F0 + 4: string. F1 + 2, F2 + 3, F3 + 4, F4 + 8: integers of 16, 24, 32, 64 bits, little-endian.
    """
    cdef uint8_t first = at[0]
    cdef int64_t wide
    cdef int32_t narrow
    cdef int16_t short_
    if 0x80 <= first < 0xC0:
        view.data = <const char*> at + 1
        view.size = first & 0x3F
        return False
    if 0xE0 <= first < 0xF0:
        view.data = <const char*> at + 2
        view.size = (<Py_ssize_t> (first & 0x0F) << 8) | at[1]
        return False
    if first == 0xF0:
        view.data = <const char*> at + 5
        view.size = load32(at + 1)
        return False
    view.data = NULL
    view.size = 0
    if first < 0x80:
        view.number = first
    elif first < 0xE0:
        narrow = (<int32_t> (first & 0x1F) << 8) | at[1]
        view.number = narrow - 8192 if narrow >= 4096 else narrow
    elif first == 0xF1:
        memcpy(&short_, at + 1, 2)
        view.number = short_
    elif first == 0xF2:
        narrow = at[1] | (<int32_t> at[2] << 8) | (<int32_t> <int8_t> at[3]) * 65536
        view.number = narrow
    elif first == 0xF3:
        memcpy(&narrow, at + 1, 4)
        view.number = narrow
    else:
        memcpy(&wide, at + 1, 8)
        view.number = wide
    return True


cdef Pack* pack_new(size_t room) except NULL
cdef void pack_free(Pack* pack) noexcept
cdef Pack* pack_copy(const Pack* pack) except NULL
cdef uint64_t encoded_size(const char* data, Py_ssize_t size) noexcept nogil
cdef uint8_t* pack_insert(Pack** pack, uint8_t* at, const char* data, Py_ssize_t size) except NULL
cdef uint8_t* pack_insert_number(Pack** pack, uint8_t* at, long long number) except NULL
cdef uint8_t* pack_insert_raw(Pack** pack, uint8_t* at, const char* data, Py_ssize_t size) except NULL
cdef uint8_t* pack_replace(Pack** pack, uint8_t* at, const char* data, Py_ssize_t size) except NULL
cdef uint8_t* pack_remove(Pack** pack, uint8_t* at, uint32_t entries) except NULL
cdef uint8_t* pack_seek(Pack* pack, int64_t index) noexcept nogil
cdef uint8_t* pack_find(Pack* pack, uint8_t* at, const char* data, Py_ssize_t size, int step) noexcept nogil
cdef Pack* pack_split(Pack** pack, uint8_t* at, uint32_t index) except NULL
cdef int pack_join(Pack** pack, const Pack* tail) except -1
cdef bytes pack_dump(Pack* pack)
