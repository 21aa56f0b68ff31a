# cython: boundscheck=False, wraparound=False, cdivision=True
"""The walk over the members of a geo index around a place, that all search commands share."""

from libc.stdlib cimport free, qsort, realloc

from scrubjay_engine.values.geohash cimport ScoreRange, Shape
from scrubjay_engine.values.ranks cimport BOUND_SCORE, Bound
from scrubjay_engine.values.sorted_set_value cimport SortedSetValue, zset_bound, zset_seek, zset_step, zset_view
from scrubjay_engine.values.view cimport View, view_bytes


cdef int found_add(Found* found, const Near* near) except -1:
    cdef Near* grown
    if found.count == found.room:
        found.room = found.room * 2 if found.room else 64
        grown = <Near*>realloc(found.members, found.room * sizeof(Near))
        if grown == NULL:
            raise MemoryError
        found.members = grown
    found.members[found.count] = near[0]
    found.members[found.count].order = found.count
    found.count += 1
    return 0


cdef int find_near(SortedSetValue value, Shape shape, Py_ssize_t limit, Found* found) except -1:
    """The members inside a shape, cell by cell; at most `limit` unless 0."""
    cdef ScoreRange[9] ranges
    cdef Bound bound
    cdef Near near
    cdef View member
    cdef int i
    for i in range(shape.cover(ranges)):
        bound.kind = BOUND_SCORE
        bound.after = False
        bound.score = <double>ranges[i].low
        if not zset_seek(value, zset_bound(value, &bound), &near.place):
            continue
        while True:
            near.score = zset_view(&near.place, &member)
            if near.score >= <double>ranges[i].high:
                break
            if shape.inside(near.score, &near.longitude, &near.latitude, &near.metres):
                found_add(found, &near)
                if limit and found.count >= limit:
                    return 0
            if not zset_step(&near.place, False):
                break
    return 0


def find_members(SortedSetValue value not None, Shape shape not None, Py_ssize_t limit) -> list:
    """[(metres, member, score, longitude, latitude), ...] inside a shape, cell by cell; at most `limit` unless 0."""
    cdef Found found = Found(NULL, 0, 0)
    cdef list rows = []
    cdef View member
    cdef Near* near
    cdef Py_ssize_t i
    try:
        find_near(value, shape, limit, &found)
        for i in range(found.count):
            near = &found.members[i]
            zset_view(&near.place, &member)
            rows.append((near.metres, view_bytes(&member), near.score, near.longitude, near.latitude))
    finally:
        free(found.members)
    return rows


cdef int compare_nearest(const void* a, const void* b) noexcept nogil:
    cdef const Near* x = <const Near*>a
    cdef const Near* y = <const Near*>b
    if x.metres != y.metres:
        return 1 if x.metres > y.metres else -1
    return 1 if x.order > y.order else -1


cdef int compare_farthest(const void* a, const void* b) noexcept nogil:
    cdef const Near* x = <const Near*>a
    cdef const Near* y = <const Near*>b
    if x.metres != y.metres:
        return 1 if x.metres < y.metres else -1
    return 1 if x.order > y.order else -1


cdef void sort_found(Found* found, bint farthest_first) noexcept:
    """By distance; those equally far stay in the order they were found in."""
    if found.count > 1:
        qsort(found.members, found.count, sizeof(Near), compare_farthest if farthest_first else compare_nearest)
