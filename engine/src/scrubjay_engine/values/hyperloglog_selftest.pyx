# cython: boundscheck=False, wraparound=False, cdivision=True
"""PFSELFTEST: registers written and read back, and estimates checked against the truth up to ten million elements."""

from libc.math cimport ceil, fabs, sqrt
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from .hyperloglog_registers cimport (
    CAPACITY, HEADER, REGISTERS, SPARSE, Sketch, dense_get, dense_put, dense_raise, place, raise_register,
)

from .hyperloglog import EMPTY, count, to_dense


cdef void load(Sketch* sketch, bytes data) noexcept:
    sketch.size = PyBytes_GET_SIZE(data)
    memcpy(sketch.data, PyBytes_AS_STRING(data), sketch.size)


cdef bytes store(Sketch* sketch):
    return PyBytes_FromStringAndSize(<char*>sketch.data, sketch.size)


def check_registers(rng, int rounds=1000) -> None:
    """Write and read back random registers; AssertionError names the first that differs (PFSELFTEST, first part)."""
    cdef uint8_t packed[CAPACITY]
    cdef uint8_t plain[REGISTERS]
    cdef int index, turn
    cdef uint64_t state = rng.getrandbits(64) | 1
    for turn in range(rounds):
        for index in range(REGISTERS):
            state ^= state << 13        # xorshift64: the values only have to differ
            state ^= state >> 7
            state ^= state << 17
            plain[index] = <uint8_t>(state & 63)
            dense_put(packed, index, plain[index])
        for index in range(REGISTERS):
            if dense_get(packed, index) != plain[index]:
                raise AssertionError(
                    f"Register {index} should be {plain[index]} but is {dense_get(packed, index)}"
                )


def check_estimates(rng, Py_ssize_t sparse_limit, long long elements=10_000_000) -> None:
    """Add unique elements to a dense and a self-promoting value, and compare at each power of ten (PFSELFTEST, second part).

    AssertionError is raised when the two disagree or the error is over six times the standard error.
    """
    cdef Sketch dense, adaptive
    cdef long long total, checkpoint = 1
    cdef uint64_t element
    cdef uint64_t seed = rng.getrandbits(64)
    cdef int index = 0
    cdef int rank
    load(&dense, to_dense(EMPTY))
    load(&adaptive, EMPTY)
    for total in range(1, elements + 1):
        element = <uint64_t>total ^ seed
        rank = place(<const uint8_t*>&element, 8, &index)
        dense_raise(dense.data + HEADER, index, rank)
        raise_register(&adaptive, index, rank, sparse_limit)
        if total != checkpoint:
            continue
        if total < sparse_limit // 2 and adaptive.data[4] != SPARSE:
            raise AssertionError("sparse encoding not used")
        estimated = count(store(&dense))
        if estimated != count(store(&adaptive)):
            raise AssertionError("dense/sparse disagree")
        allowed = 1 if total == 10 else ceil(1.04 / sqrt(REGISTERS) * 6 * total)
        if fabs(estimated - total) > allowed:
            raise AssertionError(f"Too big error. card:{total} abserr:{abs(estimated - total)}")
        checkpoint *= 10
