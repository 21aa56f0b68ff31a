"""`View`: one element of a compound value, as the hot path hands it about: bytes that live elsewhere, or an integer.

Every container of `values/` gives its elements out as views and takes them as (data, size). A view is valid until the
container changes. Integers are stored as integers wherever their decimal form is canonical (what Redis' string2ll
accepts: no sign but a leading minus, no leading zero, within 64 bits), so both forms denote the same bytes.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memcmp


cdef struct View:
    const char* data     # NULL: the element is the integer `number`
    Py_ssize_t size      # of data
    long long number

cdef enum:
    DIGITS = 24          # room for any 64-bit integer in decimal


cdef inline bint parse_integer(const char* data, Py_ssize_t size, long long* out) noexcept nogil:
    """The integer that `data` spells canonically, if it does."""
    cdef unsigned long long value = 0
    cdef Py_ssize_t at = 0
    cdef unsigned char digit
    cdef bint negative
    if size == 0 or size > 20:
        return False
    negative = data[0] == c'-'
    if negative:
        at = 1
        if size == 1:
            return False
    digit = <unsigned char> data[at] - 48
    if digit > 9:
        return False
    if digit == 0:
        out[0] = 0
        return size == 1
    if size - at > 19:
        return False
    while at < size:
        digit = <unsigned char> data[at] - 48
        if digit > 9:
            return False
        value = value * 10 + digit
        at += 1
    if negative:
        if value > 9223372036854775808ULL:
            return False
        out[0] = <long long> (0 - value)
    else:
        if value > 9223372036854775807ULL:
            return False
        out[0] = <long long> value
    return True


cdef inline int write_integer(long long number, char* out) noexcept nogil:
    """The decimal form into `out` (at least DIGITS bytes); its length."""
    cdef char[24] reverse
    cdef int size = 0, at = 0
    cdef unsigned long long value
    if number < 0:
        value = 0 - <unsigned long long> number
        out[0] = c'-'
        at = 1
    else:
        value = <unsigned long long> number
    while True:
        reverse[size] = <char> (48 + value % 10)
        value //= 10
        size += 1
        if value == 0:
            break
    while size:
        size -= 1
        out[at] = reverse[size]
        at += 1
    return at


cdef inline void view_render(View* view, char* room) noexcept nogil:
    """Make an integer view a view of bytes, written into `room` (DIGITS bytes that outlive the view)."""
    if view.data == NULL:
        view.size = write_integer(view.number, room)
        view.data = room


cdef inline bint view_equals(const View* view, const char* data, Py_ssize_t size) noexcept nogil:
    cdef char[24] room
    if view.data != NULL:
        return view.size == size and memcmp(view.data, data, size) == 0
    if size > 20:
        return False
    return write_integer(view.number, room) == size and memcmp(room, data, size) == 0


cdef inline int compare_bytes(const char* a, Py_ssize_t a_size, const char* b, Py_ssize_t b_size) noexcept nogil:
    """As memcmp, the shorter first where one is the beginning of the other."""
    cdef int order = memcmp(a, b, a_size if a_size < b_size else b_size)
    if order:
        return order
    return (a_size > b_size) - (a_size < b_size)


cdef inline bytes view_bytes(const View* view):
    cdef char[24] room
    if view.data != NULL:
        return PyBytes_FromStringAndSize(view.data, view.size)
    return PyBytes_FromStringAndSize(room, write_integer(view.number, room))
