"""The keyspace: databases of entries (see entry.pxd), with lookup, expiry on access, the write barrier and iteration.

Commands reach data through `Database` only. Rules that hold everything together:

1. Whoever is about to change an entry gets it by `find_for_write` (or `write`, `create`, `store_*`, `remove`): they delete an expired
   key and pass the barrier. A snapshot then sees each entry as it was when the snapshot began: the barrier emits it just before
   its first change, and the parity bit in the header says which entries have been emitted (or were made since).
2. After the change comes `changed(key)`: it counts `dirty` and tells WATCH and client tracking.
3. An expired key is never visible to a client, but only a primary deletes it (`expires_delete`); `on_expired` propagates the DEL.
4. An `Entry` pointer is valid until the next change of its database; views and objects taken from it likewise.

Active expiry and eviction are next door (expiry.pyx, eviction.pyx) and stand on the same tables.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport log
from libc.string cimport memcpy, memmove, memset

from scrubjay_engine.core.entry cimport *
from scrubjay_engine.core.errors import WRONGTYPE
from scrubjay_engine.core.numbers cimport format_int64, parse_int64
from scrubjay_engine.core.slots cimport key_slot
from scrubjay_engine.values.hashing cimport hash_bytes
from scrubjay_engine.values.memory cimport zcalloc, zfree, zmalloc, zrealloc, zsize
from scrubjay_engine.values.table cimport *

cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    LFU_NEW = 5             # counter of a new key: it must survive until it had a chance to be used (Redis: LFU_INIT_VAL)
    BIG_VALUE = 64          # elements from which a removed value is freed in slices
    SLOT_COUNT = 16384

cdef dict kind_codes = {}       # class -> code in the entry header
cdef dict kind_names = {0: "string"}
cdef object CommandError_WRONGTYPE = WRONGTYPE


cdef void register_type(object kind, str name, int code):
    kind_codes[kind] = code
    kind_names[code] = name


def register(kind: type, name: str, code: int) -> None:
    """Makes a class of compound values known: the name TYPE answers and a code that is unique and stable within a process."""
    register_type(kind, name, code)


cdef const char* key_of_entry(void* entry, Py_ssize_t* size) noexcept nogil:
    size[0] = entry_key_size(<Entry>entry)
    return entry_key(<Entry>entry)


cdef class Barrier:
    cdef int before_change(self, Database db, Entry entry) except -1:
        return 0

    cdef int before_flush(self, Database db) except -1:
        return 0

    cdef int after_swap(self, int first, int second) except -1:
        return 0


cdef class Keyspace:
    """See keyspace.pxd for what each field means."""

    def __cinit__(self, int databases=16, bint cluster=False):
        self.touch = True
        self.expires_delete = True
        self.lfu_log_factor = 10
        self.lfu_decay_minutes = 1
        self.lazy = []
        self.cluster = cluster
        self.random_state = int.from_bytes(os.urandom(8), "little")
        self.databases = [Database(self, i, SLOT_COUNT if cluster and i == 0 else 1) for i in range(databases)]

    cpdef Barrier begin_snapshot(self, Barrier barrier):
        """From now on every entry is shown to `barrier` before its first change. One snapshot at a time.

        Entries made from here on carry the new parity and are not part of the snapshot; whoever walks the tables emits entries
        of the old parity and sets theirs.
        """
        if self.barrier is not None:
            raise RuntimeError("a snapshot is already running")
        self.parity ^= PARITY
        self.barrier = barrier
        return barrier

    cpdef void end_snapshot(self):
        """Every entry must carry the current parity by now: an aborted snapshot walks on with a barrier that emits nothing."""
        self.barrier = None

    def swap(self, int first, int second) -> None:
        """SWAPDB: exchanges the contents; watchers stay with their number."""
        self.exchange(self.databases[first], self.databases[second])
        if self.barrier is not None:
            self.barrier.after_swap(first, second)

    def exchange(self, Database a, Database b) -> None:
        """Exchanges the contents of two databases, of which one may be a fresh one that was loaded aside (replication)."""
        a.tables, b.tables = b.tables, a.tables
        a.expiring, b.expiring = b.expiring, a.expiring
        a.expiry_position, b.expiry_position = 0, 0

    cdef int release_object(self, object value) except -1:
        """Lets go of a compound value: small ones at once, big ones in slices by the timer (`free_lazily`)."""
        try:
            big = len(value) > BIG_VALUE
        except TypeError:
            big = False
        if big and hasattr(value, "free_step"):
            self.lazy.append(value)
        return 0

    def free_lazily(self, int budget) -> bool:
        """Frees up to `budget` elements of values waiting to go; True while more is waiting."""
        while self.lazy and budget > 0:
            value = self.lazy[len(self.lazy) - 1]
            if value.free_step(min(budget, 512)):
                self.lazy.pop()
                self.lazyfreed += 1
            budget -= 512
        return bool(self.lazy)

    def resize_step(self, int buckets) -> None:
        """Moves table resizing on, for databases that only read (the timer calls it)."""
        cdef Database db
        cdef int i
        for db in self.databases:
            for i in range(db.table_count):
                if table_resizing(&db.tables[i]):
                    table_step(&db.tables[i], buckets)

    def resizing(self) -> bool:
        """Whether some table is being resized."""
        cdef Database db
        cdef int i
        for db in self.databases:
            for i in range(db.table_count):
                if table_resizing(&db.tables[i]):
                    return True
        return False

    def table_bytes(self) -> int:
        cdef Database db
        cdef size_t total = 0
        cdef int i
        for db in self.databases:
            for i in range(db.table_count):
                total += table_bytes(&db.tables[i])
        return total


cdef class Database:
    """One numbered database. Keys are bytes of up to 512 MiB; values are strings or registered compound classes."""

    def __cinit__(self, Keyspace space, int number, int table_count):
        cdef int i
        self.space = space
        self.id = number
        self.watchers = {}
        self.table_count = table_count
        self.tables = <Table*>zcalloc(sizeof(Table) * table_count)
        for i in range(table_count):
            table_init(&self.tables[i], key_of_entry)

    def __dealloc__(self):
        cdef Py_ssize_t budget
        cdef int i
        if self.tables != NULL:
            for i in range(self.table_count):
                budget = PY_SSIZE_T_MAX
                table_drain(&self.tables[i], free_one, &budget)
            zfree(self.tables)

    def __len__(self) -> int:
        cdef size_t total = 0
        cdef int i
        for i in range(self.table_count):
            total += table_len(&self.tables[i])
        return total

    # -- finding -------------------------------------------------------------------------------------------------------

    cdef Table* table_of(self, const char* key, Py_ssize_t size) noexcept:
        if self.table_count == 1:
            return self.tables
        return &self.tables[key_slot(key, size)]

    cdef bint expired_now(self, Entry entry) noexcept:
        cdef int64_t at
        if not entry_expires(entry) or self.space.expiry_ignored:
            return False
        at = entry_expire_at(entry)
        return at <= self.space.now_ms

    cdef int expire_entry(self, Entry entry) except -1:
        """Deletes an entry whose time has come, counts it, and tells replicas, AOF and listeners by the hook."""
        cdef bytes key = PyBytes_FromStringAndSize(entry_key(entry), entry_key_size(entry))
        self.remove(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        self.space.expired += 1
        if self.space.on_expired is not None:
            self.space.on_expired(self, key)
        return 0

    cdef Entry find(self, const char* key, Py_ssize_t size) except? NULL:
        """For reading: counts a hit or a miss and touches the access clock."""
        cdef Keyspace space = self.space
        cdef Entry entry = <Entry>table_find(self.table_of(key, size), key, size, hash_bytes(key, size))
        if entry != NULL:
            if not entry_expires(entry) or not self.expired_now(entry):
                space.hits += 1
                if space.touch:
                    touch(space, entry)
                return entry
            if space.expires_delete:
                self.expire_entry(entry)
        space.misses += 1
        if space.on_missed is not None:
            space.on_missed(self, PyBytes_FromStringAndSize(key, size))
        return NULL

    cdef Entry find_quiet(self, const char* key, Py_ssize_t size) except? NULL:
        """As `find`, without a trace: no counters, no access clock (OBJECT, TTL, introspection)."""
        cdef Entry entry = <Entry>table_find(self.table_of(key, size), key, size, hash_bytes(key, size))
        if entry != NULL and entry_expires(entry) and self.expired_now(entry):
            if self.space.expires_delete:
                self.expire_entry(entry)
            return NULL
        return entry

    cdef Entry find_for_write(self, const char* key, Py_ssize_t size) except? NULL:
        cdef Keyspace space = self.space
        cdef Entry entry = <Entry>table_find(self.table_of(key, size), key, size, hash_bytes(key, size))
        if entry == NULL:
            return NULL
        if entry_expires(entry) and self.expired_now(entry):
            # A replica that writes (writable replica) treats the key as gone, and so must really remove it.
            self.expire_entry(entry)
            return NULL
        if space.touch:
            touch(space, entry)
        if space.barrier is not None:
            self.pass_barrier(entry)
        if entry[0] & HAS_MEMCACHED:
            space.last_cas += 1
            entry_store_cas(entry, space.last_cas)
        return entry

    cdef int pass_barrier(self, Entry entry) except -1:
        if (entry[0] & PARITY) != self.space.parity:
            self.space.barrier.before_change(self, entry)
            entry[0] = (entry[0] & ~PARITY) | self.space.parity
        return 0

    cdef object object_of(self, Entry entry, object kind):
        """The compound value of an entry, which must be of that class; WRONGTYPE otherwise."""
        cdef object value
        if entry_form(entry) != OBJECT:
            raise CommandError_WRONGTYPE
        value = <object>entry_object(entry)
        if type(value) is not kind:
            raise CommandError_WRONGTYPE
        return value

    cdef object read_object(self, const char* key, Py_ssize_t size, object kind):
        cdef Entry entry = self.find(key, size)
        return None if entry == NULL else self.object_of(entry, kind)

    cdef object write_object(self, const char* key, Py_ssize_t size, object kind):
        cdef Entry entry = self.find_for_write(key, size)
        return None if entry == NULL else self.object_of(entry, kind)

    cdef int view(self, Entry entry, StringView* view) except -1:
        """The bytes of a string entry without copying; WRONGTYPE for others."""
        cdef External external
        cdef int form = entry_form(entry)
        if form == EMBEDDED:
            view.data = entry_payload(entry)
            view.size = entry_embedded_size(entry)
        elif form == NUMBER:
            view.size = format_int64(view.digits, entry_number(entry))
            view.data = view.digits
        elif form == EXTERNAL:
            external = entry_external(entry)
            view.data = external.data
            view.size = external.size
        else:
            raise CommandError_WRONGTYPE
        return 0

    # -- storing -------------------------------------------------------------------------------------------------------

    cdef int store_string(
        self, const char* key, Py_ssize_t size, const char* data, Py_ssize_t length, int64_t expire_at
    ) except -1:
        """Sets a string. `expire_at`: ms since 1970, -1 for none, -2 to keep the expiry that is there."""
        cdef int64_t number
        cdef External external
        cdef Entry entry
        cdef Table* table
        cdef uint64_t hash
        cdef void** slot
        if length <= 20 and parse_int64(data, length, &number):
            return self.store_payload(key, size, NUMBER, &number, 8, expire_at)
        if length <= EMBEDDED_MAX:
            if expire_at == -1 and self.space.barrier is None:
                # An overwrite by a value of the same length needs no new block.
                table = self.table_of(key, size)
                hash = hash_bytes(key, size)
                slot = table_slot(table, key, size, hash)
                if slot != NULL:
                    entry = <Entry>slot[0]
                    if (entry[0] & (FORM | HAS_EXPIRE | HAS_MEMCACHED)) == EMBEDDED and entry_embedded_size(entry) == length:
                        memcpy(entry_payload(entry), data, length)
                        entry_store_clock(entry, first_clock(self.space))
                        return 0
                return self.store_at(slot, hash, table, key, size, EMBEDDED, data, length, expire_at, NULL)
            return self.store_payload(key, size, EMBEDDED, data, length, expire_at)
        external.data = <char*>zmalloc(length)
        external.size = external.capacity = length
        memcpy(external.data, data, length)
        return self.store_payload(key, size, EXTERNAL, &external, sizeof(External), expire_at)

    cdef int store_number(self, const char* key, Py_ssize_t size, int64_t number) except -1:
        """Sets a string that is a number, keeping the key's expiry (INCR)."""
        cdef Entry entry = self.find_for_write(key, size)
        if entry != NULL and entry_form(entry) == NUMBER:
            memcpy(entry_payload(entry), &number, 8)
            return 0
        return self.store_payload(key, size, NUMBER, &number, 8, -3)

    cdef int store_object(self, const char* key, Py_ssize_t size, object value, int64_t expire_at) except -1:
        cdef void* pointer = <void*>value
        self.store_payload(key, size, OBJECT, &pointer, sizeof(void*), expire_at)
        Py_INCREF(value)
        return 0

    cdef int store_payload(
        self, const char* key, Py_ssize_t size, int form, const void* payload, Py_ssize_t length, int64_t expire_at
    ) except -1:
        cdef Table* table = self.table_of(key, size)
        cdef uint64_t hash = hash_bytes(key, size)
        cdef void** slot = table_slot(table, key, size, hash)
        return self.store_at(slot, hash, table, key, size, form, payload, length, expire_at, NULL)

    cdef int store_item(
        self, const char* key, Py_ssize_t size, const char* data, Py_ssize_t length, int64_t expire_at, const ItemFields* item
    ) except -1:
        """`store_string` for a memcached client: the entry gets its flags, cas and state. `expire_at` as there."""
        cdef Table* table = self.table_of(key, size)
        cdef uint64_t hash = hash_bytes(key, size)
        cdef void** slot = table_slot(table, key, size, hash)
        cdef int64_t number
        cdef External external
        cdef Entry entry
        if length <= 20 and parse_int64(data, length, &number):
            return self.store_at(slot, hash, table, key, size, NUMBER, &number, 8, expire_at, item)
        if length <= EMBEDDED_MAX:
            if slot != NULL and self.space.barrier is None and expire_at > -2:
                # An overwrite by a value of the same length needs no new block.
                entry = <Entry>slot[0]
                if ((entry[0] & (FORM | HAS_EXPIRE | HAS_MEMCACHED))
                        == (EMBEDDED | HAS_MEMCACHED | (HAS_EXPIRE if expire_at >= 0 else 0))
                        and entry_embedded_size(entry) == length):
                    if expire_at >= 0:
                        entry_store_expire(entry, expire_at)
                    memcpy(entry_payload(entry), data, length)
                    entry_store_item(entry, item)
                    entry_store_clock(entry, first_clock(self.space))
                    return 0
            return self.store_at(slot, hash, table, key, size, EMBEDDED, data, length, expire_at, item)
        external.data = <char*>zmalloc(length)
        external.size = external.capacity = length
        memcpy(external.data, data, length)
        return self.store_at(slot, hash, table, key, size, EXTERNAL, &external, sizeof(External), expire_at, item)

    cdef Entry add_item_fields(self, const char* key, Py_ssize_t size, const ItemFields* item) except NULL:
        """Gives a key that exists and has none the fields of a memcached item; the entry may move."""
        cdef void** slot = table_slot(self.table_of(key, size), key, size, hash_bytes(key, size))
        cdef Entry entry = <Entry>slot[0]
        cdef Py_ssize_t whole = entry_size(entry)
        cdef Py_ssize_t head = entry_memcached_offset(entry)
        entry = <Entry>zrealloc(entry, whole + MEMCACHED_SIZE)
        slot[0] = entry
        memmove(entry + head + MEMCACHED_SIZE, entry + head, whole - head)
        entry[0] |= HAS_MEMCACHED
        entry_store_item(entry, item)
        return entry

    cdef int store_at(
        self, void** slot, uint64_t hash, Table* table, const char* key, Py_ssize_t size,
        int form, const void* payload, Py_ssize_t length, int64_t expire_at, const ItemFields* item
    ) except -1:
        """The one place where an entry is made; `slot` is where the key's entry is held now, or NULL.

        `expire_at`: ms since 1970, -1 for none, -2 to keep what is there, -3 to keep the memcached fields as well (the value is
        changed, not replaced). `item`: what a memcached client stores, NULL for a plain key.
        """
        cdef Entry old = NULL
        cdef Entry entry
        cdef Py_ssize_t head
        cdef ItemFields kept
        if slot != NULL:
            old = <Entry>slot[0]
            if expire_at == -3 and old[0] & HAS_MEMCACHED:
                kept.flags = entry_item_flags(old)
                kept.cas = entry_item_cas(old)
                kept.state = entry_item_state(old)
                item = &kept
            if expire_at < -1:
                expire_at = entry_expire_at(old)
            if self.space.barrier is not None:
                self.pass_barrier(old)
        if expire_at < 0:
            expire_at = -1
        head = HEADER_SIZE + (4 if size >= LONG_KEY else 0) + (8 if expire_at >= 0 else 0)
        if item != NULL:
            head += MEMCACHED_SIZE
        entry = <Entry>zmalloc(head + size + length)
        entry[0] = <unsigned char>(form | (HAS_EXPIRE if expire_at >= 0 else 0) | self.space.parity)
        entry[1] = <unsigned char>(size if size < LONG_KEY else LONG_KEY)
        if size >= LONG_KEY:
            (<uint32_t*>(entry + HEADER_SIZE))[0] = <uint32_t>size
        entry_store_clock(entry, first_clock(self.space))
        if form == EMBEDDED:
            entry_store_u24(entry, 5, <uint32_t>length)
        elif form == OBJECT:
            entry_store_u24(entry, 5, <uint32_t>kind_codes.get(type(<object>(<PyObject**>payload)[0]), 0))
        else:
            entry_store_u24(entry, 5, 0)
        if item != NULL:
            entry[0] |= HAS_MEMCACHED
            entry_store_item(entry, item)
        memcpy(entry + head, key, size)
        memcpy(entry + head + size, payload, length)
        if expire_at >= 0:
            entry_store_expire(entry, expire_at)
            table_mark(table, hash)
        if old != NULL:
            slot[0] = entry
            if entry_expires(old):
                self.expiring -= 1
            self.free_entry(old)
        else:
            table_add(table, entry, hash)
            if expire_at >= 0:
                table_mark(table, hash)  # adding may have begun a resize
        if expire_at >= 0:
            self.expiring += 1
            if self.space.local_expires is not None and not self.space.expiry_ignored:
                self.space.local_expires.add((self.id, PyBytes_FromStringAndSize(key, size)))
        if old == NULL and self.space.on_created is not None:
            self.space.on_created(self, PyBytes_FromStringAndSize(key, size))
        return 0

    cdef char* writable_string(self, const char* key, Py_ssize_t size, size_t wanted) except NULL:
        """The bytes of a string that may be changed in place and are at least `wanted` long (new ones are zero).

        The key must exist and have passed `find_for_write`. Grows by half, so that APPEND and SETBIT do not copy each time.
        """
        cdef Entry entry = self.find_quiet(key, size)
        cdef External external
        cdef StringView view
        cdef size_t capacity
        if entry_form(entry) != EXTERNAL:
            self.view(entry, &view)
            capacity = wanted if wanted > <size_t>view.size else <size_t>view.size
            external.data = <char*>zmalloc(capacity if capacity > 16 else 16)
            memcpy(external.data, view.data, view.size)
            external.size = view.size
            external.capacity = capacity if capacity > 16 else 16
            self.store_payload(key, size, EXTERNAL, &external, sizeof(External), -3)
            entry = self.find_quiet(key, size)
        external = entry_external(entry)
        if external.capacity < wanted:
            capacity = wanted + wanted // 2 if wanted < 64 * 1024 * 1024 else wanted + 1024 * 1024
            external.data = <char*>zrealloc(external.data, capacity)
            external.capacity = capacity
        if external.size < wanted:
            memset(external.data + external.size, 0, wanted - external.size)
            external.size = wanted
        entry_store_external(entry, external)
        return external.data

    cdef bint remove(self, const char* key, Py_ssize_t size) except -1:
        cdef Table* table = self.table_of(key, size)
        cdef uint64_t hash = hash_bytes(key, size)
        cdef Entry entry
        if self.space.barrier is not None:
            entry = <Entry>table_find(table, key, size, hash)
            if entry != NULL:
                self.pass_barrier(entry)
        entry = <Entry>table_remove(table, key, size, hash)
        if entry == NULL:
            return False
        if entry_expires(entry):
            self.expiring -= 1
        self.free_entry(entry)
        return True

    cdef int free_entry(self, Entry entry) except -1:
        cdef object value
        if entry_form(entry) == OBJECT:
            if self.space.on_ready is not None:
                # Whoever waits for something new in this value must learn that it is gone (XREADGROUP).
                self.space.on_ready(self, PyBytes_FromStringAndSize(entry_key(entry), entry_key_size(entry)))
            value = <object>entry_object(entry)
            self.space.release_object(value)
            Py_DECREF(value)
        elif entry_form(entry) == EXTERNAL:
            zfree(entry_external(entry).data)
        zfree(entry)
        return 0

    cdef Entry set_entry_expire(self, const char* key, Py_ssize_t size, int64_t at) except NULL:
        """Sets the expiry of a key that exists; the entry may move."""
        cdef Table* table = self.table_of(key, size)
        cdef uint64_t hash = hash_bytes(key, size)
        cdef void** slot = table_slot(table, key, size, hash)
        cdef Entry entry = <Entry>slot[0]
        cdef Py_ssize_t whole, head
        if at < 0:
            at = 0
        if not entry_expires(entry):
            whole = entry_size(entry)
            head = entry_expire_offset(entry)
            entry = <Entry>zrealloc(entry, whole + 8)
            slot[0] = entry
            memmove(entry + head + 8, entry + head, whole - head)
            entry[0] |= HAS_EXPIRE
            self.expiring += 1
            table_mark(table, hash)
        if self.space.local_expires is not None and not self.space.expiry_ignored:
            self.space.local_expires.add((self.id, PyBytes_FromStringAndSize(key, size)))
        entry_store_expire(entry, at)
        return entry

    cdef bint clear_entry_expire(self, const char* key, Py_ssize_t size) except -1:
        cdef void** slot = table_slot(self.table_of(key, size), key, size, hash_bytes(key, size))
        cdef Entry entry
        cdef Py_ssize_t whole, head
        if slot == NULL or not entry_expires(<Entry>slot[0]):
            return False
        entry = <Entry>slot[0]
        whole = entry_size(entry)
        head = entry_expire_offset(entry)
        memmove(entry + head, entry + head + 8, whole - head - 8)
        entry[0] &= ~HAS_EXPIRE
        slot[0] = zrealloc(entry, whole - 8)
        self.expiring -= 1
        return True

    cdef int note_changed(self, const char* key, Py_ssize_t size) except -1:
        self.space.dirty += 1
        if self.space.watching:
            self.space.on_changed(self, PyBytes_FromStringAndSize(key, size))
        return 0

    # -- from Python ---------------------------------------------------------------------------------------------------

    cdef object value_of(self, Entry entry):
        cdef StringView view
        if entry == NULL:
            return None
        if entry_form(entry) == OBJECT:
            return <object>entry_object(entry)
        self.view(entry, &view)
        return PyBytes_FromStringAndSize(view.data, view.size)

    cpdef object value(self, bytes key):
        """The value for reading: bytes for a string, else its object, None when absent."""
        return self.value_of(self.find(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)))

    cpdef object write_value(self, bytes key):
        """The value of a key that is about to be changed or removed."""
        return self.value_of(self.find_for_write(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)))

    def peek(self, bytes key):
        """The value without a trace: no hit or miss counted, access clock untouched."""
        return self.value_of(self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)))

    cpdef object read(self, bytes key, object kind):
        return self.read_object(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), kind)

    cpdef object write(self, bytes key, object kind):
        return self.write_object(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), kind)

    cpdef object create(self, bytes key, object kind):
        """The value for writing, made empty if there is none. Whoever leaves it empty must call `delete_if_empty`."""
        cdef object value = self.write(key, kind)
        if value is None:
            value = kind()
            self.store_object(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), value, -1)
        return value

    cpdef bytes string(self, bytes key):
        """A string's bytes for reading; None when absent, WRONGTYPE for other types."""
        cdef StringView view
        cdef Entry entry = self.find(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        if entry == NULL:
            return None
        self.view(entry, &view)
        return PyBytes_FromStringAndSize(view.data, view.size)

    cpdef void set_string(self, bytes key, bytes data, bint keep_ttl=False, int64_t expire_at=-1):
        """Sets a string, replacing a value of any type."""
        self.store_string(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data),
                          -2 if keep_ttl else expire_at)

    cpdef void put(self, bytes key, object value, int64_t expire_at=-1):
        """Puts a compound value under a key in place of whatever is there. `expire_at` as in `set_expire`; -2 keeps it."""
        if isinstance(value, bytes):
            self.set_string(key, value, False, expire_at)
        else:
            self.store_object(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), value, expire_at)
            if type(value) is self.space.timed_kind:
                self.space.on_timed(self, key, value)

    cpdef bint delete(self, bytes key):
        """Removes a live key; False when there is none (an expired one is expired, not deleted)."""
        if self.find_for_write(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) == NULL:
            return False
        return self.remove(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))

    cpdef bint unlink(self, bytes key):
        """As `delete`: big values are always freed in slices here."""
        return self.delete(key)

    def take(self, bytes key):
        """Removes a key and returns (value, expire_at), or None: for RENAME, MOVE and the like; nothing is freed."""
        cdef Entry entry = self.find_for_write(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        cdef Table* table
        if entry == NULL:
            return None
        value = self.value_of(entry)
        at = entry_expire_at(entry)
        table = self.table_of(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        table_remove(table, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), hash_bytes(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)))
        if entry_expires(entry):
            self.expiring -= 1
        if entry_form(entry) == OBJECT:
            Py_DECREF(value)
            self.ready(key)
        elif entry_form(entry) == EXTERNAL:
            zfree(entry_external(entry).data)
        zfree(entry)
        return value, at

    cpdef bint delete_if_empty(self, bytes key, object value):
        """Removes the key when its value has run empty; the caller then notifies `del`."""
        if len(value):
            return False
        self.remove(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        return True

    cpdef bint exists(self, bytes key):
        return self.find(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) != NULL

    def __contains__(self, bytes key) -> bool:
        return self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) != NULL

    def is_expired(self, bytes key) -> bool:
        """Whether the key is there, past its time, and not removed yet (WATCH)."""
        cdef Entry entry = <Entry>table_find(self.table_of(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)), PyBytes_AS_STRING(key),
                                             PyBytes_GET_SIZE(key), hash_bytes(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)))
        return entry != NULL and self.expired_now(entry)

    cpdef str type_of(self, bytes key):
        """`none`, `string`, `list`, ... as TYPE answers."""
        cdef Entry entry = self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        return "none" if entry == NULL else kind_names[entry_type_code(entry)]

    cpdef int64_t expire_at(self, bytes key):
        """Milliseconds since 1970; -1 when the key does not expire, -2 when there is no such key."""
        cdef Entry entry = self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        return -2 if entry == NULL else entry_expire_at(entry)

    cpdef bint set_expire(self, bytes key, int64_t at):
        """False when there is no such key."""
        if self.find_for_write(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) == NULL:
            return False
        self.set_entry_expire(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), at)
        return True

    cpdef bint persist(self, bytes key):
        """Takes the expiry away; False when there was none."""
        if self.find_for_write(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) == NULL:
            return False
        return self.clear_entry_expire(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))

    cpdef void changed(self, bytes key):
        """To be called after every change: counts it and tells WATCH and client tracking."""
        self.note_changed(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))

    cpdef void ready(self, bytes key):
        """Something that blocked clients may wait for has come to this key."""
        if self.space.on_ready is not None:
            self.space.on_ready(self, key)

    def string_form(self, bytes key):
        """`int`, `embstr` or `raw` for a string key (OBJECT ENCODING), None for others."""
        cdef Entry entry = self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        if entry == NULL or entry_form(entry) == OBJECT:
            return None
        if entry_form(entry) == NUMBER:
            return "int"
        return "embstr" if entry_form(entry) == EMBEDDED and entry_embedded_size(entry) <= 44 else "raw"

    def access_clock(self, bytes key):
        """The raw 24 bits (OBJECT IDLETIME and FREQ read them through eviction)."""
        cdef Entry entry = self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        return None if entry == NULL else entry_clock(entry)

    def set_item(self, bytes key, uint32_t flags, uint64_t cas, unsigned char state) -> None:
        """Gives a plain key that is there memcached's fields, as a file or a backup has them; later changes get higher cas values."""
        cdef ItemFields fields
        if self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) == NULL:
            return
        fields.flags = flags
        fields.cas = cas
        fields.state = state
        self.add_item_fields(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), &fields)
        self.space.last_cas = max(self.space.last_cas, cas)

    def set_access_clock(self, bytes key, uint32_t clock) -> None:
        cdef Entry entry = self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        if entry != NULL:
            entry_store_clock(entry, clock)

    def entry_bytes(self, bytes key) -> int:
        """What the key's own block takes, without a compound value's memory."""
        cdef Entry entry = self.find_quiet(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        if entry == NULL:
            return 0
        return zsize(entry) + (zsize(entry_external(entry).data) if entry_form(entry) == EXTERNAL else 0) + sizeof(void*)

    # -- iterating -----------------------------------------------------------------------------------------------------

    def scan(self, uint64_t cursor, int count):
        """One SCAN step: (next cursor, live keys seen). The cursor counts slots in its low bits in cluster mode."""
        cdef list seen = []
        cdef int rounds = count * 10
        cdef int slot = 0
        if self.table_count > 1:
            slot = <int>(cursor & 16383)
            cursor >>= 14
        while rounds > 0:
            cursor = table_scan(&self.tables[slot], cursor, collect_key, <void*>seen)
            rounds -= 1
            if cursor == 0:
                slot += 1
                while slot < self.table_count and table_len(&self.tables[slot]) == 0:
                    slot += 1
                if slot >= self.table_count:
                    slot = 0
                    break
            if len(seen) >= count:
                break
        if self.table_count > 1:
            cursor = (cursor << 14) | <uint64_t>slot
        return cursor, [key for key in seen if key in self]

    def keys(self):
        """All live keys, as a list."""
        cdef list seen = []
        cdef Iterator iterator
        cdef void* entry
        cdef int i
        for i in range(self.table_count):
            table_iterate(&self.tables[i], &iterator)
            try:
                while True:
                    entry = table_next(&iterator)
                    if entry == NULL:
                        break
                    if not self.expired_now(<Entry>entry):
                        collect_key(<void*>seen, entry)
            finally:
                table_iterate_end(&iterator)
        return seen

    def keys_in_slot(self, int slot, int limit):
        """Up to `limit` keys of a hash slot (cluster mode)."""
        cdef list seen = []
        cdef Iterator iterator
        cdef void* entry
        table_iterate(&self.tables[slot], &iterator)
        while len(seen) < limit:
            entry = table_next(&iterator)
            if entry == NULL:
                break
            collect_key(<void*>seen, entry)
        table_iterate_end(&iterator)
        return seen

    def count_in_slot(self, int slot) -> int:
        return table_len(&self.tables[slot]) if self.table_count > 1 else 0

    def average_ttl(self) -> int:
        """Milliseconds that expiring keys have left on average, from a sample (INFO keyspace)."""
        cdef void* found[32]
        cdef int n, i, count = 0
        cdef int64_t total = 0
        if self.expiring == 0:
            return 0
        n = table_sample(self.random_table(), &self.space.random_state, found, 32, True)
        for i in range(n):
            if entry_expires(<Entry>found[i]):
                count += 1
                total += max(entry_expire_at(<Entry>found[i]) - self.space.now_ms, 0)
        return total // count if count else 0

    def random_key(self):
        """A live key at random, or None."""
        cdef Entry entry
        cdef int tries
        cdef Table* table
        if not len(self):
            return None
        for tries in range(100):
            table = self.random_table()
            entry = <Entry>table_random(table, &self.space.random_state)
            if not self.expired_now(entry):
                break
            if not self.space.expires_delete:
                continue
            self.expire_entry(entry)
            if not len(self):
                return None
        else:
            if self.expired_now(entry):
                return None if self.space.expires_delete else PyBytes_FromStringAndSize(entry_key(entry), entry_key_size(entry))
        return PyBytes_FromStringAndSize(entry_key(entry), entry_key_size(entry))

    cdef Table* random_table(self) noexcept:
        """A non-empty table, each as likely as it is full (approximately, in cluster mode)."""
        cdef int at, tries
        if self.table_count == 1:
            return self.tables
        at = <int>(next_random(&self.space.random_state) % SLOT_COUNT)
        while table_len(&self.tables[at]) == 0:
            at = (at + 1) % SLOT_COUNT
        return &self.tables[at]

    def flush(self) -> int:
        """Removes everything; how many keys there were. Memory of big databases is given back in the background by `release`."""
        cdef Table* old
        cdef int count = self.table_count
        cdef int removed = len(self)
        cdef int i
        if self.space.barrier is not None:
            self.space.barrier.before_flush(self)
        if len(self) == 0:  # also when a snapshot has taken the tables, which it has not read yet
            return removed
        old = self.tables
        self.tables = <Table*>zcalloc(sizeof(Table) * count)
        for i in range(count):
            table_init(&self.tables[i], key_of_entry)
        self.expiring = 0
        self.expiry_position = 0
        self.space.lazy.insert(0, Discarded.adopt(old, count))
        if removed < 10000:
            while self.space.free_lazily(1 << 20):
                pass
        return removed

    def reserve(self, size_t keys) -> None:
        """Makes room before loading that many keys."""
        if self.table_count == 1:
            table_reserve(self.tables, keys)


cdef class Discarded:
    """The tables of a flushed database, freed in slices like any big value (`free_step`)."""

    cdef Table* tables
    cdef int count
    cdef int at

    @staticmethod
    cdef Discarded adopt(Table* tables, int count):
        cdef Discarded self = Discarded.__new__(Discarded)
        self.tables = tables
        self.count = count
        return self

    def __len__(self) -> int:
        return 1 << 20

    def free_step(self, int budget) -> bool:
        """Frees up to `budget` entries; True when nothing is left."""
        cdef Py_ssize_t left = budget
        while self.at < self.count and table_drain(&self.tables[self.at], free_one, &left):
            self.at += 1
        if self.at >= self.count and self.tables != NULL:
            zfree(self.tables)
            self.tables = NULL
        return self.at >= self.count

    def __dealloc__(self):
        while self.tables != NULL and not self.free_step(1 << 20):
            pass


cdef void free_one(void* block) noexcept:
    cdef Entry entry = <Entry>block
    cdef object value
    if entry_form(entry) == OBJECT:
        value = <object>entry_object(entry)
        Py_DECREF(value)
    elif entry_form(entry) == EXTERNAL:
        zfree(entry_external(entry).data)
    zfree(entry)


cdef void collect_key(void* context, void* entry) noexcept:
    (<list>context).append(PyBytes_FromStringAndSize(entry_key(<Entry>entry), entry_key_size(<Entry>entry)))


# -- access clocks -----------------------------------------------------------------------------------------------------

cdef inline uint32_t first_clock(Keyspace space) noexcept:
    return (space.access_clock & 0xffff00) | LFU_NEW if space.lfu else space.access_clock


cdef inline void touch(Keyspace space, Entry entry) noexcept:
    if not space.lfu:
        entry_store_clock(entry, space.access_clock)
    else:
        entry_store_clock(entry, (space.access_clock & 0xffff00) | lfu_bumped(space, lfu_counter(space, entry_clock(entry))))


cdef void touch_entry(Keyspace space, Entry entry) noexcept:
    """Marks an access (LRU or LFU), for those who find entries by themselves."""
    touch(space, entry)


cdef uint32_t lfu_counter(Keyspace space, uint32_t clock) noexcept:
    """The counter after decay: one less for every `lfu_decay_minutes` since the last access."""
    cdef uint32_t minutes = ((space.access_clock >> 8) - (clock >> 8)) & 0xffff
    cdef uint32_t counter = clock & 0xff
    cdef uint32_t periods = minutes // <uint32_t>space.lfu_decay_minutes if space.lfu_decay_minutes > 0 else 0
    return 0 if periods > counter else counter - periods


cdef uint32_t lfu_bumped(Keyspace space, uint32_t counter) noexcept:
    """A logarithmic counter: the higher it is, the less likely it grows (Morris 1978; Redis' lfu-log-factor)."""
    cdef double chance
    cdef double base
    if counter == 255:
        return 255
    base = counter - LFU_NEW if counter > LFU_NEW else 0
    chance = 1.0 / (base * space.lfu_log_factor + 1)
    if <double>(next_random(&space.random_state) >> 11) / 9007199254740992.0 < chance:
        counter += 1
    return counter


def lfu_frequency(Keyspace space, uint32_t clock) -> int:
    """OBJECT FREQ of a raw access clock."""
    return lfu_counter(space, clock)
