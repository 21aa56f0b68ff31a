"""The order of a large sorted set: a B+ tree of member blocks that counts what lies below each child. See ranks.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from scrubjay_engine.values.view cimport compare_bytes


cdef enum:
    LEAF_ROOM = 64
    INNER_ROOM = 32
    DEPTH_ROOM = 16      # inner levels at most: 8 ** 16 members with inner nodes a quarter full

cdef struct Leaf:
    Leaf* before
    Leaf* after
    uint32_t count
    double scores[LEAF_ROOM]    # of the blocks, so that a search touches a block only among equal scores
    void* entries[LEAF_ROOM]

cdef struct Inner:
    uint32_t count
    double scores[INNER_ROOM]    # of the first block below each child
    void* entries[INNER_ROOM]    # that block
    void* children[INNER_ROOM]
    uint64_t sizes[INNER_ROOM]   # blocks below each child

cdef struct Ranks:
    void* root           # Leaf* when height is 0, else Inner*; NULL while empty
    int height
    Leaf* first
    Leaf* last

cdef enum BoundKind:
    BOUND_END            # before all (after=False) or behind all (after=True)
    BOUND_SCORE          # before or behind all members of a score
    BOUND_LEX            # before or behind a member, all scores being equal
    BOUND_MEMBER         # before or behind a member with its score

cdef struct Bound:       # a place between members
    BoundKind kind
    bint after
    double score
    const char* data
    Py_ssize_t size


cdef inline double block_score(const void* block) noexcept nogil:
    cdef double score
    memcpy(&score, block, 8)
    return score


cdef inline const char* block_member(void* block, Py_ssize_t* size) noexcept nogil:
    """A block is: the score, a byte of size (255: four more follow), the member."""
    cdef uint8_t first = (<uint8_t*> block)[8]
    cdef uint32_t long_
    if first < 255:
        size[0] = first
        return <const char*> block + 9
    memcpy(&long_, <uint8_t*> block + 9, 4)
    size[0] = long_
    return <const char*> block + 13


cdef inline bint precedes(double score, const char* data, Py_ssize_t size, const Bound* bound) noexcept nogil:
    """Whether a member lies before the bound."""
    cdef int order
    if bound.kind == BOUND_MEMBER and score == bound.score:
        order = compare_bytes(data, size, bound.data, bound.size)
        return order < 0 or (order == 0 and bound.after)
    if bound.kind == BOUND_MEMBER or bound.kind == BOUND_SCORE:
        return score < bound.score or (bound.after and score == bound.score)
    if bound.kind == BOUND_END:
        return bound.after
    order = compare_bytes(data, size, bound.data, bound.size)
    return order < 0 or (order == 0 and bound.after)


cdef int ranks_insert(Ranks* ranks, void* block) except -1
cdef int ranks_remove(Ranks* ranks, void* block) noexcept
cdef bint ranks_move(Ranks* ranks, void* block, double score) noexcept
cdef uint64_t ranks_bound(Ranks* ranks, const Bound* bound) noexcept nogil
cdef Leaf* ranks_seek(Ranks* ranks, uint64_t rank, uint32_t* index) noexcept nogil
cdef bint ranks_free_step(Ranks* ranks, Py_ssize_t* budget) noexcept
cdef Py_ssize_t ranks_bytes(Ranks* ranks) noexcept nogil
