# cython: boundscheck=False, wraparound=False, cdivision=True
"""The sorted map behind streams: an array of chunks of up to 64 slots each, searched by halving twice.

IDs mostly arrive in ascending order and leave from the front or anywhere, so: a full last chunk is left full and a new
one begun (no half-empty chunks behind an append), any other full chunk is split in halves, an empty chunk goes at once,
and a chunk that has become three quarters empty gives half of its room back. A slot costs 24 bytes, plus at most as much
again; the array of chunks costs one pointer for 64.

Invariants: slots ascend strictly within and across chunks; no chunk is empty; `count` is the number of slots.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memmove

from scrubjay_engine.values.memory cimport zfree, zmalloc, zrealloc, zsize

cdef enum:
    CHUNK_MAX = 64
    CHUNK_MIN = 4
    CHUNK_HEADER = 8


cdef inline ID first_id(Chunk* chunk) noexcept nogil:
    return chunk.slots[0].id


cdef Py_ssize_t chunk_for(Index* index, ID id) noexcept nogil:
    """The last chunk that begins at or before the ID; -1 when the ID is before all."""
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = index.chunk_count
    cdef Py_ssize_t middle
    if high and compare_ids(first_id(index.chunks[high - 1]), id) <= 0:
        return high - 1
    while low < high:
        middle = (low + high) >> 1
        if compare_ids(first_id(index.chunks[middle]), id) <= 0:
            low = middle + 1
        else:
            high = middle
    return low - 1


cdef Py_ssize_t place_in(Chunk* chunk, ID id) noexcept nogil:
    """Where the first slot at or behind the ID is, or would be."""
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = chunk.used
    cdef Py_ssize_t middle
    if compare_ids(chunk.slots[high - 1].id, id) < 0:
        return high
    while low < high:
        middle = (low + high) >> 1
        if compare_ids(chunk.slots[middle].id, id) < 0:
            low = middle + 1
        else:
            high = middle
    return low


cdef void index_first(Index* index, Cursor* cursor) noexcept nogil:
    cursor.chunk = 0
    cursor.at = 0


cdef void index_last(Index* index, Cursor* cursor) noexcept nogil:
    cursor.chunk = index.chunk_count - 1
    cursor.at = index.chunks[cursor.chunk].used - 1 if index.chunk_count else 0


cdef void index_seek(Index* index, ID id, Cursor* cursor) noexcept nogil:
    """The first slot at or behind the ID."""
    cdef Py_ssize_t chunk = chunk_for(index, id)
    if chunk < 0:
        index_first(index, cursor)
        return
    cursor.chunk = chunk
    cursor.at = place_in(index.chunks[chunk], id)
    if cursor.at == index.chunks[chunk].used:
        cursor.chunk += 1
        cursor.at = 0


cdef void index_seek_at_most(Index* index, ID id, Cursor* cursor) noexcept nogil:
    """The last slot at or before the ID."""
    cdef Chunk* chunk
    cursor.chunk = chunk_for(index, id)
    cursor.at = 0
    if cursor.chunk < 0:
        return
    chunk = index.chunks[cursor.chunk]
    cursor.at = place_in(chunk, id)
    if cursor.at == chunk.used or compare_ids(chunk.slots[cursor.at].id, id) > 0:
        cursor.at -= 1


cdef void** index_find(Index* index, ID id) noexcept nogil:
    """Where the item of exactly this ID is kept, or NULL."""
    cdef Cursor cursor
    cdef Slot* slot
    index_seek(index, id, &cursor)
    slot = cursor_slot(index, &cursor)
    if slot == NULL or compare_ids(slot.id, id) != 0:
        return NULL
    return &slot.item


cdef Chunk* resize(Chunk* chunk, uint32_t capacity) except NULL:
    chunk = <Chunk*>zrealloc(chunk, CHUNK_HEADER + capacity * sizeof(Slot))
    chunk.capacity = capacity
    return chunk


cdef Chunk* open_chunk(Index* index, Py_ssize_t place, uint32_t capacity) except NULL:
    """A new chunk, not yet holding anything, as number `place`."""
    cdef Chunk* chunk
    cdef Py_ssize_t capacity_of_array
    if index.chunk_count == index.chunk_capacity:
        capacity_of_array = index.chunk_capacity + (index.chunk_capacity >> 1) + 1
        index.chunks = <Chunk**>zrealloc(index.chunks, capacity_of_array * sizeof(Chunk*))
        index.chunk_capacity = capacity_of_array
    chunk = <Chunk*>zmalloc(CHUNK_HEADER + capacity * sizeof(Slot))
    chunk.used = 0
    chunk.capacity = capacity
    memmove(&index.chunks[place + 1], &index.chunks[place], (index.chunk_count - place) * sizeof(Chunk*))
    index.chunks[place] = chunk
    index.chunk_count += 1
    return chunk


cdef bint index_insert(Index* index, ID id, void* item) except -1:
    """Put an item in; False (and nothing changed) when the ID is there already."""
    cdef Py_ssize_t number = chunk_for(index, id)
    cdef Py_ssize_t at
    cdef Chunk* chunk
    cdef Chunk* tail
    if index.chunk_count == 0:
        chunk = open_chunk(index, 0, CHUNK_MIN)
        number = 0
        at = 0
    else:
        number = max(number, 0)
        chunk = index.chunks[number]
        at = place_in(chunk, id)
        if at < chunk.used and compare_ids(chunk.slots[at].id, id) == 0:
            return False
    if chunk.used == CHUNK_MAX:
        if at == chunk.used and number == index.chunk_count - 1:
            chunk = open_chunk(index, number + 1, CHUNK_MIN)
            at = 0
        else:
            tail = open_chunk(index, number + 1, CHUNK_MAX)
            tail.used = CHUNK_MAX // 2
            memcpy(tail.slots, &chunk.slots[CHUNK_MAX - CHUNK_MAX // 2], (CHUNK_MAX // 2) * sizeof(Slot))
            chunk.used = CHUNK_MAX - CHUNK_MAX // 2
            if at > chunk.used:
                at -= chunk.used
                chunk = tail
    elif chunk.used == chunk.capacity:
        chunk = index.chunks[number] = resize(chunk, min(chunk.capacity * 2, <uint32_t>CHUNK_MAX))
    memmove(&chunk.slots[at + 1], &chunk.slots[at], (chunk.used - at) * sizeof(Slot))
    chunk.slots[at].id = id
    chunk.slots[at].item = item
    chunk.used += 1
    index.count += 1
    return True


cdef void* index_remove(Index* index, ID id) noexcept:
    """Take an item out; NULL when the ID is not there."""
    cdef Cursor cursor
    cdef Slot* slot
    cdef Chunk* chunk
    cdef void* item
    index_seek(index, id, &cursor)
    slot = cursor_slot(index, &cursor)
    if slot == NULL or compare_ids(slot.id, id) != 0:
        return NULL
    item = slot.item
    chunk = index.chunks[cursor.chunk]
    index.count -= 1
    chunk.used -= 1
    if chunk.used == 0:
        zfree(chunk)
        index.chunk_count -= 1
        memmove(
            &index.chunks[cursor.chunk], &index.chunks[cursor.chunk + 1],
            (index.chunk_count - cursor.chunk) * sizeof(Chunk*),
        )
        if index.chunk_count == 0:
            index_release(index)
        return item
    memmove(slot, slot + 1, (chunk.used - cursor.at) * sizeof(Slot))
    if chunk.capacity > CHUNK_MIN and chunk.used * 4 <= chunk.capacity:
        try:
            index.chunks[cursor.chunk] = resize(chunk, chunk.capacity // 2)
        except MemoryError:
            pass        # a block that could not be made smaller serves as well
    return item


cdef void index_release(Index* index) noexcept:
    """Free the index itself (the items are the caller's); it is empty afterwards and may be used again."""
    cdef Py_ssize_t i
    for i in range(index.chunk_count):
        zfree(index.chunks[i])
    zfree(index.chunks)
    index.chunks = NULL
    index.chunk_count = index.chunk_capacity = index.count = 0


cdef size_t index_bytes(Index* index) noexcept:
    cdef size_t total = zsize(index.chunks) if index.chunks != NULL else 0
    cdef Py_ssize_t i
    for i in range(index.chunk_count):
        total += zsize(index.chunks[i])
    return total


cdef object LOW_WORD = 0xFFFFFFFFFFFFFFFF


cdef ID to_id(object number) except *:
    """From the integer that an ID is towards Python: milliseconds << 64 | sequence."""
    return ID(<uint64_t>(number >> 64), <uint64_t>(number & LOW_WORD))


cdef object from_id(ID id):
    return (<object>id.ms << 64) | id.seq


cdef inline int write_word(uint64_t value, char* out) noexcept nogil:
    cdef char[20] reverse
    cdef int size = 0
    cdef int i
    while True:
        reverse[size] = <char>(48 + value % 10)
        size += 1
        value //= 10
        if value == 0:
            break
    for i in range(size):
        out[i] = reverse[size - 1 - i]
    return size


cdef int write_id(ID id, char* out) noexcept nogil:
    """`ms-seq` into `out` (ID_TEXT bytes); its length."""
    cdef int size = write_word(id.ms, out)
    out[size] = c"-"
    return size + 1 + write_word(id.seq, out + size + 1)


cdef bytes id_bytes(ID id):
    cdef char text[ID_TEXT]
    return PyBytes_FromStringAndSize(text, write_id(id, text))


cdef class CheckedIndex:
    """The index as a mapping from integers to integers, with its invariants checked: for its property tests."""

    cdef Index index

    def __dealloc__(self):
        index_release(&self.index)

    def insert(self, number: int, item: int) -> bool:
        return index_insert(&self.index, to_id(number), <void*><size_t>item)

    def remove(self, number: int) -> bool:
        return index_remove(&self.index, to_id(number)) != NULL

    def at_least(self, number: int) -> list:
        """All (ID, item) from the first at or behind `number` on, in order."""
        cdef Cursor cursor
        cdef Slot* slot
        found = []
        index_seek(&self.index, to_id(number), &cursor)
        slot = cursor_slot(&self.index, &cursor)
        while slot != NULL:
            found.append((from_id(slot.id), <size_t>slot.item))
            cursor_next(&self.index, &cursor)
            slot = cursor_slot(&self.index, &cursor)
        return found

    def at_most(self, number: int) -> list:
        """All (ID, item) from the last at or before `number` on, backwards."""
        cdef Cursor cursor
        cdef Slot* slot
        found = []
        index_seek_at_most(&self.index, to_id(number), &cursor)
        slot = cursor_slot(&self.index, &cursor)
        while slot != NULL:
            found.append((from_id(slot.id), <size_t>slot.item))
            cursor_previous(&self.index, &cursor)
            slot = cursor_slot(&self.index, &cursor)
        return found

    def __len__(self) -> int:
        return self.index.count

    def check(self) -> None:
        """AssertionError when an invariant is broken."""
        cdef Py_ssize_t i, total = 0
        cdef Chunk* chunk
        for i in range(self.index.chunk_count):
            chunk = self.index.chunks[i]
            assert 0 < chunk.used <= chunk.capacity <= CHUNK_MAX
            total += chunk.used
        assert total == self.index.count
        assert self.index.chunk_count > 0 or self.index.chunks == NULL
