# cython: boundscheck=False, wraparound=False, cdivision=True
"""Whether a key is there, and for how long: DEL, UNLINK, EXISTS, TOUCH, TYPE, and the commands that set and tell expiries.

Without Python objects where nobody is to be told of a change: these commands go with every cached key.
"""

from libc.stdint cimport int64_t

from scrubjay_engine.commands.hot cimport EVENT_GENERIC, bytes_of, note, word_is
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.entry cimport Entry, entry_expire_at
from scrubjay_engine.core.keyspace cimport Database, Keyspace
from scrubjay_engine.core.numbers cimport parse_int64

from scrubjay_engine.commands.arguments import invalid_expire
from scrubjay_engine.core.command import family, key, keys
from scrubjay_engine.core.errors import NOT_INTEGER, CommandError

cdef enum:
    ONLY_NONE = 1           # NX: only where the key does not expire yet
    ONLY_SOME = 2           # XX: only where it does
    ONLY_LATER = 4          # GT
    ONLY_EARLIER = 8        # LT

cdef int64_t INT64_MAX = 0x7FFFFFFFFFFFFFFF


# -- whether -----------------------------------------------------------------------------------------------------------

cdef int del_command(Client client, Arg* argv, int argc) except -1:
    cdef Database db = client.db
    cdef int removed = 0
    cdef int i
    for i in range(1, argc):
        # An expired key is expired, not deleted: it does not count.
        if db.find_for_write(argv[i].data, argv[i].size) != NULL and db.remove(argv[i].data, argv[i].size):
            removed += 1
            note(client, &argv[i], EVENT_GENERIC, "del")
    return client.add_int(removed)


cdef int exists_command(Client client, Arg* argv, int argc) except -1:
    """Asking is no use of the key: its access time stays."""
    cdef bint touch = client.engine.keyspace.touch
    client.engine.keyspace.touch = False
    try:
        return touch_command(client, argv, argc)
    finally:
        client.engine.keyspace.touch = touch


cdef int touch_command(Client client, Arg* argv, int argc) except -1:
    cdef Database db = client.db
    cdef int found = 0
    cdef int i
    for i in range(1, argc):
        found += db.find(argv[i].data, argv[i].size) != NULL
    return client.add_int(found)


cdef int type_command(Client client, Arg* argv, int argc) except -1:
    client.add_status(client.db.type_of(bytes_of(&argv[1])))
    return 0


# -- until when --------------------------------------------------------------------------------------------------------

cdef int conditions_of(Arg* argv, int argc) except -1:
    cdef int conditions = 0
    cdef int i
    for i in range(3, argc):
        if word_is(&argv[i], b"NX", 2):
            conditions |= ONLY_NONE
        elif word_is(&argv[i], b"XX", 2):
            conditions |= ONLY_SOME
        elif word_is(&argv[i], b"GT", 2):
            conditions |= ONLY_LATER
        elif word_is(&argv[i], b"LT", 2):
            conditions |= ONLY_EARLIER
        else:
            raise CommandError(b"ERR Unsupported option " + bytes_of(&argv[i]))
    if conditions & ONLY_NONE and conditions != ONLY_NONE:
        raise CommandError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if conditions & ONLY_LATER and conditions & ONLY_EARLIER:
        raise CommandError("ERR GT and LT options at the same time are not compatible")
    return conditions


cdef bint may_expire(int conditions, int64_t present, int64_t at) noexcept:
    """No expiry (-1) counts as infinitely far away."""
    if conditions & ONLY_NONE and present != -1:
        return False
    if conditions & ONLY_SOME and present == -1:
        return False
    if conditions & ONLY_LATER and (present == -1 or at <= present):
        return False
    return not (conditions & ONLY_EARLIER and present != -1 and at >= present)


