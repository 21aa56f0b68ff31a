"""Words and numbers of memcached's text protocol, as memcached itself reads them (doc/protocol.txt of 1.6.18, and strtol's habits).

Numbers are what C's strtoul and strtol take, up to the end of the word or a blank in it: `+5` and `-0` are numbers, too long ones are not,
and what passes 32 bits where 32 are kept loses its upper half. Clients never see that; the differential test does.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef enum:
    MOST_WORDS = 23         # a line's further words are left unread but by get

cdef struct Word:
    const char* data
    Py_ssize_t size


cdef inline bint is_blank(char c) noexcept nogil:
    return c == c' ' or (c >= 9 and c <= 13)


cdef inline int split_words(const char* line, Py_ssize_t size, Word* words, Py_ssize_t* rest) noexcept nogil:
    """Words between blanks, at most MOST_WORDS; `rest` is where unread words begin, or -1."""
    cdef int count = 0
    cdef Py_ssize_t at = 0, start
    rest[0] = -1
    while True:
        while at < size and line[at] == c' ':
            at += 1
        if at >= size:
            return count
        if count == MOST_WORDS:
            rest[0] = at
            return count
        start = at
        while at < size and line[at] != c' ':
            at += 1
        words[count].data = line + start
        words[count].size = at - start
        count += 1


cdef inline bint scan_number(const char* data, Py_ssize_t size, bint* negative, uint64_t* value) noexcept nogil:
    """Blanks, a sign, digits, then the end or a blank. False: no number, or more than 64 bits."""
    cdef Py_ssize_t at = 0
    cdef uint64_t number = 0
    cdef unsigned char digit
    cdef bint any = False
    negative[0] = False
    while at < size and is_blank(data[at]):
        at += 1
    if at < size and (data[at] == c'-' or data[at] == c'+'):
        negative[0] = data[at] == c'-'
        at += 1
    while at < size:
        digit = <unsigned char>(data[at] - 48)
        if digit > 9:
            break
        if number > <uint64_t>1844674407370955161 or (number == <uint64_t>1844674407370955161 and digit > 5):
            return False
        number = number * 10 + digit
        any = True
        at += 1
    if not any or (at < size and not is_blank(data[at])):
        return False
    value[0] = number
    return True


cdef inline bint has_minus(const char* data, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        if data[i] == c'-':
            return True
    return False


cdef inline bint parse_u64(const char* data, Py_ssize_t size, uint64_t* value) noexcept nogil:
    cdef bint negative
    cdef uint64_t number
    value[0] = 0
    if not scan_number(data, size, &negative, &number):
        return False
    if negative:
        number = 0 - number
    if <int64_t>number < 0 and has_minus(data, size):
        return False
    value[0] = number
    return True


cdef inline bint parse_u32(const char* data, Py_ssize_t size, uint32_t* value) noexcept nogil:
    cdef uint64_t number
    value[0] = 0
    if not parse_u64(data, size, &number):
        return False
    value[0] = <uint32_t>number
    return True


cdef inline bint parse_i32(const char* data, Py_ssize_t size, int32_t* value) noexcept nogil:
    cdef bint negative
    cdef uint64_t number
    value[0] = 0
    if not scan_number(data, size, &negative, &number):
        return False
    if number > <uint64_t>9223372036854775807 + (1 if negative else 0):
        return False
    value[0] = <int32_t>(0 - number) if negative else <int32_t>number
    return True


cdef inline int format_u64(char* out, uint64_t value) noexcept nogil:
    """Writes the number (at most 20 characters, no terminator); how many."""
    cdef char digits[24]
    cdef int n = 0, k = 0
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
