"""Growing, changing and searching packs (listpack.pxd says what a pack is and who uses it).

Invariants: gap + used <= capacity; entries are laid end to end from `gap`; capacity grows by the allocator's
granularity while a pack is small (no slack is paid for 100 k small values) and by an eighth, at most 512 bytes, after that;
a pack gives memory back when more than half of it is free.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove

from scrubjay_engine.values.memory cimport ALLOCATOR_WORD, zfree, zmalloc, zrealloc, zsize
from scrubjay_engine.values.view cimport View, parse_integer, view_bytes


cdef struct Encoded:
    uint8_t[9] head      # encoding byte(s), length or the whole integer
    uint32_t head_size
    const char* data     # the string's bytes, if any
    uint64_t size
    uint32_t back_size
    uint64_t total


cdef inline void encode_number(long long number, Encoded* out) noexcept nogil:
    cdef int16_t short_
    cdef int32_t narrow
    out.size = 0
    if 0 <= number <= 127:
        out.head[0] = <uint8_t> number
        out.head_size = 1
    elif -4096 <= number <= 4095:
        narrow = <int32_t> (number & 0x1FFF)
        out.head[0] = <uint8_t> (0xC0 | (narrow >> 8))
        out.head[1] = <uint8_t> (narrow & 0xFF)
        out.head_size = 2
    elif -32768 <= number <= 32767:
        short_ = <int16_t> number
        out.head[0] = 0xF1
        memcpy(&out.head[1], &short_, 2)
        out.head_size = 3
    elif -8388608 <= number <= 8388607:
        narrow = <int32_t> number
        out.head[0] = 0xF2
        memcpy(&out.head[1], &narrow, 3)
        out.head_size = 4
    elif -2147483648LL <= number <= 2147483647LL:
        narrow = <int32_t> number
        out.head[0] = 0xF3
        memcpy(&out.head[1], &narrow, 4)
        out.head_size = 5
    else:
        out.head[0] = 0xF4
        memcpy(&out.head[1], &number, 8)
        out.head_size = 9
    out.back_size = 1
    out.total = out.head_size + 1


cdef inline void encode_string(const char* data, Py_ssize_t size, Encoded* out) noexcept nogil:
    cdef uint32_t length
    out.data = data
    out.size = size
    if size < 64:
        out.head[0] = <uint8_t> (0x80 | size)
        out.head_size = 1
    elif size < 4096:
        out.head[0] = <uint8_t> (0xE0 | (size >> 8))
        out.head[1] = <uint8_t> (size & 0xFF)
        out.head_size = 2
    else:
        length = <uint32_t> size
        out.head[0] = 0xF0
        memcpy(&out.head[1], &length, 4)
        out.head_size = 5
    out.back_size = backlen_size(out.head_size + out.size)
    out.total = out.head_size + out.size + out.back_size


cdef inline void encode(const char* data, Py_ssize_t size, Encoded* out) noexcept nogil:
    cdef long long number
    if parse_integer(data, size, &number):
        encode_number(number, out)
    else:
        encode_string(data, size, out)


cdef inline void write_back(uint8_t* at, uint64_t body, uint32_t back) noexcept nogil:
    """The back length: seven bits a byte, most significant first; all but the first byte have the top bit set."""
    cdef uint32_t place
    if back == 1:
        at[0] = <uint8_t> body
        return
    for place in range(back):
        at[back - 1 - place] = <uint8_t> (((body >> (7 * place)) & 127) | 128)
    at[0] &= 127


cdef inline void write_entry(uint8_t* at, const Encoded* entry) noexcept nogil:
    memcpy(at, entry.head, entry.head_size)
    if entry.size:
        memcpy(at + entry.head_size, entry.data, entry.size)
    write_back(at + entry.head_size + entry.size, entry.head_size + entry.size, entry.back_size)


cdef uint64_t encoded_size(const char* data, Py_ssize_t size) noexcept nogil:
    """Bytes that an element would take in a pack."""
    cdef Encoded entry
    encode(data, size, &entry)
    return entry.total


cdef inline size_t rounded(size_t room) noexcept nogil:
    """Round up to what malloc gives anyway: blocks of 16 k + 8 bytes, of which the header takes 12."""
    return ((room + 3) & ~<size_t> 15) + 12


cdef inline size_t capacity_of(Pack* pack) noexcept:
    """Bytes behind the header: gap, entries and what is free at the end. The allocator knows it: no field is spent on it."""
    return zsize(pack) - ALLOCATOR_WORD - PACK_HEADER


cdef Pack* pack_new(size_t room) except NULL:
    cdef Pack* pack
    room = rounded(room)
    pack = <Pack*> zmalloc(PACK_HEADER + room)
    pack.gap = 0
    pack.used = 0
    pack.count = 0
    return pack


cdef void pack_free(Pack* pack) noexcept:
    zfree(pack)


cdef Pack* pack_copy(const Pack* pack) except NULL:
    cdef Pack* copy = pack_new(pack.used)
    copy.used = pack.used
    copy.count = pack.count
    memcpy(pack_begin(copy), pack_begin(<Pack*> pack), pack.used)
    return copy


cdef int resize(Pack** pack, size_t room, size_t gap) except -1:
    """Give the pack `room` bytes for gap and entries, the entries lying behind a gap of `gap` bytes."""
    cdef Pack* old = pack[0]
    cdef Pack* fresh
    if old.gap == gap and gap == 0:
        room = rounded(room)
        fresh = <Pack*> zrealloc(old, PACK_HEADER + room)
    else:
        fresh = pack_new(room)
        fresh.gap = <uint32_t> gap
        fresh.used = old.used
        fresh.count = old.count
        memcpy(pack_begin(fresh), pack_begin(old), old.used)
        zfree(old)
    pack[0] = fresh
    return 0


cdef inline size_t slack(size_t used) noexcept nogil:
    if used < 256:
        return 0
    return 512 if used > 4096 else used >> 3


cdef uint8_t* open_space(Pack** pack, uint8_t* at, uint64_t need) except NULL:
    """Make `need` free bytes before the entry at `at` (or at the end); where they begin. `used` is counted up."""
    cdef Pack* block = pack[0]
    cdef uint64_t before = at - pack_begin(block)
    cdef uint64_t spare
    cdef uint8_t* begin
    if before == 0 and block.used:
        if block.gap < need:
            spare = slack(block.used)
            if spare == 0:
                # Small: moving all of it is cheaper than keeping a gap.
                if block.gap + block.used + need > capacity_of(block):
                    resize(pack, block.used + need, 0)
                block = pack[0]
                begin = <uint8_t*> block + PACK_HEADER
                memmove(begin + need, pack_begin(block), block.used)
                block.gap = 0
                block.used += <uint32_t> need
                return begin
            resize(pack, block.used + need + spare, need + spare)
            block = pack[0]
        block.gap -= <uint32_t> need
        block.used += <uint32_t> need
        return pack_begin(block)
    if block.gap + block.used + need > capacity_of(block):
        if block.used + need <= capacity_of(block) and block.gap * 4 >= block.used:
            # The gap (left by pops at the head) is wide enough to be worth moving into.
            memmove(<uint8_t*> block + PACK_HEADER, pack_begin(block), block.used)
            block.gap = 0
        else:
            resize(pack, block.used + need + slack(block.used + need), 0)
            block = pack[0]
    begin = pack_begin(block) + before
    if before < block.used:
        memmove(begin + need, begin, block.used - before)
    block.used += <uint32_t> need
    return begin


cdef inline uint8_t* insert(Pack** pack, uint8_t* at, const Encoded* entry) except NULL:
    at = open_space(pack, at, entry.total)
    write_entry(at, entry)
    pack[0].count += 1
    return at


cdef uint8_t* pack_insert(Pack** pack, uint8_t* at, const char* data, Py_ssize_t size) except NULL:
    """Insert an element before `at` (pack_end to append); its position."""
    cdef Encoded entry
    encode(data, size, &entry)
    return insert(pack, at, &entry)


cdef uint8_t* pack_insert_number(Pack** pack, uint8_t* at, long long number) except NULL:
    cdef Encoded entry
    encode_number(number, &entry)
    return insert(pack, at, &entry)


cdef uint8_t* pack_insert_raw(Pack** pack, uint8_t* at, const char* data, Py_ssize_t size) except NULL:
    """As pack_insert, but keep bytes that spell an integer as bytes."""
    cdef Encoded entry
    encode_string(data, size, &entry)
    return insert(pack, at, &entry)


cdef uint8_t* close_space(Pack** pack, uint8_t* at, uint64_t size) except NULL:
    """Take `size` bytes out at `at`; the position of what followed them."""
    cdef Pack* block = pack[0]
    cdef uint64_t before = at - pack_begin(block)
    if before == 0:
        block.gap += <uint32_t> size
        block.used -= <uint32_t> size
    else:
        memmove(at, at + size, block.used - before - size)
        block.used -= <uint32_t> size
    if capacity_of(block) > 48 and block.used * 2 + 16 < capacity_of(block):
        if block.gap:
            memmove(<uint8_t*> block + PACK_HEADER, pack_begin(block), block.used)
            block.gap = 0
        resize(pack, block.used, 0)
    return pack_begin(pack[0]) + before


cdef uint8_t* pack_replace(Pack** pack, uint8_t* at, const char* data, Py_ssize_t size) except NULL:
    """Overwrite the element at `at`; its position."""
    cdef Encoded entry
    cdef uint64_t old = entry_after(at) - at
    encode(data, size, &entry)
    if entry.total > old:
        at = open_space(pack, at, entry.total - old)
    elif entry.total < old:
        at = close_space(pack, at, old - entry.total)
    write_entry(at, &entry)
    return at


cdef uint8_t* pack_remove(Pack** pack, uint8_t* at, uint32_t entries) except NULL:
    """Remove `entries` elements from `at` on (there are as many); the position of what followed them."""
    cdef uint8_t* stop = at
    cdef uint32_t left = entries
    while left:
        stop = entry_after(stop)
        left -= 1
    pack[0].count -= entries
    return close_space(pack, at, stop - at)


cdef uint8_t* pack_seek(Pack* pack, int64_t index) noexcept nogil:
    """The entry at `index` (0 is the first; not negative), or NULL."""
    cdef uint8_t* at
    if index < 0 or index >= pack.count:
        return NULL
    if index * 2 <= pack.count:
        at = pack_begin(pack)
        while index:
            at = entry_after(at)
            index -= 1
        return at
    index = pack.count - index
    at = pack_end(pack)
    while index:
        at = entry_before(at)
        index -= 1
    return at


cdef uint8_t* pack_find(Pack* pack, uint8_t* at, const char* data, Py_ssize_t size, int step) noexcept nogil:
    """The first entry from `at` on that equals, looking at every `step`-th one; or NULL."""
    cdef Encoded wanted
    cdef uint8_t* end = pack_end(pack)
    cdef int skip
    # Equal elements have equal encodings: an integer is never kept as bytes where elements are looked for.
    encode(data, size, &wanted)
    while at < end:
        if at[0] == wanted.head[0] and memcmp(at, wanted.head, wanted.head_size) == 0 and (
                wanted.size == 0 or memcmp(at + wanted.head_size, data, wanted.size) == 0):
            return at
        for skip in range(step):
            at = entry_after(at)
    return NULL


cdef Pack* pack_split(Pack** pack, uint8_t* at, uint32_t index) except NULL:
    """Cut the pack before `at`, which is entry `index`; the second part."""
    cdef Pack* block = pack[0]
    cdef uint32_t before = <uint32_t> (at - pack_begin(block))
    cdef Pack* tail = pack_new(block.used - before)
    tail.used = block.used - before
    tail.count = block.count - index
    memcpy(pack_begin(tail), at, tail.used)
    block.count = index
    close_space(pack, at, tail.used)
    return tail


cdef int pack_join(Pack** pack, const Pack* tail) except -1:
    """Append all entries of another pack."""
    cdef uint8_t* at = open_space(pack, pack_end(pack[0]), tail.used)
    memcpy(at, pack_begin(<Pack*> tail), tail.used)
    pack[0].count += tail.count
    return 0


cdef bytes pack_dump(Pack* pack):
    """The pack as a Redis listpack: total bytes, number of entries, entries, 0xFF."""
    cdef bytes dump = PyBytes_FromStringAndSize(NULL, 7 + <Py_ssize_t> pack.used)
    cdef char* out = PyBytes_AS_STRING(dump)
    cdef uint32_t total = 7 + pack.used
    cdef uint32_t count = pack.count if pack.count < 65535 else 65535
    memcpy(out, &total, 4)
    memcpy(out + 4, &count, 2)
    memcpy(out + 6, pack_begin(pack), pack.used)
    out[6 + pack.used] = <char> 0xFF
    return dump


cdef bint valid_entry(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Whether a whole entry with a true back length lies between `at` and `end`."""
    cdef uint64_t left = end - at
    cdef uint64_t body
    cdef uint32_t back
    cdef uint8_t[5] expected
    cdef uint8_t first = at[0]
    if first > 0xF4:
        return False
    if (0xC0 <= first < 0xF0 and left < 2) or (first == 0xF0 and left < 5):
        return False
    body = entry_body(at)
    back = backlen_size(body)
    if body + back > left:
        return False
    write_back(expected, body, back)
    return memcmp(at + body, expected, back) == 0


