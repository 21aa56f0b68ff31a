# cython: boundscheck=False, wraparound=False, cdivision=True
"""The registers of a HyperLogLog value in a buffer: hashing, dense packing, and the sparse runs with their splits.

Plain C functions over a `Sketch`; `hyperloglog` says what the bytes mean and offers whole values to Python.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memmove, memset

cdef extern from *:
    """
    static inline int count_trailing_zeros(unsigned long long value) { return __builtin_ctzll(value); }
    """
    int count_trailing_zeros(unsigned long long value) noexcept nogil


cdef inline uint64_t hash_of(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """MurmurHash64A (Austin Appleby, public domain) with Redis' seed."""
    cdef uint64_t m = 0xC6A4A7935BD1E995ULL
    cdef uint64_t h = <uint64_t>0xADC83B19 ^ (<uint64_t>size * m)
    cdef uint64_t k
    cdef Py_ssize_t blocks = size >> 3
    cdef Py_ssize_t tail = size & 7
    cdef Py_ssize_t i
    for i in range(blocks):
        memcpy(&k, data + i * 8, 8)
        k *= m
        k ^= k >> 47
        k *= m
        h ^= k
        h *= m
    if tail:
        k = 0
        memcpy(&k, data + blocks * 8, tail)
        h ^= k
        h *= m
    h ^= h >> 47
    h *= m
    h ^= h >> 47
    return h


cdef int place(const uint8_t* data, Py_ssize_t size, int* index) noexcept nogil:
    """The register an element belongs to, and its rank: the run of zeros in the rest of the hash, plus one."""
    cdef uint64_t h = hash_of(data, size)
    index[0] = <int>(h & (REGISTERS - 1))
    return 1 + count_trailing_zeros((h >> INDEX_BITS) | (<uint64_t>1 << RANK_BITS))


cdef int dense_get(const uint8_t* registers, int index) noexcept nogil:
    cdef int at = index * 6
    cdef int byte = at >> 3
    cdef int shift = at & 7
    cdef int bits = registers[byte] >> shift
    if shift > 2:       # else the next byte has no part in it: behind the last register there is none
        bits |= <int>registers[byte + 1] << (8 - shift)
    return bits & 63


cdef void dense_put(uint8_t* registers, int index, int value) noexcept nogil:
    cdef int at = index * 6
    cdef int byte = at >> 3
    cdef int shift = at & 7
    registers[byte] = <uint8_t>((registers[byte] & ~(63 << shift)) | (value << shift))
    if shift > 2:
        registers[byte + 1] = <uint8_t>((registers[byte + 1] & ~(63 >> (8 - shift))) | (value >> (8 - shift)))


cdef int dense_raise(uint8_t* registers, int index, int value) noexcept nogil:
    if value <= dense_get(registers, index):
        return UNCHANGED
    dense_put(registers, index, value)
    return CHANGED


cdef void read_run(const uint8_t* at, Run* run) noexcept nogil:
    cdef int first = at[0]
    run.width = 1
    run.value = 0
    if first & 0x80:
        run.length = (first & 3) + 1
        run.value = ((first >> 2) & 31) + 1
    elif first & 0x40:
        run.length = (((first & 0x3F) << 8) | at[1]) + 1
        run.width = 2
    else:
        run.length = (first & 0x3F) + 1


cdef inline int write_zeros(uint8_t* at, int length) noexcept nogil:
    """-> bytes written."""
    if length == 0:
        return 0
    if length <= ZERO_MAX:
        at[0] = <uint8_t>(length - 1)
        return 1
    at[0] = <uint8_t>(0x40 | ((length - 1) >> 8))
    at[1] = <uint8_t>((length - 1) & 0xFF)
    return 2


cdef inline int write_value(uint8_t* at, int value, int length) noexcept nogil:
    if length == 0:
        return 0
    at[0] = <uint8_t>(0x80 | ((value - 1) << 2) | (length - 1))
    return 1


cdef void make_stale(Sketch* sketch) noexcept nogil:
    sketch.data[15] |= STALE


