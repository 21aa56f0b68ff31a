# cython: language_level=3
"""Hash commands. Fields may expire (commands/hash_expiry has the commands for that): every handler here gets its hash through `reading` or `writing`,
which take away fields whose time has come before anyone looks.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from scrubjay_engine.commands.hot cimport EVENT_HASH, add_view, arg_of, bytes_of, drop_key, note, tell, word_is
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.hash_value cimport (
    HashCursor, HashValue, hash_delete, hash_get, hash_len, hash_next, hash_next_expiry, hash_set, hash_timed, hash_walk,
    hash_walk_end,
)
from scrubjay_engine.values.view cimport DIGITS, View, view_bytes, view_render, write_integer

from scrubjay_engine.commands import hash_expiry
from scrubjay_engine.commands.arguments import INT64_MAX, integer
from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.commands.keys import scan_cursor, scan_options
from scrubjay_engine.commands.long_double import LongDouble
from scrubjay_engine.core.client import NO_REPLY, Pairs
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.errors import NOT_INTEGER, SYNTAX, CommandError
from scrubjay_engine.core.keyspace import register
from scrubjay_engine.values.limits import set_limit


# -- the hash of a key -------------------------------------------------------------------------------------------------

cdef HashValue reading(Client client, const Arg* key):
    cdef HashValue value = <HashValue>client.db.read_object(key.data, key.size, HashValue)
    if value is not None and hash_timed(value) and hash_next_expiry(value) <= client.engine.keyspace.now_ms:
        return hash_expiry.visible(client.engine, client.db, bytes_of(key), value)
    return value


cdef HashValue writing(Client client, const Arg* key):
    cdef HashValue value = <HashValue>client.db.write_object(key.data, key.size, HashValue)
    if value is not None and hash_timed(value) and hash_next_expiry(value) <= client.engine.keyspace.now_ms:
        if not client.engine.keyspace.expiry_ignored and hash_expiry.reap(client.engine, client.db, bytes_of(key)):
            return None
    return value


cdef HashValue making(Client client, const Arg* key):
    cdef HashValue value = writing(client, key)
    if value is None:
        value = HashValue.__new__(HashValue)
        client.db.store_object(key.data, key.size, value, -1)
    return value


def read_hash(Client client, bytes name):
    """The hash of a key for reading, without expired fields; None when there is none."""
    cdef Arg key_arg = arg_of(name)
    return reading(client, &key_arg)


def write_hash(Client client, bytes name):
    """The hash of a key that is about to be changed, without expired fields; None when there is none."""
    cdef Arg key_arg = arg_of(name)
    return writing(client, &key_arg)


# -- setting -----------------------------------------------------------------------------------------------------------

cdef int set_pairs(Client client, Arg* argv, int argc) except -1:
    """Set the pairs from the second argument on; how many fields are new."""
    cdef HashValue value
    cdef int at, created = 0
    if argc & 1:
        raise CommandError(f"ERR wrong number of arguments for '{client.command.name}' command")
    value = making(client, &argv[1])
    for at in range(2, argc, 2):
        created += hash_set(value, argv[at].data, argv[at].size, argv[at + 1].data, argv[at + 1].size, False)
    note(client, &argv[1], EVENT_HASH, "hset")
    return created


cdef int hset_command(Client client, Arg* argv, int argc) except -1:
    return client.add_int(set_pairs(client, argv, argc))


cdef int hmset_command(Client client, Arg* argv, int argc) except -1:
    set_pairs(client, argv, argc)
    return client.add_ok()


cdef int hsetnx_command(Client client, Arg* argv, int argc) except -1:
    cdef HashValue value = making(client, &argv[1])
    cdef View view
    if hash_get(value, argv[2].data, argv[2].size, &view):
        return client.add_int(0)
    hash_set(value, argv[2].data, argv[2].size, argv[3].data, argv[3].size, False)
    note(client, &argv[1], EVENT_HASH, "hset")
    return client.add_int(1)


cdef int hdel_command(Client client, Arg* argv, int argc) except -1:
    cdef HashValue value = writing(client, &argv[1])
    cdef int at, removed = 0
    if value is None:
        return client.add_int(0)
    for at in range(2, argc):
        removed += hash_delete(value, argv[at].data, argv[at].size)
    if removed:
        note(client, &argv[1], EVENT_HASH, "hdel")
        if hash_len(value) == 0:
            drop_key(client, &argv[1])
    return client.add_int(removed)


# -- counting ----------------------------------------------------------------------------------------------------------

cdef int hincrby_command(Client client, Arg* argv, int argc) except -1:
    cdef HashValue value
    cdef View view
    cdef int64_t change, number = 0
    cdef char room[DIGITS]
    if not parse_int64(argv[3].data, argv[3].size, &change):
        raise NOT_INTEGER
    value = making(client, &argv[1])
    if hash_get(value, argv[2].data, argv[2].size, &view):
        if view.data == NULL:
            number = view.number
        elif not parse_int64(view.data, view.size, &number):
            raise CommandError("ERR hash value is not an integer")
    if (change < 0 and number < -9223372036854775807 - 1 - change) or (change > 0 and number > 9223372036854775807 - change):
        raise CommandError("ERR increment or decrement would overflow")
    number += change
    hash_set(value, argv[2].data, argv[2].size, room, write_integer(number, room), True)
    note(client, &argv[1], EVENT_HASH, "hincrby")
    return client.add_int(number)


def hincrbyfloat(Client client, list args):
    cdef Arg key_arg = arg_of(args[1])
    change = LongDouble.parse(args[3])
    if not change.is_finite():
        raise CommandError("ERR value is NaN or Infinity")
    value = writing(client, &key_arg)
    held = value.get(args[2]) if value is not None else None
    try:
        number = LongDouble.parse(held if held is not None else b"0")
    except CommandError:
        raise CommandError("ERR hash value is not a float") from None
    text = (number + change).show()
    making(client, &key_arg).set(args[2], text, True)
    note(client, &key_arg, EVENT_HASH, "hincrbyfloat")
    # What is repeated elsewhere must not depend on how a float is added there; a field's expiry stays, as here.
    if value is not None and value.expire_at(args[2]) >= 0:
        client.rewrite([b"HSETEX", args[1], b"KEEPTTL", b"FIELDS", b"1", args[2], text])
    else:
        client.rewrite([b"HSET", args[1], args[2], text])
    return text


# -- reading -----------------------------------------------------------------------------------------------------------

cdef inline int add_field(Client client, HashValue value, const Arg* field) except -1:
    cdef View view
    if value is None or not hash_get(value, field.data, field.size, &view):
        return client.add_null()
    return add_view(client, &view)


cdef int hget_command(Client client, Arg* argv, int argc) except -1:
    return add_field(client, reading(client, &argv[1]), &argv[2])


cdef int hmget_command(Client client, Arg* argv, int argc) except -1:
    cdef HashValue value = reading(client, &argv[1])
    cdef int at
    client.add_array(argc - 2)
    for at in range(2, argc):
        add_field(client, value, &argv[at])
    return 0


cdef int hlen_command(Client client, Arg* argv, int argc) except -1:
    cdef HashValue value = reading(client, &argv[1])
    return client.add_int(hash_len(value) if value is not None else 0)


cdef int hexists_command(Client client, Arg* argv, int argc) except -1:
    cdef HashValue value = reading(client, &argv[1])
    cdef View view
    return client.add_int(value is not None and hash_get(value, argv[2].data, argv[2].size, &view))


cdef int hstrlen_command(Client client, Arg* argv, int argc) except -1:
    cdef HashValue value = reading(client, &argv[1])
    cdef View view
    cdef char room[DIGITS]
    if value is None or not hash_get(value, argv[2].data, argv[2].size, &view):
        return client.add_int(0)
    view_render(&view, room)
    return client.add_int(view.size)


cdef int add_all(Client client, const Arg* key, bint fields, bint values) except -1:
    cdef HashValue value = reading(client, key)
    cdef HashCursor cursor
    cdef View field, view
    cdef Py_ssize_t length = hash_len(value) if value is not None else 0
    if fields and values:
        client.add_map(length)
    else:
        client.add_array(length)
    if value is None:
        return 0
    hash_walk(value, &cursor)
    try:
        while hash_next(&cursor, &field, &view):
            if fields:
                add_view(client, &field)
            if values:
                add_view(client, &view)
    finally:
        hash_walk_end(&cursor)
    return 0


cdef int hgetall_command(Client client, Arg* argv, int argc) except -1:
    return add_all(client, &argv[1], True, True)


cdef int hkeys_command(Client client, Arg* argv, int argc) except -1:
    return add_all(client, &argv[1], True, False)


cdef int hvals_command(Client client, Arg* argv, int argc) except -1:
    return add_all(client, &argv[1], False, True)


def hrandfield(Client client, list args):
    with_values = len(args) == 4
    if len(args) > 2:
        count = integer(args[2])
        if count < -INT64_MAX:
            raise CommandError(f"ERR value is out of range, value must between {-INT64_MAX} and {INT64_MAX}")
        if len(args) > 4 or (with_values and args[3].upper() != b"WITHVALUES"):
            raise SYNTAX
        if with_values and not -INT64_MAX // 2 <= count <= INT64_MAX // 2:
            raise CommandError("ERR value is out of range")
    value = read_hash(client, args[1])
    if len(args) == 2:
        return None if value is None else value.random()[0]
    if value is None or count == 0:
        return []
    if count < 0:
        return add_random(client, value, -count, with_values)
    drawn = value.sample(count)
    if not with_values:
        return [field for field, _ in drawn]
    return drawn if client.protocol == 3 else [part for pair in drawn for part in pair]


cdef object add_random(Client client, HashValue value, int64_t count, bint with_values):
    """Fields drawn with repetition, written at once: there may be more than memory would hold as objects."""
    client.add_array(count * 2 if with_values and client.protocol == 2 else count)
    while count and not client.doomed:  # the output limit ends it
        field, data = value.random()
        if with_values and client.protocol == 3:
            client.add_array(2)
        client.add_bulk(PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field))
        if with_values:
            client.add_bulk(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        count -= 1
    return NO_REPLY


def hscan(Client client, list args):
    cursor = scan_cursor(args[2])
    value = read_hash(client, args[1])
    if value is None:
        return [b"0", []]
    count, pattern, _ = scan_options(args, 3)
    cursor, found = value.scan(cursor, count)
    if pattern is not None:
        found = [pair for pair in found if glob_matches(pattern, pair[0])]
    return [b"%d" % cursor, [part for pair in found for part in pair]]


# -- the table ---------------------------------------------------------------------------------------------------------

def install(server) -> None:
    """Follow the options that shape hashes, and let fields expire in the background."""
    server.config.on_change("hash-max-listpack-entries", lambda value: set_limit("hash-max-listpack-entries", value))
    server.config.on_change("hash-max-listpack-value", lambda value: set_limit("hash-max-listpack-value", value))
    hash_expiry.install(server)


register(HashValue, "hash", 4)

UPDATE = "RW update"
ACCESS = "RW access update"


def hot_rows() -> list:
    return [
        make_hot("hset", <void*>hset_command, -4, "write denyoom fast", key(1, UPDATE), "hash", "2.0.0", "Set fields.", "O(N) fields"),
        make_hot("hmset", <void*>hmset_command, -4, "write denyoom fast", key(1, UPDATE), "hash", "2.0.0", "Set fields (HSET does the same).", "O(N) fields"),
        make_hot("hsetnx", <void*>hsetnx_command, 4, "write denyoom fast", key(1, "RW insert"), "hash", "2.0.0", "Set a field if it does not exist.", "O(1)"),
        make_hot("hdel", <void*>hdel_command, -3, "write fast", key(1, "RW delete"), "hash", "2.0.0", "Remove fields.", "O(N) fields"),
        make_hot("hincrby", <void*>hincrby_command, 4, "write denyoom fast", key(1, ACCESS), "hash", "2.0.0", "Add a number to a field.", "O(1)"),
        make_hot("hget", <void*>hget_command, 3, "readonly fast", key(1), "hash", "2.0.0", "The value of a field.", "O(1)"),
        make_hot("hmget", <void*>hmget_command, -3, "readonly fast", key(1), "hash", "2.0.0", "The values of several fields.", "O(N) fields"),
        make_hot("hlen", <void*>hlen_command, 2, "readonly fast", key(1, "RO"), "hash", "2.0.0", "The number of fields.", "O(1)"),
        make_hot("hexists", <void*>hexists_command, 3, "readonly fast", key(1, "RO"), "hash", "2.0.0", "Whether a field exists.", "O(1)"),
        make_hot("hstrlen", <void*>hstrlen_command, 3, "readonly fast", key(1, "RO"), "hash", "3.2.0", "The length of a field's value.", "O(1)"),
        make_hot("hgetall", <void*>hgetall_command, 2, "readonly", key(1), "hash", "2.0.0", "All fields and values.", "O(N)"),
        make_hot("hkeys", <void*>hkeys_command, 2, "readonly", key(1), "hash", "2.0.0", "All fields.", "O(N)"),
        make_hot("hvals", <void*>hvals_command, 2, "readonly", key(1), "hash", "2.0.0", "All values.", "O(N)"),
    ]


def table() -> list:
    return family("hash", hot_rows() + hash_expiry.rows() + [
        command("hincrbyfloat", hincrbyfloat, 4, "write denyoom fast", keys=key(1, ACCESS), since="2.6.0", summary="Add a float to a field.", complexity="O(1)"),
        command("hrandfield", hrandfield, -2, "readonly", keys=key(1), since="6.2.0", summary="Fields at random.", complexity="O(N) fields", tips=["nondeterministic_output"]),
        command("hscan", hscan, -3, "readonly", keys=key(1), since="2.8.0", summary="Fields and values in steps.", complexity="O(1) a call", tips=["nondeterministic_output"]),
    ])
