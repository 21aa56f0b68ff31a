"""The hash table that holds keys, and the large forms of hashes, sets and sorted sets: an array of 64-byte buckets.

Layout. A bucket is one cache line: a byte of flags, seven one-byte tags (the top byte of each entry's hash) and seven pointers.
A lookup reads one line, compares seven tags at once, and follows a pointer only where the tag matches (1 in 256 by chance), so a
hit costs two cache misses and a miss one. A full bucket chains: its last slot then points to a further bucket. The idea is that
of "open addressing by cache line" as in Swiss tables; Valkey's 2024 table has the same bucket.

Entries are opaque: the owner gives `key_of(entry, &size)`. The table never allocates or frees an entry.

Resizing is in steps: `halves[1]` is the new array, `moved` says how far half 0 has been emptied. Every insertion and removal moves a
bucket, a timer moves more. Arrays of 1 MiB and more come from mmap and are handed back page by page while they are emptied, so
that neither growing nor freeing stalls (a munmap of 64 MiB of touched pages takes milliseconds).

Scanning follows Redis' reverse-binary cursor (dict.c, Pieter Noordhuis): an entry that is present during the whole scan is
returned at least once, whatever resizing goes on; the cursor is the bucket's index with its bits reversed, so the buckets that a
bucket splits into, or is merged from, lie together.

Marks: one bit a bucket, set when an entry in it is marked. The keyspace marks keys with an expiry: the active expiry then visits
just those buckets. It costs 1/56 byte a key, where a second table of pointers costs 17.

Rules. (1) An entry is in exactly one slot of one half. (2) Slots fill from the lowest; a chain has no empty further bucket.
(3) While `paused` nothing moves between halves; moves within a bucket's chain happen on removal only. (4) A marked entry's bucket has its bit.
"""

from libc.string cimport memcmp, memset

from scrubjay_engine.values.hashing cimport hash_bytes
from scrubjay_engine.values.memory cimport count_external, zcalloc, zfree

cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX

cdef extern from "sys/mman.h" nogil:
    void* mmap(void* address, size_t length, int protection, int flags, int fd, long offset)
    int munmap(void* address, size_t length)
    int madvise(void* address, size_t length, int advice)
    int PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MADV_DONTNEED
    void* MAP_FAILED

cdef extern from *:
    int ctz "__builtin_ctz"(unsigned int x) nogil
    int ctzll "__builtin_ctzll"(unsigned long long x) nogil
    int popcount "__builtin_popcount"(unsigned int x) nogil
    uint64_t bswap64 "__builtin_bswap64"(uint64_t x) nogil

cdef enum:
    CHAINED = 0x80
    LAST = SLOTS - 1
    MAPPED = 1 << 20        # arrays from this size on come from mmap
    RELEASE = 1 << 18       # an emptied mapped array is handed back in pieces of this size

cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGHS = 0x8080808080808080


cdef uint64_t next_random(uint64_t* state) noexcept nogil:
    """SplitMix64 (Steele, Lea, Flood 2014): fast and even enough for sampling; never used for secrets."""
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


# -- arrays ------------------------------------------------------------------------------------------------------------

cdef inline size_t half_buckets(Half* half) noexcept nogil:
    return 0 if half.exponent < 0 else (<size_t>1) << half.exponent


cdef int half_open(Half* half, int exponent) except -1:
    cdef size_t size = ((<size_t>1) << exponent) * sizeof(Bucket)
    if size >= MAPPED:
        half.buckets = <Bucket*>mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if <void*>half.buckets == MAP_FAILED:
            half.buckets = NULL
            raise MemoryError(f"the system refused {size} bytes for a hash table")
        count_external(<Py_ssize_t>size)
    else:
        half.buckets = <Bucket*>zcalloc(size)
    half.marks = NULL
    half.marked = 0
    half.used = 0
    half.exponent = exponent
    return 0


cdef void half_close(Half* half) noexcept:
    cdef size_t size = half_buckets(half) * sizeof(Bucket)
    if half.exponent >= 0:
        if size >= MAPPED:
            munmap(half.buckets, size)      # its pages have been released and counted before, piece by piece
        else:
            zfree(half.buckets)
        zfree(half.marks)
    memset(half, 0, sizeof(Half))
    half.exponent = -1


