"""Geohashes for the hot commands. See geohash.pyx."""

from libc.stdint cimport uint64_t


cdef bint on_earth(double longitude, double latitude) noexcept nogil
cdef uint64_t hash_of(double longitude, double latitude) noexcept nogil
cdef void position_of(double score, double* longitude, double* latitude) noexcept nogil
cdef double metres_between(double longitude1, double latitude1, double longitude2, double latitude2) noexcept nogil
cdef void write_text(double score, char* text) noexcept nogil


cdef struct ScoreRange:
    uint64_t low
    uint64_t high           # excluded


cdef class Shape:
    cdef readonly double longitude, latitude, radius, width, height

    cdef bint inside(self, double score, double* longitude, double* latitude, double* metres) noexcept
    cdef int cover(self, ScoreRange* ranges) noexcept
