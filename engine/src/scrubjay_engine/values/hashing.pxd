"""SipHash-1-3 (Aumasson and Bernstein, 2012): a keyed hash, so that nobody can send keys chosen to collide.

The key is drawn at process start by `hashing.pyx`. Inline, because a lookup begins with it: 16-byte keys take about 12 ns.
"""

from libc.stdint cimport uint64_t, uint8_t
from libc.string cimport memcpy

cdef uint64_t seed0
cdef uint64_t seed1


cdef inline uint64_t rotate(uint64_t x, int bits) noexcept nogil:
    return (x << bits) | (x >> (64 - bits))


cdef inline uint64_t siphash13(const char* data, Py_ssize_t size, uint64_t k0, uint64_t k1) noexcept nogil:
    cdef uint64_t v0 = k0 ^ <uint64_t>0x736f6d6570736575
    cdef uint64_t v1 = k1 ^ <uint64_t>0x646f72616e646f6d
    cdef uint64_t v2 = k0 ^ <uint64_t>0x6c7967656e657261
    cdef uint64_t v3 = k1 ^ <uint64_t>0x7465646279746573
    cdef uint64_t last = (<uint64_t>size) << 56
    cdef uint64_t word
    cdef Py_ssize_t whole = size & ~<Py_ssize_t>7
    cdef Py_ssize_t at = 0
    cdef int i
    while at < whole:
        memcpy(&word, data + at, 8)
        v3 ^= word
        v0 += v1; v1 = rotate(v1, 13); v1 ^= v0; v0 = rotate(v0, 32)
        v2 += v3; v3 = rotate(v3, 16); v3 ^= v2
        v0 += v3; v3 = rotate(v3, 21); v3 ^= v0
        v2 += v1; v1 = rotate(v1, 17); v1 ^= v2; v2 = rotate(v2, 32)
        v0 ^= word
        at += 8
    for i in range(<int>(size - whole)):
        last |= (<uint64_t>(<uint8_t>data[whole + i])) << (8 * i)
    v3 ^= last
    v0 += v1; v1 = rotate(v1, 13); v1 ^= v0; v0 = rotate(v0, 32)
    v2 += v3; v3 = rotate(v3, 16); v3 ^= v2
    v0 += v3; v3 = rotate(v3, 21); v3 ^= v0
    v2 += v1; v1 = rotate(v1, 17); v1 ^= v2; v2 = rotate(v2, 32)
    v0 ^= last
    v2 ^= 0xff
    for i in range(3):
        v0 += v1; v1 = rotate(v1, 13); v1 ^= v0; v0 = rotate(v0, 32)
        v2 += v3; v3 = rotate(v3, 16); v3 ^= v2
        v0 += v3; v3 = rotate(v3, 21); v3 ^= v0
        v2 += v1; v1 = rotate(v1, 17); v1 ^= v2; v2 = rotate(v2, 32)
    return v0 ^ v1 ^ v2 ^ v3


cdef uint64_t hash_bytes(const char* data, Py_ssize_t size) noexcept nogil
