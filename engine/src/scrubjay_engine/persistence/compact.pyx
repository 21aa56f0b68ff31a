"""Redis' compact forms of small values, as they lie in RDB files: listpack, ziplist, intset, zipmap; decoded, and listpack encoded.

Every read is checked against the end of the blob: what does not add up raises CorruptData. Called by the RDB reader and by the stream
codec; the engine's own small forms are elsewhere (values/).

Sources: Redis' listpack.md; the layouts described in ziplist.c, intset.c and zipmap.c of Redis 7.0.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from scrubjay_engine.persistence.errors import CorruptData


cdef inline int64_t signed_le(const unsigned char* p, int width) noexcept:
    """A little-endian two's complement number of `width` bytes."""
    cdef uint64_t raw = 0
    cdef int i
    for i in range(width):
        raw |= <uint64_t>p[i] << (8 * i)
    return <int64_t>(raw << (64 - 8 * width)) >> (64 - 8 * width)


cdef inline uint32_t unsigned_le(const unsigned char* p) noexcept:
    cdef uint32_t value
    memcpy(&value, p, 4)
    return value


cdef inline object decimal(int64_t number, bint numbers):
    """The number as an element: an int, or its decimal text."""
    cdef char text[24]
    if numbers:
        return number
    return PyBytes_FromStringAndSize(text, snprintf(text, sizeof(text), "%lld", <long long>number))


cdef inline object raw_bytes(const unsigned char* p, Py_ssize_t size):
    return PyBytes_FromStringAndSize(<const char*>p, size)


cdef inline int back_width(Py_ssize_t size) noexcept:
    """How many bytes a listpack element's own size takes behind it."""
    return 1 if size <= 127 else 2 if size < 16383 else 3 if size < 2097151 else 4 if size < 268435455 else 5


cdef list listpack_items(const unsigned char* p, Py_ssize_t size, bint numbers):
    """The elements of a listpack; integers as int when `numbers`, else as decimal text."""
    cdef Py_ssize_t at = 6, head, body, length, back
    cdef int first, width, i
    cdef int64_t number
    cdef list items = []
    if size < 7 or unsigned_le(p) != size or p[size - 1] != 0xff:
        raise CorruptData("a listpack's header does not fit its size")
    while p[at] != 0xff:
        first = p[at]
        width = 0
        length = 0
        head = 1
        if first < 0x80:
            items.append(decimal(first, numbers))
            length = -1
        elif first < 0xc0:
            length = first & 0x3f
        elif first < 0xe0:
            head = 2
            if at + 2 >= size:
                raise CorruptData("a listpack ends within an element")
            number = ((first & 0x1f) << 8) | p[at + 1]
            items.append(decimal(number - 8192 if number >= 4096 else number, numbers))
            length = -1
        elif first < 0xf0:
            head = 2
            if at + 2 >= size:
                raise CorruptData("a listpack ends within an element")
            length = ((first & 0x0f) << 8) | p[at + 1]
        elif first == 0xf0:
            head = 5
            if at + 5 >= size:
                raise CorruptData("a listpack ends within an element")
            length = unsigned_le(p + at + 1)
        elif first <= 0xf4:
            width = (2, 3, 4, 8)[first - 0xf1]
            head = 1 + width
            if at + head >= size:
                raise CorruptData("a listpack ends within an element")
            items.append(decimal(signed_le(p + at + 1, width), numbers))
            length = -1
        else:
            raise CorruptData(f"unknown listpack encoding {first:#x}")
        if length >= 0:
            if at + head + length >= size:
                raise CorruptData("a listpack ends within a string")
            items.append(raw_bytes(p + at + head, length))
            head += length
        width = back_width(head)
        at += head
        if at + width >= size:
            raise CorruptData("a listpack ends within an element")
        back = 0
        for i in range(width):  # seven bits a byte, the highest first; all but the first have their top bit set
            back = (back << 7) | (p[at + i] & 0x7f)
        if back != head:
            raise CorruptData("a listpack element's size does not match")
        at += width
    if at != size - 1:
        raise CorruptData("a listpack ends before its size")
    return items


cdef list ziplist_items(const unsigned char* p, Py_ssize_t size):
    """The elements of a ziplist, integers as decimal text."""
    cdef Py_ssize_t at = 10, length, previous = 0, start
    cdef int first
    cdef list items = []
    cdef uint16_t count
    if size < 11 or unsigned_le(p) != size or p[size - 1] != 0xff:
        raise CorruptData("a ziplist's header does not fit its size")
    while p[at] != 0xff:
        start = at
        if at + 5 < size and p[at] == 254:
            length = unsigned_le(p + at + 1)
            at += 5
        else:
            length = p[at]
            at += 1
        if length != previous:
            raise CorruptData("a ziplist element's link to the one before does not match")
        first = p[at]
        at += 1
        if first < 0xc0:
            if first < 0x40:
                length = first
            elif at + 4 >= size:
                raise CorruptData("a ziplist ends within an element")
            elif first < 0x80:
                length = ((first & 0x3f) << 8) | p[at]
                at += 1
            else:
                length = (<Py_ssize_t>p[at] << 24) | (<Py_ssize_t>p[at + 1] << 16) | (<Py_ssize_t>p[at + 2] << 8) | p[at + 3]
                at += 4
            if at + length >= size:
                raise CorruptData("a ziplist ends within a string")
            items.append(raw_bytes(p + at, length))
        else:
            length = {0xc0: 2, 0xd0: 4, 0xe0: 8, 0xf0: 3, 0xfe: 1}.get(first, 0)
            if at + length >= size:
                raise CorruptData("a ziplist ends within a number")
            if length:
                items.append(decimal(signed_le(p + at, <int>length), False))
            elif 0xf1 <= first <= 0xfd:
                items.append(decimal((first & 0x0f) - 1, False))
            else:
                raise CorruptData(f"unknown ziplist encoding {first:#x}")
        at += length
        previous = at - start
    memcpy(&count, p + 8, 2)
    if at != size - 1 or (count != 0xffff and count != len(items)):
        raise CorruptData("a ziplist's count or size does not match")
    return items


