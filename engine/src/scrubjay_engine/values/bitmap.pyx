# cython: boundscheck=False, wraparound=False, cdivision=True
"""Bits in strings: counting, searching, combining, and integers of any width at any bit offset.

Bit 0 is the most significant bit of the first byte, as in Redis. Functions read any buffer and know nothing of keys;
the commands' arguments and replies are in `commands.bitmaps`.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

cdef extern from *:
    """
    #include <stddef.h>
    #include <string.h>
    #if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
    #define BEST_OF_MACHINE __attribute__((target_clones("popcnt", "default")))
    #else
    #define BEST_OF_MACHINE
    #endif
    BEST_OF_MACHINE static long long count_ones(const unsigned char *p, ptrdiff_t size) {
        long long a = 0, b = 0, c = 0, d = 0;
        unsigned long long w[4];
        for (; size >= 32; p += 32, size -= 32) {
            memcpy(w, p, 32);
            a += __builtin_popcountll(w[0]);
            b += __builtin_popcountll(w[1]);
            c += __builtin_popcountll(w[2]);
            d += __builtin_popcountll(w[3]);
        }
        for (; size > 0; p++, size--) a += __builtin_popcount(*p);
        return a + b + c + d;
    }
    static inline int leading_zeros(unsigned char value) { return __builtin_clz(value) - 24; }
    """
    long long count_ones(const uint8_t* p, Py_ssize_t size) noexcept nogil
    int leading_zeros(uint8_t value) noexcept nogil


cdef enum Operation:
    AND
    OR
    XOR


def count_bits(const unsigned char[::1] data not None, Py_ssize_t first, Py_ssize_t last) -> int:
    """Ones among the bits `first` to `last`, both included and inside the data."""
    cdef Py_ssize_t start = first >> 3
    cdef Py_ssize_t end = last >> 3
    cdef uint8_t edge
    cdef long long ones
    if first > last:
        return 0
    ones = count_ones(&data[start], end - start + 1)
    edge = data[start] & <uint8_t>~(0xFF >> (first & 7))
    ones -= count_ones(&edge, 1)
    edge = data[end] & <uint8_t>(0x7F >> (last & 7))
    return ones - count_ones(&edge, 1)


def find_bit(const unsigned char[::1] data not None, bint bit, Py_ssize_t first, Py_ssize_t last) -> int:
    """The first position in `first` to `last` (included, inside the data) that holds `bit`, or -1."""
    cdef Py_ssize_t at = first >> 3
    cdef Py_ssize_t end = last >> 3
    cdef uint64_t skip = 0 if bit else <uint64_t>-1
    cdef uint8_t flip = 0 if bit else 0xFF
    cdef uint64_t word
    cdef uint8_t byte
    cdef Py_ssize_t position
    if first > last:
        return -1
    byte = (data[at] ^ flip) & <uint8_t>(0xFF >> (first & 7))
    while byte == 0:
        at += 1
        while at + 8 <= end:
            memcpy(&word, &data[at], 8)
            if word != skip:
                break
            at += 8
        if at > end:
            return -1
        byte = data[at] ^ flip
    position = at * 8 + leading_zeros(byte)
    return position if position <= last else -1


def combine(str operation not None, list sources not None) -> bytes:
    """`and`, `or`, `xor` of strings, the shorter ones padded with zero bits; the result is as long as the longest."""
    cdef Operation chosen = {"and": AND, "or": OR, "xor": XOR}[operation]
    cdef Py_ssize_t longest = max([len(source) for source in sources], default=0)
    cdef bytes result = PyBytes_FromStringAndSize(NULL, longest)
    cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(result)
    cdef bytes source
    cdef const uint8_t* p
    cdef Py_ssize_t size, i
    cdef bint started = False
    for source in sources:
        p = <const uint8_t*>PyBytes_AS_STRING(source)
        size = PyBytes_GET_SIZE(source)
        if not started:
            memcpy(out, p, size)
            memset(out + size, 0, longest - size)
            started = True
        elif chosen == AND:
            for i in range(size):
                out[i] &= p[i]
            memset(out + size, 0, longest - size)
        elif chosen == OR:
            for i in range(size):
                out[i] |= p[i]
        else:
            for i in range(size):
                out[i] ^= p[i]
    return result


def invert(bytes source not None) -> bytes:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(source)
    cdef bytes result = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(result)
    cdef const uint8_t* p = <const uint8_t*>PyBytes_AS_STRING(source)
    cdef Py_ssize_t i
    for i in range(size):
        out[i] = ~p[i]
    return result


def get_field(const unsigned char[::1] data not None, uint64_t offset, int width, bint signed) -> int:
    """The integer of `width` bits (1 to 64) at a bit offset; bits past the end of the data read as zero."""
    cdef uint64_t value = 0
    cdef Py_ssize_t at = <Py_ssize_t>(offset >> 3)
    cdef int lead = <int>(offset & 7)
    cdef int taken = 0
    cdef int piece
    cdef uint8_t byte
    while taken < width:
        byte = data[at] if at < data.shape[0] else 0
        piece = min(8 - lead, width - taken)
        value = (value << piece) | ((<uint8_t>(byte << lead)) >> (8 - piece))
        taken += piece
        lead = 0
        at += 1
    if not signed:
        return value
    if width < 64 and value >> (width - 1):
        value |= (<uint64_t>-1) << width
    return <int64_t>value


def set_field(unsigned char[::1] data not None, uint64_t offset, int width, object value) -> None:
    """Write the low `width` bits of an integer at a bit offset, all of it inside the data."""
    cdef uint64_t bits = <uint64_t>(value & 0xFFFFFFFFFFFFFFFF)
    cdef Py_ssize_t at = <Py_ssize_t>(offset >> 3)
    cdef int lead = <int>(offset & 7)
    cdef int left = width
    cdef int piece
    cdef uint8_t mask
    if <Py_ssize_t>((offset + width - 1) >> 3) >= data.shape[0]:
        raise IndexError("the field lies outside of the data")
    while left:
        piece = min(8 - lead, left)
        left -= piece
        mask = <uint8_t>((0xFF >> lead) & (0xFF << (8 - lead - piece)))
        data[at] = (data[at] & ~mask) | (<uint8_t>((bits >> left) << (8 - lead - piece)) & mask)
        lead = 0
        at += 1
