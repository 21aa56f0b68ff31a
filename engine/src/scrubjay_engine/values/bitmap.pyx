# cython: boundscheck=False, wraparound=False, cdivision=True
"""Bits in strings: counting, searching, combining, and integers of any width at any bit offset.

Bit 0 is the most significant bit of the first byte, as in Redis. The C functions work on plain memory and are what
`commands.bitmaps` calls; the Python ones below them check their bounds and are what the property tests call.
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
    static inline int fit(long long value, long long more, int width, int is_signed, long long *low) {
        /* -1: below the range, 1: above it, 0: inside; *low gets the low 64 bits of the sum. */
        __int128 sum = is_signed ? (__int128)value : (__int128)(unsigned long long)value;
        __int128 top = ((__int128)1 << (is_signed ? width - 1 : width)) - 1;
        sum += more;
        *low = (long long)sum;
        return sum > top ? 1 : sum < (is_signed ? -top - 1 : 0) ? -1 : 0;
    }
    static inline int leading_zeros(unsigned char value) { return __builtin_clz(value) - 24; }
    """
    long long count_ones(const uint8_t* p, Py_ssize_t size) noexcept nogil
    int fit(long long value, long long more, int width, bint is_signed, long long* low) noexcept nogil
    int leading_zeros(uint8_t value) noexcept nogil


