"""The registers of a HyperLogLog value in a buffer: what `hyperloglog` and its self-test share."""

from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    REGISTERS = 16384
    INDEX_BITS = 14
    RANK_BITS = 50                  # bits of the hash that are left for the run of zeros
    HEADER = 16
    DENSE_SIZE = 12304              # the header and 16384 * 6 bits
    SPARSE_SIZE = 16400             # the header and an opcode for each register: no sound value is longer
    CAPACITY = 16416                # room for one more split, and for reading one byte past the end
    SPARSE_MAX_VALUE = 32
    ZERO_MAX = 64
    VALUE_RUN_MAX = 4
    DENSE = 0
    SPARSE = 1
    STALE = 0x80
    UNCHANGED = 0
    CHANGED = 1
    CORRUPT = -1

# A value being worked on: `size` bytes of it are in use, the rest is zero or rubbish.
cdef struct Sketch:
    Py_ssize_t size
    uint8_t data[CAPACITY]


# One sparse opcode, decoded.
cdef struct Run:
    int width       # bytes of the opcode
    int length      # registers it covers
    int value       # 0 for the two zero forms


cdef int place(const uint8_t* data, Py_ssize_t size, int* index) noexcept nogil
cdef int dense_get(const uint8_t* registers, int index) noexcept nogil
cdef void dense_put(uint8_t* registers, int index, int value) noexcept nogil
cdef int dense_raise(uint8_t* registers, int index, int value) noexcept nogil
cdef void read_run(const uint8_t* at, Run* run) noexcept nogil
cdef int promote(Sketch* sketch) noexcept nogil
cdef int raise_register(Sketch* sketch, int index, int value, Py_ssize_t sparse_limit) noexcept nogil
cdef int merge_into(uint8_t* registers, const uint8_t* data, Py_ssize_t size) noexcept nogil
cdef void make_stale(Sketch* sketch) noexcept nogil