cdef void table_init(Table* table, KeyOf key_of) noexcept nogil:
    memset(table, 0, sizeof(Table))
    table.key_of = key_of
    table.halves[0].exponent = -1
    table.halves[1].exponent = -1
    table.moved = -1


cdef void table_release(Table* table) noexcept:
    """Frees the arrays (the owner frees the entries) and leaves an empty table."""
    cdef Py_ssize_t budget = PY_SSIZE_T_MAX
    table_drain(table, NULL, &budget)


cdef bint table_drain(Table* table, FreeEntry free_entry, Py_ssize_t* budget) noexcept:
    """Empties a table that nobody will look into any more: up to `budget` buckets and entries, the array's pages with them.

    True when nothing is left. `free_entry` gets every entry, or is NULL where they are freed elsewhere.
    """
    cdef Half* half
    cdef size_t buckets
    cdef int h
    for h in range(2):
        half = &table.halves[h]
        if half.exponent < 0:
            continue
        buckets = half_buckets(half)
        if h == 0 and table.moved > <Py_ssize_t>table.drained:
            table.drained = <size_t>table.moved     # what has moved to the other half
        while table.drained < buckets:
            if budget[0] <= 0:
                return False
            budget[0] -= 1 + bucket_drain(&half.buckets[table.drained], free_entry)
            table.drained += 1
            pages_release(half, table.drained)
        half_close(half)
        table.drained = 0
    table.moved = -1
    table.paused = 0
    return True


cdef Py_ssize_t bucket_drain(Bucket* head, FreeEntry free_entry) noexcept:
    """How many entries there were."""
    cdef Bucket* bucket = head
    cdef Bucket* further
    cdef unsigned int bits
    cdef Py_ssize_t count = 0
    while bucket != NULL:
        bits = occupied(bucket)
        while bits:
            if free_entry != NULL:
                free_entry(bucket.slots[ctz(bits)])
            count += 1
            bits &= bits - 1
        further = <Bucket*>bucket.slots[LAST] if bucket.filled & CHAINED else NULL
        if bucket != head:
            zfree(bucket)
        bucket = further
    return count


cdef inline void pages_release(Half* half, size_t done) noexcept:
    """Hands back the pages of a mapped array's first `done` buckets, a piece at a time, when the last one fills a piece."""
    cdef size_t released = done * sizeof(Bucket)
    if released % RELEASE == 0 and half_buckets(half) * sizeof(Bucket) >= MAPPED:
        madvise(<char*>half.buckets + released - RELEASE, RELEASE, MADV_DONTNEED)
        count_external(-<Py_ssize_t>RELEASE)


cdef size_t table_len(Table* table) noexcept nogil:
    return table.halves[0].used + table.halves[1].used


cdef size_t table_bytes(Table* table) noexcept nogil:
    """Bytes of the arrays, without pages that a resize has handed back (further buckets of chains are not counted here; they are in used_memory)."""
    cdef size_t old = half_buckets(&table.halves[0]) * sizeof(Bucket)
    if table.moved > 0 and old >= MAPPED:
        old -= <size_t>table.moved * sizeof(Bucket) // RELEASE * RELEASE
    return old + half_buckets(&table.halves[1]) * sizeof(Bucket)


# -- one bucket --------------------------------------------------------------------------------------------------------

cdef inline unsigned int tag_matches(Bucket* bucket, uint8_t tag) noexcept nogil:
    """Bits of the slots whose tag may match: a superset (a borrow can add one), so the caller compares keys."""
    cdef uint64_t word = (<uint64_t*>bucket)[0] ^ (ONES * tag)
    cdef uint64_t zero = (word - ONES) & ~word & HIGHS
    zero >>= 8                      # byte 0 is the flags
    # gather the top bit of each of the seven bytes into seven bits
    return <unsigned int>(((zero >> 7) * <uint64_t>0x0102040810204080) >> 56) & 0x7f


cdef inline unsigned int occupied(Bucket* bucket) noexcept nogil:
    return bucket.filled & (0x3f if bucket.filled & CHAINED else 0x7f)


cdef int table_bucket_entries(Bucket* bucket, void** out, int limit) noexcept nogil:
    """All entries of a bucket and its chain into `out`; how many."""
    cdef int n = 0
    cdef unsigned int bits
    while True:
        bits = occupied(bucket)
        while bits and n < limit:
            out[n] = bucket.slots[ctz(bits)]
            n += 1
            bits &= bits - 1
        if not bucket.filled & CHAINED or n >= limit:
            return n
        bucket = <Bucket*>bucket.slots[LAST]


