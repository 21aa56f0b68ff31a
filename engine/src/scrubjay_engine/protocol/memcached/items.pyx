"""memcached's items on the one keyspace: what get, set, touch, incr, delete mean there, whichever protocol asks.

An item is a string key of database 0 whose entry has memcached's fields (core/entry.pxd): the client's flags, a cas that each change
raises, and a state. A key that a Redis client wrote has none: it reads as an item of flags 0, and gets a cas when somebody asks for it.
Keys of other types are there for `add` and `replace` but are never read. Time is whole seconds, as memcached's. Called by the text, meta and binary
protocols next door, which word the replies.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy, memset

from scrubjay_engine.core.engine cimport GATE_MAXMEMORY
from scrubjay_engine.core.entry cimport *
from scrubjay_engine.core.keyspace cimport StringView, touch_entry
from scrubjay_engine.protocol.memcached.words cimport format_u64, parse_u64
from scrubjay_engine.values.hashing cimport hash_bytes
from scrubjay_engine.values.memory cimport used
from scrubjay_engine.values.table cimport table_find

cdef enum:
    LONGEST_DELTA = 30 * 24 * 3600      # an expiry above this is a moment, not a distance
    ITEM_HEAD = 49                      # what an item costs memcached besides key, value and flags: -I counts it
    CAS_SIZE = 8
    LINE_END = 2
    NOTIFY_GENERIC = 1 << 2
    NOTIFY_STRING = 1 << 3
    COUNT_GET = 0
    COUNT_HIT = 1
    COUNT_SET = 2
    COUNT_DELETE = 3

COUNTERS = (
    "cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "cmd_meta", "get_hits", "get_misses", "get_expired", "get_flushed", "delete_hits",
    "delete_misses", "incr_hits", "incr_misses", "decr_hits", "decr_misses", "cas_hits", "cas_misses", "cas_badval", "touch_hits",
    "touch_misses", "store_too_large", "store_no_memory", "auth_cmds", "auth_errors", "total_items", "total_connections",
    "rejected_connections", "idle_kicks",
)


cdef class Items:
    """See items.pxd for what each field means."""

    def __cinit__(self, Engine engine):
        self.engine = engine
        self.space = engine.keyspace
        self.db = engine.keyspace.databases[0]
        self.use_cas = self.flush_enabled = self.dump_enabled = self.watch_enabled = True
        self.item_size_max = 1024 * 1024

    def reset(self) -> None:
        """`stats reset`."""
        for name in COUNTERS:
            setattr(self, name, 0)
        if self.prefixes is not None:
            self.prefixes.clear()

    def dump(self, list keys):
        """For keys that are there: (key, expiry in seconds or -1, last access, cas, fetched, block size, value size)."""
        cdef list rows = []
        cdef bytes key
        cdef Entry entry
        cdef StringView view
        cdef int64_t idle
        for key in keys:
            entry = self.db.find_quiet(key, len(key))
            if entry == NULL:
                continue
            view.size = 0
            if entry_form(entry) != OBJECT:
                self.db.view(entry, &view)
            idle = 0 if self.space.lfu else (self.space.access_clock - entry_clock(entry)) & 0xffffff
            rows.append((
                key, entry_expire_at(entry) // 1000 if entry_expires(entry) else -1, self.now() - idle, entry_item_cas(entry),
                (entry_item_state(entry) & ITEM_FETCHED) != 0, entry_size(entry), view.size,
            ))
        return rows

    def counter(self, str name) -> int:
        return getattr(self, name)

    # -- time, cas, size -----------------------------------------------------------------------------------------------

    cdef int64_t now(self) noexcept:
        """Seconds since 1970: memcached's clock has no smaller unit."""
        return self.space.now_ms // 1000

    cdef int64_t expiry(self, int64_t exptime) noexcept:
        """memcached's exptime as a moment in ms since 1970: 0 never, up to 30 days a distance, above a moment, negative at once."""
        if exptime == 0:
            return NEVER
        if exptime < 0:
            return 1
        if exptime > LONGEST_DELTA:
            return exptime * 1000
        return (self.now() + exptime) * 1000

    cdef uint64_t next_cas(self) noexcept:
        if not self.use_cas:
            return 0
        self.space.last_cas += 1
        return self.space.last_cas

    cdef bint fits(self, Py_ssize_t key_size, uint32_t flags, Py_ssize_t size) noexcept:
        """Whether memcached would take the item under its -I limit, which counts its own header."""
        cdef uint64_t total = ITEM_HEAD + key_size + size + LINE_END + (4 if flags else 0) + (CAS_SIZE if self.use_cas else 0)
        return total <= self.item_size_max

    # -- finding -------------------------------------------------------------------------------------------------------

    cdef Entry find(self, const char* key, Py_ssize_t size, bint update) except? NULL:
        """The entry of a live key of any type, or NULL. `update`: this is a fetch, which counts for eviction and in its state."""
        cdef Database db = self.db
        cdef Keyspace space = self.space
        cdef Entry entry
        if self.flush_at and self.now() >= self.flush_at:
            self.flush()
        entry = <Entry>table_find(db.table_of(key, size), key, size, hash_bytes(key, size))
        if entry != NULL and entry_expires(entry) and db.expired_now(entry):
            if space.expires_delete:
                db.expire_entry(entry)
            self.get_expired += 1
            entry = NULL
        if entry != NULL and update:
            self.bump(entry)
        return entry

    cdef int bump(self, Entry entry) except -1:
        touch_entry(self.space, entry)
        if entry[0] & HAS_MEMCACHED:
            entry_store_state(entry, entry_item_state(entry) | ITEM_FETCHED)
        return 0

    cdef Entry with_fields(self, Entry entry, const char* key, Py_ssize_t size) except NULL:
        """The entry of a found key with memcached's fields, which it may have to be given; it may move then."""
        cdef ItemFields fields
        if entry[0] & HAS_MEMCACHED:
            return entry
        if self.space.barrier is not None:
            self.db.pass_barrier(entry)
        fields.flags = 0
        fields.cas = self.next_cas()
        fields.state = 0
        return self.db.add_item_fields(key, size, &fields)

    cdef Entry set_expiry(self, Entry entry, const char* key, Py_ssize_t size, int64_t at) except NULL:
        """Changes a found key's expiry; the entry may move."""
        if self.space.barrier is not None:
            self.db.pass_barrier(entry)
        if at >= 0:
            entry = self.db.set_entry_expire(key, size, at)
        elif entry_expires(entry):
            self.db.clear_entry_expire(key, size)
            entry = self.db.find_quiet(key, size)
        self.changed(key, size, "expire")
        if self.engine.propagating:
            self.propagate_expiry(key, size, at)
        return entry

    # -- storing -------------------------------------------------------------------------------------------------------

    cdef int store(self, Request* request) except -1:
        """set, add, replace, append, prepend and cas: STORED, NOT_STORED, EXISTS, NOT_FOUND, NO_MEMORY."""
        cdef Entry old
        cdef uint64_t cas
        cdef int outcome
        self.cmd_set += 1
        if self.engine.gates & GATE_MAXMEMORY and used() > self.engine.maxmemory and not self.engine.make_room():
            self.store_no_memory += 1
            if request.mode == SET:
                self.remove(request.key, request.key_size)
            return NO_MEMORY
        old = self.find(request.key, request.key_size, False)
        if old == NULL:
            if request.mode == SET or request.mode == ADD:
                return self.replace(request)
            if request.mode == CAS:
                self.cas_misses += 1
                return NOT_FOUND
            return NOT_STORED
        if request.mode == SET or request.mode == REPLACE:
            return self.replace(request)
        if request.mode == ADD:
            touch_entry(self.space, old)
            return NOT_STORED
        cas = entry_item_cas(old)
        if request.mode == CAS:
            if request.cas == cas and cas != 0:
                self.cas_hits += 1
                return self.replace(request)
            if request.may_be_stale and request.cas != 0 and request.cas < cas:
                self.cas_hits += 1
                request.expire_at = entry_expire_at(old)
                request.state |= ITEM_STALE | (entry_item_state(old) & ITEM_TOKEN_SENT)
                return self.replace(request)
            self.cas_badval += 1
            return EXISTS
        if request.cas != 0 and request.cas != cas:
            return EXISTS
        return self.joined(request, old)

    cdef int replace(self, Request* request) except -1:
        """Stores the request's value under a new cas."""
        cdef ItemFields fields
        fields.flags = request.flags
        fields.cas = self.next_cas()
        fields.state = request.state
        self.db.store_item(request.key, request.key_size, request.data, request.size, request.expire_at, &fields)
        self.stored_cas = fields.cas
        self.total_items += 1
        self.changed(request.key, request.key_size, "set")
        if self.engine.propagating:
            self.propagate_value(request.key, request.key_size)
        return STORED

    cdef int joined(self, Request* request, Entry old) except -1:
        """append and prepend: the old item's flags and expiry, both values one after the other."""
        cdef StringView view
        cdef bytes whole
        if entry_form(old) == OBJECT:
            return NOT_STORED
        self.db.view(old, &view)
        request.flags = entry_item_flags(old)
        if not self.fits(request.key_size, request.flags, view.size + request.size):
            return NOT_STORED
        whole = PyBytes_FromStringAndSize(NULL, view.size + request.size)
        if request.mode == APPEND:
            memcpy(PyBytes_AS_STRING(whole), view.data, view.size)
            memcpy(PyBytes_AS_STRING(whole) + view.size, request.data, request.size)
        else:
            memcpy(PyBytes_AS_STRING(whole), request.data, request.size)
            memcpy(PyBytes_AS_STRING(whole) + request.size, view.data, view.size)
        request.expire_at = entry_expire_at(old)
        request.state = 0
        request.data = PyBytes_AS_STRING(whole)
        request.size += view.size
        return self.replace(request)

    # -- counting ------------------------------------------------------------------------------------------------------

    cdef int add_delta(self, const char* key, Py_ssize_t size, Delta* delta) except -1:
        """incr and decr: STORED, NOT_FOUND, NON_NUMERIC, CHANGED (the cas is another). Down stops at 0, up wraps at 2^64."""
        cdef StringView view
        cdef uint64_t value, cas
        cdef Entry entry = self.find(key, size, False)
        if entry == NULL:
            return NOT_FOUND
        if entry_form(entry) == OBJECT:
            return NON_NUMERIC
        self.db.view(entry, &view)
        if view.size == 0:
            return NON_NUMERIC
        cas = entry_item_cas(entry)
        if delta.cas != 0 and delta.cas != cas:
            return CHANGED
        if not parse_u64(view.data, view.size, &value):
            return NON_NUMERIC
        if not delta.down:
            value += delta.amount
            self.incr_hits += 1
        else:
            # memcached compares the amount as a signed number's bits, which is the same as unsigned
            value = 0 if delta.amount > value else value - delta.amount
            self.decr_hits += 1
        delta.value = value
        delta.size = format_u64(delta.digits, value)
        self.write_number(entry, key, size, delta, view.size)
        return STORED

    cdef int write_number(self, Entry entry, const char* key, Py_ssize_t size, Delta* delta, Py_ssize_t old_size) except -1:
        """A number that is not longer takes the old one's place, filled up with blanks; else it is a new item of the same flags and expiry."""
        cdef ItemFields fields
        cdef char padded[64]
        cdef bytes long_one
        cdef char* data = padded
        cdef Py_ssize_t length = delta.size
        fields.flags = entry_item_flags(entry)
        fields.cas = self.next_cas()
        fields.state = 0
        if delta.size <= old_size:
            fields.state = entry_item_state(entry)
            length = old_size
        if length > 64:
            long_one = PyBytes_FromStringAndSize(NULL, length)
            data = PyBytes_AS_STRING(long_one)
        memset(data, c' ', length)
        memcpy(data, delta.digits, delta.size)
        self.db.store_item(key, size, data, length, -2, &fields)
        delta.cas = fields.cas
        self.changed(key, size, "incrby")
        if self.engine.propagating:
            self.propagate_value(key, size)
        return 0

    # -- deleting ------------------------------------------------------------------------------------------------------

    cdef int delete(self, const char* key, Py_ssize_t size, uint64_t cas) except -1:
        """STORED when it is gone, NOT_FOUND, EXISTS when its cas is another (0: whatever)."""
        cdef Entry entry = self.find(key, size, False)
        if entry == NULL:
            self.delete_misses += 1
            return NOT_FOUND
        if cas != 0 and cas != entry_item_cas(entry):
            return EXISTS
        self.delete_hits += 1
        self.remove(key, size)
        return STORED

    cdef int remove(self, const char* key, Py_ssize_t size) except -1:
        cdef bytes name
        if not self.db.remove(key, size):
            return 0
        self.space.dirty += 1
        if self.space.watching or self.engine.notify_flags or self.engine.propagating:
            name = PyBytes_FromStringAndSize(key, size)
            if self.space.watching:
                self.space.on_changed(self.db, name)
            self.engine.notify(NOTIFY_GENERIC, "del", name, self.db.id)
            self.engine.add_effect(self.db.id, [b"DEL", name])
        return 0

    cdef int mark_stale(self, Entry entry, const char* key, Py_ssize_t size) except -1:
        """Marks a found item stale under a new cas: the next reader is asked to renew it."""
        if self.space.barrier is not None:
            self.db.pass_barrier(entry)
        entry_store_state(entry, (entry_item_state(entry) | ITEM_STALE) & ~ITEM_TOKEN_SENT)
        entry_store_cas(entry, self.next_cas())
        return self.changed(key, size, "set")

    def flush(self) -> None:
        """Empties the database now."""
        self.flush_at = 0
        self.engine.parts["memcached"].empty()

    def flush_later(self, int64_t exptime) -> None:
        """flush_all with a delay: memcached does away with what was stored before the second that ends at `exptime`."""
        cdef int64_t at
        if exptime <= 0:
            self.next_cas()
            self.flush()
            return
        at = exptime if exptime > LONGEST_DELTA else self.now() + exptime
        if at - 1 <= self.now():
            self.next_cas()
            self.flush()
        else:
            self.flush_at = at

    # -- telling others ------------------------------------------------------------------------------------------------

    cdef int changed(self, const char* key, Py_ssize_t size, str event) except -1:
        """Counts a change, and tells WATCH, client tracking and keyspace events."""
        self.db.note_changed(key, size)
        if self.engine.notify_flags & (NOTIFY_STRING | NOTIFY_GENERIC):
            self.engine.notify(
                NOTIFY_GENERIC if event == "expire" else NOTIFY_STRING, event, PyBytes_FromStringAndSize(key, size), self.db.id
            )
        return 0

    cdef int propagate_value(self, const char* key, Py_ssize_t size) except -1:
        """To replicas and the AOF a change is a SET of the value that came of it, and its flags where it has any."""
        cdef Entry entry = self.db.find_quiet(key, size)
        cdef bytes name = PyBytes_FromStringAndSize(key, size)
        cdef list args
        if entry == NULL:       # stored with a time in the past
            self.engine.add_effect(self.db.id, [b"DEL", name])
            return 0
        args = [b"SET", name, self.db.value_of(entry)]
        if entry_expires(entry):
            args += [b"PXAT", entry_expire_at(entry)]
        self.engine.add_effect(self.db.id, args)
        return 0

    cdef int propagate_expiry(self, const char* key, Py_ssize_t size, int64_t at) except -1:
        cdef bytes name = PyBytes_FromStringAndSize(key, size)
        self.engine.add_effect(self.db.id, [b"PEXPIREAT", name, at] if at >= 0 else [b"PERSIST", name])
        return 0

    cdef int count_prefix(self, const char* key, Py_ssize_t size, int what) except -1:
        """stats detail: counts by what stands before the delimiter (the key's first colon)."""
        cdef bytes prefix, delimiter
        cdef bytes name = PyBytes_FromStringAndSize(key, size)
        prefix, delimiter, _ = name.partition(b":")
        if not delimiter:
            return 0
        counts = self.prefixes.get(prefix)
        if counts is None:
            counts = self.prefixes[prefix] = [0, 0, 0, 0]
        counts[what] += 1
        return 0
