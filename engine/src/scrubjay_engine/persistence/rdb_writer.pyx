"""RDB files out: the pieces of a file in the form of version 9 (REDIS0009), which every Redis from 5.0 on and every Valkey reads.

A writer is a growing buffer that its caller empties with `take`, so that one snapshot goes to a file, a socket or both in chunks. Strings
are written as Redis does: small integers in 1, 2 or 4 bytes, what compresses in LZF, the rest as they are.
Called by persistence/dump (which knows how each type of value is laid out) and persistence/snapshot.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from scrubjay_engine.persistence.checksum cimport crc64_update
from scrubjay_engine.persistence.lzf cimport lzf_compress
from scrubjay_engine.persistence.errors import CorruptData
from scrubjay_engine.persistence.format import NEWEST_VERSION, VALKEY_VERSION, WRITTEN_VERSION

cdef enum:
    SMALLEST_TO_COMPRESS = 20
    LONGEST_TO_COMPRESS = 1 << 30  # longer ones go as they are: compressing holds the loop


cdef bint as_integer(const char* data, Py_ssize_t size, int64_t* number) noexcept:
    """Whether the text is exactly how an integer of 32 bits is written."""
    cdef Py_ssize_t i = 0
    cdef int64_t n = 0
    if size == 0 or size > 11:
        return False
    if data[0] == c'-':
        i = 1
        if size == 1 or data[1] == c'0':
            return False
    elif data[0] == c'0' and size > 1:
        return False
    while i < size:
        if data[i] < c'0' or data[i] > c'9':
            return False
        n = n * 10 + (data[i] - c'0')
        i += 1
    number[0] = -n if data[0] == c'-' else n
    return -2147483648 <= number[0] <= 2147483647


cdef class RdbWriter:
    def __cinit__(self, bint compress=True, bint checksum=True):
        self.room = 1 << 16
        self.data = <unsigned char*>malloc(self.room)
        if self.data == NULL:
            raise MemoryError
        self.compressing = compress
        self.summing = checksum

    def __dealloc__(self):
        free(self.data)
        free(self.scratch)

    cdef int need(self, Py_ssize_t more) except -1:
        cdef unsigned char* grown
        cdef Py_ssize_t wanted
        if self.size + more > self.room:
            wanted = max(2 * self.room, self.size + more)
            grown = <unsigned char*>realloc(self.data, wanted)
            if grown == NULL:
                raise MemoryError
            self.data = grown
            self.room = wanted
        return 0

    cdef int put(self, const void* data, Py_ssize_t size) except -1:
        self.need(size)
        memcpy(self.data + self.size, data, size)
        self.size += size
        return 0

    cdef int put_byte(self, int byte) except -1:
        self.need(1)
        self.data[self.size] = <unsigned char>byte
        self.size += 1
        return 0

    cdef int put_length(self, uint64_t n) except -1:
        cdef int i, width
        self.need(9)
        if n < 64:
            self.data[self.size] = <unsigned char>n
            self.size += 1
        elif n < 16384:
            self.data[self.size] = <unsigned char>(0x40 | (n >> 8))
            self.data[self.size + 1] = <unsigned char>(n & 0xff)
            self.size += 2
        else:
            width = 4 if n <= 0xffffffffULL else 8
            self.data[self.size] = 0x80 if width == 4 else 0x81
            for i in range(width):
                self.data[self.size + 1 + i] = <unsigned char>(n >> (8 * (width - 1 - i)))
            self.size += 1 + width
        return 0

    cdef int put_string(self, const char* data, Py_ssize_t size) except -1:
        cdef int64_t number
        cdef Py_ssize_t packed
        cdef int width
        if as_integer(data, size, &number):
            width = 1 if -128 <= number <= 127 else 2 if -32768 <= number <= 32767 else 4
            self.put_byte(0xc0 | (width >> 1))
            return self.put(&number, width)
        if self.compressing and SMALLEST_TO_COMPRESS < size < LONGEST_TO_COMPRESS:
            if self.scratch_room < size:
                free(self.scratch)
                self.scratch = <unsigned char*>malloc(size)
                self.scratch_room = size if self.scratch != NULL else 0
                if self.scratch == NULL:
                    raise MemoryError
            packed = lzf_compress(<const unsigned char*>data, size, self.scratch, size - 4)
            if packed > 0:
                self.put_byte(0xc3)
                self.put_length(packed)
                self.put_length(size)
                return self.put(self.scratch, packed)
        self.put_length(size)
        return self.put(data, size)

    def header(self, int version=WRITTEN_VERSION) -> None:
        text = b"REDIS%04d" % version
        self.put(PyBytes_AS_STRING(text), 9)

    def aux(self, bytes name not None, bytes value not None) -> None:
        self.put_byte(250)
        self.string(name)
        self.string(value)

    def database(self, uint64_t index, uint64_t keys, uint64_t expires) -> None:
        self.put_byte(254)
        self.put_length(index)
        self.put_byte(251)
        self.put_length(keys)
        self.put_length(expires)

    def function(self, bytes code not None) -> None:
        self.put_byte(245)
        self.string(code)

    def key(self, int kind, bytes key not None, int64_t expire=-1, int64_t idle=-1, int frequency=-1) -> None:
        if expire != -1:
            self.put_byte(252)
            self.put(&expire, 8)
        if idle >= 0:
            self.put_byte(248)
            self.put_length(idle)
        if frequency >= 0:
            self.put_byte(249)
            self.put_byte(frequency)
        self.put_byte(kind)
        self.put_string(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))

    def byte(self, int value) -> None:
        self.put_byte(value)

    def length(self, uint64_t n) -> None:
        self.put_length(n)

    def string(self, bytes value not None) -> None:
        self.put_string(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))

    def strings(self, values) -> int:
        cdef Py_ssize_t n = 0
        cdef bytes value
        for value in values:
            self.put_string(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            n += 1
        return n

    def scores(self, pairs) -> int:
        cdef Py_ssize_t n = 0
        cdef bytes member
        cdef double score
        for member, score in pairs:
            self.put_string(PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))
            self.put(&score, 8)
            n += 1
        return n

    def raw(self, bytes data not None) -> None:
        self.put(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def integer(self, int64_t value) -> None:
        self.put(&value, 8)

    def eof(self) -> None:
        cdef uint64_t total = 0
        self.put_byte(255)
        if self.summing:
            total = crc64_update(self.crc, self.data, self.size)
        self.put(&total, 8)

    def pending(self) -> int:
        return self.size

    def take(self) -> bytes:
        out = PyBytes_FromStringAndSize(<char*>self.data, self.size)
        if self.summing:
            self.crc = crc64_update(self.crc, self.data, self.size)
        self.size = 0
        return out


def with_footer(bytes body not None) -> bytes:
    cdef bytes whole = body + WRITTEN_VERSION.to_bytes(2, "little")
    cdef uint64_t crc = crc64_update(0, <const unsigned char*>PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole))
    return whole + PyBytes_FromStringAndSize(<char*>&crc, 8)


def without_footer(bytes payload not None) -> bytes:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
    cdef uint64_t crc
    cdef uint16_t version
    if size < 10:
        raise CorruptData("a payload shorter than its footer")
    memcpy(&version, PyBytes_AS_STRING(payload) + size - 10, 2)
    memcpy(&crc, PyBytes_AS_STRING(payload) + size - 8, 8)
    if version > NEWEST_VERSION and version != VALKEY_VERSION:
        raise CorruptData("a payload of a newer version")
    if crc != 0 and crc != crc64_update(0, <const unsigned char*>PyBytes_AS_STRING(payload), size - 8):
        raise CorruptData("a payload whose checksum does not match")
    return payload[:size - 10]