cdef Pack* pack_load(const uint8_t* data, size_t size) except? NULL:
    """A pack from a Redis listpack, every entry checked; NULL when it is damaged."""
    cdef const uint8_t* at
    cdef const uint8_t* end
    cdef uint32_t count = 0, claimed
    cdef Pack* pack
    if size < 7 or load32(data) != size or data[size - 1] != 0xFF or size > 0xFFFFFF00u:
        return NULL
    at = data + 6
    end = data + size - 1
    while at < end:
        if not valid_entry(at, end):
            return NULL
        at = entry_after(at)
        count += 1
    claimed = data[4] | (<uint32_t> data[5] << 8)
    if claimed != 65535 and claimed != count:
        return NULL
    pack = pack_new(size - 7)
    pack.used = <uint32_t> (size - 7)
    pack.count = count
    memcpy(pack_begin(pack), data + 6, pack.used)
    return pack


def entries_of(data: bytes) -> list[bytes]:
    """The elements of a Redis listpack (as found in DUMP payloads and RDB files); ValueError when it is damaged."""
    cdef Pack* pack = pack_load(<const uint8_t*> PyBytes_AS_STRING(data), len(data))
    cdef uint8_t* at
    cdef View view
    if pack == NULL:
        raise ValueError("damaged listpack")
    result = []
    at = pack_begin(pack)
    while at < pack_end(pack):
        entry_view(at, &view)
        result.append(view_bytes(&view))
        at = entry_after(at)
    pack_free(pack)
    return result


def dump_of(elements: list[bytes]) -> bytes:
    """A Redis listpack of the elements."""
    cdef Pack* pack = pack_new(64)
    cdef bytes element
    for element in elements:
        pack_insert(&pack, pack_end(pack), PyBytes_AS_STRING(element), len(element))
    dump = pack_dump(pack)
    pack_free(pack)
    return dump
