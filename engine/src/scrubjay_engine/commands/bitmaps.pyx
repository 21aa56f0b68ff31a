# cython: boundscheck=False, wraparound=False, cdivision=True
"""Bitmap commands: strings seen as bits, and as integers of any width at any bit offset.

Bits are changed in the key's own memory (no copy, however large the string); growing ones get room to grow. The bit
functions themselves are in `values.bitmap`.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.engine cimport CLIENT_PRIMARY
from scrubjay_engine.core.entry cimport EMBEDDED, EMBEDDED_MAX, EXTERNAL, Entry, External, entry_embedded_size, entry_external, entry_form, entry_payload
from scrubjay_engine.core.keyspace cimport Database, StringView
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.bitmap cimport (
    BIT_AND, BIT_NOT, BIT_OR, BIT_XOR, BitOperation, FAIL, Overflow, SATURATE, WRAP, bits_combine, bits_count, bits_find, bits_fit,
    bits_get, bits_put,
)
from scrubjay_engine.values.memory cimport zmalloc

from scrubjay_engine.core.command import KeySpec, family, key
from scrubjay_engine.core.errors import NOT_INTEGER, SYNTAX, CommandError

BAD_OFFSET = CommandError("ERR bit offset is not an integer or out of range")
BAD_BIT = CommandError("ERR bit is not an integer or out of range")
BAD_TYPE = CommandError(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
)
BAD_OVERFLOW = CommandError("ERR Invalid OVERFLOW type specified")
NOT_TAKES_ONE = CommandError("ERR BITOP NOT must be called with a single source key.")
ONLY_GET = CommandError("ERR BITFIELD_RO only supports the GET subcommand")
ZERO_OR_ONE = CommandError("ERR The bit argument must be 1 or 0.")

cdef enum:
    NOTIFY_GENERIC = 1 << 2
    NOTIFY_STRING = 1 << 3
    EMBSTR_MAX = 44         # up to here OBJECT ENCODING tells a string that was set from one that was changed
    GET = 0
    SET = 1
    INCRBY = 2


# One operation of BITFIELD.
cdef struct Operation:
    int kind
    int width
    bint with_sign
    Overflow policy
    uint64_t offset
    int64_t argument


cdef inline bint word_is(Arg* arg, const char* word, Py_ssize_t size) noexcept:
    """Whether an argument is this upper-case word, in any case."""
    cdef Py_ssize_t i
    if arg.size != size:
        return False
    for i in range(size):
        if (arg.data[i] & 0xDF) != word[i]:
            return False
    return True


cdef inline int64_t number_of(Arg* arg, object error) except? -1:
    cdef int64_t number
    if not parse_int64(arg.data, arg.size, &number):
        raise error
    return number


cdef uint64_t offset_of(Client client, Arg* arg, int width) except? 0xFFFFFFFFFFFFFFFF:
    """A bit offset; `#n` counts fields of `width` bits where that is not 0."""
    cdef int64_t offset
    cdef bint counted = width > 0 and arg.size > 0 and arg.data[0] == c"#"
    if not parse_int64(arg.data + counted, arg.size - counted, &offset) or offset < 0:
        raise BAD_OFFSET
    if counted:
        if offset > 0x7FFFFFFFFFFFFFFF // width:
            raise BAD_OFFSET
        offset *= width
    if (offset >> 3) >= client.engine.bulk_limit and not client.gates & CLIENT_PRIMARY:
        raise BAD_OFFSET
    return <uint64_t>offset


cdef uint8_t* writable(Client client, Arg* name, uint64_t last_bit, Py_ssize_t* size, bint* grown) except NULL:
    """The string's bytes, for changing, at least up to that bit; `grown` when the key is new or had to be made longer."""
    cdef Database db = client.db
    cdef Entry entry = db.find_for_write(name.data, name.size)
    cdef Py_ssize_t wanted = <Py_ssize_t>(last_bit >> 3) + 1
    cdef StringView view
    grown[0] = True
    if entry == NULL:
        db.store_string(name.data, name.size, b"", 0, -1)
        size[0] = wanted
        return <uint8_t*>db.writable_string(name.data, name.size, wanted)
    db.view(entry, &view)
    grown[0] = view.size < wanted
    size[0] = max(view.size, wanted)
    if entry_form(entry) == EMBEDDED and not grown[0] and view.size > EMBSTR_MAX:
        return <uint8_t*>entry_payload(entry)
    return <uint8_t*>db.writable_string(name.data, name.size, wanted)


cdef int note(Client client, Arg* name, str event, unsigned int kind) except -1:
    client.db.note_changed(name.data, name.size)
    if client.engine.notify_flags & kind:
        client.engine.notify(kind, event, name.data[:name.size], client.db.id)
    return 0


