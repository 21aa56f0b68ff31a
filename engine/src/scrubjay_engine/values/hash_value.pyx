"""`HashValue`: what a hash key holds, with an optional expiry of each field.

Small form: one pack of field, value, field, value. Large form: a table (table.pyx) of blocks, each holding a field,
its value and, where it has one, its expiry. A hash becomes large when it passes `hash-max-listpack-entries` or one of
its strings passes `hash-max-listpack-value`, or when a field gets an expiry; it never becomes small again (as Redis).

Block of a field: a flag byte, then sizes (one byte and two, or with LONG three bytes of padding and four and four), then with
TIMED eight bytes of expiry (Unix ms) and four of the position in `timers`, then the field, then the value.

Invariants: `timers` is a heap by expiry and holds exactly the TIMED blocks; a block's position is its index there;
an empty hash has no body. Nothing expires by itself: the commands call `expired(now)` before they look.
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from scrubjay_engine.values.hashing cimport hash_bytes
from scrubjay_engine.values.limits cimport limits
from scrubjay_engine.values.listpack cimport (
    PACK_LIMIT, Pack, entry_after, entry_view, pack_begin, pack_copy, pack_dump, pack_end, pack_find, pack_free,
    pack_insert, pack_new, pack_remove, pack_replace, pack_seek,
)
from scrubjay_engine.values.memory cimport count_external, zfree, zmalloc, zrealloc, zsize
from scrubjay_engine.values.randomness cimport below, state as random_state
from scrubjay_engine.values.table cimport (
    Iterator, Table, table_add, table_bytes, table_drain, table_find, table_init, table_iterate, table_iterate_end, table_len,
    table_next, table_random, table_release, table_remove, table_reserve, table_scan, table_slot,
)
from scrubjay_engine.values.view cimport DIGITS, View, view_bytes, view_render


cdef enum:
    OBJECT_BYTES = 32
    LONG = 1
    TIMED = 2
    TIMER_BYTES = 12


# -- blocks ------------------------------------------------------------------------------------------------------------

cdef inline Py_ssize_t head_size(const uint8_t* entry) noexcept nogil:
    return (12 if entry[0] & LONG else 4) + (TIMER_BYTES if entry[0] & TIMED else 0)


cdef inline Py_ssize_t field_size_of(const uint8_t* entry) noexcept nogil:
    cdef uint32_t size
    if not entry[0] & LONG:
        return entry[1]
    memcpy(&size, entry + 4, 4)
    return size


cdef inline Py_ssize_t data_size_of(const uint8_t* entry) noexcept nogil:
    cdef uint32_t size
    cdef uint16_t short_
    if entry[0] & LONG:
        memcpy(&size, entry + 8, 4)
        return size
    memcpy(&short_, entry + 2, 2)
    return short_


cdef const char* field_of(void* entry, Py_ssize_t* size) noexcept nogil:
    size[0] = field_size_of(<uint8_t*> entry)
    return <const char*> entry + head_size(<uint8_t*> entry)


cdef inline void views_of(void* entry, View* field, View* view) noexcept nogil:
    field.data = field_of(entry, &field.size)
    view.data = field.data + field.size
    view.size = data_size_of(<uint8_t*> entry)


cdef inline int64_t expiry_of(const uint8_t* entry) noexcept nogil:
    cdef int64_t expiry
    if not entry[0] & TIMED:
        return -1
    memcpy(&expiry, entry + (12 if entry[0] & LONG else 4), 8)
    return expiry


cdef inline uint8_t* place_of(uint8_t* entry) noexcept nogil:
    """Where a timed block keeps its position in the heap."""
    return entry + (20 if entry[0] & LONG else 12)


cdef uint8_t* write_block(uint8_t* old, const View* field, const View* data, int64_t expiry) except NULL:
    """A block with these contents; `old` (of the same field, or NULL) is used again or freed."""
    cdef uint8_t flags = (LONG if field.size > 255 or data.size > 65535 else 0) | (TIMED if expiry >= 0 else 0)
    cdef Py_ssize_t head = (12 if flags & LONG else 4) + (TIMER_BYTES if flags & TIMED else 0)
    cdef size_t total = head + field.size + data.size
    cdef uint8_t* block
    cdef uint32_t size
    cdef uint16_t short_
    if old != NULL and old[0] == flags and total <= zsize(old) - 8 and zsize(old) <= total * 2 + 32:
        block = old
    else:
        block = <uint8_t*> zmalloc(total)
        block[0] = flags
        memcpy(block + head, field.data, field.size)
    if flags & LONG:
        size = <uint32_t> field.size
        memcpy(block + 4, &size, 4)
        size = <uint32_t> data.size
        memcpy(block + 8, &size, 4)
    else:
        block[1] = <uint8_t> field.size
        short_ = <uint16_t> data.size
        memcpy(block + 2, &short_, 2)
    if flags & TIMED:
        memcpy(block + head - TIMER_BYTES, &expiry, 8)
        if old != NULL and block != old and old[0] & TIMED:
            memcpy(place_of(block), place_of(old), 4)
    memcpy(block + head + field.size, data.data, data.size)
    if old != NULL and old != block:
        zfree(old)
    return block


# -- field expiry: the heap --------------------------------------------------------------------------------------------

cdef inline void timer_put(Fields* fields, uint32_t place, void* entry) noexcept:
    fields.timers[place] = entry
    memcpy(place_of(<uint8_t*> entry), &place, 4)


cdef void timer_sift(Fields* fields, uint32_t place, void* entry) noexcept:
    """Put a block into the free position `place`, moving others until the heap's order holds."""
    cdef int64_t expiry = expiry_of(<uint8_t*> entry)
    cdef uint32_t other
    while place and expiry_of(<uint8_t*> fields.timers[(place - 1) // 2]) > expiry:
        timer_put(fields, place, fields.timers[(place - 1) // 2])
        place = (place - 1) // 2
    while True:
        other = place * 2 + 1
        if other >= fields.timed:
            break
        if other + 1 < fields.timed and (
                expiry_of(<uint8_t*> fields.timers[other + 1]) < expiry_of(<uint8_t*> fields.timers[other])):
            other += 1
        if expiry_of(<uint8_t*> fields.timers[other]) >= expiry:
            break
        timer_put(fields, place, fields.timers[other])
        place = other
    timer_put(fields, place, entry)


cdef int timer_reserve(Fields* fields) except -1:
    cdef uint32_t room
    if fields.timed == fields.timer_room:
        room = fields.timer_room * 2 if fields.timer_room else 4
        fields.timers = <void**> zrealloc(fields.timers, room * sizeof(void*))
        fields.timer_room = room
    return 0


cdef void timer_remove(Fields* fields, uint8_t* entry) noexcept:
    cdef uint32_t place
    memcpy(&place, place_of(entry), 4)
    fields.timed -= 1
    if place != fields.timed:
        timer_sift(fields, place, fields.timers[fields.timed])
    if fields.timed == 0:
        zfree(fields.timers)
        fields.timers = NULL
        fields.timer_room = 0


# -- forms -------------------------------------------------------------------------------------------------------------

cdef int fields_add(Fields* fields, const View* field, const View* data) except -1:
    """Add a field that is not there yet."""
    cdef uint8_t* block = write_block(NULL, field, data, -1)
    try:
        table_add(&fields.table, block, hash_bytes(field.data, field.size))
    except MemoryError:
        zfree(block)
        raise
    return 0


cdef Fields* make_table(HashValue value) except NULL:
    """Turn the small form (or nothing) into the large one."""
    cdef Pack* pack = <Pack*> value.body
    cdef Fields* fields = <Fields*> zmalloc(sizeof(Fields))
    cdef uint8_t* at
    cdef View field, data
    cdef char[DIGITS] field_room
    cdef char[DIGITS] data_room
    table_init(&fields.table, field_of)
    fields.timers = NULL
    fields.timed = fields.timer_room = 0
    value.body = fields
    value.tabled = True
    if pack == NULL:
        return fields
    at = pack_begin(pack)
    while at < pack_end(pack):
        entry_view(at, &field)
        at = entry_after(at)
        entry_view(at, &data)
        at = entry_after(at)
        view_render(&field, field_room)
        view_render(&data, data_room)
        fields_add(fields, &field, &data)
    pack_free(pack)
    return fields


cdef void settle(HashValue value) noexcept:
    """An empty hash has no body."""
    cdef Fields* fields
    if value.tabled:
        fields = <Fields*> value.body
        if table_len(&fields.table):
            return
        table_release(&fields.table)
        zfree(fields.timers)
        zfree(fields)
    else:
        if value.body == NULL or (<Pack*> value.body).count:
            return
        pack_free(<Pack*> value.body)
    value.body = NULL
    value.tabled = False


# -- the hot calls -----------------------------------------------------------------------------------------------------

cdef Py_ssize_t hash_len(HashValue value) noexcept:
    if value.tabled:
        return table_len(&(<Fields*> value.body).table)
    return (<Pack*> value.body).count // 2 if value.body != NULL else 0


cdef bint hash_get(HashValue value, const char* field, Py_ssize_t field_size, View* view) noexcept:
    cdef uint8_t* at
    cdef void* entry
    cdef View found
    if value.body == NULL:
        return False
    if value.tabled:
        entry = table_find(&(<Fields*> value.body).table, field, field_size, hash_bytes(field, field_size))
        if entry == NULL:
            return False
        views_of(entry, &found, view)
        return True
    at = pack_find(<Pack*> value.body, pack_begin(<Pack*> value.body), field, field_size, 2)
    if at == NULL:
        return False
    entry_view(entry_after(at), view)
    return True


cdef int fields_set(Fields* fields, const View* field, const View* data, bint keep_expiry) except -1:
    cdef void** slot = table_slot(&fields.table, field.data, field.size, hash_bytes(field.data, field.size))
    cdef uint8_t* entry
    cdef uint32_t place
    cdef int64_t expiry
    if slot == NULL:
        fields_add(fields, field, data)
        return 1
    entry = <uint8_t*> slot[0]
    expiry = expiry_of(entry)
    if expiry >= 0 and not keep_expiry:
        timer_remove(fields, entry)
        expiry = -1
    slot[0] = entry = write_block(entry, field, data, expiry)
    if expiry >= 0:
        memcpy(&place, place_of(entry), 4)
        fields.timers[place] = entry
    return 0


cdef int hash_set(HashValue value, const char* field, Py_ssize_t field_size, const char* data, Py_ssize_t size,
                  bint keep_expiry) except -1:
    """Set a field, dropping its expiry unless told to keep it; 1 when it is new, 0 when it was there."""
    cdef View field_view, data_view
    cdef Pack* pack
    cdef uint8_t* at
    if field_size > 0xFFFF0000 or size > 0xFFFF0000:
        raise OverflowError("a field and a value of a hash are limited to 4 GiB each")
    if not value.tabled:
        pack = <Pack*> value.body
        if field_size > limits.hash_value or size > limits.hash_value or (
                pack != NULL and pack.used + field_size + size + 22 > PACK_LIMIT):
            make_table(value)
        else:
            if pack == NULL:
                pack = pack_new(field_size + size + 4)
                value.body = pack
            at = pack_find(pack, pack_begin(pack), field, field_size, 2)
            if at != NULL:
                pack_replace(&pack, entry_after(at), data, size)
                value.body = pack
                return 0
            pack_insert(&pack, pack_end(pack), field, field_size)
            pack_insert(&pack, pack_end(pack), data, size)
            value.body = pack
            if pack.count > limits.hash_entries * 2:
                make_table(value)
            return 1
    field_view.data = field
    field_view.size = field_size
    data_view.data = data
    data_view.size = size
    return fields_set(<Fields*> value.body, &field_view, &data_view, keep_expiry)


cdef int hash_delete(HashValue value, const char* field, Py_ssize_t field_size) except -1:
    """Remove a field; whether it was there."""
    cdef Pack* pack
    cdef uint8_t* at
    cdef uint8_t* entry
    if value.body == NULL:
        return 0
    if value.tabled:
        entry = <uint8_t*> table_remove(
            &(<Fields*> value.body).table, field, field_size, hash_bytes(field, field_size))
        if entry == NULL:
            return 0
        if entry[0] & TIMED:
            timer_remove(<Fields*> value.body, entry)
        zfree(entry)
    else:
        pack = <Pack*> value.body
        at = pack_find(pack, pack_begin(pack), field, field_size, 2)
        if at == NULL:
            return 0
        pack_remove(&pack, at, 2)
        value.body = pack
    settle(value)
    return 1


cdef void hash_walk(HashValue value, HashCursor* cursor) noexcept:
    """Begin a walk; the hash must not change until hash_walk_end."""
    cursor.tabled = value.tabled
    cursor.pack = NULL
    if value.tabled:
        table_iterate(&(<Fields*> value.body).table, &cursor.entries)
    elif value.body != NULL:
        cursor.pack = <Pack*> value.body
        cursor.at = pack_begin(cursor.pack)


cdef bint hash_next(HashCursor* cursor, View* field, View* view) noexcept:
    cdef void* entry
    if cursor.tabled:
        entry = table_next(&cursor.entries)
        if entry == NULL:
            return False
        views_of(entry, field, view)
        return True
    if cursor.pack == NULL or cursor.at == pack_end(cursor.pack):
        return False
    entry_view(cursor.at, field)
    cursor.at = entry_after(cursor.at)
    entry_view(cursor.at, view)
    cursor.at = entry_after(cursor.at)
    return True


cdef void hash_walk_end(HashCursor* cursor) noexcept:
    if cursor.tabled:
        table_iterate_end(&cursor.entries)


cdef uint32_t hash_timed(HashValue value) noexcept:
    """How many fields have an expiry."""
    return (<Fields*> value.body).timed if value.tabled else 0


cdef int64_t hash_next_expiry(HashValue value) noexcept:
    """When the first field expires (Unix ms), or -1."""
    if not value.tabled or (<Fields*> value.body).timed == 0:
        return -1
    return expiry_of(<uint8_t*> (<Fields*> value.body).timers[0])


cdef void collect(void* context, void* entry) noexcept:
    cdef View field, data
    views_of(entry, &field, &data)
    (<list> context).append((view_bytes(&field), view_bytes(&data)))


@cython.final
@cython.no_gc
cdef class HashValue:
    def __cinit__(self):
        count_external(OBJECT_BYTES)

    def __dealloc__(self):
        while not self.free_step(1 << 30):
            pass
        count_external(-OBJECT_BYTES)

    def __len__(self):
        return hash_len(self)

    def __iter__(self):
        return iter(self.fields())

    def encoding(self):
        return "hashtable" if self.tabled else "listpack"

    def clear(self):
        while not self.free_step(1 << 30):
            pass

    def free_step(self, Py_ssize_t budget):
        cdef Fields* fields
        if not self.tabled:
            if self.body != NULL:
                pack_free(<Pack*> self.body)
                self.body = NULL
            return True
        fields = <Fields*> self.body
        if not table_drain(&fields.table, zfree, &budget):
            return False
        settle(self)
        return True

    def get(self, bytes field not None):
        cdef View view
        if not hash_get(self, PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field), &view):
            return None
        return view_bytes(&view)

    def __contains__(self, bytes field not None):
        cdef View view
        return hash_get(self, PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field), &view)

    def set(self, bytes field not None, bytes data not None, bint keep_expiry=False):
        return hash_set(self, PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field), PyBytes_AS_STRING(data),
                        PyBytes_GET_SIZE(data), keep_expiry) == 1

    def delete(self, bytes field not None):
        return hash_delete(self, PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field)) == 1

    def items(self):
        cdef HashCursor cursor
        cdef View field, view
        cdef list result = []
        hash_walk(self, &cursor)
        while hash_next(&cursor, &field, &view):
            result.append((view_bytes(&field), view_bytes(&view)))
        hash_walk_end(&cursor)
        return result

    def fields(self):
        return [field for field, _ in self.items()]

    def values(self):
        return [data for _, data in self.items()]

    def random(self):
        cdef View field, view
        cdef uint8_t* at
        if self.body == NULL:
            return None
        if self.tabled:
            views_of(table_random(&(<Fields*> self.body).table, &random_state), &field, &view)
        else:
            at = pack_seek(<Pack*> self.body, 2 * <int64_t> below(hash_len(self)))
            entry_view(at, &field)
            entry_view(entry_after(at), &view)
        return view_bytes(&field), view_bytes(&view)

    def sample(self, Py_ssize_t count):
        cdef Py_ssize_t at, other, length = hash_len(self)
        if count >= length:
            return self.items()
        if count * 3 > length or not self.tabled:
            # A draw without replacement from all of them (Fisher and Yates).
            found = self.items()
            for at in range(count):
                other = at + <Py_ssize_t> below(length - at)
                found[at], found[other] = found[other], found[at]
            return found[:count]
        chosen = {}
        while len(chosen) < count:
            field, data = self.random()
            chosen[field] = data
        return list(chosen.items())

    def scan(self, uint64_t cursor, Py_ssize_t count=10):
        cdef list found = []
        cdef Py_ssize_t rounds = count * 10
        if not self.tabled:
            return 0, self.items()
        while True:
            cursor = table_scan(&(<Fields*> self.body).table, cursor, collect, <void*> found)
            rounds -= 1
            if cursor == 0 or len(found) >= count or rounds <= 0:
                return cursor, found

    def set_expiry(self, bytes field not None, int64_t when):
        cdef const char* name = PyBytes_AS_STRING(field)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(field)
        cdef uint64_t hash = hash_bytes(name, size)
        cdef View field_view, data_view
        cdef Fields* fields
        cdef void** slot
        cdef uint8_t* entry
        cdef uint8_t* block
        if when < 0:
            raise ValueError("a field's expiry is a time in Unix milliseconds")
        if not hash_get(self, name, size, &data_view):
            return False
        fields = <Fields*> self.body if self.tabled else make_table(self)
        slot = table_slot(&fields.table, name, size, hash)
        entry = <uint8_t*> slot[0]
        if entry[0] & TIMED:
            timer_remove(fields, entry)
        timer_reserve(fields)
        views_of(entry, &field_view, &data_view)
        if entry[0] & TIMED:
            memcpy(entry + head_size(entry) - TIMER_BYTES, &when, 8)
        else:
            # The new block copies from the old one, so the old one goes afterwards.
            block = write_block(NULL, &field_view, &data_view, when)
            zfree(entry)
            slot[0] = entry = block
        fields.timed += 1
        timer_sift(fields, fields.timed - 1, entry)
        return True

    def expire_at(self, bytes field not None):
        cdef void* entry
        cdef View view
        if not self.tabled:
            return -1 if hash_get(self, PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field), &view) else -2
        entry = table_find(&(<Fields*> self.body).table, PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field),
                           hash_bytes(PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field)))
        return -2 if entry == NULL else expiry_of(<uint8_t*> entry)

    def persist(self, bytes field not None):
        if self.expire_at(field) < 0:
            return False
        self.set(field, self.get(field))
        return True

    def expired(self, int64_t now, Py_ssize_t limit=-1):
        cdef list gone = []
        cdef View field, view
        while limit != 0 and self.tabled and 0 <= hash_next_expiry(self) <= now:
            views_of((<Fields*> self.body).timers[0], &field, &view)
            name = view_bytes(&field)
            self.delete(name)
            gone.append(name)
            limit -= 1
        return gone

    def timed(self):
        return hash_timed(self)

    def next_expiry(self):
        return hash_next_expiry(self)

    def copy(self):
        cdef HashValue twin = HashValue()
        cdef HashCursor cursor
        cdef View field, view
        if not self.tabled:
            if self.body != NULL:
                twin.body = pack_copy(<Pack*> self.body)
            return twin
        make_table(twin)
        table_reserve(&(<Fields*> twin.body).table, hash_len(self))
        hash_walk(self, &cursor)
        while hash_next(&cursor, &field, &view):
            fields_add(<Fields*> twin.body, &field, &view)
        hash_walk_end(&cursor)
        if (<Fields*> self.body).timed:
            for name in self.fields():
                if self.expire_at(name) >= 0:
                    twin.set_expiry(name, self.expire_at(name))
        return twin

    def dump(self):
        return None if self.tabled or self.body == NULL else pack_dump(<Pack*> self.body)

    def memory_usage(self, Py_ssize_t samples=0):
        cdef Iterator walk
        cdef Fields* fields
        cdef void* entry
        cdef Py_ssize_t total = 0, seen = 0
        if not self.tabled:
            return OBJECT_BYTES + zsize(self.body)
        fields = <Fields*> self.body
        table_iterate(&fields.table, &walk)
        while samples == 0 or seen < samples:
            entry = table_next(&walk)
            if entry == NULL:
                break
            total += zsize(entry)
            seen += 1
        table_iterate_end(&walk)
        if seen:
            total = total * <Py_ssize_t> table_len(&fields.table) // seen
        return OBJECT_BYTES + zsize(fields) + zsize(fields.timers) + table_bytes(&fields.table) + total