cdef list intset_items(const unsigned char* p, Py_ssize_t size):
    """The members of an intset as decimal text, ascending."""
    cdef int width
    cdef Py_ssize_t count, i
    cdef int64_t number, before = 0
    cdef list items = []
    if size < 8:
        raise CorruptData("an intset is shorter than its header")
    count = unsigned_le(p + 4)
    if unsigned_le(p) not in (2, 4, 8):
        raise CorruptData("unknown intset encoding")
    width = <int>unsigned_le(p)
    if count == 0 or size != 8 + count * width:
        raise CorruptData("an intset's count does not fit its size")
    for i in range(count):
        number = signed_le(p + 8 + i * width, width)
        if i and number <= before:
            raise CorruptData("an intset is not in order")
        before = number
        items.append(decimal(number, False))
    return items


cdef list zipmap_items(const unsigned char* p, Py_ssize_t size):
    """Fields and values of a zipmap (hashes up to Redis 2.4), in turn."""
    cdef Py_ssize_t at = 1, length, free
    cdef list items = []
    if size < 2 or p[size - 1] != 0xff:
        raise CorruptData("a zipmap has no end")
    while p[at] != 0xff:
        length = p[at]
        at += 1
        if length >= 254:
            if length == 255 or at + 4 >= size:
                raise CorruptData("a zipmap ends within a length")
            length = unsigned_le(p + at)
            at += 4
        free = 0
        if len(items) & 1:
            if at >= size:
                raise CorruptData("a zipmap ends within a value")
            free = p[at]
            at += 1
        if at + length + free >= size:
            raise CorruptData("a zipmap ends within a string")
        items.append(raw_bytes(p + at, length))
        at += length + free
    if at != size - 1 or len(items) & 1:
        raise CorruptData("a zipmap's size does not match")
    return items


cdef Py_ssize_t element_head(object item, unsigned char* head) except -1:
    """Write the encoding byte(s) of one listpack element; for an int that is all of it."""
    cdef int64_t number
    cdef Py_ssize_t size
    if isinstance(item, int):
        number = item
        if 0 <= number < 128:
            head[0] = <unsigned char>number
            return 1
        if -4096 <= number < 4096:
            head[0] = <unsigned char>(0xc0 | ((number >> 8) & 0x1f))
            head[1] = <unsigned char>(number & 0xff)
            return 2
        size = 2 if -(1 << 15) <= number < (1 << 15) else 3 if -(1 << 23) <= number < (1 << 23) else 4
        if not -(<int64_t>1 << 31) <= number < (<int64_t>1 << 31):
            size = 8
        head[0] = {2: 0xf1, 3: 0xf2, 4: 0xf3, 8: 0xf4}[size]
        memcpy(head + 1, &number, size)
        return 1 + size
    size = len(item)
    if size < 64:
        head[0] = <unsigned char>(0x80 | size)
        return 1
    if size < 4096:
        head[0] = <unsigned char>(0xe0 | (size >> 8))
        head[1] = <unsigned char>(size & 0xff)
        return 2
    head[0] = 0xf0
    memcpy(head + 1, &size, 4)
    return 5


def encode_listpack(list items not None) -> bytes:
    """A listpack of `items` (int or bytes). Strings that look like numbers stay strings: every reader takes both."""
    cdef bytearray out = bytearray(6)
    cdef unsigned char head[16]
    cdef Py_ssize_t size
    cdef int width, i
    cdef uint32_t total
    cdef uint16_t count
    for item in items:
        size = element_head(item, head)
        out += head[:size]
        if not isinstance(item, int):
            out += item
            size += len(item)
        width = back_width(size)
        for i in range(width):
            out.append(((size >> (7 * (width - 1 - i))) & 0x7f) | (0x80 if i else 0))
    out.append(0xff)
    total = <uint32_t>len(out)
    count = <uint16_t>(len(items) if len(items) < 0xffff else 0xffff)
    out[0:4] = (<unsigned char*>&total)[:4]
    out[4:6] = (<unsigned char*>&count)[:2]
    return bytes(out)


def listpack(bytes blob not None) -> list[bytes]:
    """The elements of a listpack, integers as decimal text."""
    return listpack_items(<const unsigned char*>PyBytes_AS_STRING(blob), PyBytes_GET_SIZE(blob), False)


def listpack_with_numbers(bytes blob not None) -> list[int | bytes]:
    """The elements of a listpack, integers as int."""
    return listpack_items(<const unsigned char*>PyBytes_AS_STRING(blob), PyBytes_GET_SIZE(blob), True)


def ziplist(bytes blob not None) -> list[bytes]:
    """The elements of a ziplist, integers as decimal text."""
    return ziplist_items(<const unsigned char*>PyBytes_AS_STRING(blob), PyBytes_GET_SIZE(blob))


def intset(bytes blob not None) -> list[bytes]:
    """The members of an intset, ascending, as decimal text."""
    return intset_items(<const unsigned char*>PyBytes_AS_STRING(blob), PyBytes_GET_SIZE(blob))


def zipmap(bytes blob not None) -> list[bytes]:
    """Fields and values of a zipmap, in turn."""
    return zipmap_items(<const unsigned char*>PyBytes_AS_STRING(blob), PyBytes_GET_SIZE(blob))
