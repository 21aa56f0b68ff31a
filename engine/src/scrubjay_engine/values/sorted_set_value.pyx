"""`SortedSetValue`: what a sorted-set key holds.

Small form: one pack of member, score, member, score in order; a whole score is kept as an integer, any other as its eight
bytes. Large form: blocks of score and member, found by member in a table (table.pyx) and by order in a B+ tree
(ranks.pyx). A set becomes large when it passes `zset-max-listpack-entries` or a member passes
`zset-max-listpack-value`, and never small again.

Every range is a range of ranks: a bound by score or by member is turned into a rank first (`zset_bound`), so counting,
reading and removing are the same for ZRANGE's three kinds.

Invariants: members are different; order is by score, then by bytes; table and tree hold the same blocks; no score is NaN; an
empty set has no body.
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.math cimport isnan, signbit
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from scrubjay_engine.values.hashing cimport hash_bytes
from scrubjay_engine.values.limits cimport limits
from scrubjay_engine.values.listpack cimport (
    PACK_LIMIT, Pack, entry_after, entry_before, entry_view, pack_begin, pack_copy, pack_end, pack_find, pack_free,
    pack_insert, pack_insert_number, pack_insert_raw, pack_new, pack_remove, pack_seek,
)
from scrubjay_engine.values.listpack import dump_of
from scrubjay_engine.values.memory cimport count_external, zfree, zmalloc, zsize
from scrubjay_engine.values.randomness cimport below, state as random_state
from scrubjay_engine.values.ranks cimport (
    BOUND_END, BOUND_LEX, BOUND_MEMBER, BOUND_SCORE, Bound, Leaf, Ranks, block_member, block_score, precedes, ranks_bound,
    ranks_bytes, ranks_free_step, ranks_insert, ranks_move, ranks_remove, ranks_seek,
)
from scrubjay_engine.values.table cimport (
    Iterator, Table, table_add, table_bytes, table_drain, table_find, table_init, table_iterate, table_iterate_end, table_len,
    table_next, table_random, table_release, table_remove, table_reserve, table_scan,
)
from scrubjay_engine.values.view cimport DIGITS, View, view_bytes, view_render


cdef enum:
    OBJECT_BYTES = 32


# -- small form --------------------------------------------------------------------------------------------------------

cdef inline double score_at(const uint8_t* at) noexcept:
    """The score that an entry of a pack holds: an integer, or the high bytes of a double whose other bytes are zero (1.5 takes two)."""
    cdef View view
    cdef double score = 0
    if entry_view(at, &view):
        return <double> view.number
    memcpy(<char*> &score + sizeof(double) - view.size, view.data, view.size)
    return score


cdef uint8_t* insert_score(Pack** pack, uint8_t* at, double score) except NULL:
    cdef const char* bytes_of_it = <const char*> &score     # little-endian
    cdef int64_t whole
    cdef int zeros = 0
    if -9007199254740992.0 <= score <= 9007199254740992.0 and not (score == 0 and signbit(score)):
        whole = <int64_t> score
        if <double> whole == score:
            return pack_insert_number(pack, at, whole)
    while bytes_of_it[zeros] == 0:      # never all eight: that is the integer 0
        zeros += 1
    return pack_insert_raw(pack, at, bytes_of_it + zeros, <Py_ssize_t> sizeof(double) - zeros)


cdef inline uint8_t* pack_before(Pack* pack, const Bound* bound, Py_ssize_t* rank) noexcept:
    """The first pair that does not lie before the bound (or the end), and its rank."""
    cdef uint8_t* at = pack_begin(pack)
    cdef uint8_t* end = pack_end(pack)
    cdef uint8_t* score_place
    cdef View view
    cdef char[DIGITS] room
    cdef double score
    rank[0] = 0
    while at < end:
        score_place = entry_after(at)
        score = score_at(score_place)
        if bound.kind == BOUND_SCORE or (bound.kind == BOUND_MEMBER and score != bound.score):
            if not (score < bound.score or (bound.after and score == bound.score)):
                break
        else:
            entry_view(at, &view)
            view_render(&view, room)
            if not precedes(score, view.data, view.size, bound):
                break
        at = entry_after(score_place)
        rank[0] += 1
    return at


cdef int pack_put(SortedSetValue value, const char* data, Py_ssize_t size, double score) except -1:
    """Insert a member that is not in the pack."""
    cdef Pack* pack = <Pack*> value.body
    cdef Bound bound
    cdef Py_ssize_t rank
    cdef uint8_t* at
    cdef uint64_t before
    bound.kind = BOUND_MEMBER
    bound.after = False
    bound.score = score
    bound.data = data
    bound.size = size
    at = pack_before(pack, &bound, &rank)
    # The score goes in first, so that the member's bytes are the last to be placed and `at` stays theirs.
    at = insert_score(&pack, at, score)
    value.body = pack
    pack_insert(&pack, at, data, size)
    value.body = pack
    return 0


# -- large form --------------------------------------------------------------------------------------------------------

cdef int ranked_add(Ranked* ranked, const char* data, Py_ssize_t size, double score, uint64_t hash) except -1:
    """Add a member that is not there yet."""
    cdef uint32_t long_
    cdef uint8_t* block
    if size < 255:
        block = <uint8_t*> zmalloc(9 + size)
        block[8] = <uint8_t> size
        memcpy(block + 9, data, size)
    else:
        long_ = <uint32_t> size
        block = <uint8_t*> zmalloc(13 + size)
        block[8] = 255
        memcpy(block + 9, &long_, 4)
        memcpy(block + 13, data, size)
    memcpy(block, &score, 8)
    try:
        ranks_insert(&ranked.ranks, block)
        table_add(&ranked.table, block, hash)
    except MemoryError:
        ranks_remove(&ranked.ranks, block)
        zfree(block)
        raise
    return 0


cdef Ranked* make_ranked(SortedSetValue value) except NULL:
    """Turn the small form (or nothing) into the large one."""
    cdef Ranked* ranked = <Ranked*> zmalloc(sizeof(Ranked))
    cdef Pack* pack = <Pack*> value.body
    cdef uint8_t* at
    cdef View view
    cdef char[DIGITS] room
    table_init(&ranked.table, member_of)
    ranked.ranks.root = NULL
    ranked.ranks.height = 0
    ranked.ranks.first = ranked.ranks.last = NULL
    value.body = ranked
    value.ranked = True
    if pack == NULL:
        return ranked
    at = pack_begin(pack)
    while at < pack_end(pack):
        entry_view(at, &view)
        view_render(&view, room)
        at = entry_after(at)
        ranked_add(ranked, view.data, view.size, score_at(at), hash_bytes(view.data, view.size))
        at = entry_after(at)
    pack_free(pack)
    return ranked


cdef const char* member_of(void* block, Py_ssize_t* size) noexcept nogil:
    return block_member(block, size)


cdef void settle(SortedSetValue value) noexcept:
    """An empty set has no body."""
    if value.ranked:
        if table_len(&(<Ranked*> value.body).table):
            return
        table_release(&(<Ranked*> value.body).table)
        zfree(value.body)
    else:
        if value.body == NULL or (<Pack*> value.body).count:
            return
        pack_free(<Pack*> value.body)
    value.body = NULL
    value.ranked = False


# -- the hot calls -----------------------------------------------------------------------------------------------------

cdef Py_ssize_t zset_len(SortedSetValue value) noexcept:
    if value.ranked:
        return table_len(&(<Ranked*> value.body).table)
    return (<Pack*> value.body).count // 2 if value.body != NULL else 0


cdef inline void* find_block(SortedSetValue value, const char* data, Py_ssize_t size, uint64_t hash) noexcept:
    return table_find(&(<Ranked*> value.body).table, data, size, hash)


cdef inline uint8_t* find_pair(SortedSetValue value, const char* data, Py_ssize_t size) noexcept:
    if value.body == NULL:
        return NULL
    return pack_find(<Pack*> value.body, pack_begin(<Pack*> value.body), data, size, 2)


cdef inline int decide(double current, double* score, int flags) noexcept:
    """What ZADD does to a member that is there: 0 to go on with the new score."""
    if flags & ZADD_NX:
        return ZADD_NOTHING
    if flags & ZADD_INCR:
        score[0] += current
        if isnan(score[0]):
            return ZADD_NAN
    if (flags & ZADD_LT and score[0] >= current) or (flags & ZADD_GT and score[0] <= current):
        return ZADD_NOTHING
    return 0


cdef int add_ranked(SortedSetValue value, const char* data, Py_ssize_t size, double* score, int flags) except -1:
    cdef Ranked* ranked = <Ranked*> value.body
    cdef uint64_t hash = hash_bytes(data, size)
    cdef void* block = find_block(value, data, size, hash)
    cdef int outcome
    if block == NULL:
        if flags & ZADD_XX:
            return ZADD_NOTHING
        ranked_add(ranked, data, size, score[0], hash)
        return ZADD_ADDED
    outcome = decide(block_score(block), score, flags)
    if outcome or score[0] == block_score(block):
        return outcome
    if not ranks_move(&ranked.ranks, block, score[0]):
        ranks_remove(&ranked.ranks, block)
        memcpy(block, score, 8)
        ranks_insert(&ranked.ranks, block)
    return ZADD_UPDATED


cdef int zset_add(SortedSetValue value, const char* data, Py_ssize_t size, double* score, int flags) except -1:
    """Add a member or change its score under ZADD's conditions; what happened (ZADD_ADDED ..., 0: the same score).

    `score` becomes the member's new score, except after ZADD_NOTHING and ZADD_NAN.
    """
    cdef uint8_t* at
    cdef Pack* pack
    cdef int outcome
    cdef double current
    if isnan(score[0]):
        return ZADD_NAN
    if size > 0xFFFF0000:
        raise OverflowError("a member of a sorted set is limited to 4 GiB")
    if value.ranked:
        return add_ranked(value, data, size, score, flags)
    at = find_pair(value, data, size)
    if at != NULL:
        current = score_at(entry_after(at))
        outcome = decide(current, score, flags)
        if outcome or score[0] == current:
            return outcome
        pack = <Pack*> value.body
        pack_remove(&pack, at, 2)
        value.body = pack
        pack_put(value, data, size, score[0])
        return ZADD_UPDATED
    if flags & ZADD_XX:
        return ZADD_NOTHING
    pack = <Pack*> value.body
    if zset_len(value) + 1 > limits.zset_entries or size > limits.zset_value or (
            pack != NULL and pack.used + size + 32 > PACK_LIMIT):
        make_ranked(value)
        return add_ranked(value, data, size, score, flags)
    if pack == NULL:
        value.body = pack_new(size + 6)
    pack_put(value, data, size, score[0])
    return ZADD_ADDED


cdef bint zset_score(SortedSetValue value, const char* data, Py_ssize_t size, double* score) noexcept:
    cdef void* block
    cdef uint8_t* at
    if value.ranked:
        block = find_block(value, data, size, hash_bytes(data, size))
        if block == NULL:
            return False
        score[0] = block_score(block)
        return True
    at = find_pair(value, data, size)
    if at == NULL:
        return False
    score[0] = score_at(entry_after(at))
    return True


cdef int zset_remove(SortedSetValue value, const char* data, Py_ssize_t size) except -1:
    """Remove a member; whether it was there."""
    cdef Pack* pack
    cdef uint8_t* at
    cdef void* block
    if value.ranked:
        block = table_remove(&(<Ranked*> value.body).table, data, size, hash_bytes(data, size))
        if block == NULL:
            return 0
        ranks_remove(&(<Ranked*> value.body).ranks, block)
        zfree(block)
    else:
        at = find_pair(value, data, size)
        if at == NULL:
            return 0
        pack = <Pack*> value.body
        pack_remove(&pack, at, 2)
        value.body = pack
    settle(value)
    return 1


cdef Py_ssize_t zset_rank(SortedSetValue value, const char* data, Py_ssize_t size) noexcept:
    """The rank of a member, 0 for the lowest score; -1: not there."""
    cdef Bound bound
    bound.kind = BOUND_MEMBER
    bound.after = False
    bound.data = data
    bound.size = size
    if not zset_score(value, data, size, &bound.score):
        return -1
    return zset_bound(value, &bound)


cdef Py_ssize_t zset_bound(SortedSetValue value, const Bound* bound) noexcept:
    """How many members lie before the bound."""
    cdef Py_ssize_t rank
    if value.ranked:
        return ranks_bound(&(<Ranked*> value.body).ranks, bound)
    if value.body == NULL:
        return 0
    pack_before(<Pack*> value.body, bound, &rank)
    return rank


cdef bint zset_seek(SortedSetValue value, Py_ssize_t rank, SortedPlace* place) noexcept:
    """The member of a rank; False when there is none."""
    if rank < 0 or rank >= zset_len(value):
        return False
    place.pack = NULL
    if value.ranked:
        place.leaf = ranks_seek(&(<Ranked*> value.body).ranks, rank, &place.index)
    else:
        place.pack = <Pack*> value.body
        place.at = pack_seek(place.pack, rank * 2)
    return True


cdef bint zset_step(SortedPlace* place, bint backward) noexcept:
    """Go to the next (or the previous) member; False when there is none."""
    if place.pack != NULL:
        if backward:
            if place.at == pack_begin(place.pack):
                return False
            place.at = entry_before(entry_before(place.at))
            return True
        place.at = entry_after(entry_after(place.at))
        return place.at < pack_end(place.pack)
    if backward:
        if place.index:
            place.index -= 1
            return True
        place.leaf = place.leaf.before
        if place.leaf == NULL:
            return False
        place.index = place.leaf.count - 1
        return True
    place.index += 1
    if place.index < place.leaf.count:
        return True
    place.leaf = place.leaf.after
    place.index = 0
    return place.leaf != NULL


cdef double zset_view(const SortedPlace* place, View* member) noexcept:
    """The member at a place, and its score."""
    if place.pack != NULL:
        entry_view(place.at, member)
        return score_at(entry_after(place.at))
    member.data = block_member(place.leaf.entries[place.index], &member.size)
    return place.leaf.scores[place.index]


cdef int zset_remove_range(SortedSetValue value, Py_ssize_t start, Py_ssize_t count) except -1:
    """Remove `count` members from rank `start` on (there are as many)."""
    cdef Pack* pack
    cdef Ranked* ranked
    cdef SortedPlace place
    cdef View member
    cdef void* block
    if count <= 0:
        return 0
    if not value.ranked:
        pack = <Pack*> value.body
        pack_remove(&pack, pack_seek(pack, start * 2), <uint32_t> count * 2)
        value.body = pack
        settle(value)
        return 0
    ranked = <Ranked*> value.body
    while count:
        zset_seek(value, start, &place)
        zset_view(&place, &member)
        block = place.leaf.entries[place.index]
        ranks_remove(&ranked.ranks, block)
        table_remove(&ranked.table, member.data, member.size, hash_bytes(member.data, member.size))
        zfree(block)
        count -= 1
    settle(value)
    return 0


cdef void collect(void* context, void* block) noexcept:
    cdef View member
    member.data = block_member(block, &member.size)
    (<list> context).append((view_bytes(&member), block_score(block)))


@cython.final
@cython.no_gc
cdef class SortedSetValue:
    def __cinit__(self):
        count_external(OBJECT_BYTES)

    def __dealloc__(self):
        while not self.free_step(1 << 30):
            pass
        count_external(-OBJECT_BYTES)

    def __len__(self):
        return zset_len(self)

    def __iter__(self):
        return iter([member for member, _ in self.items()])

    def __contains__(self, bytes member not None):
        cdef double score
        return zset_score(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member), &score)

    def encoding(self):
        return "skiplist" if self.ranked else "listpack"

    def clear(self):
        while not self.free_step(1 << 30):
            pass

    def free_step(self, Py_ssize_t budget):
        cdef Ranked* ranked
        if not self.ranked:
            if self.body != NULL:
                pack_free(<Pack*> self.body)
                self.body = NULL
            return True
        ranked = <Ranked*> self.body
        if not ranks_free_step(&ranked.ranks, &budget) or not table_drain(&ranked.table, NULL, &budget):
            return False
        settle(self)
        return True

    def add(self, bytes member not None, double score, int flags=0):
        outcome = zset_add(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member), &score, flags)
        return outcome, score

    def score(self, bytes member not None):
        cdef double score
        if zset_score(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member), &score):
            return score
        return None

    def remove(self, bytes member not None):
        return zset_remove(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member)) == 1

    def rank(self, bytes member not None):
        cdef Py_ssize_t rank = zset_rank(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))
        return rank if rank >= 0 else None

    def rank_of_score(self, double score, bint after=False):
        cdef Bound bound
        bound.kind = BOUND_SCORE
        bound.after = after
        bound.score = score
        return zset_bound(self, &bound)

    def rank_of_member(self, bytes member not None, bint after=False):
        cdef Bound bound
        bound.kind = BOUND_LEX
        bound.after = after
        bound.score = 0
        bound.data = PyBytes_AS_STRING(member)
        bound.size = PyBytes_GET_SIZE(member)
        return zset_bound(self, &bound)

    def items(self):
        return self.range(0, zset_len(self))

    def range(self, Py_ssize_t start, Py_ssize_t count, bint backward=False):
        cdef SortedPlace place
        cdef View member
        cdef double score
        cdef list result = []
        if count <= 0 or not zset_seek(self, start, &place):
            return result
        while True:
            score = zset_view(&place, &member)
            result.append((view_bytes(&member), score))
            count -= 1
            if count == 0 or not zset_step(&place, backward):
                return result

    def remove_range(self, Py_ssize_t start, Py_ssize_t count):
        if start < 0 or count < 0 or start + count > zset_len(self):
            raise IndexError("a range of ranks that are not there")
        zset_remove_range(self, start, count)

    def random(self):
        cdef View member
        cdef uint8_t* at
        cdef void* block
        if self.body == NULL:
            return None
        if self.ranked:
            block = table_random(&(<Ranked*> self.body).table, &random_state)
            member.data = block_member(block, &member.size)
            return view_bytes(&member), block_score(block)
        at = pack_seek(<Pack*> self.body, 2 * <int64_t> below(zset_len(self)))
        entry_view(at, &member)
        return view_bytes(&member), score_at(entry_after(at))

    def sample(self, Py_ssize_t count):
        cdef Py_ssize_t at, other, length = zset_len(self)
        if count >= length:
            return self.items()
        if count * 3 > length or not self.ranked:
            # A draw without replacement from all of them (Fisher and Yates).
            found = self.items()
            for at in range(count):
                other = at + <Py_ssize_t> below(length - at)
                found[at], found[other] = found[other], found[at]
            return found[:count]
        chosen = {}
        while len(chosen) < count:
            member, score = self.random()
            chosen[member] = score
        return list(chosen.items())

    def scan(self, uint64_t cursor, Py_ssize_t count=10):
        cdef list found = []
        cdef Py_ssize_t rounds = count * 10
        if not self.ranked:
            return 0, self.items()
        while True:
            cursor = table_scan(&(<Ranked*> self.body).table, cursor, collect, <void*> found)
            rounds -= 1
            if cursor == 0 or len(found) >= count or rounds <= 0:
                return cursor, found

    def copy(self):
        cdef SortedSetValue twin = SortedSetValue()
        cdef SortedPlace place
        cdef View member
        cdef double score
        if not self.ranked:
            if self.body != NULL:
                twin.body = pack_copy(<Pack*> self.body)
            return twin
        make_ranked(twin)
        table_reserve(&(<Ranked*> twin.body).table, zset_len(self))
        zset_seek(self, 0, &place)
        while True:
            score = zset_view(&place, &member)
            ranked_add(<Ranked*> twin.body, member.data, member.size, score, hash_bytes(member.data, member.size))
            if not zset_step(&place, False):
                return twin

    def dump(self):
        if self.ranked or self.body == NULL:
            return None
        parts = []
        for member, score in self.items():
            parts.append(member)
            whole = score.is_integer() and abs(score) < 2**53 and str(score) != "-0.0"
            parts.append(b"%d" % score if whole else b"%.17g" % score)
        return dump_of(parts)

    def memory_usage(self, Py_ssize_t samples=0):
        cdef Iterator walk
        cdef Ranked* ranked
        cdef void* block
        cdef Py_ssize_t total = 0, seen = 0
        if not self.ranked:
            return OBJECT_BYTES + zsize(self.body)
        ranked = <Ranked*> self.body
        table_iterate(&ranked.table, &walk)
        while samples == 0 or seen < samples:
            block = table_next(&walk)
            if block == NULL:
                break
            total += zsize(block)
            seen += 1
        table_iterate_end(&walk)
        if seen:
            total = total * <Py_ssize_t> table_len(&ranked.table) // seen
        return OBJECT_BYTES + zsize(ranked) + table_bytes(&ranked.table) + ranks_bytes(&ranked.ranks) + total
