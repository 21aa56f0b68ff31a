"""Integers in text, both ways, as Redis reads and writes them (no leading zeros, no plus sign, no blanks)."""

from libc.stdint cimport int64_t, uint64_t


cdef inline bint parse_int64(const char* text, Py_ssize_t size, int64_t* number) noexcept nogil:
    """True and the number, if the text is an int64 in its one canonical form."""
    cdef uint64_t value
    cdef Py_ssize_t at = 0
    cdef bint negative = False
    cdef unsigned char digit
    if size == 0 or size > 20:
        return False
    if text[0] == c'-':
        negative = True
        at = 1
        if size == 1:
            return False
    digit = <unsigned char>(text[at] - 48)
    if digit == 0:
        if size == 1:
            number[0] = 0
            return True
        return False
    if digit > 9:
        return False
    value = digit
    at += 1
    while at < size:
        digit = <unsigned char>(text[at] - 48)
        if digit > 9:
            return False
        if value > <uint64_t>1844674407370955161 or (value == <uint64_t>1844674407370955161 and digit > 5):
            return False
        value = value * 10 + digit
        at += 1
    if negative:
        if value > <uint64_t>9223372036854775808:
            return False
        number[0] = <int64_t>(0 - value)
    else:
        if value > <uint64_t>9223372036854775807:
            return False
        number[0] = <int64_t>value
    return True


cdef inline int format_int64(char* out, int64_t number) noexcept nogil:
    """Writes the number (at most 20 characters, no terminator); how many."""
    cdef char digits[24]
    cdef int n = 0, k = 0
    cdef uint64_t value = <uint64_t>number
    if number < 0:
        value = 0 - value
        out[k] = c'-'
        k = 1
    while True:
        digits[n] = <char>(48 + value % 10)
        n += 1
        value //= 10
        if value == 0:
            break
    while n:
        n -= 1
        out[k] = digits[n]
        k += 1
    return k