cdef int bucket_add(Bucket* bucket, void* entry, uint8_t tag) except -1:
    cdef unsigned int empty
    cdef Bucket* further
    cdef int slot
    while True:
        empty = ~<unsigned int>bucket.filled & (0x3f if bucket.filled & CHAINED else 0x7f)
        if empty:
            slot = ctz(empty)
            bucket.slots[slot] = entry
            bucket.tags[slot] = tag
            bucket.filled |= <uint8_t>(1 << slot)
            return 0
        if not bucket.filled & CHAINED:
            further = <Bucket*>zcalloc(sizeof(Bucket))
            further.slots[0] = bucket.slots[LAST]
            further.tags[0] = bucket.tags[LAST]
            further.filled = 1
            bucket.slots[LAST] = further
            bucket.tags[LAST] = 0
            bucket.filled = <uint8_t>((bucket.filled & 0x3f) | CHAINED)
        bucket = <Bucket*>bucket.slots[LAST]


cdef void bucket_remove(Bucket* head, Bucket* bucket, int slot) noexcept:
    """Empties a slot, filling the hole from the end of the chain so that no further bucket is left empty (rule 2)."""
    cdef Bucket* before = NULL
    cdef Bucket* last = head
    cdef int source
    bucket.filled &= <uint8_t>~(1 << slot)
    if not head.filled & CHAINED:
        return
    while last.filled & CHAINED:
        before = last
        last = <Bucket*>last.slots[LAST]
    if last != bucket and last.filled:
        source = ctz(last.filled)
        bucket.slots[slot] = last.slots[source]
        bucket.tags[slot] = last.tags[source]
        bucket.filled |= <uint8_t>(1 << slot)
        last.filled &= <uint8_t>~(1 << source)
    if last.filled == 0:
        before.filled &= <uint8_t>~CHAINED
        before.slots[LAST] = NULL
        zfree(last)


# -- finding -----------------------------------------------------------------------------------------------------------

cdef void** table_slot(Table* table, const char* key, Py_ssize_t size, uint64_t hash) noexcept nogil:
    """Where the entry of this key is held (so that its owner may move it), or NULL."""
    cdef int h
    cdef Half* half
    cdef Bucket* bucket
    cdef size_t index
    cdef unsigned int bits
    cdef int slot
    cdef const char* other
    cdef Py_ssize_t other_size
    for h in range(2):
        half = &table.halves[h]
        if half.exponent < 0:
            continue
        index = hash & (half_buckets(half) - 1)
        if h == 0 and table.moved >= 0 and <Py_ssize_t>index < table.moved:
            continue
        bucket = &half.buckets[index]
        while True:
            bits = tag_matches(bucket, <uint8_t>(hash >> 56)) & occupied(bucket)
            while bits:
                slot = ctz(bits)
                other = table.key_of(bucket.slots[slot], &other_size)
                if other_size == size and memcmp(other, key, size) == 0:
                    return &bucket.slots[slot]
                bits &= bits - 1
            if not bucket.filled & CHAINED:
                break
            bucket = <Bucket*>bucket.slots[LAST]
    return NULL


cdef void* table_find(Table* table, const char* key, Py_ssize_t size, uint64_t hash) noexcept nogil:
    cdef void** slot = table_slot(table, key, size, hash)
    return slot[0] if slot != NULL else NULL


# -- changing ----------------------------------------------------------------------------------------------------------

cdef int table_add(Table* table, void* entry, uint64_t hash) except -1:
    """Adds an entry whose key is not in the table yet."""
    cdef Half* half
    if table.halves[0].exponent < 0:
        half_open(&table.halves[0], 0)
    if table.moved >= 0:
        table_step(table, 1)
    elif table.halves[0].used >= half_buckets(&table.halves[0]) * 21 // 4:  # 75 % of seven slots
        resize_begin(table, table.halves[0].exponent + 1)
    half = &table.halves[1] if table.moved >= 0 else &table.halves[0]
    bucket_add(&half.buckets[hash & (half_buckets(half) - 1)], entry, <uint8_t>(hash >> 56))
    half.used += 1
    return 0