cdef int setbit(Client client, Arg* argv, int argc) except -1:
    cdef uint64_t offset = offset_of(client, &argv[2], 0)
    cdef int64_t on = number_of(&argv[3], BAD_BIT)
    cdef Py_ssize_t size = 0
    cdef bint grown = False
    cdef uint8_t* at
    cdef uint8_t bit = <uint8_t>(0x80 >> (offset & 7))
    cdef bint old
    if on & ~1:
        raise BAD_BIT
    at = writable(client, &argv[1], offset, &size, &grown) + (offset >> 3)
    old = (at[0] & bit) != 0
    if grown or old != on:
        at[0] = at[0] | bit if on else at[0] & ~bit
        note(client, &argv[1], "setbit", NOTIFY_STRING)
    return client.add_int(old)


cdef int getbit(Client client, Arg* argv, int argc) except -1:
    cdef uint64_t offset = offset_of(client, &argv[2], 0)
    cdef Entry entry = client.db.find(argv[1].data, argv[1].size)
    cdef StringView view
    if entry == NULL:
        return client.add_int(0)
    client.db.view(entry, &view)
    if (offset >> 3) >= <uint64_t>view.size:
        return client.add_int(0)
    return client.add_int((<uint8_t>view.data[offset >> 3] >> (7 - (offset & 7))) & 1)


cdef bint unit_is_bit(Arg* arg) except -1:
    if word_is(arg, b"BIT", 3):
        return True
    if word_is(arg, b"BYTE", 4):
        return False
    raise SYNTAX


cdef void bit_range(int64_t* start, int64_t* end, Py_ssize_t size, bint in_bits) noexcept:
    """Turn Redis' start and end (of bytes or bits, negative from the end) into bit positions inside the string."""
    cdef int64_t total = size * 8 if in_bits else size
    if start[0] < 0:
        start[0] = max(start[0] + total, <int64_t>0)
    if end[0] < 0:
        end[0] = max(end[0] + total, <int64_t>0)
    if end[0] >= total:
        end[0] = total - 1
    if start[0] > end[0]:
        start[0] = 1
        end[0] = 0
    elif not in_bits:
        start[0] *= 8
        end[0] = end[0] * 8 + 7


cdef int bitcount(Client client, Arg* argv, int argc) except -1:
    cdef Entry entry = client.db.find(argv[1].data, argv[1].size)
    cdef StringView view
    cdef int64_t start = 0
    cdef int64_t end = -1
    cdef bint in_bits = False
    if entry == NULL:
        return client.add_int(0)
    client.db.view(entry, &view)
    if argc != 2 and argc != 4 and argc != 5:
        raise SYNTAX
    if argc > 2:
        start = number_of(&argv[2], NOT_INTEGER)
        end = number_of(&argv[3], NOT_INTEGER)
        if start < 0 and end < 0 and start > end:
            return client.add_int(0)
        if argc == 5:
            in_bits = unit_is_bit(&argv[4])
    bit_range(&start, &end, view.size, in_bits)
    return client.add_int(bits_count(<uint8_t*>view.data, start, end))


cdef int bitpos(Client client, Arg* argv, int argc) except -1:
    cdef int64_t bit = number_of(&argv[2], NOT_INTEGER)
    cdef Entry entry
    cdef StringView view
    cdef int64_t start = 0
    cdef int64_t end = -1
    cdef int64_t found
    cdef bint in_bits = False
    if bit != 0 and bit != 1:
        raise ZERO_OR_ONE
    entry = client.db.find(argv[1].data, argv[1].size)
    if entry == NULL:
        return client.add_int(-1 if bit else 0)
    client.db.view(entry, &view)
    if argc > 6:
        raise SYNTAX
    if argc > 3:
        start = number_of(&argv[3], NOT_INTEGER)
        if argc == 6:
            in_bits = unit_is_bit(&argv[5])
        if argc > 4:
            end = number_of(&argv[4], NOT_INTEGER)
    bit_range(&start, &end, view.size, in_bits)
    found = bits_find(<uint8_t*>view.data, bit, start, end)
    if found < 0 and not bit and argc < 5 and start <= end:
        found = view.size * 8       # a string of ones is followed by zeros
    return client.add_int(found)


# -- BITOP -------------------------------------------------------------------------------------------------------------