cdef long long bits_count(const uint8_t* p, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Ones among the bits `first` to `last`, both included."""
    cdef Py_ssize_t start = first >> 3
    cdef Py_ssize_t end = last >> 3
    cdef uint8_t edge
    cdef long long ones
    if first > last:
        return 0
    ones = count_ones(p + start, end - start + 1)
    edge = p[start] & <uint8_t>~(0xFF >> (first & 7))
    ones -= count_ones(&edge, 1)
    edge = p[end] & <uint8_t>(0x7F >> (last & 7))
    return ones - count_ones(&edge, 1)


cdef Py_ssize_t bits_find(const uint8_t* p, bint bit, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The first position in `first` to `last`, both included, that holds `bit`; or -1."""
    cdef Py_ssize_t at = first >> 3
    cdef Py_ssize_t end = last >> 3
    cdef uint64_t skip = 0 if bit else <uint64_t>-1
    cdef uint8_t flip = 0 if bit else 0xFF
    cdef uint64_t word
    cdef uint8_t byte
    cdef Py_ssize_t position
    if first > last:
        return -1
    byte = (p[at] ^ flip) & <uint8_t>(0xFF >> (first & 7))
    while byte == 0:
        at += 1
        while at + 8 <= end:
            memcpy(&word, p + at, 8)
            if word != skip:
                break
            at += 8
        if at > end:
            return -1
        byte = p[at] ^ flip
    position = at * 8 + leading_zeros(byte)
    return position if position <= last else -1


cdef void bits_combine(
    BitOperation operation, uint8_t* out, Py_ssize_t longest, const uint8_t** sources, Py_ssize_t* sizes, Py_ssize_t count
) noexcept nogil:
    """Combine strings, the shorter ones padded with zero bits, into `out`; NOT takes one source."""
    cdef Py_ssize_t number, size, i
    cdef const uint8_t* p
    for number in range(count):
        p = sources[number]
        size = sizes[number]
        if operation == BIT_NOT:
            for i in range(size):
                out[i] = ~p[i]
        elif number == 0:
            memcpy(out, p, size)
            memset(out + size, 0, longest - size)
        elif operation == BIT_AND:
            for i in range(size):
                out[i] &= p[i]
            memset(out + size, 0, longest - size)
        elif operation == BIT_OR:
            for i in range(size):
                out[i] |= p[i]
        else:
            for i in range(size):
                out[i] ^= p[i]


cdef int64_t bits_get(const uint8_t* p, Py_ssize_t size, uint64_t offset, int width, bint with_sign) noexcept nogil:
    """The integer of `width` bits (1 to 64) at a bit offset; bits past the end read as zero."""
    cdef uint64_t value = 0
    cdef uint64_t at = offset >> 3
    cdef int lead = <int>(offset & 7)
    cdef int taken = 0
    cdef int piece
    cdef uint8_t byte
    while taken < width:
        byte = p[at] if at < <uint64_t>size else 0
        piece = min(8 - lead, width - taken)
        value = (value << piece) | ((<uint8_t>(byte << lead)) >> (8 - piece))
        taken += piece
        lead = 0
        at += 1
    if with_sign and width < 64 and value >> (width - 1):
        value |= (<uint64_t>-1) << width
    return <int64_t>value


cdef void bits_put(uint8_t* p, uint64_t offset, int width, uint64_t value) noexcept nogil:
    """Write the low `width` bits of a value at a bit offset."""
    cdef uint64_t at = offset >> 3
    cdef int lead = <int>(offset & 7)
    cdef int left = width
    cdef int piece
    cdef uint8_t mask
    while left:
        piece = min(8 - lead, left)
        left -= piece
        mask = <uint8_t>((0xFF >> lead) & (0xFF << (8 - lead - piece)))
        p[at] = (p[at] & ~mask) | (<uint8_t>((value >> left) << (8 - lead - piece)) & mask)
        lead = 0
        at += 1


cdef bint bits_fit(int64_t value, int64_t increment, int width, bint with_sign, Overflow policy, int64_t* fitted) noexcept nogil:
    """value + increment made to fit into `width` bits by the policy; False when the policy is to refuse.

    An unsigned field reads `value` as unsigned 64 bits, so that -1 is far too large for it, as in Redis.
    """
    cdef long long low = 0
    cdef int side = fit(value, increment, width, with_sign, &low)
    cdef uint64_t top
    if side and policy == FAIL:
        return False
    if side and policy == SATURATE:
        top = (<uint64_t>1 << (width - 1 if with_sign else width)) - 1       # unsigned fields have at most 63 bits
        fitted[0] = <int64_t>top if side > 0 else <int64_t>(~top) if with_sign else 0
        return True
    if side and width < 64:
        low &= <long long>((<uint64_t>1 << width) - 1)
        if with_sign and (low >> (width - 1)) & 1:
            low |= <long long>((<uint64_t>-1) << width)
    fitted[0] = low
    return True


def count_bits(const unsigned char[::1] data not None, Py_ssize_t first, Py_ssize_t last) -> int:
    check_range(data.shape[0], first, last)
    return bits_count(&data[0], first, last)


def find_bit(const unsigned char[::1] data not None, bint bit, Py_ssize_t first, Py_ssize_t last) -> int:
    check_range(data.shape[0], first, last)
    return bits_find(&data[0], bit, first, last)


def combine(str operation not None, list sources not None) -> bytes:
    """`and`, `or`, `xor` of strings, or `not` of one; the result is as long as the longest."""
    cdef BitOperation chosen = {"and": BIT_AND, "or": BIT_OR, "xor": BIT_XOR, "not": BIT_NOT}[operation]
    cdef Py_ssize_t longest = max([len(source) for source in sources])
    cdef bytes result = PyBytes_FromStringAndSize(NULL, longest)
    cdef const uint8_t* pointers[16]
    cdef Py_ssize_t sizes[16]
    cdef Py_ssize_t i
    if len(sources) > 16:
        raise ValueError("at most 16 sources")
    for i in range(len(sources)):
        pointers[i] = <const uint8_t*>PyBytes_AS_STRING(sources[i])
        sizes[i] = PyBytes_GET_SIZE(sources[i])
    bits_combine(chosen, <uint8_t*>PyBytes_AS_STRING(result), longest, pointers, sizes, len(sources))
    return result


def get_field(const unsigned char[::1] data not None, uint64_t offset, int width, bint with_sign) -> int:
    cdef int64_t value = bits_get(&data[0], data.shape[0], offset, width, with_sign)
    return value if with_sign else <uint64_t>value


def set_field(unsigned char[::1] data not None, uint64_t offset, int width, object value) -> None:
    """Write the low `width` bits of an integer at a bit offset, all of it inside the data (IndexError)."""
    check_range(data.shape[0], offset, offset + width - 1)
    bits_put(&data[0], offset, width, <uint64_t>(value & 0xFFFFFFFFFFFFFFFF))


def fit_field(int64_t value, int64_t increment, int width, bint with_sign, str policy not None) -> int | None:
    """value + increment within `width` bits by the policy `wrap`, `saturate` or `fail`; None when refused."""
    cdef int64_t fitted = 0
    if not bits_fit(value, increment, width, with_sign, {"wrap": WRAP, "saturate": SATURATE, "fail": FAIL}[policy], &fitted):
        return None
    return fitted


cdef int check_range(Py_ssize_t size, Py_ssize_t first, Py_ssize_t last) except -1:
    if first < 0 or (last >> 3) >= size:
        raise IndexError("bits outside of the data")
    return 0
