"""A sorted map from 128-bit stream IDs to pointers: the nodes of a stream, and the pending entries of its groups.

See stream_index.pyx for how it is laid out. Items are the caller's: the index neither copies nor frees them.
"""

from libc.stdint cimport uint32_t, uint64_t


cdef struct ID:
    uint64_t ms
    uint64_t seq

cdef enum:
    ID_TEXT = 44            # room for an ID as text

cdef struct Slot:
    ID id
    void* item

cdef struct Chunk:
    uint32_t used
    uint32_t capacity
    Slot slots[1]           # `capacity` of them

cdef struct Index:
    Chunk** chunks          # in order; none is empty
    Py_ssize_t chunk_count
    Py_ssize_t chunk_capacity
    Py_ssize_t count

cdef struct Cursor:         # a slot; void after any change of the index
    Py_ssize_t chunk
    Py_ssize_t at


cdef inline int compare_ids(ID a, ID b) noexcept nogil:
    if a.ms != b.ms:
        return 1 if a.ms > b.ms else -1
    return (a.seq > b.seq) - (a.seq < b.seq)


cdef inline Slot* cursor_slot(Index* index, Cursor* cursor) noexcept nogil:
    """The slot, or NULL before the first and behind the last."""
    if cursor.chunk < 0 or cursor.chunk >= index.chunk_count:
        return NULL
    return &index.chunks[cursor.chunk].slots[cursor.at]


cdef inline void cursor_next(Index* index, Cursor* cursor) noexcept nogil:
    cursor.at += 1
    if cursor.at == index.chunks[cursor.chunk].used:
        cursor.chunk += 1
        cursor.at = 0


cdef inline void cursor_previous(Index* index, Cursor* cursor) noexcept nogil:
    cursor.at -= 1
    if cursor.at < 0:
        cursor.chunk -= 1
        if cursor.chunk >= 0:
            cursor.at = index.chunks[cursor.chunk].used - 1


cdef void index_first(Index* index, Cursor* cursor) noexcept nogil
cdef void index_last(Index* index, Cursor* cursor) noexcept nogil
cdef void index_seek(Index* index, ID id, Cursor* cursor) noexcept nogil
cdef void index_seek_at_most(Index* index, ID id, Cursor* cursor) noexcept nogil
cdef void** index_find(Index* index, ID id) noexcept nogil
cdef bint index_insert(Index* index, ID id, void* item) except -1
cdef void* index_remove(Index* index, ID id) noexcept
cdef void index_release(Index* index) noexcept
cdef size_t index_bytes(Index* index) noexcept
cdef ID to_id(object number) except *
cdef object from_id(ID id)
cdef int write_id(ID id, char* out) noexcept nogil
cdef bytes id_bytes(ID id)