cdef void* table_remove(Table* table, const char* key, Py_ssize_t size, uint64_t hash) noexcept:
    """Takes the entry of this key out and returns it, or NULL."""
    cdef void** slot = table_slot(table, key, size, hash)
    cdef Half* half
    cdef Bucket* head
    cdef Bucket* bucket
    cdef void* entry
    cdef int h
    if slot == NULL:
        return NULL
    entry = slot[0]
    for h in range(2):
        half = &table.halves[h]
        if half.exponent < 0:
            continue
        head = &half.buckets[hash & (half_buckets(half) - 1)]
        bucket = head
        while True:
            if &bucket.slots[0] <= slot <= &bucket.slots[LAST]:
                bucket_remove(head, bucket, <int>(slot - &bucket.slots[0]))
                half.used -= 1
                shrink_if_sparse(table)
                return entry
            if not bucket.filled & CHAINED:
                break
            bucket = <Bucket*>bucket.slots[LAST]
    return NULL


cdef void shrink_if_sparse(Table* table) noexcept:
    cdef size_t buckets = half_buckets(&table.halves[0])
    cdef int exponent
    if table.moved >= 0:
        try:
            table_step(table, 1)
        except MemoryError:
            pass  # a chain could not grow: the move is tried again at the next change
        return
    if buckets > 1 and table.halves[0].used < buckets * SLOTS // 12 and table.paused == 0:
        exponent = 0
        while ((<size_t>1) << exponent) * 4 < table.halves[0].used:
            exponent += 1
        if exponent < table.halves[0].exponent:
            try:
                resize_begin(table, exponent)
            except MemoryError:
                pass  # staying large is harmless; tried again at the next removal


cdef int resize_begin(Table* table, int exponent) except -1:
    if table.paused or table.moved >= 0 or exponent == table.halves[0].exponent:
        return 0
    half_open(&table.halves[1], exponent)
    table.moved = 0
    if half_buckets(&table.halves[0]) <= 4:
        table_step(table, 8)
    return 0


cdef int table_reserve(Table* table, size_t entries) except -1:
    """Makes room for that many entries at once where the table is still empty (loading a file); else nothing."""
    cdef int exponent = 0
    if table_len(table):
        return 0
    while ((<size_t>1) << exponent) * 5 < entries:
        exponent += 1
    table_release(table)
    half_open(&table.halves[0], exponent)
    return 0


cdef bint table_resizing(Table* table) noexcept nogil:
    return table.moved >= 0


cdef int table_step(Table* table, Py_ssize_t buckets) except -1:
    """Moves up to that many non-empty buckets (and at most ten times as many empty ones) from half 0 to half 1."""
    cdef Half* old = &table.halves[0]
    cdef Half* new = &table.halves[1]
    cdef Py_ssize_t total = <Py_ssize_t>half_buckets(old)
    cdef Py_ssize_t empties = buckets * 10
    if table.moved < 0 or table.paused:
        return 0
    while buckets > 0 and table.moved < total:
        if old.buckets[table.moved].filled == 0:
            empties -= 1
            if empties == 0:
                break
        else:
            bucket_move(table, old, new, &old.buckets[table.moved], marks_get(old, <size_t>table.moved))
            buckets -= 1
        table.moved += 1
        pages_release(old, <size_t>table.moved)
    if table.moved == total:
        half_close(old)
        table.halves[0] = table.halves[1]
        memset(new, 0, sizeof(Half))
        new.exponent = -1
        table.moved = -1
    return 0


cdef int bucket_move(Table* table, Half* old, Half* new, Bucket* head, bint marked) except -1:
    cdef Bucket* bucket = head
    cdef Bucket* further
    cdef unsigned int bits
    cdef const char* key
    cdef Py_ssize_t size
    cdef uint64_t hash
    cdef size_t index
    cdef size_t mask = half_buckets(new) - 1
    while bucket != NULL:
        bits = occupied(bucket)
        while bits:
            key = table.key_of(bucket.slots[ctz(bits)], &size)
            hash = hash_bytes(key, size)
            index = hash & mask
            bucket_add(&new.buckets[index], bucket.slots[ctz(bits)], <uint8_t>(hash >> 56))
            if marked:
                marks_set(new, index)
            new.used += 1
            old.used -= 1
            bits &= bits - 1
        further = <Bucket*>bucket.slots[LAST] if bucket.filled & CHAINED else NULL
        if bucket != head:
            zfree(bucket)
        bucket = further
    head.filled = 0
    return 0


