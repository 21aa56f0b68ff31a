"""Holds the random key of the process's hash (see hashing.pxd)."""

import os

cdef uint64_t seed0 = int.from_bytes(os.urandom(8), "little")
cdef uint64_t seed1 = int.from_bytes(os.urandom(8), "little")


cdef uint64_t hash_bytes(const char* data, Py_ssize_t size) noexcept nogil:
    return siphash13(data, size, seed0, seed1)


def siphash(data: bytes, k0: int, k1: int) -> int:
    """SipHash-1-3 under a given key, for tests against the published vectors."""
    return siphash13(data, len(data), k0, k1)
