# cython: boundscheck=False, wraparound=False, cdivision=True
"""HyperLogLog as Redis stores it: a string of 16 header bytes and 16384 six-bit registers, sparse or dense.

The layout, the hash (MurmurHash64A, seed 0xadc83b19), the run-length opcodes and the estimator are those of Redis 7.0,
so a value written by either server counts the same in the other and dumps interchange. Functions here take and return
whole values as `bytes`; who keeps them under a key, and when the cached count is written back, is `commands.hyperloglog`.

Layout: "HYLL", encoding (0 dense, 1 sparse), three zero bytes, the cached count as a little-endian 64-bit integer whose
top bit means "stale". Dense registers are packed from the least significant bit on. Sparse opcodes: `00nnnnnn` n+1 zero
registers, `01nnnnnn nnnnnnnn` n+1 zero registers (up to 16384), `1vvvvvnn` n+1 registers of value v+1.

The estimator is Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284.
"""

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from .hyperloglog_registers cimport (
    CHANGED, CORRUPT, DENSE, DENSE_SIZE, HEADER, RANK_BITS, REGISTERS, SPARSE, SPARSE_SIZE,
    Run, Sketch, make_stale, merge_into, place, promote, raise_register, read_run,
)

cdef extern from "math.h" nogil:
    long long llround(double value)

EMPTY = b"HYLL" + bytes([SPARSE, 0, 0, 0]) + bytes(8) + b"\x7f\xff"
EMPTY_STALE = EMPTY[:15] + b"\x80" + EMPTY[16:]     # what PFADD without elements makes: its count has yet to be computed


class CorruptSketch(ValueError):
    """The opcodes of a sparse value do not add up to 16384 registers."""


cdef int histogram_of(const uint8_t* data, Py_ssize_t size, int* histogram) noexcept nogil:
    """How many registers hold each of the 64 possible values."""
    cdef const uint8_t* at = data + HEADER
    cdef const uint8_t* end = data + size
    cdef uint32_t four
    cdef Run run
    cdef int index = 0
    if data[4] == DENSE:
        for index in range(REGISTERS // 4):
            four = at[0] | (<uint32_t>at[1] << 8) | (<uint32_t>at[2] << 16)
            histogram[four & 63] += 1
            histogram[(four >> 6) & 63] += 1
            histogram[(four >> 12) & 63] += 1
            histogram[(four >> 18) & 63] += 1
            at += 3
        return CHANGED
    while at < end:
        read_run(at, &run)
        at += run.width
        index += run.length
        histogram[run.value] += run.length
    return CHANGED if index == REGISTERS else CORRUPT


cdef double sigma(double x) noexcept nogil:
    cdef double y = 1
    cdef double z = x
    cdef double previous
    if x == 1.0:
        return INFINITY
    while True:
        x *= x
        previous = z
        z += x * y
        y += y
        if previous == z:
            return z


cdef double tau(double x) noexcept nogil:
    cdef double y = 1.0
    cdef double z = 1 - x
    cdef double previous
    if x == 0.0 or x == 1.0:
        return 0.0
    while True:
        x = sqrt(x)
        previous = z
        y *= 0.5
        z -= (1 - x) * (1 - x) * y
        if previous == z:
            return z / 3


cdef long long estimate(const int* histogram) noexcept nogil:
    cdef double m = REGISTERS
    cdef double z = m * tau((m - histogram[RANK_BITS + 1]) / m)
    cdef int rank
    for rank in range(RANK_BITS, 0, -1):
        z += histogram[rank]
        z *= 0.5
    z += m * sigma(histogram[0] / m)
    return llround(0.721347520444481703680 * m * m / z)     # 1 / (2 ln 2)


cdef void estimate_registers(const uint8_t* registers, long long* result) noexcept nogil:
    cdef int histogram[64]
    cdef int index
    memset(histogram, 0, sizeof(histogram))
    for index in range(REGISTERS):
        histogram[registers[index] & 63] += 1
    result[0] = estimate(histogram)


cdef int load(Sketch* sketch, bytes data) except -2:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    if size > SPARSE_SIZE:
        raise CorruptSketch("more opcodes than registers")
    memcpy(sketch.data, PyBytes_AS_STRING(data), size)
    memset(sketch.data + size, 0, 2)
    sketch.size = size
    return 0


cdef bytes store(Sketch* sketch):
    return PyBytes_FromStringAndSize(<char*>sketch.data, sketch.size)


def is_sketch(bytes data not None) -> bool:
    """True when a string value carries a HyperLogLog's header and, if dense, has its exact length."""
    cdef const uint8_t* p = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    if size < HEADER or memcmp(p, b"HYLL", 4) != 0 or p[4] > SPARSE:
        return False
    return p[4] == SPARSE or size == DENSE_SIZE


def encoding(bytes data not None) -> str:
    return "dense" if PyBytes_AS_STRING(data)[4] == DENSE else "sparse"


def add(bytes data not None, list elements not None, Py_ssize_t sparse_limit):
    """The value with the elements (bytes) added, or None when no register changed.

    `sparse_limit` is `hll-sparse-max-bytes`. CorruptSketch is raised for a value whose runs are wrong.
    """
    cdef Sketch sketch
    cdef bint changed = False
    cdef int index = 0
    cdef int rank, outcome
    cdef bytes element
    load(&sketch, data)
    for element in elements:
        rank = place(<const uint8_t*>PyBytes_AS_STRING(element), PyBytes_GET_SIZE(element), &index)
        outcome = raise_register(&sketch, index, rank, sparse_limit)
        if outcome == CORRUPT:
            raise CorruptSketch("runs do not fill the registers")
        changed = changed or outcome == CHANGED
    if not changed:
        return None
    make_stale(&sketch)
    return store(&sketch)


def cached_count(bytes data not None):
    """The count kept in the header, or None when a change has made it stale."""
    cdef uint64_t cached
    memcpy(&cached, PyBytes_AS_STRING(data) + 8, 8)
    return None if cached >> 63 else cached


def with_cached_count(bytes data not None, uint64_t count) -> bytes:
    cdef bytes result = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    memcpy(PyBytes_AS_STRING(result) + 8, &count, 8)
    return result


def count(bytes data not None) -> int:
    """The estimated number of different elements (standard error 0.81 %), computed from the registers."""
    cdef int histogram[64]
    memset(histogram, 0, sizeof(histogram))
    if histogram_of(<const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), histogram) == CORRUPT:
        raise CorruptSketch("runs do not fill the registers")
    return estimate(histogram)