cdef int bitop(Client client, Arg* argv, int argc) except -1:
    cdef BitOperation operation
    if word_is(&argv[1], b"AND", 3):
        operation = BIT_AND
    elif word_is(&argv[1], b"OR", 2):
        operation = BIT_OR
    elif word_is(&argv[1], b"XOR", 3):
        operation = BIT_XOR
    elif word_is(&argv[1], b"NOT", 3):
        operation = BIT_NOT
    else:
        raise SYNTAX
    if operation == BIT_NOT and argc != 4:
        raise NOT_TAKES_ONE
    cdef StringView* views = <StringView*>malloc((argc - 3) * (sizeof(StringView) + sizeof(void*) + sizeof(Py_ssize_t)))
    if views == NULL:
        raise MemoryError
    try:
        return combine_keys(client, operation, argv, argc, views)
    finally:
        free(views)


cdef int combine_keys(Client client, BitOperation operation, Arg* argv, int argc, StringView* views) except -1:
    cdef Database db = client.db
    cdef int count = argc - 3
    cdef const uint8_t** sources = <const uint8_t**>(views + count)
    cdef Py_ssize_t* sizes = <Py_ssize_t*>(sources + count)
    cdef Py_ssize_t longest = 0
    cdef Entry entry
    cdef int i
    for i in range(count):
        entry = db.find(argv[i + 3].data, argv[i + 3].size)     # expired keys go here, so that what follows moves nothing
        if entry != NULL:
            db.view(entry, &views[i])
    for i in range(count):
        entry = db.find_quiet(argv[i + 3].data, argv[i + 3].size)
        views[i].size = 0
        if entry != NULL:
            db.view(entry, &views[i])
        sources[i] = <const uint8_t*>views[i].data
        sizes[i] = views[i].size
        longest = max(longest, sizes[i])
    if longest:
        store_combined(db, &argv[2], operation, sources, sizes, count, longest)
        note(client, &argv[2], "set", NOTIFY_STRING)
    elif db.find_for_write(argv[2].data, argv[2].size) != NULL:
        db.remove(argv[2].data, argv[2].size)
        note(client, &argv[2], "del", NOTIFY_GENERIC)
    return client.add_int(longest)


cdef int store_combined(
    Database db, Arg* target, BitOperation operation, const uint8_t** sources, Py_ssize_t* sizes, int count, Py_ssize_t longest
) except -1:
    """The result is made where it stays, in a block of its own."""
    cdef External external
    external.data = <char*>zmalloc(longest)
    external.size = external.capacity = longest
    bits_combine(operation, <uint8_t*>external.data, longest, sources, sizes, count)
    # The key expires or passes the barrier now, when the sources are no longer needed: one of them may be the target.
    return db.store_payload(target.data, target.size, EXTERNAL, &external, sizeof(External), -1)


# -- BITFIELD ----------------------------------------------------------------------------------------------------------

cdef int parse_operations(Client client, Arg* argv, int argc, Operation* operations) except -1:
    """The operations of BITFIELD's arguments; how many."""
    cdef Overflow policy = WRAP
    cdef Operation* operation
    cdef int count = 0
    cdef int i = 2
    cdef int64_t width
    while i < argc:
        operation = &operations[count]
        if word_is(&argv[i], b"GET", 3) and argc - i > 2:
            operation.kind = GET
        elif word_is(&argv[i], b"SET", 3) and argc - i > 3:
            operation.kind = SET
        elif word_is(&argv[i], b"INCRBY", 6) and argc - i > 3:
            operation.kind = INCRBY
        elif word_is(&argv[i], b"OVERFLOW", 8) and argc - i > 1:
            policy = overflow_of(&argv[i + 1])
            i += 2
            continue
        else:
            raise SYNTAX
        operation.with_sign = argv[i + 1].size > 0 and argv[i + 1].data[0] == c"i"
        if argv[i + 1].size < 2 or not (operation.with_sign or argv[i + 1].data[0] == c"u"):
            raise BAD_TYPE
        width = number_of_width(&argv[i + 1])
        if not 1 <= width <= (64 if operation.with_sign else 63):
            raise BAD_TYPE
        operation.width = <int>width
        operation.offset = offset_of(client, &argv[i + 2], operation.width)
        operation.policy = policy
        operation.argument = number_of(&argv[i + 3], NOT_INTEGER) if operation.kind != GET else 0
        i += 3 if operation.kind == GET else 4
        count += 1
    return count


cdef int64_t number_of_width(Arg* arg) noexcept:
    cdef int64_t width
    return width if parse_int64(arg.data + 1, arg.size - 1, &width) else 0


cdef Overflow overflow_of(Arg* arg) except *:
    if word_is(arg, b"WRAP", 4):
        return WRAP
    if word_is(arg, b"SAT", 3):
        return SATURATE
    if word_is(arg, b"FAIL", 4):
        return FAIL
    raise BAD_OVERFLOW


