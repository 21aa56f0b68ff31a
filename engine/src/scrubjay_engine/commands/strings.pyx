# cython: language_level=3
"""String commands: GET, SET and their family, written hot because a cache does little else.

Numbers live as int64 in the entry, short values in the key's own block, long and growing ones in a block of their own (core/entry.pxd).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.engine cimport encode_command
from scrubjay_engine.core.entry cimport EXTERNAL, NUMBER, OBJECT, Entry, entry_expire_at, entry_form, entry_number
from scrubjay_engine.core.keyspace cimport Database, StringView
from scrubjay_engine.core.numbers cimport format_int64, parse_int64

from scrubjay_engine.commands.long_double import LongDouble
from scrubjay_engine.core.client import NO_REPLY
from scrubjay_engine.core.command import command, family, key, keys
from scrubjay_engine.core.errors import NOT_INTEGER, STRING_TOO_LONG, SYNTAX, WRONGTYPE, CommandError

cdef enum:
    NOTIFY_GENERIC = 1 << 2
    NOTIFY_STRING = 1 << 3
    # options of SET, GETEX
    IF_ABSENT = 1
    IF_PRESENT = 2
    KEEP_TTL = 4
    RETURN_OLD = 8
    HAS_EXPIRE = 16
    PERSIST = 32
    IF_EQUAL = 64


cdef inline bytes key_of(Arg* arg):
    return PyBytes_FromStringAndSize(arg.data, arg.size)


cdef inline int note(Client client, Arg* key, str event) except -1:
    """Counts the change and tells whoever asked to be told."""
    client.db.note_changed(key.data, key.size)
    if client.engine.notify_flags & NOTIFY_STRING:
        client.engine.notify(NOTIFY_STRING, event, key_of(key), client.db.id)
    return 0


cdef inline bint word_is(Arg* arg, const char* word, Py_ssize_t size) noexcept:
    """Whether an argument is this upper-case word, in any case."""
    cdef Py_ssize_t i
    if arg.size != size:
        return False
    for i in range(size):
        if (arg.data[i] & 0xdf) != word[i]:
            return False
    return True


cdef int64_t number_of(Arg* arg) except? -1:
    cdef int64_t number
    if not parse_int64(arg.data, arg.size, &number):
        raise NOT_INTEGER
    return number


cdef int check_length(Client client, Py_ssize_t size) except -1:
    if size < 0 or size > client.engine.bulk_limit:  # below 0: offset and length together passed 2^63
        raise STRING_TOO_LONG
    return 0


# -- GET and its kin ---------------------------------------------------------------------------------------------------

cdef int reply_string(Client client, Entry entry) except -1:
    cdef StringView view
    if entry == NULL:
        return client.add_null()
    client.db.view(entry, &view)
    return client.add_bulk(view.data, view.size)


cdef int get_command(Client client, Arg* argv, int argc) except -1:
    return reply_string(client, client.db.find(argv[1].data, argv[1].size))


cdef int getdel_command(Client client, Arg* argv, int argc) except -1:
    cdef Entry entry = client.db.find(argv[1].data, argv[1].size)
    reply_string(client, entry)
    if entry != NULL:
        client.db.delete(key_of(&argv[1]))
        client.db.note_changed(argv[1].data, argv[1].size)
        client.notify(NOTIFY_GENERIC, "del", key_of(&argv[1]))
        client.rewritten = [(client.db.id, [b"DEL", key_of(&argv[1])])]
    return 0


cdef int strlen_command(Client client, Arg* argv, int argc) except -1:
    cdef Entry entry = client.db.find(argv[1].data, argv[1].size)
    cdef StringView view
    if entry == NULL:
        return client.add_int(0)
    client.db.view(entry, &view)
    return client.add_int(view.size)


cdef int mget_command(Client client, Arg* argv, int argc) except -1:
    cdef int i
    cdef Entry entry
    client.add_array(argc - 1)
    for i in range(1, argc):
        entry = client.db.find(argv[i].data, argv[i].size)
        if entry == NULL or entry_form(entry) == OBJECT:
            client.add_null()
        else:
            reply_string(client, entry)
    return 0


cdef int getrange_command(Client client, Arg* argv, int argc) except -1:
    cdef int64_t start = number_of(&argv[2])
    cdef int64_t end = number_of(&argv[3])
    cdef Entry entry = client.db.find(argv[1].data, argv[1].size)
    cdef StringView view
    if entry == NULL:
        return client.add_bulk(b"", 0)
    client.db.view(entry, &view)
    if start < 0 and end < 0 and start > end:
        return client.add_bulk(b"", 0)
    if start < 0:
        start = max(start + view.size, 0)
    if end < 0:
        end = max(end + view.size, 0)
    if end >= view.size:
        end = view.size - 1
    if start > end or view.size == 0:
        return client.add_bulk(b"", 0)
    return client.add_bulk(view.data + start, end - start + 1)


# -- SET and its kin ---------------------------------------------------------------------------------------------------

cdef struct SetOptions:
    int flags
    int64_t expire_at
    Arg* equal
    Arg* expiry             # the number after EX, PX, EXAT or PXAT: read by `read_expiry` when all words are known to be right
    bint seconds, absolute


cdef int64_t expiry_argument(Client client, Arg* arg, bint seconds, bint absolute) except? -1:
    """EX, PX, EXAT, PXAT: to milliseconds since 1970; refused as Redis refuses."""
    cdef int64_t number = number_of(arg)
    cdef int64_t now = client.engine.keyspace.now_ms
    if number <= 0 or (seconds and number > 9223372036854775807 // 1000):
        raise invalid_expire(client)
    if seconds:
        number *= 1000
    if not absolute:
        if number > 9223372036854775807 - now:
            raise invalid_expire(client)
        number += now
    return number


cdef object invalid_expire(Client client):
    return CommandError(f"ERR invalid expire time in '{client.command.name}' command")


cdef int parse_options(Client client, Arg* argv, int argc, int first, bint getex, SetOptions* options) except -1:
    """Reads what follows the value of SET (or the key of GETEX)."""
    cdef int i = first
    cdef int conflict = HAS_EXPIRE | KEEP_TTL | PERSIST
    options.flags = 0
    options.expire_at = -1
    options.equal = options.expiry = NULL
    options.seconds = options.absolute = False
    while i < argc:
        if not getex and word_is(&argv[i], b"NX", 2) and not options.flags & (IF_PRESENT | IF_EQUAL):
            options.flags |= IF_ABSENT
        elif not getex and word_is(&argv[i], b"XX", 2) and not options.flags & (IF_ABSENT | IF_EQUAL):
            options.flags |= IF_PRESENT
        elif not getex and word_is(&argv[i], b"GET", 3):
            options.flags |= RETURN_OLD
        elif not getex and word_is(&argv[i], b"KEEPTTL", 7) and not options.flags & conflict:
            options.flags |= KEEP_TTL
        elif not getex and word_is(&argv[i], b"IFEQ", 4) and i + 1 < argc and not options.flags & (IF_ABSENT | IF_PRESENT):
            options.flags |= IF_EQUAL
            i += 1
            options.equal = &argv[i]
        elif getex and word_is(&argv[i], b"PERSIST", 7) and not options.flags & conflict:
            options.flags |= PERSIST
        elif i + 1 < argc and not options.flags & conflict and (
            word_is(&argv[i], b"EX", 2) or word_is(&argv[i], b"PX", 2)
            or word_is(&argv[i], b"EXAT", 4) or word_is(&argv[i], b"PXAT", 4)
        ):
            options.seconds = (argv[i].data[0] & 0xdf) == c'E'
            options.absolute = argv[i].size == 4
            i += 1
            options.flags |= HAS_EXPIRE
            options.expiry = &argv[i]
        else:
            raise SYNTAX
        i += 1
    return 0


cdef int read_expiry(Client client, SetOptions* options) except -1:
    """The moment the options name; refused as Redis refuses, after everything about the words themselves."""
    if options.expiry != NULL:
        options.expire_at = expiry_argument(client, options.expiry, options.seconds, options.absolute)
    return 0


cdef int set_command(Client client, Arg* argv, int argc) except -1:
    cdef SetOptions options
    if argc == 3:
        client.db.store_string(argv[1].data, argv[1].size, argv[2].data, argv[2].size, -1)
        note(client, &argv[1], "set")
        return client.add_ok()
    parse_options(client, argv, argc, 3, False, &options)
    read_expiry(client, &options)
    return set_with_options(client, &argv[1], &argv[2], &options)


cdef int set_with_options(Client client, Arg* key, Arg* value, SetOptions* options) except -1:
    cdef Database db = client.db
    cdef Entry entry = NULL
    cdef StringView view
    cdef bint stored
    if options.flags & (IF_ABSENT | IF_PRESENT | IF_EQUAL | RETURN_OLD):
        entry = db.find(key.data, key.size)
    if options.flags & RETURN_OLD:
        reply_string(client, entry)
    stored = True
    if options.flags & IF_ABSENT and entry != NULL or options.flags & IF_PRESENT and entry == NULL:
        stored = False
    elif options.flags & IF_EQUAL:
        if entry == NULL:
            stored = False
        else:
            db.view(entry, &view)
            stored = view.size == options.equal.size and memcmp(view.data, options.equal.data, view.size) == 0
    if not stored:
        return 0 if options.flags & RETURN_OLD else client.add_null()
    db.store_string(key.data, key.size, value.data, value.size, -2 if options.flags & KEEP_TTL else options.expire_at)
    note(client, key, "set")
    if options.flags & HAS_EXPIRE:
        client.notify(NOTIFY_GENERIC, "expire", key_of(key))
    if client.engine.propagating:
        rewrite_set(client, key, value, options)
    return 0 if options.flags & RETURN_OLD else client.add_ok()


cdef int rewrite_set(Client client, Arg* key, Arg* value, SetOptions* options) except -1:
    """Relative times must not be repeated later on a replica: they travel as PXAT. Conditions were met and are left out."""
    cdef list args = [b"SET", key_of(key), key_of(value)]
    if options.flags & HAS_EXPIRE:
        args += [b"PXAT", b"%d" % options.expire_at]
    elif options.flags & KEEP_TTL:
        args.append(b"KEEPTTL")
    elif not options.flags & (IF_EQUAL | RETURN_OLD):
        return 0
    client.rewritten = [(client.db.id, args)]
    return 0


cdef int setnx_command(Client client, Arg* argv, int argc) except -1:
    if client.db.find_quiet(argv[1].data, argv[1].size) != NULL:
        return client.add_int(0)
    client.db.store_string(argv[1].data, argv[1].size, argv[2].data, argv[2].size, -1)
    note(client, &argv[1], "set")
    return client.add_int(1)


cdef int set_expiring(Client client, Arg* argv, bint seconds) except -1:
    cdef SetOptions options
    options.flags = HAS_EXPIRE
    options.equal = NULL
    options.expire_at = expiry_argument(client, &argv[2], seconds, False)
    return set_with_options(client, &argv[1], &argv[3], &options)


cdef int setex_command(Client client, Arg* argv, int argc) except -1:
    return set_expiring(client, argv, True)


cdef int psetex_command(Client client, Arg* argv, int argc) except -1:
    return set_expiring(client, argv, False)


cdef int getset_command(Client client, Arg* argv, int argc) except -1:
    reply_string(client, client.db.find(argv[1].data, argv[1].size))
    client.db.store_string(argv[1].data, argv[1].size, argv[2].data, argv[2].size, -1)
    note(client, &argv[1], "set")
    if client.engine.propagating:
        client.rewritten = [(client.db.id, [b"SET", key_of(&argv[1]), key_of(&argv[2])])]
    return 0


cdef int getex_command(Client client, Arg* argv, int argc) except -1:
    cdef SetOptions options
    cdef Entry entry
    cdef StringView view
    parse_options(client, argv, argc, 2, True, &options)
    entry = client.db.find(argv[1].data, argv[1].size)
    if entry == NULL:
        return client.add_null()
    client.db.view(entry, &view)
    read_expiry(client, &options)
    client.add_bulk(view.data, view.size)
    key = key_of(&argv[1])
    if options.flags & HAS_EXPIRE:
        if options.expire_at <= client.engine.keyspace.now_ms and client.engine.keyspace.expires_delete:
            client.db.delete(key)
            client.db.changed(key)
            client.notify(NOTIFY_GENERIC, "del", key)
            client.rewritten = [(client.db.id, [b"DEL", key])]
            return 0
        client.db.set_expire(key, options.expire_at)
        client.db.changed(key)
        client.notify(NOTIFY_GENERIC, "expire", key)
        client.rewritten = [(client.db.id, [b"PEXPIREAT", key, b"%d" % options.expire_at])]
    elif options.flags & PERSIST and client.db.persist(key):
        client.db.changed(key)
        client.notify(NOTIFY_GENERIC, "persist", key)
        client.rewritten = [(client.db.id, [b"PERSIST", key])]
    return 0


cdef int store_pairs(Client client, Arg* argv, int argc) except -1:
    cdef int i
    for i in range(1, argc, 2):
        client.db.store_string(argv[i].data, argv[i].size, argv[i + 1].data, argv[i + 1].size, -1)
        note(client, &argv[i], "set")
    return 0


cdef int mset_command(Client client, Arg* argv, int argc) except -1:
    if argc % 2 == 0:
        raise CommandError("ERR wrong number of arguments for 'mset' command")
    store_pairs(client, argv, argc)
    return client.add_ok()


cdef int msetnx_command(Client client, Arg* argv, int argc) except -1:
    cdef int i
    if argc % 2 == 0:
        raise CommandError("ERR wrong number of arguments for 'msetnx' command")
    for i in range(1, argc, 2):
        if client.db.find_quiet(argv[i].data, argv[i].size) != NULL:
            return client.add_int(0)
    store_pairs(client, argv, argc)
    return client.add_int(1)


# -- changing in place -------------------------------------------------------------------------------------------------

cdef int append_command(Client client, Arg* argv, int argc) except -1:
    cdef Database db = client.db
    cdef Entry entry = db.find_for_write(argv[1].data, argv[1].size)
    cdef StringView view
    cdef char* data
    cdef Py_ssize_t before
    if entry == NULL:
        db.store_string(argv[1].data, argv[1].size, argv[2].data, argv[2].size, -1)
        note(client, &argv[1], "append")
        return client.add_int(argv[2].size)
    db.view(entry, &view)
    before = view.size
    check_length(client, before + argv[2].size)
    data = db.writable_string(argv[1].data, argv[1].size, before + argv[2].size)
    memcpy(data + before, argv[2].data, argv[2].size)
    note(client, &argv[1], "append")
    return client.add_int(before + argv[2].size)


cdef int setrange_command(Client client, Arg* argv, int argc) except -1:
    cdef Database db = client.db
    cdef int64_t offset = number_of(&argv[2])
    cdef Entry entry
    cdef StringView view
    cdef char* data
    if offset < 0:
        raise CommandError("ERR offset is out of range")
    entry = db.find_for_write(argv[1].data, argv[1].size)
    view.size = 0
    if entry != NULL:
        db.view(entry, &view)
    if argv[3].size == 0:
        return client.add_int(view.size)
    check_length(client, offset + argv[3].size)
    if entry == NULL:
        db.store_string(argv[1].data, argv[1].size, b"", 0, -1)
    data = db.writable_string(argv[1].data, argv[1].size, offset + argv[3].size)
    memcpy(data + offset, argv[3].data, argv[3].size)
    note(client, &argv[1], "setrange")
    return client.add_int(max(view.size, offset + argv[3].size))


cdef int add_to(Client client, Arg* key, int64_t delta) except -1:
    cdef Database db = client.db
    cdef Entry entry = db.find_for_write(key.data, key.size)
    cdef StringView view
    cdef int64_t number = 0
    if entry != NULL:
        if entry_form(entry) == NUMBER:
            number = entry_number(entry)
        else:
            db.view(entry, &view)
            if not parse_int64(view.data, view.size, &number):
                raise NOT_INTEGER
    if (delta > 0 and number > 9223372036854775807 - delta) or (delta < 0 and number < (-9223372036854775807 - 1) - delta):
        raise CommandError("ERR increment or decrement would overflow")
    number += delta
    db.store_number(key.data, key.size, number)
    note(client, key, "incrby")
    return client.add_int(number)


cdef int incr_command(Client client, Arg* argv, int argc) except -1:
    return add_to(client, &argv[1], 1)


cdef int decr_command(Client client, Arg* argv, int argc) except -1:
    return add_to(client, &argv[1], -1)


cdef int incrby_command(Client client, Arg* argv, int argc) except -1:
    return add_to(client, &argv[1], number_of(&argv[2]))


cdef int decrby_command(Client client, Arg* argv, int argc) except -1:
    cdef int64_t delta = number_of(&argv[2])
    if delta == -9223372036854775807 - 1:
        raise CommandError("ERR decrement would overflow")
    return add_to(client, &argv[1], -delta)


def incrbyfloat(Client client, list args):
    old = client.db.write_value(args[1])
    if old is not None and type(old) is not bytes:
        raise WRONGTYPE
    shown = (LongDouble.parse(old if old is not None else b"0") + LongDouble.parse(args[2])).show()
    client.db.set_string(args[1], shown, keep_ttl=True)
    client.db.changed(args[1])
    client.notify(NOTIFY_STRING, "incrbyfloat", args[1])
    # Replicas must not add floats themselves: rounding may differ. KEEPTTL keeps their expiry as it is.
    client.rewrite([b"SET", args[1], shown, b"KEEPTTL"])
    return shown


def lcs(Client client, list args):
    """Longest common subsequence of two strings (dynamic programming, O(n*m))."""
    values = []
    for name in args[1:3]:
        value = client.db.value(name)
        if value is not None and type(value) is not bytes:
            raise CommandError("ERR The specified keys must contain string values")
        values.append(value or b"")
    only_length = with_index = with_match_length = False
    minimum = 0
    i = 3
    while i < len(args):
        word = args[i].upper()
        if word == b"LEN":
            only_length = True
        elif word == b"IDX":
            with_index = True
        elif word == b"WITHMATCHLEN":
            with_match_length = True
        elif word == b"MINMATCHLEN" and i + 1 < len(args):
            minimum = max(integer(args[i + 1]), 0)
            i += 1
        else:
            raise SYNTAX
        i += 1
    if only_length and with_index:
        raise CommandError("ERR If you want both the length and indexes, please just use IDX.")
    return longest_common(values[0], values[1], only_length, with_index, minimum, with_match_length)


def integer(bytes text) -> int:
    cdef int64_t number
    if not parse_int64(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), &number):
        raise NOT_INTEGER
    return number


cdef object longest_common(bytes a, bytes b, bint only_length, bint with_index, int64_t minimum, bint with_match_length):
    cdef Py_ssize_t n = len(a), m = len(b), i, j, stride = m + 1
    cdef const unsigned char* x = a
    cdef const unsigned char* y = b
    cdef unsigned int* table
    cdef Py_ssize_t at
    if (n + 1) * (m + 1) * 4 > (1 << 32) - 1:
        raise CommandError("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    memory = bytearray((n + 1) * (m + 1) * 4)
    table = <unsigned int*><char*>memory
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            if x[i - 1] == y[j - 1]:
                table[i * stride + j] = table[(i - 1) * stride + j - 1] + 1
            elif table[(i - 1) * stride + j] > table[i * stride + j - 1]:
                table[i * stride + j] = table[(i - 1) * stride + j]
            else:
                table[i * stride + j] = table[i * stride + j - 1]
    length = table[n * stride + m]
    if only_length:
        return int(length)
    common = bytearray(length)
    matches = []
    i, j, at = n, m, length
    run = None          # [a start, a end, b start, b end] of the match being walked, from its end
    while i > 0 and j > 0:
        if x[i - 1] == y[j - 1]:
            at -= 1
            common[at] = x[i - 1]
            if run is None:
                run = [i - 1, i - 1, j - 1, j - 1]
            else:
                run[0], run[2] = i - 1, j - 1
            i -= 1
            j -= 1
            if i > 0 and j > 0 and x[i - 1] == y[j - 1]:
                continue
            matches.append(run)
            run = None
        elif table[(i - 1) * stride + j] > table[i * stride + j - 1]:
            i -= 1
        else:
            j -= 1
    if not with_index:
        return bytes(common)
    shown = []
    for a0, a1, b0, b1 in matches:
        if a1 - a0 + 1 >= minimum:
            row = [[int(a0), int(a1)], [int(b0), int(b1)]]
            if with_match_length:
                row.append(int(a1 - a0 + 1))
            shown.append(row)
    return {b"matches": shown, b"len": int(length)}


def delifeq(Client client, list args):
    """Valkey 9: delete a key if it holds exactly this string."""
    held = client.db.string(args[1])
    if held is None or held != args[2]:
        return 0
    client.db.delete(args[1])
    client.db.changed(args[1])
    client.notify(NOTIFY_GENERIC, "del", args[1])
    client.rewrite([b"DEL", args[1]])
    return 1


def msetex(Client client, list args):
    """Valkey 9: MSETEX numkeys key value [key value ...] [NX|XX] [EX|PX|EXAT|PXAT time | KEEPTTL]: all or nothing."""
    cdef SetOptions options
    cdef Arg few[8]
    count = integer(args[1])
    if count <= 0 or 2 + count * 2 > len(args):
        raise CommandError("ERR wrong number of key-value pairs" if count > 0 else "ERR invalid numkeys value")
    rest = args[2 + count * 2:]
    if len(rest) > 8:
        raise SYNTAX
    for i, word in enumerate(rest):
        few[i].data = PyBytes_AS_STRING(word)
        few[i].size = PyBytes_GET_SIZE(word)
    parse_options(client, few, <int>len(rest), 0, False, &options)
    read_expiry(client, &options)
    if options.flags & (RETURN_OLD | IF_EQUAL):
        raise SYNTAX
    names = args[2:2 + count * 2:2]
    if options.flags & IF_ABSENT and any(name in client.db for name in names):
        return 0
    if options.flags & IF_PRESENT and not all(name in client.db for name in names):
        return 0
    for name, value in zip(names, args[3:2 + count * 2:2]):
        client.db.set_string(name, value, bool(options.flags & KEEP_TTL), options.expire_at)
        client.db.changed(name)
        client.notify(NOTIFY_STRING, "set", name)
    if options.flags & HAS_EXPIRE:
        for name, value in zip(names, args[3:2 + count * 2:2]):
            client.also_propagate([b"SET", name, value, b"PXAT", b"%d" % options.expire_at])
            client.notify(NOTIFY_GENERIC, "expire", name)
    return 1


# -- the table ---------------------------------------------------------------------------------------------------------

RW = "RW access update"


def table() -> list:
    return family("string", [
        make_hot("get", <void*>get_command, 2, "readonly fast", key(1), "string", "1.0.0", "The value of a key.", "O(1)"),
        make_hot("getdel", <void*>getdel_command, 2, "write fast", key(1, "RW access delete"), "string", "6.2.0", "The value of a key, which is then deleted.", "O(1)"),
        make_hot("getex", <void*>getex_command, -2, "write fast", key(1, RW), "string", "6.2.0", "The value of a key, whose expiry may be set.", "O(1)"),
        make_hot("strlen", <void*>strlen_command, 2, "readonly fast", key(1, "RO"), "string", "2.2.0", "The length of a value.", "O(1)"),
        make_hot("mget", <void*>mget_command, -2, "readonly fast", keys(1, -1), "string", "1.0.0", "The values of several keys.", "O(N) keys"),
        make_hot("getrange", <void*>getrange_command, 4, "readonly", key(1), "string", "2.4.0", "A part of a value.", "O(N) bytes returned"),
        make_hot("substr", <void*>getrange_command, 4, "readonly", key(1), "string", "1.0.0", "A part of a value (old name of GETRANGE).", "O(N) bytes returned"),
        make_hot("set", <void*>set_command, -3, "write denyoom", key(1, "RW access update variable_flags"), "string", "1.0.0", "Set a key, with conditions and an expiry if wanted.", "O(1)"),
        make_hot("setnx", <void*>setnx_command, 3, "write denyoom fast", key(1, "OW insert"), "string", "1.0.0", "Set a key if it does not exist.", "O(1)"),
        make_hot("setex", <void*>setex_command, 4, "write denyoom", key(1, "OW update"), "string", "2.0.0", "Set a key with an expiry in seconds.", "O(1)"),
        make_hot("psetex", <void*>psetex_command, 4, "write denyoom", key(1, "OW update"), "string", "2.6.0", "Set a key with an expiry in milliseconds.", "O(1)"),
        make_hot("getset", <void*>getset_command, 3, "write denyoom fast", key(1, RW), "string", "1.0.0", "Set a key and return what it held.", "O(1)"),
        make_hot("mset", <void*>mset_command, -3, "write denyoom", keys(1, -1, 2, "OW update"), "string", "1.0.1", "Set several keys.", "O(N) keys"),
        make_hot("msetnx", <void*>msetnx_command, -3, "write denyoom", keys(1, -1, 2, "OW insert"), "string", "1.0.1", "Set several keys if none of them exists.", "O(N) keys"),
        make_hot("append", <void*>append_command, 3, "write denyoom fast", key(1, "RW insert"), "string", "2.0.0", "Append to a value.", "O(1) amortized"),
        make_hot("setrange", <void*>setrange_command, 4, "write denyoom", key(1, "RW update"), "string", "2.2.0", "Overwrite a part of a value.", "O(M) bytes written"),
        make_hot("incr", <void*>incr_command, 2, "write denyoom fast", key(1, RW), "string", "1.0.0", "Add one.", "O(1)"),
        make_hot("decr", <void*>decr_command, 2, "write denyoom fast", key(1, RW), "string", "1.0.0", "Take one away.", "O(1)"),
        make_hot("incrby", <void*>incrby_command, 3, "write denyoom fast", key(1, RW), "string", "1.0.0", "Add a number.", "O(1)"),
        make_hot("decrby", <void*>decrby_command, 3, "write denyoom fast", key(1, RW), "string", "1.0.0", "Take a number away.", "O(1)"),
        command("incrbyfloat", incrbyfloat, 3, "write denyoom fast", keys=key(1, RW), since="2.6.0", summary="Add a float.", complexity="O(1)"),
        command("lcs", lcs, -3, "readonly", keys=keys(1, 2), since="7.0.0", summary="The longest common subsequence of two values.", complexity="O(N*M)"),
        command("delifeq", delifeq, 3, "write fast", keys=key(1, "RW delete"), since="9.0.0", summary="Delete a key if it holds this value.", complexity="O(1)"),
        command("msetex", msetex, -4, "write denyoom", keys=msetex_keys(), getkeys=msetex_positions, since="9.0.0", summary="Set several keys with a common expiry.", complexity="O(N) keys"),
    ])


def msetex_keys():
    from scrubjay_engine.core.command import unknown_keys
    return unknown_keys("OW update")


def msetex_positions(list args) -> list:
    try:
        count = int(args[1])
    except ValueError:
        return []
    return list(range(2, 2 + count * 2, 2)) if 0 < count <= (len(args) - 2) // 2 else []
