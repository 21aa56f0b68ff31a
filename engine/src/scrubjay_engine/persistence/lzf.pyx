"""LZF, the compression of strings in RDB files.

The format is a row of runs. A byte below 32 says "the next N + 1 bytes are literal". Any other says "copy": its upper three bits are the
length less two (7: a further byte is added), its lower five and the next byte the distance back, less one.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from scrubjay_engine.persistence.errors import CorruptData

cdef enum:
    HASH_BITS = 13
    HASH_SIZE = 1 << 13
    MAX_DISTANCE = 8192
    MAX_COPY = 264
    MAX_LITERAL = 32

# Where each hash of three bytes was last seen. One table is enough: compression never yields to anything else.
cdef uint32_t SEEN[HASH_SIZE]


cdef inline uint32_t hash3(const unsigned char* p) noexcept nogil:
    cdef uint32_t three = (<uint32_t>p[0] << 16) | (<uint32_t>p[1] << 8) | p[2]
    return (three * <uint32_t>2654435761) >> (32 - <int>HASH_BITS)


cdef Py_ssize_t put_literals(const unsigned char* data, Py_ssize_t size, unsigned char* out, Py_ssize_t at, Py_ssize_t room) noexcept nogil:
    """Write literal runs at out[at:]; the new position, or -1 when there is no room."""
    cdef Py_ssize_t n
    while size > 0:
        n = size if size < MAX_LITERAL else MAX_LITERAL
        if at + n + 1 > room:
            return -1
        out[at] = <unsigned char>(n - 1)
        memcpy(out + at + 1, data, n)
        at += n + 1
        data += n
        size -= n
    return at


cdef Py_ssize_t lzf_compress(const unsigned char* data, Py_ssize_t size, unsigned char* out, Py_ssize_t room) noexcept nogil:
    """Bytes written to `out`, or 0 when they would not fit in `room`."""
    cdef Py_ssize_t at = 0, i = 0, literal = 0, back, n, longest
    cdef uint32_t h
    memset(SEEN, 0, sizeof(SEEN))
    while i + 2 < size:
        h = hash3(data + i)
        back = <Py_ssize_t>SEEN[h] - 1  # positions are kept plus one: 0 means never
        SEEN[h] = <uint32_t>(i + 1)
        if back < 0 or i - back > MAX_DISTANCE or data[back] != data[i] or data[back + 1] != data[i + 1] or data[back + 2] != data[i + 2]:
            i += 1
            continue
        at = put_literals(data + literal, i - literal, out, at, room)
        if at < 0 or at + 3 > room:
            return 0
        longest = size - i if size - i < MAX_COPY else MAX_COPY
        n = 3
        while n < longest and data[back + n] == data[i + n]:
            n += 1
        back = i - back - 1
        if n - 2 < 7:
            out[at] = <unsigned char>(((n - 2) << 5) | (back >> 8))
            at += 1
        else:
            out[at] = <unsigned char>((7 << 5) | (back >> 8))
            out[at + 1] = <unsigned char>(n - 2 - 7)
            at += 2
        out[at] = <unsigned char>(back & 0xff)
        at += 1
        i += n
        literal = i
        if i + 1 < size:  # the places inside a copy are not looked at, but for the last: cheap, and good enough
            SEEN[hash3(data + i - 1)] = <uint32_t>i
    at = put_literals(data + literal, size - literal, out, at, room)
    return 0 if at < 0 else at


cdef Py_ssize_t lzf_decompress(const unsigned char* data, Py_ssize_t size, unsigned char* out, Py_ssize_t room) noexcept nogil:
    """Bytes written to `out`, or -1 when the input is broken or wants more than `room`."""
    cdef Py_ssize_t i = 0, at = 0, n, back
    while i < size:
        n = data[i]
        i += 1
        if n < 32:
            n += 1
            if i + n > size or at + n > room:
                return -1
            memcpy(out + at, data + i, n)
            i += n
            at += n
            continue
        back = (n & 0x1f) << 8
        n >>= 5
        if n == 7:
            if i >= size:
                return -1
            n += data[i]
            i += 1
        if i >= size:
            return -1
        back = at - (back | data[i]) - 1
        i += 1
        n += 2
        if back < 0 or at + n > room:
            return -1
        while n > 0:  # the source may overlap what is being written: byte by byte
            out[at] = out[back]
            at += 1
            back += 1
            n -= 1
    return at


def compress(bytes data not None) -> bytes | None:
    """`data` compressed; None when that would not make it smaller by at least four bytes (then Redis stores it as it is)."""
    cdef Py_ssize_t size = len(data), written
    if size <= 4:
        return None
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size - 4)
    written = lzf_compress(<const unsigned char*>PyBytes_AS_STRING(data), size, <unsigned char*>PyBytes_AS_STRING(out), size - 4)
    return out[:written] if written else None


def decompress(bytes data not None, Py_ssize_t size) -> bytes:
    """The `size` bytes that `data` stands for; CorruptData when it stands for anything else."""
    if size < 0 or size > len(data) * MAX_COPY:
        raise CorruptData(f"{len(data)} compressed bytes cannot stand for {size}")
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    if lzf_decompress(<const unsigned char*>PyBytes_AS_STRING(data), len(data), <unsigned char*>PyBytes_AS_STRING(out), size) != size:
        raise CorruptData("a compressed string does not unpack to its length")
    return out
