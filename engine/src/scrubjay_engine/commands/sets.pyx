# cython: language_level=3
"""Set commands. Adding, removing, testing and popping are hot; the algebra walks the sets themselves, the smallest first."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from scrubjay_engine.commands.hot cimport EVENT_SET, add_view, arg_of, bytes_of, drop_key, note, tell
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.values.set_value cimport (
    SetCursor, SetValue, set_add, set_contains, set_len, set_next, set_random, set_remove, set_walk, set_walk_end,
)
from scrubjay_engine.values.view cimport DIGITS, View, view_bytes, view_render

from scrubjay_engine.commands.arguments import INT64_MAX, integer
from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.commands.keys import scan_cursor, scan_options
from scrubjay_engine.core.client import NO_REPLY, SetReply
from scrubjay_engine.core.command import command, family, key, keys, numkeys
from scrubjay_engine.core.errors import MUST_BE_POSITIVE, SYNTAX, CommandError
from scrubjay_engine.core.keyspace import register
from scrubjay_engine.values.limits import set_limit


cdef inline SetValue reading(Client client, const Arg* key):
    return <SetValue>client.db.read_object(key.data, key.size, SetValue)


cdef inline SetValue writing(Client client, const Arg* key):
    return <SetValue>client.db.write_object(key.data, key.size, SetValue)


# -- members -----------------------------------------------------------------------------------------------------------

cdef int sadd_command(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value = writing(client, &argv[1])
    cdef int at, added = 0
    if value is None:
        value = SetValue.__new__(SetValue)
        client.db.store_object(argv[1].data, argv[1].size, value, -1)
    for at in range(2, argc):
        added += set_add(value, argv[at].data, argv[at].size)
    if added:
        note(client, &argv[1], EVENT_SET, "sadd")
    return client.add_int(added)


cdef int removed_some(Client client, const Arg* key, SetValue value, str event) except -1:
    note(client, key, EVENT_SET, event)
    if set_len(value) == 0:
        drop_key(client, key)
    return 0


cdef int srem_command(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value = writing(client, &argv[1])
    cdef int at, removed = 0
    if value is None:
        return client.add_int(0)
    for at in range(2, argc):
        removed += set_remove(value, argv[at].data, argv[at].size)
    if removed:
        removed_some(client, &argv[1], value, "srem")
    return client.add_int(removed)


cdef int scard_command(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value = reading(client, &argv[1])
    return client.add_int(set_len(value) if value is not None else 0)


cdef int sismember_command(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value = reading(client, &argv[1])
    return client.add_int(value is not None and set_contains(value, argv[2].data, argv[2].size))


cdef int smismember_command(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value = reading(client, &argv[1])
    cdef int at
    client.add_array(argc - 2)
    for at in range(2, argc):
        client.add_int(value is not None and set_contains(value, argv[at].data, argv[at].size))
    return 0


cdef int smembers_command(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value = reading(client, &argv[1])
    cdef SetCursor cursor
    cdef View view
    if value is None:
        return client.add_set(0)
    client.add_set(set_len(value))
    set_walk(value, &cursor)
    try:
        while set_next(&cursor, &view):
            add_view(client, &view)
    finally:
        set_walk_end(&cursor)
    return 0


def smove(Client client, list args):
    cdef Arg source_arg = arg_of(args[1])
    cdef Arg target_arg = arg_of(args[2])
    cdef Arg member = arg_of(args[3])
    cdef SetValue source = writing_any(client, args[1])
    cdef SetValue target
    if source is None:
        return 0
    target = writing(client, &target_arg)
    source = writing(client, &source_arg)
    if source is target:
        return int(set_contains(source, member.data, member.size))
    if not set_remove(source, member.data, member.size):
        return 0
    removed_some(client, &source_arg, source, "srem")
    if target is None:
        target = SetValue.__new__(SetValue)
        client.db.store_object(target_arg.data, target_arg.size, target, -1)
    if set_add(target, member.data, member.size):
        note(client, &target_arg, EVENT_SET, "sadd")
    return 1


cdef SetValue writing_any(Client client, bytes name):
    cdef Arg key_arg = arg_of(name)
    return writing(client, &key_arg)


# -- chance ------------------------------------------------------------------------------------------------------------

cdef int spop_command(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value
    cdef View view
    cdef char room[DIGITS]
    if argc > 2:
        return spop_several(client, argv, argc)
    value = writing(client, &argv[1])
    if value is None:
        return client.add_null()
    set_random(value, &view)
    view_render(&view, room)
    client.add_bulk(view.data, view.size)
    if client.engine.propagating:
        client.rewritten = [(client.db.id, [b"SREM", bytes_of(&argv[1]), view_bytes(&view)])]
    # The view may lie in the very block that goes: it is looked at before that, not after.
    set_remove(value, view.data, view.size)
    return removed_some(client, &argv[1], value, "spop")


cdef int spop_several(Client client, Arg* argv, int argc) except -1:
    cdef SetValue value
    cdef int64_t count
    cdef list members
    cdef bytes name = bytes_of(&argv[1])
    if argc > 3:
        raise SYNTAX
    count = integer(bytes_of(&argv[2]), MUST_BE_POSITIVE, 0)
    value = writing(client, &argv[1])
    if value is None or count == 0:
        return client.add_set(0)
    members = value.sample(min(count, set_len(value)))
    client.reply(SetReply(members))
    if len(members) == set_len(value):
        tell(client, &argv[1], EVENT_SET, "spop")
        drop_key(client, &argv[1])
        client.db.note_changed(argv[1].data, argv[1].size)
        client.rewrite([b"DEL", name])
        return 0
    for member in members:
        value.remove(member)
    removed_some(client, &argv[1], value, "spop")
    if client.engine.propagating:
        for at in range(0, len(members), 1024):
            client.also_propagate([b"SREM", name, *members[at:at + 1024]])
    return 0


def srandmember(Client client, list args):
    if len(args) > 3:
        raise SYNTAX
    if len(args) == 2:
        value = client.db.read(args[1], SetValue)
        return None if value is None else value.random()
    count = integer(args[2])
    if count < -INT64_MAX:
        raise CommandError(f"ERR value is out of range, value must between {-INT64_MAX} and {INT64_MAX}")
    value = client.db.read(args[1], SetValue)
    if value is None or count == 0:
        return []
    if count > 0:
        return value.sample(count)
    return add_random(client, value, -count)


cdef object add_random(Client client, SetValue value, int64_t count):
    """Members drawn with repetition, written at once: there may be more than memory would hold as objects."""
    cdef View view
    client.add_array(count)
    while count and not client.doomed:  # the output limit ends it
        set_random(value, &view)
        add_view(client, &view)
        count -= 1
    return NO_REPLY


def sscan(Client client, list args):
    cursor = scan_cursor(args[2])
    value = client.db.read(args[1], SetValue)
    if value is None:
        return [b"0", []]
    count, pattern, _ = scan_options(args, 3)
    cursor, found = value.scan(cursor, count)
    if pattern is not None:
        found = [member for member in found if glob_matches(pattern, member)]
    return [b"%d" % cursor, found]


# -- algebra -----------------------------------------------------------------------------------------------------------

cdef list read_all(Client client, list names):
    """The sets of these keys, None where there is none; WRONGTYPE as soon as one is something else."""
    return [client.db.read(name, SetValue) for name in names]


cdef bint in_all(list others, const View* member, Py_ssize_t beginning) except -1:
    cdef Py_ssize_t at
    for at in range(beginning, len(others)):
        if not set_contains(<SetValue>others[at], member.data, member.size):
            return False
    return True


cdef bint in_any(list others, const View* member) except -1:
    cdef Py_ssize_t at
    for at in range(1, len(others)):
        if others[at] is not None and set_contains(<SetValue>others[at], member.data, member.size):
            return True
    return False


cdef SetValue intersection(list values, int64_t limit, int64_t* count):
    """The members that all sets have; only counted, up to `limit`, when that is not negative (the value is then None)."""
    cdef SetValue result = None
    cdef SetCursor cursor
    cdef View view
    cdef char room[DIGITS]
    count[0] = 0
    if limit < 0:
        result = SetValue.__new__(SetValue)
    values = sorted(values, key=len)
    set_walk(<SetValue>values[0], &cursor)
    try:
        while set_next(&cursor, &view):
            view_render(&view, room)
            if in_all(values, &view, 1):
                count[0] += 1
                if result is not None:
                    set_add(result, view.data, view.size)
                elif count[0] == limit:
                    break
    finally:
        set_walk_end(&cursor)
    return result


cdef int add_members(SetValue result, SetValue value, list unless) except -1:
    """Add all members of a set, or those that none of `unless` (its first element apart) has."""
    cdef SetCursor cursor
    cdef View view
    cdef char room[DIGITS]
    set_walk(value, &cursor)
    try:
        while set_next(&cursor, &view):
            view_render(&view, room)
            if unless is None or not in_any(unless, &view):
                set_add(result, view.data, view.size)
    finally:
        set_walk_end(&cursor)
    return 0


cdef SetValue combine(Client client, str kind, list names):
    cdef list values = read_all(client, names)
    cdef SetValue result
    cdef int64_t count
    if kind == "inter":
        if None in values:
            return SetValue.__new__(SetValue)
        return intersection(values, -1, &count)
    result = SetValue.__new__(SetValue)
    if kind == "union":
        for value in values:
            if value is not None:
                add_members(result, <SetValue>value, None)
    elif values[0] is not None:
        for at in range(1, len(values)):
            if values[at] is values[0]:
                return result
        add_members(result, <SetValue>values[0], values)
    return result


cdef object store(Client client, bytes name, SetValue result, str event):
    """Put a result under a key, or take the key away when the result is empty; how many members."""
    cdef Arg key_arg = arg_of(name)
    if set_len(result) == 0:
        if client.db.delete(name):
            note(client, &key_arg, 1 << 2, "del")
        return 0
    client.db.put(name, result)
    note(client, &key_arg, EVENT_SET, event)
    return set_len(result)


def sinter(Client client, list args):
    return SetReply(combine(client, "inter", args[1:]).members())


def sunion(Client client, list args):
    return SetReply(combine(client, "union", args[1:]).members())


def sdiff(Client client, list args):
    return SetReply(combine(client, "diff", args[1:]).members())


def sinterstore(Client client, list args):
    return store(client, args[1], combine(client, "inter", args[2:]), "sinterstore")


def sunionstore(Client client, list args):
    return store(client, args[1], combine(client, "union", args[2:]), "sunionstore")


def sdiffstore(Client client, list args):
    return store(client, args[1], combine(client, "diff", args[2:]), "sdiffstore")


def sintercard(Client client, list args):
    cdef int64_t count
    number = integer(args[1], CommandError("ERR numkeys should be greater than 0"), 1)
    if number > len(args) - 2:
        raise CommandError("ERR Number of keys can't be greater than number of args")
    limit = 0
    rest = args[2 + number:]
    for at in range(0, len(rest), 2):
        if rest[at].upper() != b"LIMIT" or at + 1 == len(rest):
            raise SYNTAX
        limit = integer(rest[at + 1], CommandError("ERR LIMIT can't be negative"), 0)
    values = read_all(client, args[2:2 + number])
    if None in values:
        return 0
    intersection(values, limit, &count)
    return count


# -- the table ---------------------------------------------------------------------------------------------------------

def install(server) -> None:
    """Follow the options that shape sets."""
    server.config.on_change("set-max-intset-entries", lambda value: set_limit("set-max-intset-entries", value))


register(SetValue, "set", 2)

READ = "RO access"


def hot_rows() -> list:
    return [
        make_hot("sadd", <void*>sadd_command, -3, "write denyoom fast", key(1, "RW insert"), "set", "1.0.0", "Add members.", "O(N) members"),
        make_hot("srem", <void*>srem_command, -3, "write fast", key(1, "RW delete"), "set", "1.0.0", "Remove members.", "O(N) members"),
        make_hot("scard", <void*>scard_command, 2, "readonly fast", key(1, "RO"), "set", "1.0.0", "The number of members.", "O(1)"),
        make_hot("sismember", <void*>sismember_command, 3, "readonly fast", key(1, "RO"), "set", "1.0.0", "Whether something is a member.", "O(1)"),
        make_hot("smismember", <void*>smismember_command, -3, "readonly fast", key(1, "RO access"), "set", "6.2.0", "Whether several things are members.", "O(N)"),
        make_hot("smembers", <void*>smembers_command, 2, "readonly", key(1), "set", "1.0.0", "All members.", "O(N)"),
        make_hot("spop", <void*>spop_command, -2, "write fast", key(1, "RW access delete"), "set", "1.0.0", "Take members at random.", "O(N) members"),
    ]


def table() -> list:
    return family("set", hot_rows() + [
        command("smove", smove, 4, "write fast", keys=key(1, "RW access delete") + key(2, "RW insert"), since="1.0.0", summary="Take a member from one set to another.", complexity="O(1)"),
        command("srandmember", srandmember, -2, "readonly", keys=key(1), since="1.0.0", summary="Members at random.", complexity="O(N) members", tips=["nondeterministic_output"]),
        command("sscan", sscan, -3, "readonly", keys=key(1), since="2.8.0", summary="Members in steps.", complexity="O(1) a call", tips=["nondeterministic_output"]),
        command("sinter", sinter, -2, "readonly", keys=keys(1, -1, 1, READ), since="1.0.0", summary="The members that all sets have.", complexity="O(N*M)", tips=["nondeterministic_output_order"]),
        command("sunion", sunion, -2, "readonly", keys=keys(1, -1, 1, READ), since="1.0.0", summary="The members of any of the sets.", complexity="O(N)", tips=["nondeterministic_output_order"]),
        command("sdiff", sdiff, -2, "readonly", keys=keys(1, -1, 1, READ), since="1.0.0", summary="The members of the first set that no other has.", complexity="O(N)", tips=["nondeterministic_output_order"]),
        command("sintercard", sintercard, -3, "readonly", keys=numkeys(1, READ), since="7.0.0", summary="How many members all sets have.", complexity="O(N*M)"),
        command("sinterstore", sinterstore, -3, "write denyoom", keys=key(1, "RW update") + keys(2, -1, 1, READ), since="1.0.0", summary="SINTER into a key.", complexity="O(N*M)"),
        command("sunionstore", sunionstore, -3, "write denyoom", keys=key(1, "OW update") + keys(2, -1, 1, READ), since="1.0.0", summary="SUNION into a key.", complexity="O(N)"),
        command("sdiffstore", sdiffstore, -3, "write denyoom", keys=key(1, "OW update") + keys(2, -1, 1, READ), since="1.0.0", summary="SDIFF into a key.", complexity="O(N)"),
    ])
