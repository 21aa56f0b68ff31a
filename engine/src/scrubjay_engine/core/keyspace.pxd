from libc.stdint cimport int64_t, uint32_t, uint64_t

from scrubjay_engine.core.entry cimport Entry, ItemFields
from scrubjay_engine.values.table cimport Table


cdef struct StringView:
    const char* data        # valid until the key is changed; numbers are written into `digits`
    Py_ssize_t size
    char digits[24]


cdef class Barrier:
    """Told of every entry before it is changed or removed while a snapshot runs. Subclassed by the snapshot."""
    cdef int before_change(self, Database db, Entry entry) except -1
    cdef int before_flush(self, Database db) except -1
    cdef int after_swap(self, int first, int second) except -1


cdef class Keyspace:
    """All databases, and what their lookups need: clocks, policies, counters and hooks."""
    cdef readonly list databases
    cdef public int64_t now_ms          # wall clock, refreshed once a turn of the loop and before each timed command
    cdef public bint clock_frozen       # a script or EXEC runs: time stands still
    cdef public uint32_t access_clock   # what a touched key gets: seconds (LRU) or minutes << 8 (LFU)
    cdef public bint lfu
    cdef public double lfu_log_factor
    cdef public int lfu_decay_minutes
    cdef public bint touch              # False: lookups leave the access clock alone (CLIENT NO-TOUCH, background work)
    cdef public bint expires_delete     # False on replicas: expired keys are hidden, the primary's DEL removes them
    cdef public set local_expires       # on a writable replica: (database, key) given an expiry by clients here; else None
    cdef public bint expiry_ignored     # True while the primary's stream or a file is applied
    cdef public uint64_t dirty          # changes since the last save
    cdef public uint64_t hits
    cdef public uint64_t misses
    cdef public uint64_t expired
    cdef public bint watching           # some client WATCHes or tracks: `changed` calls the hook
    cdef public object on_changed       # (Database, key bytes)
    cdef public object on_expired       # (Database, key bytes): propagate the DEL, notify
    cdef public object on_missed        # (Database, key bytes) or None: keymiss events
    cdef public object on_ready         # (Database, key bytes) or None: somebody is blocked on keys
    cdef public object timed_kind       # the kind of value whose elements may have times of their own (hashes); None
    cdef public object on_timed         # (Database, key bytes, value of that kind): put whole under a key (RENAME, COPY, RESTORE, loading)
    cdef public object on_created       # (Database, key bytes) or None: `new` events
    cdef public list lazy               # big values that are freed in slices
    cdef public uint64_t lazyfreed      # how many of them are gone (INFO)
    cdef Barrier barrier                # None: no snapshot runs
    cdef unsigned char parity
    cdef uint64_t random_state
    cdef readonly bint cluster          # a table a slot, database 0 only
    cdef public uint64_t last_cas       # memcached's cas of the last change of a key that has one

    cpdef Barrier begin_snapshot(self, Barrier barrier)
    cpdef void end_snapshot(self)
    cdef int release_object(self, object value) except -1


cdef class Database:
    cdef readonly Keyspace space
    cdef readonly int id
    cdef Table* tables
    cdef int table_count
    cdef readonly size_t expiring       # keys with an expiry
    cdef public dict watchers           # key -> clients that WATCH it (commands/transactions)
    cdef uint64_t expiry_position       # where the active expiry goes on (table_walk_marked)
    cdef int expiry_table

    # -- the hot path (C) --
    cdef Table* table_of(self, const char* key, Py_ssize_t size) noexcept
    cdef Entry find(self, const char* key, Py_ssize_t size) except? NULL
    cdef Entry find_quiet(self, const char* key, Py_ssize_t size) except? NULL
    cdef Entry find_for_write(self, const char* key, Py_ssize_t size) except? NULL
    cdef int store_string(self, const char* key, Py_ssize_t size, const char* data, Py_ssize_t length, int64_t expire_at) except -1
    cdef int store_number(self, const char* key, Py_ssize_t size, int64_t number) except -1
    cdef int store_object(self, const char* key, Py_ssize_t size, object value, int64_t expire_at) except -1
    cdef bint remove(self, const char* key, Py_ssize_t size) except -1
    cdef int note_changed(self, const char* key, Py_ssize_t size) except -1
    cdef int view(self, Entry entry, StringView* view) except -1
    cdef object object_of(self, Entry entry, object kind)
    cdef object read_object(self, const char* key, Py_ssize_t size, object kind)
    cdef object write_object(self, const char* key, Py_ssize_t size, object kind)
    cdef Entry set_entry_expire(self, const char* key, Py_ssize_t size, int64_t at) except NULL
    cdef bint clear_entry_expire(self, const char* key, Py_ssize_t size) except -1
    cdef bint expired_now(self, Entry entry) noexcept
    cdef int expire_entry(self, Entry entry) except -1
    cdef int pass_barrier(self, Entry entry) except -1
    cdef int store_payload(
        self, const char* key, Py_ssize_t size, int form, const void* payload, Py_ssize_t length, int64_t expire_at
    ) except -1
    cdef int store_at(
        self, void** slot, uint64_t hash, Table* table, const char* key, Py_ssize_t size,
        int form, const void* payload, Py_ssize_t length, int64_t expire_at, const ItemFields* item
    ) except -1
    cdef int store_item(
        self, const char* key, Py_ssize_t size, const char* data, Py_ssize_t length, int64_t expire_at, const ItemFields* item
    ) except -1
    cdef Entry add_item_fields(self, const char* key, Py_ssize_t size, const ItemFields* item) except NULL
    cdef int free_entry(self, Entry entry) except -1
    cdef object value_of(self, Entry entry)
    cdef Table* random_table(self) noexcept
    cdef char* writable_string(self, const char* key, Py_ssize_t size, size_t wanted) except NULL

    # -- from Python --
    cpdef object value(self, bytes key)
    cpdef object write_value(self, bytes key)
    cpdef object read(self, bytes key, object kind)
    cpdef object write(self, bytes key, object kind)
    cpdef object create(self, bytes key, object kind)
    cpdef bytes string(self, bytes key)
    cpdef void set_string(self, bytes key, bytes data, bint keep_ttl=*, int64_t expire_at=*)
    cpdef void put(self, bytes key, object value, int64_t expire_at=*)
    cpdef bint delete(self, bytes key)
    cpdef bint unlink(self, bytes key)
    cpdef bint delete_if_empty(self, bytes key, object value)
    cpdef bint exists(self, bytes key)
    cpdef str type_of(self, bytes key)
    cpdef int64_t expire_at(self, bytes key)
    cpdef bint set_expire(self, bytes key, int64_t at)
    cpdef bint persist(self, bytes key)
    cpdef void changed(self, bytes key)
    cpdef void ready(self, bytes key)




cdef void register_type(object kind, str name, int code)
cdef void touch_entry(Keyspace space, Entry entry) noexcept
cdef uint32_t lfu_counter(Keyspace space, uint32_t clock) noexcept