# -- marks -------------------------------------------------------------------------------------------------------------

cdef inline bint marks_get(Half* half, size_t index) noexcept nogil:
    return half.marks != NULL and (half.marks[index >> 6] >> (index & 63)) & 1


cdef int marks_set(Half* half, size_t index) except -1:
    cdef uint64_t bit = (<uint64_t>1) << (index & 63)
    if half.marks == NULL:
        half.marks = <uint64_t*>zcalloc(((half_buckets(half) + 63) >> 6) * 8)
    if not half.marks[index >> 6] & bit:
        half.marks[index >> 6] |= bit
        half.marked += 1
    return 0


cdef int table_mark(Table* table, uint64_t hash) except -1:
    """Marks the bucket(s) in which an entry of this hash may lie."""
    cdef int h
    cdef size_t index
    for h in range(2):
        if table.halves[h].exponent >= 0:
            index = hash & (half_buckets(&table.halves[h]) - 1)
            if h == 0 and table.moved >= 0 and <Py_ssize_t>index < table.moved:
                continue
            marks_set(&table.halves[h], index)
    return 0


cdef int table_walk_marked(Table* table, uint64_t* position, void** out, int limit) noexcept nogil:
    """The entries of the next marked bucket at or after `position` (half in the top bit), which is left just behind that bucket.

    -1 when there is no further marked bucket (position is then 0 again). `table_clear_mark(position - 1)` takes the mark away when
    the caller finds that no entry of the bucket needs it any more.
    """
    cdef int h = <int>(position[0] >> 63)
    cdef size_t index = <size_t>(position[0] & ~((<uint64_t>1) << 63))
    cdef Half* half
    cdef uint64_t word
    cdef size_t buckets
    while h < 2:
        half = &table.halves[h]
        buckets = half_buckets(half)
        if half.marks != NULL and half.marked:
            while index < buckets:
                word = half.marks[index >> 6] >> (index & 63)
                if word == 0:
                    index = ((index >> 6) + 1) << 6
                    continue
                index += ctzll(word)
                if index >= buckets:
                    break
                position[0] = ((<uint64_t>h) << 63) | (index + 1)
                return table_bucket_entries(&half.buckets[index], out, limit)
        index = 0
        h += 1
    position[0] = 0
    return -1


cdef void table_clear_mark(Table* table, uint64_t position) noexcept nogil:
    cdef Half* half = &table.halves[position >> 63]
    cdef size_t index = <size_t>(position & ~((<uint64_t>1) << 63))
    if half.marks != NULL and index < half_buckets(half) and marks_get(half, index):
        half.marks[index >> 6] &= ~((<uint64_t>1) << (index & 63))
        half.marked -= 1


# -- visiting ----------------------------------------------------------------------------------------------------------

cdef inline uint64_t reversed_bits(uint64_t v) noexcept nogil:
    v = ((v >> 1) & <uint64_t>0x5555555555555555) | ((v & <uint64_t>0x5555555555555555) << 1)
    v = ((v >> 2) & <uint64_t>0x3333333333333333) | ((v & <uint64_t>0x3333333333333333) << 2)
    v = ((v >> 4) & <uint64_t>0x0F0F0F0F0F0F0F0F) | ((v & <uint64_t>0x0F0F0F0F0F0F0F0F) << 4)
    return bswap64(v)


cdef void scan_bucket(Bucket* bucket, Visit visit, void* context) noexcept:
    cdef unsigned int bits
    while True:
        bits = occupied(bucket)
        while bits:
            visit(context, bucket.slots[ctz(bits)])
            bits &= bits - 1
        if not bucket.filled & CHAINED:
            return
        bucket = <Bucket*>bucket.slots[LAST]


cdef uint64_t table_scan(Table* table, uint64_t cursor, Visit visit, void* context) noexcept:
    """Visits the bucket(s) of a cursor and returns the next cursor; 0 begins and 0 ends. `visit` must not change the table."""
    cdef Half* small = &table.halves[0]
    cdef Half* large
    cdef uint64_t mask, wide
    if table_len(table) == 0:
        return 0
    if table.moved < 0:
        mask = half_buckets(small) - 1
        scan_bucket(&small.buckets[cursor & mask], visit, context)
        cursor |= ~mask
        return reversed_bits(reversed_bits(cursor) + 1)
    large = &table.halves[1]
    if small.exponent > large.exponent:
        small = &table.halves[1]
        large = &table.halves[0]
    mask = half_buckets(small) - 1
    wide = half_buckets(large) - 1
    scan_bucket(&small.buckets[cursor & mask], visit, context)
    while True:
        scan_bucket(&large.buckets[cursor & wide], visit, context)
        cursor |= ~wide
        cursor = reversed_bits(reversed_bits(cursor) + 1)
        if not cursor & (mask ^ wide):
            return cursor


