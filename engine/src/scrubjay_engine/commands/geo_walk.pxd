"""The members of a geo index around a place, as the hot commands get them. See geo_walk.pyx."""

from scrubjay_engine.values.geohash cimport Shape
from scrubjay_engine.values.sorted_set_value cimport SortedPlace, SortedSetValue


# A member inside, and where it was found (ties are shown in this order).
cdef struct Near:
    SortedPlace place       # valid until the set changes
    double metres
    double score
    double longitude
    double latitude
    Py_ssize_t order

cdef struct Found:
    Near* members           # malloc'd
    Py_ssize_t count
    Py_ssize_t room


cdef int find_near(SortedSetValue value, Shape shape, Py_ssize_t limit, Found* found) except -1
cdef void sort_found(Found* found, bint farthest_first) noexcept