cdef int run_operation(Client client, Operation* operation, uint8_t* data, Py_ssize_t size, bint* changed) except -1:
    cdef int64_t old = bits_get(data, size, operation.offset, operation.width, operation.with_sign)
    cdef int64_t new = 0
    cdef bint fits
    changed[0] = False
    if operation.kind == GET:
        return client.add_int(old)
    if operation.kind == SET:
        fits = bits_fit(operation.argument, 0, operation.width, operation.with_sign, operation.policy, &new)
    else:
        fits = bits_fit(old, operation.argument, operation.width, operation.with_sign, operation.policy, &new)
    if not fits:
        return client.add_null()
    bits_put(data, operation.offset, operation.width, <uint64_t>new)
    changed[0] = old != new
    return client.add_int(old if operation.kind == SET else new)


cdef int run_bitfield(Client client, Arg* argv, int argc, bint may_write) except -1:
    cdef Operation* operations = <Operation*>malloc(argc * sizeof(Operation))
    if operations == NULL:
        raise MemoryError
    try:
        return run_operations(client, &argv[1], operations, parse_operations(client, argv, argc, operations), may_write)
    finally:
        free(operations)


cdef int run_operations(Client client, Arg* name, Operation* operations, int count, bint may_write) except -1:
    cdef Entry entry
    cdef StringView view
    cdef uint8_t* data = NULL
    cdef Py_ssize_t size = 0
    cdef uint64_t highest = 0
    cdef bint writes = False
    cdef bint grown = False
    cdef bint changed = False
    cdef bint touched = False
    cdef int i
    for i in range(count):
        if operations[i].kind != GET:
            writes = True
            highest = max(highest, operations[i].offset + operations[i].width - 1)
    if writes:
        if not may_write:
            raise ONLY_GET
        data = writable(client, name, highest, &size, &grown)
    else:
        entry = client.db.find(name.data, name.size)
        if entry != NULL:
            client.db.view(entry, &view)
            data = <uint8_t*>view.data
            size = view.size
    client.add_array(count)
    for i in range(count):
        run_operation(client, &operations[i], data, size, &touched)
        changed = changed or touched
    if changed or grown:
        note(client, name, "setbit", NOTIFY_STRING)
    return 0


cdef int bitfield(Client client, Arg* argv, int argc) except -1:
    return run_bitfield(client, argv, argc, True)


cdef int bitfield_ro(Client client, Arg* argv, int argc) except -1:
    return run_bitfield(client, argv, argc, False)


def bitfield_reads(args: list[bytes]) -> bool:
    """Whether a BITFIELD command only gets, so that read access to its key is enough."""
    return all(word.lower() not in (b"set", b"incrby") for word in args[2:])


def table() -> list:
    writes_bit = [KeySpec(("index", 1), ("range", 0, 1, 0), "RW access update")]
    bitop_keys = [
        KeySpec(("index", 2), ("range", 0, 1, 0), "OW update"),
        KeySpec(("index", 3), ("range", -1, 1, 0), "RO access"),
    ]
    bitfield_keys = [
        KeySpec(
            ("index", 1), ("range", 0, 1, 0), "RW update access variable_flags",
            "This command allows both access and modification of the key",
        )
    ]
    return family("bitmap", [
        make_hot("setbit", <void*>&setbit, 4, "write denyoom", writes_bit, "bitmap", "2.2.0",
                 "Sets or clears the bit at an offset of a string.", "O(1)"),
        make_hot("getbit", <void*>&getbit, 3, "readonly fast", key(1), "bitmap", "2.2.0",
                 "Answers the bit at an offset of a string.", "O(1)"),
        make_hot("bitcount", <void*>&bitcount, -2, "readonly", key(1), "bitmap", "2.6.0",
                 "Counts the set bits of a string or of a part of it.", "O(N)"),
        make_hot("bitpos", <void*>&bitpos, -3, "readonly", key(1), "bitmap", "2.8.7",
                 "Finds the first set or clear bit of a string.", "O(N)"),
        make_hot("bitop", <void*>&bitop, -4, "write denyoom", bitop_keys, "bitmap", "2.6.0",
                 "Combines strings bit by bit and stores the result.", "O(N)"),
        make_hot("bitfield", <void*>&bitfield, -2, "write denyoom", bitfield_keys, "bitmap", "3.2.0",
                 "Gets, sets and increments integers of any width within a string.", "O(1) for each operation"),
        make_hot("bitfield_ro", <void*>&bitfield_ro, -2, "readonly fast", key(1), "bitmap", "6.0.0",
                 "Gets integers of any width within a string.", "O(1) for each operation"),
    ])