cdef void* table_random(Table* table, uint64_t* state) noexcept nogil:
    """One entry at random, or NULL. Chosen by bucket and then by slot, so a crowded bucket's entries are a little less likely."""
    cdef Half* half
    cdef Bucket* bucket
    cdef uint64_t pick, n0, n1
    cdef int n, longest
    cdef void* found[64]
    if table_len(table) == 0:
        return NULL
    n0 = half_buckets(&table.halves[0])
    n1 = half_buckets(&table.halves[1])
    longest = 0
    while True:
        if table.moved >= 0:
            pick = <uint64_t>table.moved + next_random(state) % (n0 + n1 - <uint64_t>table.moved)
            half = &table.halves[0] if pick < n0 else &table.halves[1]
            bucket = &half.buckets[pick if pick < n0 else pick - n0]
        else:
            bucket = &table.halves[0].buckets[next_random(state) & (n0 - 1)]
        n = table_bucket_entries(bucket, found, 64)
        # a slot among seven first: an entry of a thin bucket is not seven times as likely as one of a full bucket
        if n:
            pick = next_random(state) % <uint64_t>(n if n > SLOTS else SLOTS)
            if pick < <uint64_t>n:
                return found[pick]
            longest += 1
            if longest > 32:
                return found[next_random(state) % <uint64_t>n]


cdef int table_sample(Table* table, uint64_t* state, void** out, int limit, bint marked) noexcept nogil:
    """Up to `limit` entries from consecutive buckets after a random start; of marked buckets only when asked. How many."""
    cdef int n = 0, h = 0, got
    cdef uint64_t position, start, rounds = 0
    cdef Half* half
    cdef size_t buckets
    if table_len(table) == 0:
        return 0
    if table.moved >= 0 and next_random(state) % table_len(table) >= table.halves[0].used:
        h = 1
    half = &table.halves[h]
    buckets = half_buckets(half)
    start = next_random(state) & (buckets - 1)
    if marked:
        position = ((<uint64_t>h) << 63) | start
        while n < limit and rounds < 3:
            got = table_walk_marked(table, &position, out + n, limit - n)
            if got < 0:
                rounds += 1
            else:
                n += got
        return n
    while n < limit and rounds < buckets and rounds < <uint64_t>limit * 64:
        n += table_bucket_entries(&half.buckets[(start + rounds) & (buckets - 1)], out + n, limit - n)
        rounds += 1
    return n


cdef void table_iterate(Table* table, Iterator* iterator) noexcept nogil:
    """Begins a walk over all entries. Until `table_iterate_end` nothing is resized, and the caller must neither add nor remove."""
    memset(iterator, 0, sizeof(Iterator))
    iterator.table = table
    iterator.slot = -1
    table.paused += 1


cdef void* table_next(Iterator* iterator) noexcept nogil:
    cdef Table* table = iterator.table
    cdef Half* half
    while iterator.half < 2:
        half = &table.halves[iterator.half]
        if iterator.bucket == NULL:
            if half.exponent < 0 or iterator.index >= half_buckets(half):
                iterator.half += 1
                iterator.index = 0
                continue
            iterator.bucket = &half.buckets[iterator.index]
            iterator.slot = -1
        iterator.slot += 1
        while iterator.slot < SLOTS:
            if occupied(iterator.bucket) >> iterator.slot & 1:
                return iterator.bucket.slots[iterator.slot]
            iterator.slot += 1
        if iterator.bucket.filled & CHAINED:
            iterator.bucket = <Bucket*>iterator.bucket.slots[LAST]
            iterator.slot = -1
        else:
            iterator.bucket = NULL
            iterator.index += 1
    return NULL


cdef void table_iterate_end(Iterator* iterator) noexcept nogil:
    if iterator.table != NULL:
        iterator.table.paused -= 1
        iterator.table = NULL
