"""`SetValue`: what a set key holds.

Three forms, chosen as members come: sorted integers of 2, 4 or 8 bytes while all members are integers (up to
`set-max-intset-entries`); one pack while members are few and short (`set-max-listpack-*`); a table of blocks after that. A set
never goes back to a smaller form. Redis 7.0 has no packed sets and calls every set with another member `hashtable`;
so does `encoding()`: the pack is our own saving (Redis has it since 7.2).

Block of a member: one byte of size and the bytes; sizes of 255 and more as 255 and four bytes.

Invariants: the integers are in order and different, their width is the smallest for the widest member ever held; a pack
or table holds no member twice; an empty set has no body.
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from scrubjay_engine.values.hashing cimport hash_bytes
from scrubjay_engine.values.limits cimport limits
from scrubjay_engine.values.listpack cimport (
    Pack, entry_after, entry_view, pack_begin, pack_copy, pack_end, pack_find, pack_free, pack_insert, pack_new,
    pack_remove, pack_seek,
)
from scrubjay_engine.values.memory cimport count_external, zfree, zmalloc, zrealloc, zsize
from scrubjay_engine.values.randomness cimport below, state as random_state
from scrubjay_engine.values.table cimport (
    Iterator, Table, table_add, table_bytes, table_drain, table_find, table_init, table_iterate, table_iterate_end, table_len,
    table_next, table_random, table_release, table_remove, table_reserve, table_scan,
)
from scrubjay_engine.values.view cimport DIGITS, View, parse_integer, view_bytes, view_render


cdef enum:
    OBJECT_BYTES = 32
    SET_LIMIT = 1 << 30     # no set is kept as integers beyond this many members, whatever the option says


# -- integers ----------------------------------------------------------------------------------------------------------

cdef inline int64_t integer_at(const Integers* body, uint32_t index) noexcept nogil:
    cdef const uint8_t* values = <const uint8_t*> body + sizeof(Integers)
    cdef int16_t short_
    cdef int32_t narrow
    cdef int64_t wide
    if body.width == 2:
        memcpy(&short_, values + index * 2, 2)
        return short_
    if body.width == 4:
        memcpy(&narrow, values + <size_t> index * 4, 4)
        return narrow
    memcpy(&wide, values + <size_t> index * 8, 8)
    return wide


cdef inline void integer_put(Integers* body, uint32_t index, int64_t number) noexcept nogil:
    # Little-endian: the low bytes are the number in a smaller width.
    memcpy(<uint8_t*> body + sizeof(Integers) + <size_t> index * body.width, &number, body.width)


cdef inline uint32_t width_of(int64_t number) noexcept nogil:
    if -32768 <= number <= 32767:
        return 2
    return 4 if -2147483648LL <= number <= 2147483647LL else 8


cdef bint integer_search(const Integers* body, int64_t number, uint32_t* index) noexcept nogil:
    """Whether the number is there; `index` is its place, or the place where it would go."""
    cdef uint32_t low = 0, high = body.count, middle
    cdef int64_t found
    while low < high:
        middle = low + (high - low) // 2
        found = integer_at(body, middle)
        if found == number:
            index[0] = middle
            return True
        if found < number:
            low = middle + 1
        else:
            high = middle
    index[0] = low
    return False


cdef int integer_add(SetValue value, int64_t number) except -1:
    cdef Integers* body = <Integers*> value.body
    cdef Integers* wide
    cdef uint32_t index, width = width_of(number)
    cdef uint8_t* place
    cdef size_t need
    if body == NULL:
        body = <Integers*> zmalloc(sizeof(Integers) + width)
        body.width = width
        body.count = 1
        integer_put(body, 0, number)
        value.body = body
        value.form = SET_INTEGERS
        return 1
    if integer_search(body, number, &index):
        return 0
    if width > body.width:
        wide = <Integers*> zmalloc(sizeof(Integers) + <size_t> width * (body.count + 1))
        wide.width = width
        wide.count = body.count
        for index in range(body.count):
            integer_put(wide, index, integer_at(body, index))
        # Wider than all others: it is smaller or larger than every one of them.
        index = 0 if number < 0 else body.count
        zfree(body)
        body = wide
    else:
        need = sizeof(Integers) + <size_t> body.width * (body.count + 1)
        if need + 8 > zsize(body):
            body = <Integers*> zrealloc(body, need if need < 256 else need + need // 8)
    value.body = body
    place = <uint8_t*> body + sizeof(Integers) + <size_t> index * body.width
    memmove(place + body.width, place, <size_t> (body.count - index) * body.width)
    body.count += 1
    integer_put(body, index, number)
    return 1


cdef int integer_remove(SetValue value, int64_t number) except -1:
    cdef Integers* body = <Integers*> value.body
    cdef uint32_t index
    cdef uint8_t* place
    cdef size_t need
    if not integer_search(body, number, &index):
        return 0
    body.count -= 1
    place = <uint8_t*> body + sizeof(Integers) + <size_t> index * body.width
    memmove(place, place + body.width, <size_t> (body.count - index) * body.width)
    need = sizeof(Integers) + <size_t> body.width * body.count
    if need * 2 + 32 < zsize(body):
        value.body = zrealloc(body, need)
    return 1


# -- blocks ------------------------------------------------------------------------------------------------------------

cdef const char* member_of(void* entry, Py_ssize_t* size) noexcept nogil:
    cdef uint8_t first = (<uint8_t*> entry)[0]
    cdef uint32_t long_
    if first < 255:
        size[0] = first
        return <const char*> entry + 1
    memcpy(&long_, <uint8_t*> entry + 1, 4)
    size[0] = long_
    return <const char*> entry + 5


cdef int members_add(Members* members, const char* data, Py_ssize_t size, uint64_t hash) except -1:
    cdef uint8_t* block
    cdef uint32_t long_
    if size < 255:
        block = <uint8_t*> zmalloc(size + 1)
        block[0] = <uint8_t> size
        memcpy(block + 1, data, size)
    else:
        long_ = <uint32_t> size
        block = <uint8_t*> zmalloc(size + 5)
        block[0] = 255
        memcpy(block + 1, &long_, 4)
        memcpy(block + 5, data, size)
    try:
        table_add(&members.table, block, hash)
    except MemoryError:
        zfree(block)
        raise
    return 0


# -- forms -------------------------------------------------------------------------------------------------------------

cdef void release_small(void* body, SetForm form) noexcept:
    if form == SET_PACK:
        pack_free(<Pack*> body)
    else:
        zfree(body)


cdef int make_table(SetValue value) except -1:
    cdef Members* members = <Members*> zmalloc(sizeof(Members))
    cdef void* body = value.body
    cdef SetForm form = value.form
    cdef SetCursor cursor
    cdef View view
    cdef char[DIGITS] room
    table_init(&members.table, member_of)
    set_walk(value, &cursor)
    value.body = members
    value.form = SET_TABLE
    while set_next(&cursor, &view):
        view_render(&view, room)
        members_add(members, view.data, view.size, hash_bytes(view.data, view.size))
    release_small(body, form)
    return 0


cdef int make_pack(SetValue value) except -1:
    """Turn integers (or nothing) into a pack."""
    cdef Integers* body = <Integers*> value.body
    cdef Pack* pack = pack_new(8 if body == NULL else <size_t> body.count * (body.width + 2))
    cdef SetCursor cursor
    cdef View view
    cdef char[DIGITS] room
    set_walk(value, &cursor)
    while set_next(&cursor, &view):
        view_render(&view, room)
        pack_insert(&pack, pack_end(pack), view.data, view.size)
    zfree(body)
    value.body = pack
    value.form = SET_PACK
    return 0


cdef void settle(SetValue value) noexcept:
    """An empty set has no body."""
    if set_len(value) or value.form == SET_EMPTY:
        return
    if value.form == SET_TABLE:
        table_release(&(<Members*> value.body).table)
        zfree(value.body)
    else:
        release_small(value.body, value.form)
    value.body = NULL
    value.form = SET_EMPTY


# -- the hot calls -----------------------------------------------------------------------------------------------------

cdef Py_ssize_t set_len(SetValue value) noexcept:
    if value.form == SET_TABLE:
        return table_len(&(<Members*> value.body).table)
    if value.form == SET_PACK:
        return (<Pack*> value.body).count
    return (<Integers*> value.body).count if value.form == SET_INTEGERS else 0


cdef int set_add(SetValue value, const char* data, Py_ssize_t size) except -1:
    """Add a member; 1 when it is new, 0 when it was there."""
    cdef long long number
    cdef uint64_t hash
    cdef Pack* pack
    cdef long long most
    if size > 0xFFFF0000:
        raise OverflowError("a member of a set is limited to 4 GiB")
    if value.form <= SET_INTEGERS:
        if parse_integer(data, size, &number):
            if not integer_add(value, number):
                return 0
            most = limits.intset_entries if limits.intset_entries < SET_LIMIT else SET_LIMIT
            if set_len(value) > most:
                make_table(value)
            return 1
        if size <= limits.set_value and set_len(value) < limits.set_entries:
            make_pack(value)
        else:
            make_table(value)
    if value.form == SET_PACK:
        pack = <Pack*> value.body
        if pack_find(pack, pack_begin(pack), data, size, 1) != NULL:
            return 0
        if size <= limits.set_value and pack.count < limits.set_entries:
            pack_insert(&pack, pack_end(pack), data, size)
            value.body = pack
            return 1
        make_table(value)
    hash = hash_bytes(data, size)
    if table_find(&(<Members*> value.body).table, data, size, hash) != NULL:
        return 0
    members_add(<Members*> value.body, data, size, hash)
    return 1


cdef int set_remove(SetValue value, const char* data, Py_ssize_t size) except -1:
    """Remove a member; whether it was there."""
    cdef long long number
    cdef Pack* pack
    cdef uint8_t* at
    cdef void* entry
    if value.form == SET_TABLE:
        entry = table_remove(&(<Members*> value.body).table, data, size, hash_bytes(data, size))
        if entry == NULL:
            return 0
        zfree(entry)
    elif value.form == SET_PACK:
        pack = <Pack*> value.body
        at = pack_find(pack, pack_begin(pack), data, size, 1)
        if at == NULL:
            return 0
        pack_remove(&pack, at, 1)
        value.body = pack
    elif value.form == SET_EMPTY or not parse_integer(data, size, &number) or not integer_remove(value, number):
        return 0
    settle(value)
    return 1


cdef bint set_contains(SetValue value, const char* data, Py_ssize_t size) noexcept:
    cdef long long number
    cdef uint32_t index
    if value.form == SET_TABLE:
        return table_find(&(<Members*> value.body).table, data, size, hash_bytes(data, size)) != NULL
    if value.form == SET_PACK:
        return pack_find(<Pack*> value.body, pack_begin(<Pack*> value.body), data, size, 1) != NULL
    if value.form == SET_EMPTY or not parse_integer(data, size, &number):
        return False
    return integer_search(<Integers*> value.body, number, &index)


cdef bint set_random(SetValue value, View* view) noexcept:
    """A member at random; False when there is none."""
    if value.form == SET_EMPTY:
        return False
    if value.form == SET_TABLE:
        view.data = member_of(table_random(&(<Members*> value.body).table, &random_state), &view.size)
    elif value.form == SET_PACK:
        entry_view(pack_seek(<Pack*> value.body, <int64_t> below((<Pack*> value.body).count)), view)
    else:
        view.data = NULL
        view.number = integer_at(<Integers*> value.body, <uint32_t> below((<Integers*> value.body).count))
    return True


cdef void set_walk(SetValue value, SetCursor* cursor) noexcept:
    """Begin a walk; the set must not change until set_walk_end."""
    cursor.body = value.body
    cursor.form = value.form
    cursor.index = 0
    if value.form == SET_TABLE:
        table_iterate(&(<Members*> value.body).table, &cursor.entries)
    elif value.form == SET_PACK:
        cursor.at = pack_begin(<Pack*> value.body)


cdef bint set_next(SetCursor* cursor, View* view) noexcept:
    cdef void* entry
    if cursor.form == SET_TABLE:
        entry = table_next(&cursor.entries)
        if entry == NULL:
            return False
        view.data = member_of(entry, &view.size)
        return True
    if cursor.form == SET_PACK:
        if cursor.at == pack_end(<Pack*> cursor.body):
            return False
        entry_view(cursor.at, view)
        cursor.at = entry_after(cursor.at)
        return True
    if cursor.form == SET_EMPTY or cursor.index == (<Integers*> cursor.body).count:
        return False
    view.data = NULL
    view.number = integer_at(<Integers*> cursor.body, cursor.index)
    cursor.index += 1
    return True


cdef void set_walk_end(SetCursor* cursor) noexcept:
    if cursor.form == SET_TABLE:
        table_iterate_end(&cursor.entries)


cdef void collect(void* context, void* entry) noexcept:
    cdef Py_ssize_t size
    cdef const char* data = member_of(entry, &size)
    (<list> context).append(PyBytes_FromStringAndSize(data, size))


@cython.final
@cython.no_gc
cdef class SetValue:
    def __cinit__(self):
        count_external(OBJECT_BYTES)

    def __dealloc__(self):
        while not self.free_step(1 << 30):
            pass
        count_external(-OBJECT_BYTES)

    def __len__(self):
        return set_len(self)

    def __iter__(self):
        return iter(self.members())

    def __contains__(self, bytes member not None):
        return set_contains(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))

    def encoding(self):
        return "intset" if self.form <= SET_INTEGERS else "hashtable"

    def clear(self):
        while not self.free_step(1 << 30):
            pass

    def free_step(self, Py_ssize_t budget):
        cdef Members* members
        if self.form != SET_TABLE:
            release_small(self.body, self.form)
            self.body = NULL
            self.form = SET_EMPTY
            return True
        members = <Members*> self.body
        if not table_drain(&members.table, zfree, &budget):
            return False
        settle(self)
        return True

    def add(self, bytes member not None):
        return set_add(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member)) == 1

    def remove(self, bytes member not None):
        return set_remove(self, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member)) == 1

    def members(self):
        cdef SetCursor cursor
        cdef View view
        cdef list result = []
        set_walk(self, &cursor)
        while set_next(&cursor, &view):
            result.append(view_bytes(&view))
        set_walk_end(&cursor)
        return result

    def random(self):
        cdef View view
        return view_bytes(&view) if set_random(self, &view) else None

    def pop(self):
        member = self.random()
        if member is not None:
            self.remove(member)
        return member

    def sample(self, Py_ssize_t count):
        cdef Py_ssize_t at, other, length = set_len(self)
        if count >= length:
            return self.members()
        if count * 3 > length or self.form != SET_TABLE:
            # A draw without replacement from all of them (Fisher and Yates).
            found = self.members()
            for at in range(count):
                other = at + <Py_ssize_t> below(length - at)
                found[at], found[other] = found[other], found[at]
            return found[:count]
        chosen = set()
        while len(chosen) < count:
            chosen.add(self.random())
        return list(chosen)

    def scan(self, uint64_t cursor, Py_ssize_t count=10):
        cdef list found = []
        cdef Py_ssize_t rounds = count * 10
        if self.form != SET_TABLE:
            return 0, self.members()
        while True:
            cursor = table_scan(&(<Members*> self.body).table, cursor, collect, <void*> found)
            rounds -= 1
            if cursor == 0 or len(found) >= count or rounds <= 0:
                return cursor, found

    def copy(self):
        cdef SetValue twin = SetValue()
        cdef SetCursor cursor
        cdef View view
        cdef size_t size
        if self.form == SET_TABLE:
            make_table(twin)
            table_reserve(&(<Members*> twin.body).table, set_len(self))
            set_walk(self, &cursor)
            while set_next(&cursor, &view):
                members_add(<Members*> twin.body, view.data, view.size, hash_bytes(view.data, view.size))
            set_walk_end(&cursor)
            return twin
        if self.form == SET_PACK:
            twin.body = pack_copy(<Pack*> self.body)
        elif self.form == SET_INTEGERS:
            size = sizeof(Integers) + <size_t> (<Integers*> self.body).width * (<Integers*> self.body).count
            twin.body = zmalloc(size)
            memcpy(twin.body, self.body, size)
        twin.form = self.form
        return twin

    def dump(self):
        if self.form != SET_INTEGERS:
            return None
        return PyBytes_FromStringAndSize(
            <const char*> self.body,
            sizeof(Integers) + <size_t> (<Integers*> self.body).width * (<Integers*> self.body).count)

    def memory_usage(self, Py_ssize_t samples=0):
        cdef Iterator walk
        cdef Members* members
        cdef void* entry
        cdef Py_ssize_t total = 0, seen = 0
        if self.form != SET_TABLE:
            return OBJECT_BYTES + zsize(self.body)
        members = <Members*> self.body
        table_iterate(&members.table, &walk)
        while samples == 0 or seen < samples:
            entry = table_next(&walk)
            if entry == NULL:
                break
            total += zsize(entry)
            seen += 1
        table_iterate_end(&walk)
        if seen:
            total = total * <Py_ssize_t> table_len(&members.table) // seen
        return OBJECT_BYTES + zsize(members) + table_bytes(&members.table) + total
