"""Bit functions on plain memory, for commands. See bitmap.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef enum BitOperation:
    BIT_AND
    BIT_OR
    BIT_XOR
    BIT_NOT

cdef enum Overflow:
    WRAP
    SATURATE
    FAIL

cdef long long bits_count(const uint8_t* p, Py_ssize_t first, Py_ssize_t last) noexcept nogil
cdef Py_ssize_t bits_find(const uint8_t* p, bint bit, Py_ssize_t first, Py_ssize_t last) noexcept nogil
cdef void bits_combine(
    BitOperation operation, uint8_t* out, Py_ssize_t longest, const uint8_t** sources, Py_ssize_t* sizes, Py_ssize_t count
) noexcept nogil
cdef int64_t bits_get(const uint8_t* p, Py_ssize_t size, uint64_t offset, int width, bint with_sign) noexcept nogil
cdef void bits_put(uint8_t* p, uint64_t offset, int width, uint64_t value) noexcept nogil
cdef bint bits_fit(int64_t value, int64_t increment, int width, bint with_sign, Overflow policy, int64_t* fitted) noexcept nogil
