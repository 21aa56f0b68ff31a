"""Hash slots of cluster mode: CRC16 (XMODEM) of the key, or of its {hash tag}, modulo 16384 (Redis cluster specification)."""

from libc.stdint cimport uint16_t
from libc.string cimport memchr

cdef uint16_t crc_table[256]


cdef void fill_table() noexcept:
    cdef int i, bit
    cdef uint16_t crc
    for i in range(256):
        crc = <uint16_t>(i << 8)
        for bit in range(8):
            crc = <uint16_t>((crc << 1) ^ 0x1021) if crc & 0x8000 else <uint16_t>(crc << 1)
        crc_table[i] = crc

fill_table()


cdef int key_slot(const char* key, Py_ssize_t size) noexcept nogil:
    cdef const char* start = <const char*>memchr(key, c'{', size)
    cdef const char* end
    cdef uint16_t crc = 0
    cdef Py_ssize_t i
    if start != NULL:
        end = <const char*>memchr(start + 1, c'}', size - (start + 1 - key))
        if end != NULL and end > start + 1:
            key = start + 1
            size = end - key
    for i in range(size):
        crc = <uint16_t>(crc << 8) ^ crc_table[((crc >> 8) ^ <unsigned char>key[i]) & 0xff]
    return crc & 16383


def slot_of(bytes key) -> int:
    """The slot of a key, 0-16383."""
    return key_slot(key, len(key))
