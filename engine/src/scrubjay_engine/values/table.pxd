"""The hash table of entries. See table.pyx for the layout and the rules."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    SLOTS = 7

ctypedef const char* (*KeyOf)(void* entry, Py_ssize_t* size) noexcept nogil
ctypedef void (*FreeEntry)(void* entry) noexcept
ctypedef void (*Visit)(void* context, void* entry) noexcept

cdef struct Bucket:
    uint8_t filled          # bits 0-6: this slot holds an entry; bit 7: slot 6 points to a further bucket
    uint8_t tags[SLOTS]     # top byte of each entry's hash
    void* slots[SLOTS]

cdef struct Half:
    Bucket* buckets
    uint64_t* marks         # one bit a bucket: some entry of it was marked (keyspace: may expire); NULL until first used
    size_t used
    int exponent            # 2 ** exponent buckets; -1: no buckets
    size_t marked           # upper bound of set bits, 0 when none

cdef struct Table:
    KeyOf key_of
    Half halves[2]
    Py_ssize_t moved        # buckets of half 0 below this one are already in half 1; -1: not resizing
    int paused              # iterations under way: no resizing
    size_t drained          # buckets that `table_drain` is done with

cdef struct Iterator:
    Table* table
    int half
    size_t index
    Bucket* bucket
    int slot

cdef void table_init(Table* table, KeyOf key_of) noexcept nogil
cdef void table_release(Table* table) noexcept
cdef bint table_drain(Table* table, FreeEntry free_entry, Py_ssize_t* budget) noexcept
cdef size_t table_len(Table* table) noexcept nogil
cdef size_t table_bytes(Table* table) noexcept nogil
cdef void* table_find(Table* table, const char* key, Py_ssize_t size, uint64_t hash) noexcept nogil
cdef void** table_slot(Table* table, const char* key, Py_ssize_t size, uint64_t hash) noexcept nogil
cdef int table_add(Table* table, void* entry, uint64_t hash) except -1
cdef void* table_remove(Table* table, const char* key, Py_ssize_t size, uint64_t hash) noexcept
cdef int table_reserve(Table* table, size_t entries) except -1
cdef int table_mark(Table* table, uint64_t hash) except -1
cdef bint table_resizing(Table* table) noexcept nogil
cdef int table_step(Table* table, Py_ssize_t buckets) except -1
cdef uint64_t table_scan(Table* table, uint64_t cursor, Visit visit, void* context) noexcept
cdef void* table_random(Table* table, uint64_t* state) noexcept nogil
cdef int table_sample(Table* table, uint64_t* state, void** out, int limit, bint marked) noexcept nogil
cdef int table_walk_marked(Table* table, uint64_t* position, void** out, int limit) noexcept nogil
cdef void table_clear_mark(Table* table, uint64_t position) noexcept nogil
cdef void table_iterate(Table* table, Iterator* iterator) noexcept nogil
cdef void* table_next(Iterator* iterator) noexcept nogil
cdef void table_iterate_end(Iterator* iterator) noexcept nogil
cdef int table_bucket_entries(Bucket* bucket, void** out, int limit) noexcept nogil
cdef uint64_t next_random(uint64_t* state) noexcept nogil