cdef int promote(Sketch* sketch) noexcept nogil:
    """Turn a sparse value into a dense one; CORRUPT when its runs do not fill the registers."""
    cdef uint8_t registers[REGISTERS]
    cdef int index
    if sketch.data[4] == DENSE:
        return UNCHANGED
    memset(registers, 0, REGISTERS)
    if merge_into(registers, sketch.data, sketch.size) == CORRUPT:
        return CORRUPT
    sketch.data[4] = DENSE
    sketch.size = DENSE_SIZE
    memset(sketch.data + HEADER, 0, CAPACITY - HEADER)
    for index in range(REGISTERS):
        if registers[index]:
            dense_put(sketch.data + HEADER, index, registers[index])
    return CHANGED


cdef int sparse_raise(Sketch* sketch, int index, int value, Py_ssize_t sparse_limit) noexcept nogil:
    """Raise one register of a sparse value: split the run it lies in, then join equal neighbours again."""
    cdef uint8_t* at = sketch.data + HEADER
    cdef uint8_t* end = sketch.data + sketch.size
    cdef uint8_t* previous = at
    cdef uint8_t pieces[5]
    cdef Run run
    cdef int first = 0
    cdef int size = 0
    cdef int before, after, growth
    if value > SPARSE_MAX_VALUE:
        return promote_and_raise(sketch, index, value)
    while at < end:
        read_run(at, &run)
        if index < first + run.length:
            break
        previous = at
        at += run.width
        first += run.length
    if at >= end:
        return CORRUPT
    if run.value >= value:
        return UNCHANGED
    before = index - first
    after = run.length - 1 - before
    if run.value:
        size = write_value(pieces, run.value, before)
        size += write_value(pieces + size, value, 1)
        size += write_value(pieces + size, run.value, after)
    else:
        size = write_zeros(pieces, before)
        size += write_value(pieces + size, value, 1)
        size += write_zeros(pieces + size, after)
    growth = size - run.width
    if growth > 0 and sketch.size + growth > min(sparse_limit, SPARSE_SIZE):
        return promote_and_raise(sketch, index, value)
    if growth and at + run.width < end:
        memmove(at + size, at + run.width, end - at - run.width)
    memcpy(at, pieces, size)
    sketch.size += growth
    join_values(sketch, previous)
    make_stale(sketch)
    return CHANGED


cdef int promote_and_raise(Sketch* sketch, int index, int value) noexcept nogil:
    if promote(sketch) == CORRUPT:
        return CORRUPT
    dense_raise(sketch.data + HEADER, index, value)
    return CHANGED


cdef void join_values(Sketch* sketch, uint8_t* at) noexcept nogil:
    """Join neighbouring runs of one value, looking at five opcodes from `at` on (as far as a split can reach)."""
    cdef uint8_t* end = sketch.data + sketch.size
    cdef Run left, right
    cdef int looks = 5
    while at < end and looks > 0:
        looks -= 1
        read_run(at, &left)
        if left.value and at + 1 < end:
            read_run(at + 1, &right)
            if right.value == left.value and left.length + right.length <= VALUE_RUN_MAX:
                write_value(at + 1, left.value, left.length + right.length)
                memmove(at, at + 1, end - at - 1)
                end -= 1
                sketch.size -= 1
                continue
        at += left.width


cdef int raise_register(Sketch* sketch, int index, int value, Py_ssize_t sparse_limit) noexcept nogil:
    if sketch.data[4] == DENSE:
        return dense_raise(sketch.data + HEADER, index, value)
    return sparse_raise(sketch, index, value, sparse_limit)


cdef int merge_into(uint8_t* registers, const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """registers[i] = max(registers[i], the value's i-th register)."""
    cdef const uint8_t* at = data + HEADER
    cdef const uint8_t* end = data + size
    cdef Run run
    cdef int index = 0
    cdef int value
    if data[4] == DENSE:
        for index in range(REGISTERS):
            value = dense_get(at, index)
            if value > registers[index]:
                registers[index] = <uint8_t>value
        return CHANGED
    while at < end:
        read_run(at, &run)
        at += run.width
        if index + run.length > REGISTERS:
            return CORRUPT
        if run.value == 0:
            index += run.length
            continue
        while run.length:
            if run.value > registers[index]:
                registers[index] = <uint8_t>run.value
            index += 1
            run.length -= 1
    return CHANGED if index == REGISTERS else CORRUPT