cdef int64_t moment_of(Client client, const Arg* arg, bint seconds, bint absolute) except? -1:
    """The argument in milliseconds since 1970; may lie in the past."""
    cdef int64_t value = 0
    cdef int64_t now = client.engine.keyspace.now_ms
    if not parse_int64(arg.data, arg.size, &value):
        raise NOT_INTEGER
    if seconds:
        if not -(INT64_MAX // 1000) <= value < INT64_MAX // 1000:
            raise invalid_expire(client)
        value *= 1000
    if not absolute:
        if value > INT64_MAX - now:
            raise invalid_expire(client)
        value += now
    return value


cdef int expire_key(Client client, Arg* argv, int argc, bint seconds, bint absolute) except -1:
    cdef Database db = client.db
    cdef Keyspace space = client.engine.keyspace
    cdef int conditions = conditions_of(argv, argc) if argc > 3 else 0
    cdef int64_t at = moment_of(client, &argv[2], seconds, absolute)
    cdef Entry entry = db.find_for_write(argv[1].data, argv[1].size)
    if entry == NULL or not may_expire(conditions, entry_expire_at(entry), at):
        return client.add_int(0)
    if at <= space.now_ms and space.expires_delete and not space.expiry_ignored:
        db.remove(argv[1].data, argv[1].size)
        if client.engine.propagating:
            client.rewrite([b"DEL", bytes_of(&argv[1])])
        note(client, &argv[1], EVENT_GENERIC, "del")
        return client.add_int(1)
    db.set_entry_expire(argv[1].data, argv[1].size, at)
    if client.engine.propagating:
        client.rewrite([b"PEXPIREAT", bytes_of(&argv[1]), b"%d" % at])
    note(client, &argv[1], EVENT_GENERIC, "expire")
    return client.add_int(1)


cdef int expire_command(Client client, Arg* argv, int argc) except -1:
    return expire_key(client, argv, argc, True, False)


cdef int pexpire_command(Client client, Arg* argv, int argc) except -1:
    return expire_key(client, argv, argc, False, False)


cdef int expireat_command(Client client, Arg* argv, int argc) except -1:
    return expire_key(client, argv, argc, True, True)


cdef int pexpireat_command(Client client, Arg* argv, int argc) except -1:
    return expire_key(client, argv, argc, False, True)


cdef int64_t expiry_of(Client client, const Arg* name) except? -1:
    """Milliseconds since 1970; -1 when the key does not expire, -2 when there is no such key."""
    cdef Entry entry = client.db.find_quiet(name.data, name.size)
    return -2 if entry == NULL else entry_expire_at(entry)


cdef int64_t left_of(Client client, const Arg* name) except? -1:
    """Milliseconds until the key expires, at least 0; -1 and -2 as in `expiry_of`."""
    cdef int64_t at = expiry_of(client, name)
    if at < 0:
        return at
    return at - client.engine.keyspace.now_ms if at > client.engine.keyspace.now_ms else 0


cdef int add_seconds(Client client, int64_t milliseconds) except -1:
    return client.add_int(milliseconds if milliseconds < 0 else milliseconds // 1000 + (milliseconds % 1000 >= 500))


cdef int ttl_command(Client client, Arg* argv, int argc) except -1:
    return add_seconds(client, left_of(client, &argv[1]))


cdef int pttl_command(Client client, Arg* argv, int argc) except -1:
    return client.add_int(left_of(client, &argv[1]))


cdef int expiretime_command(Client client, Arg* argv, int argc) except -1:
    return add_seconds(client, expiry_of(client, &argv[1]))


cdef int pexpiretime_command(Client client, Arg* argv, int argc) except -1:
    return client.add_int(expiry_of(client, &argv[1]))


cdef int persist_command(Client client, Arg* argv, int argc) except -1:
    cdef Database db = client.db
    if db.find_for_write(argv[1].data, argv[1].size) == NULL or not db.clear_entry_expire(argv[1].data, argv[1].size):
        return client.add_int(0)
    note(client, &argv[1], EVENT_GENERIC, "persist")
    return client.add_int(1)


cdef object row(str name, void* handler, int arity, str flags, list where, str since, str summary, str complexity="O(1)"):
    return make_hot(name, handler, arity, flags, where, "generic", since, summary, complexity)


def table() -> list:
    RO, RW, FIRST = "readonly fast", "write fast", "1.0.0"
    update, access = key(1, "RW update"), key(1, "RO access")
    return family("generic", [
        row("del", <void*>&del_command, -2, "write", keys(1, -1, 1, "RM delete"), FIRST, "Delete keys.", "O(N) keys"),
        row("unlink", <void*>&del_command, -2, RW, keys(1, -1, 1, "RM delete"), "4.0.0",
            "Delete keys; memory is freed in slices.", "O(1) a key"),
        row("exists", <void*>&exists_command, -2, RO, keys(1, -1, 1, "RO"), FIRST, "How many of these keys exist.", "O(N) keys"),
        row("touch", <void*>&touch_command, -2, RO, keys(1, -1, 1, "RO"), "3.2.1", "Mark keys as just used.", "O(N) keys"),
        row("type", <void*>&type_command, 2, RO, key(1, "RO"), FIRST, "The type of a key's value."),
        row("expire", <void*>&expire_command, -3, RW, update, FIRST, "Let a key expire in so many seconds."),
        row("pexpire", <void*>&pexpire_command, -3, RW, update, "2.6.0", "Let a key expire in so many milliseconds."),
        row("expireat", <void*>&expireat_command, -3, RW, update, "1.2.0", "Let a key expire at a time in seconds since 1970."),
        row("pexpireat", <void*>&pexpireat_command, -3, RW, update, "2.6.0", "Let a key expire at a time in milliseconds since 1970."),
        row("ttl", <void*>&ttl_command, 2, RO, access, FIRST, "Seconds until a key expires."),
        row("pttl", <void*>&pttl_command, 2, RO, access, "2.6.0", "Milliseconds until a key expires."),
        row("expiretime", <void*>&expiretime_command, 2, RO, access, "7.0.0", "When a key expires, in seconds since 1970."),
        row("pexpiretime", <void*>&pexpiretime_command, 2, RO, access, "7.0.0", "When a key expires, in milliseconds since 1970."),
        row("persist", <void*>&persist_command, 2, RW, update, "2.2.0", "Let a key no longer expire."),
    ])
