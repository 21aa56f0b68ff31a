# cython: language_level=3
"""List commands. Pushes, pops and reads are hot; those that search or wait are ordinary functions.

The list itself is `values/list_value`. Commands that wait (BLPOP and its kin) first do what their plain forms do, and when there is nothing
to take hand a retry to `client.block`; they travel to replicas as the plain forms.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from scrubjay_engine.commands.hot cimport (
    EVENT_LIST, add_view, arg_of, bytes_of, drop_key, note, signal_ready, tell, word_is,
)
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.list_value cimport (
    ListValue, Place, list_drop, list_len, list_next, list_peek, list_push, list_seek,
)
from scrubjay_engine.values.listpack cimport entry_view
from scrubjay_engine.values.view cimport View, view_bytes

from scrubjay_engine.commands.arguments import INT64_MAX, integer, timeout_ms
from scrubjay_engine.core.client import NOT_READY, NULL_ARRAY
from scrubjay_engine.core.command import command, family, key, keys, numkeys
from scrubjay_engine.core.errors import MUST_BE_POSITIVE, NO_KEY, NOT_INTEGER, OUT_OF_RANGE, SYNTAX, CommandError
from scrubjay_engine.core.keyspace import register
from scrubjay_engine.values.limits import set_limit


cdef int64_t number_of(const Arg* arg) except? -1:
    cdef int64_t number
    if not parse_int64(arg.data, arg.size, &number):
        raise NOT_INTEGER
    return number


cdef inline ListValue reading(Client client, const Arg* key):
    return <ListValue>client.db.read_object(key.data, key.size, ListValue)


cdef inline ListValue writing(Client client, const Arg* key):
    return <ListValue>client.db.write_object(key.data, key.size, ListValue)


# -- pushing -----------------------------------------------------------------------------------------------------------

cdef int push_all(Client client, Arg* argv, int argc, bint head, bint existing) except -1:
    cdef ListValue value = writing(client, &argv[1])
    cdef bint created = value is None
    cdef int at
    if created:
        if existing:
            return client.add_int(0)
        value = ListValue.__new__(ListValue)
        client.db.store_object(argv[1].data, argv[1].size, value, -1)
    for at in range(2, argc):
        list_push(value, argv[at].data, argv[at].size, head)
    client.add_int(list_len(value))
    note(client, &argv[1], EVENT_LIST, "lpush" if head else "rpush")
    return signal_ready(client, &argv[1]) if created else 0


cdef int lpush_command(Client client, Arg* argv, int argc) except -1:
    return push_all(client, argv, argc, True, False)


cdef int rpush_command(Client client, Arg* argv, int argc) except -1:
    return push_all(client, argv, argc, False, False)


cdef int lpushx_command(Client client, Arg* argv, int argc) except -1:
    return push_all(client, argv, argc, True, True)


cdef int rpushx_command(Client client, Arg* argv, int argc) except -1:
    return push_all(client, argv, argc, False, True)


# -- popping -----------------------------------------------------------------------------------------------------------

cdef int taken(Client client, const Arg* key, ListValue value, bint head) except -1:
    """Elements have been taken from one end: events, and the key goes with the last."""
    note(client, key, EVENT_LIST, "lpop" if head else "rpop")
    if list_len(value) == 0:
        drop_key(client, key)
    return 0


cdef int add_range(Client client, ListValue value, Py_ssize_t start, Py_ssize_t count, bint backward) except -1:
    """`count` elements from `start` on (they exist) as an array, in reverse order if wanted."""
    cdef Place place
    cdef View view
    cdef Py_ssize_t at
    client.add_array(count)
    if count == 0:
        return 0
    if backward:
        for at in range(start + count - 1, start - 1, -1):
            list_seek(value, at, &place)
            entry_view(place.at, &view)
            add_view(client, &view)
        return 0
    list_seek(value, start, &place)
    while True:
        entry_view(place.at, &view)
        add_view(client, &view)
        count -= 1
        if count == 0:
            return 0
        list_next(&place)


cdef int pop_some(Client client, const Arg* key, ListValue value, bint head, int64_t count) except -1:
    """Reply with up to `count` elements as an array, and take them."""
    cdef Py_ssize_t length = list_len(value)
    if count > length:
        count = length
    add_range(client, value, 0 if head else length - count, count, not head)
    list_drop(value, count, head)
    return taken(client, key, value, head)


cdef int pop(Client client, Arg* argv, int argc, bint head) except -1:
    cdef ListValue value
    cdef View view
    cdef int64_t count = -1
    if argc > 3:
        raise CommandError(f"ERR wrong number of arguments for '{client.command.name}' command")
    if argc == 3 and (not parse_int64(argv[2].data, argv[2].size, &count) or count < 0):
        raise MUST_BE_POSITIVE
    value = writing(client, &argv[1])
    if value is None:
        return client.add_null() if argc == 2 else client.add_null_array()
    if argc == 3:
        if count == 0:
            return client.add_array(0)
        return pop_some(client, &argv[1], value, head, count)
    list_peek(value, head, &view)
    add_view(client, &view)
    list_drop(value, 1, head)
    return taken(client, &argv[1], value, head)


cdef int lpop_command(Client client, Arg* argv, int argc) except -1:
    return pop(client, argv, argc, True)


cdef int rpop_command(Client client, Arg* argv, int argc) except -1:
    return pop(client, argv, argc, False)


# -- reading -----------------------------------------------------------------------------------------------------------

cdef int llen_command(Client client, Arg* argv, int argc) except -1:
    cdef ListValue value = reading(client, &argv[1])
    return client.add_int(list_len(value) if value is not None else 0)


cdef int lindex_command(Client client, Arg* argv, int argc) except -1:
    cdef ListValue value = reading(client, &argv[1])
    cdef Place place
    cdef View view
    if value is None:
        return client.add_null()
    if not list_seek(value, number_of(&argv[2]), &place):
        return client.add_null()
    entry_view(place.at, &view)
    return add_view(client, &view)


cdef int lrange_command(Client client, Arg* argv, int argc) except -1:
    cdef int64_t start = number_of(&argv[2])
    cdef int64_t stop = number_of(&argv[3])
    cdef ListValue value = reading(client, &argv[1])
    cdef int64_t length
    if value is None:
        return client.add_array(0)
    length = list_len(value)
    if start < 0:
        start = max(start + length, 0)
    if stop < 0:
        stop += length
    if stop >= length:
        stop = length - 1
    if start > stop:
        return client.add_array(0)
    return add_range(client, value, start, stop - start + 1, False)


# -- changing in the middle --------------------------------------------------------------------------------------------

cdef int lset_command(Client client, Arg* argv, int argc) except -1:
    cdef ListValue value = writing(client, &argv[1])
    if value is None:
        raise NO_KEY
    if not value.set(number_of(&argv[2]), bytes_of(&argv[3])):
        raise OUT_OF_RANGE
    client.add_ok()
    return note(client, &argv[1], EVENT_LIST, "lset")


cdef int linsert_command(Client client, Arg* argv, int argc) except -1:
    cdef ListValue value
    cdef bint after = word_is(&argv[2], b"AFTER", 5)
    if not after and not word_is(&argv[2], b"BEFORE", 6):
        raise SYNTAX
    value = writing(client, &argv[1])
    if value is None:
        return client.add_int(0)
    if not value.insert(bytes_of(&argv[3]), bytes_of(&argv[4]), after):
        return client.add_int(-1)
    client.add_int(list_len(value))
    return note(client, &argv[1], EVENT_LIST, "linsert")


cdef int lrem_command(Client client, Arg* argv, int argc) except -1:
    cdef int64_t count = number_of(&argv[2])
    cdef ListValue value = writing(client, &argv[1])
    cdef Py_ssize_t removed
    if value is None:
        return client.add_int(0)
    removed = value.remove(bytes_of(&argv[3]), count)
    if removed:
        note(client, &argv[1], EVENT_LIST, "lrem")
        if list_len(value) == 0:
            drop_key(client, &argv[1])
    return client.add_int(removed)


cdef int ltrim_command(Client client, Arg* argv, int argc) except -1:
    cdef int64_t start = number_of(&argv[2])
    cdef int64_t stop = number_of(&argv[3])
    cdef ListValue value = writing(client, &argv[1])
    if value is None:
        return client.add_ok()
    if value.trim(start, stop) == 0:
        client.no_propagate()  # WATCH is told, as in Redis, but there is nothing to repeat
    note(client, &argv[1], EVENT_LIST, "ltrim")
    if list_len(value) == 0:
        drop_key(client, &argv[1])
    return client.add_ok()


def lpos(Client client, list args):
    rank, count, longest = 1, None, 0
    for at in range(3, len(args), 2):
        option = args[at].upper()
        if at + 1 == len(args):
            raise SYNTAX
        if option == b"RANK":
            rank = integer(args[at + 1])
            if rank == -(1 << 63):
                raise CommandError(
                    f"ERR value is out of range, value must between {-INT64_MAX} and {INT64_MAX}")
            if rank == 0:
                raise CommandError(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
                    "or use negative to start from the end of the list")
        elif option == b"COUNT":
            count = integer(args[at + 1], CommandError("ERR COUNT can't be negative"), 0)
        elif option == b"MAXLEN":
            longest = integer(args[at + 1], CommandError("ERR MAXLEN can't be negative"), 0)
        else:
            raise SYNTAX
    value = client.db.read(args[1], ListValue)
    if value is None:
        return None if count is None else []
    found = value.positions(args[2], rank, 1 if count is None else count, longest)
    if count is not None:
        return found
    return found[0] if found else None


# -- from list to list -------------------------------------------------------------------------------------------------

cdef object move(Client client, bytes source, bytes target, bint from_head, bint to_head):
    """Take an element from one end of a list to one end of another (or the same); it, or NOT_READY."""
    cdef Arg source_arg = arg_of(source)
    cdef Arg target_arg = arg_of(target)
    cdef ListValue origin = writing(client, &source_arg)
    cdef ListValue goal
    cdef View view
    cdef bint created = False
    cdef bytes element
    if origin is None:
        return NOT_READY
    goal = writing(client, &target_arg)
    if goal is None:
        created = True
        goal = ListValue.__new__(ListValue)
        client.db.store_object(target_arg.data, target_arg.size, goal, -1)
    list_peek(origin, from_head, &view)
    element = view_bytes(&view)
    list_drop(origin, 1, from_head)
    list_push(goal, PyBytes_AS_STRING(element), PyBytes_GET_SIZE(element), to_head)
    note(client, &target_arg, EVENT_LIST, "lpush" if to_head else "rpush")
    taken(client, &source_arg, origin, from_head)
    if created:
        signal_ready(client, &target_arg)
    return element


def position_word(bytes word):
    """LEFT (True: the head) or RIGHT."""
    side = word.upper()
    if side != b"LEFT" and side != b"RIGHT":
        raise SYNTAX
    return side == b"LEFT"


def lmove(Client client, list args):
    element = move(client, args[1], args[2], position_word(args[3]), position_word(args[4]))
    return None if element is NOT_READY else element


def rpoplpush(Client client, list args):
    element = move(client, args[1], args[2], False, True)
    return None if element is NOT_READY else element


cdef object moving_wait(Client client, bytes source, bytes target, bint from_head, bint to_head, list plain, timeout):
    """BLMOVE and BRPOPLPUSH: move now, or as soon as the source has an element; travels as `plain`."""
    def attempt(bytes _key):
        if client.db.type_of(source) != "list":
            return NOT_READY
        element = move(client, source, target, from_head, to_head)
        client.rewrite(plain)
        return element

    element = move(client, source, target, from_head, to_head)
    if element is not NOT_READY:
        client.rewrite(plain)
        return element
    if not client.may_block:
        return None
    return client.block([source], attempt, timeout, no_array, kind="list")


def no_array():
    return NULL_ARRAY


def blmove(Client client, list args):
    from_head, to_head = position_word(args[3]), position_word(args[4])
    plain = [b"LMOVE", args[1], args[2], args[3], args[4]]
    return moving_wait(client, args[1], args[2], from_head, to_head, plain, timeout_ms(args[5]))


def brpoplpush(Client client, list args):
    plain = [b"RPOPLPUSH", args[1], args[2]]
    return moving_wait(client, args[1], args[2], False, True, plain, timeout_ms(args[3]))


# -- popping from the first list that has something ---------------------------------------------------------------------

cdef object pop_from(Client client, bytes name, bint head, int64_t count):
    """[key, element], or [key, [elements]] where a count is wanted; NOT_READY when the list is not there."""
    cdef Arg key_arg = arg_of(name)
    cdef ListValue value = writing(client, &key_arg)
    cdef Py_ssize_t length, at
    if value is None:
        return NOT_READY
    length = list_len(value)
    if count < 0:
        reply = [name, value.pop(head)]
        client.rewrite([b"LPOP" if head else b"RPOP", name])
    else:
        count = min(count, length)
        reply = [name, [value.pop(head) for at in range(count)]]
        client.rewrite([b"LPOP" if head else b"RPOP", name, b"%d" % count])
    taken(client, &key_arg, value, head)
    return reply


cdef object pop_first(Client client, list names, bint head, int64_t count):
    for name in names:
        reply = pop_from(client, name, head, count)
        if reply is not NOT_READY:
            return reply
    return NOT_READY


cdef object popping_wait(Client client, list names, bint head, int64_t count, timeout):
    reply = pop_first(client, names, head, count)
    if reply is not NOT_READY:
        return reply
    if not client.may_block:
        return NULL_ARRAY

    def attempt(bytes name):
        # Only a list ends the wait: a key of another type that has come meanwhile is none of its business.
        return pop_from(client, name, head, count) if client.db.type_of(name) == "list" else NOT_READY

    return client.block(names, attempt, timeout, no_array, kind="list")


def blpop(Client client, list args):
    return popping_wait(client, args[1:len(args) - 1], True, -1, timeout_ms(args[len(args) - 1]))


def brpop(Client client, list args):
    return popping_wait(client, args[1:len(args) - 1], False, -1, timeout_ms(args[len(args) - 1]))


cdef tuple pop_arguments(list args, int at):
    """numkeys key [key ...] LEFT|RIGHT [COUNT count], from `at` on: (names, head, count)."""
    number = integer(args[at], CommandError("ERR numkeys should be greater than 0"), 1)
    side = at + 1 + number
    if side >= len(args):
        raise SYNTAX
    head = position_word(args[side])
    count = 1
    rest = args[side + 1:]
    if rest:
        if len(rest) != 2 or rest[0].upper() != b"COUNT":
            raise SYNTAX
        count = integer(rest[1], CommandError("ERR count should be greater than 0"), 1)
    return args[at + 1:side], head, count


def lmpop(Client client, list args):
    names, head, count = pop_arguments(args, 1)
    reply = pop_first(client, names, head, count)
    return NULL_ARRAY if reply is NOT_READY else reply


def blmpop(Client client, list args):
    names, head, count = pop_arguments(args, 2)
    return popping_wait(client, names, head, count, timeout_ms(args[1]))


# -- the table ---------------------------------------------------------------------------------------------------------

def install(server) -> None:
    """Follow the options that shape lists."""
    server.config.on_change("list-max-listpack-size", lambda value: set_limit("list-max-listpack-size", value))
    server.config.on_change("list-compress-depth", lambda value: set_limit("list-compress-depth", value))


register(ListValue, "list", 1)

POP = "RW access delete"
PUSH = "RW insert"


def hot_rows() -> list:
    return [
        make_hot("lpush", <void*>lpush_command, -3, "write denyoom fast", key(1, PUSH), "list", "1.0.0", "Push elements at the head.", "O(N) elements"),
        make_hot("rpush", <void*>rpush_command, -3, "write denyoom fast", key(1, PUSH), "list", "1.0.0", "Push elements at the tail.", "O(N) elements"),
        make_hot("lpushx", <void*>lpushx_command, -3, "write denyoom fast", key(1, PUSH), "list", "2.2.0", "Push elements at the head of a list that exists.", "O(N) elements"),
        make_hot("rpushx", <void*>rpushx_command, -3, "write denyoom fast", key(1, PUSH), "list", "2.2.0", "Push elements at the tail of a list that exists.", "O(N) elements"),
        make_hot("lpop", <void*>lpop_command, -2, "write fast", key(1, POP), "list", "1.0.0", "Take elements from the head.", "O(N) elements"),
        make_hot("rpop", <void*>rpop_command, -2, "write fast", key(1, POP), "list", "1.0.0", "Take elements from the tail.", "O(N) elements"),
        make_hot("llen", <void*>llen_command, 2, "readonly fast", key(1, "RO"), "list", "1.0.0", "The length of a list.", "O(1)"),
        make_hot("lindex", <void*>lindex_command, 3, "readonly", key(1), "list", "1.0.0", "The element at an index.", "O(N) elements to it, 8 KiB at a time"),
        make_hot("lrange", <void*>lrange_command, 4, "readonly", key(1), "list", "1.0.0", "A range of elements.", "O(S+N)"),
        make_hot("lset", <void*>lset_command, 4, "write denyoom", key(1, "RW update"), "list", "1.0.0", "Replace the element at an index.", "O(N)"),
        make_hot("linsert", <void*>linsert_command, 5, "write denyoom", key(1, PUSH), "list", "2.2.0", "Insert an element before or after another.", "O(N)"),
        make_hot("lrem", <void*>lrem_command, 4, "write", key(1, "RW delete"), "list", "1.0.0", "Remove equal elements.", "O(N)"),
        make_hot("ltrim", <void*>ltrim_command, 4, "write", key(1, "RW delete"), "list", "1.0.0", "Keep only a range.", "O(N)"),
    ]


def table() -> list:
    return family("list", hot_rows() + [
        command("lpos", lpos, -3, "readonly", keys=key(1), since="6.0.6", summary="Indexes of equal elements.", complexity="O(N)"),
        command("lmove", lmove, 5, "write denyoom", keys=key(1, POP) + key(2, PUSH), since="6.2.0", summary="Take an element from one list to another.", complexity="O(1)"),
        command("rpoplpush", rpoplpush, 3, "write denyoom", keys=key(1, POP) + key(2, PUSH), since="1.2.0", summary="Take the last element of a list to the head of another.", complexity="O(1)"),
        command("lmpop", lmpop, -4, "write", keys=numkeys(1, POP), since="7.0.0", summary="Take elements from the first list that has some.", complexity="O(N+M)"),
        command("blpop", blpop, -3, "write noscript blocking", keys=keys(1, -2, 1, POP), since="2.0.0", summary="Take the first element of a list, waiting for one.", complexity="O(N) keys"),
        command("brpop", brpop, -3, "write noscript blocking", keys=keys(1, -2, 1, POP), since="2.0.0", summary="Take the last element of a list, waiting for one.", complexity="O(N) keys"),
        command("blmove", blmove, 6, "write denyoom noscript blocking", keys=key(1, POP) + key(2, PUSH), since="6.2.0", summary="LMOVE, waiting for an element.", complexity="O(1)"),
        command("brpoplpush", brpoplpush, 4, "write denyoom noscript blocking", keys=key(1, POP) + key(2, PUSH), since="2.2.0", summary="RPOPLPUSH, waiting for an element.", complexity="O(1)"),
        command("blmpop", blmpop, -5, "write blocking", keys=numkeys(2, POP), since="7.0.0", summary="LMPOP, waiting for elements.", complexity="O(N+M)"),
    ])