def union_count(list values not None) -> int:
    """The estimate for the union of several values."""
    cdef uint8_t registers[REGISTERS]
    cdef long long result = 0
    merge_all(registers, values)
    estimate_registers(registers, &result)
    return result


cdef int merge_all(uint8_t* registers, list values) except -2:
    cdef bytes data
    memset(registers, 0, REGISTERS)
    for data in values:
        if merge_into(registers, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)) == CORRUPT:
            raise CorruptSketch("runs do not fill the registers")
    return 0


def merge(bytes target not None, list sources not None, Py_ssize_t sparse_limit) -> bytes:
    """The target with the sources' registers merged in; dense as soon as one of them is."""
    cdef uint8_t registers[REGISTERS]
    cdef Sketch sketch
    cdef bytes data
    cdef int index
    merge_all(registers, [target, *sources])
    load(&sketch, target)
    for data in sources:
        if PyBytes_AS_STRING(data)[4] == DENSE and promote(&sketch) == CORRUPT:
            raise CorruptSketch("runs do not fill the registers")
    for index in range(REGISTERS):
        if registers[index] and raise_register(&sketch, index, registers[index], sparse_limit) == CORRUPT:
            raise CorruptSketch("runs do not fill the registers")
    make_stale(&sketch)
    return store(&sketch)


def to_dense(bytes data not None) -> bytes:
    cdef Sketch sketch
    load(&sketch, data)
    if promote(&sketch) == CORRUPT:
        raise CorruptSketch("runs do not fill the registers")
    return store(&sketch)


def registers_of(bytes data not None) -> list:
    """All 16384 registers, for PFDEBUG GETREG."""
    cdef uint8_t registers[REGISTERS]
    cdef int index
    merge_all(registers, [data])
    return [registers[index] for index in range(REGISTERS)]


def describe_runs(bytes data not None) -> str:
    """A sparse value's opcodes as PFDEBUG DECODE shows them: `z:` and `Z:` zero runs, `v:value,length`."""
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(data) + HEADER
    cdef const uint8_t* end = <const uint8_t*>PyBytes_AS_STRING(data) + PyBytes_GET_SIZE(data)
    cdef Run run
    words = []
    while at < end:
        read_run(at, &run)
        at += run.width
        if run.value:
            words.append(f"v:{run.value},{run.length}")
        else:
            words.append(f"{'Z' if run.width == 2 else 'z'}:{run.length}")
    return " ".join(words)
