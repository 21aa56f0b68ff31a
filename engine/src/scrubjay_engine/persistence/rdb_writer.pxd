from libc.stdint cimport uint64_t

cdef class RdbWriter:
    cdef unsigned char* data
    cdef Py_ssize_t size, room
    cdef unsigned char* scratch
    cdef Py_ssize_t scratch_room
    cdef uint64_t crc
    cdef bint compressing, summing

    cdef int need(self, Py_ssize_t more) except -1
    cdef int put(self, const void* data, Py_ssize_t size) except -1
    cdef int put_byte(self, int byte) except -1
    cdef int put_length(self, uint64_t n) except -1
    cdef int put_string(self, const char* data, Py_ssize_t size) except -1
