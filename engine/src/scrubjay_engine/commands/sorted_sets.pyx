# cython: language_level=3
"""Sorted-set commands on one key: adding, counting, ranks, removing and popping. Ranges are in sorted_set_ranges, algebra in sorted_set_algebra.

Commands that wait (BZPOPMIN and its kin) do first what their plain forms do, and travel as those.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.math cimport isnan
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc, strtod
from libc.string cimport memcpy

from scrubjay_engine.commands.hot cimport EVENT_ZSET, add_view, arg_of, bytes_of, drop_key, note, signal_ready, tell, word_is
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.sorted_set_value cimport (
    ZADD_ADDED, ZADD_GT, ZADD_INCR, ZADD_LT, ZADD_NAN, ZADD_NOTHING, ZADD_NX, ZADD_UPDATED, ZADD_XX, SortedPlace,
    SortedSetValue, zset_add, zset_len, zset_rank, zset_remove, zset_remove_range, zset_score, zset_seek, zset_step, zset_view,
)
from scrubjay_engine.values.view cimport View, view_bytes

from scrubjay_engine.commands import sorted_set_algebra, sorted_set_ranges
from scrubjay_engine.commands.arguments import INT64_MAX, integer, timeout_ms
from scrubjay_engine.commands.floats import parse_double, show_double
from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.commands.keys import scan_cursor, scan_options
from scrubjay_engine.core.client import NO_REPLY, NOT_READY, NULL_ARRAY
from scrubjay_engine.core.command import command, family, key, keys, numkeys
from scrubjay_engine.core.errors import MUST_BE_POSITIVE, NOT_FLOAT, SYNTAX, CommandError
from scrubjay_engine.core.keyspace import register
from scrubjay_engine.values.limits import set_limit


cdef inline SortedSetValue reading(Client client, const Arg* key):
    return <SortedSetValue>client.db.read_object(key.data, key.size, SortedSetValue)


cdef inline SortedSetValue writing(Client client, const Arg* key):
    return <SortedSetValue>client.db.write_object(key.data, key.size, SortedSetValue)


cdef double score_of(const Arg* arg) except? -1.0:
    """A score argument, as C's strtod reads it (so with inf and hexadecimal), without blanks and NaN."""
    cdef char text[128]
    cdef char* end
    cdef int64_t whole
    cdef double score
    if parse_int64(arg.data, arg.size, &whole):
        return <double>whole
    if arg.size > 127:
        return parse_double(bytes_of(arg))
    if arg.size == 0 or (arg.data[0] <= 32 and arg.data[0] >= 0):
        raise NOT_FLOAT
    memcpy(text, arg.data, arg.size)
    text[arg.size] = 0
    score = strtod(text, &end)
    if end != text + arg.size or isnan(score):
        raise NOT_FLOAT
    return score


# -- adding ------------------------------------------------------------------------------------------------------------

cdef int add_options(Arg* argv, int argc, int* first, bint* count_changed) except -1:
    """The option words of ZADD; where the first score is."""
    cdef int at = 2, flags = 0
    count_changed[0] = False
    while at < argc:
        if word_is(&argv[at], b"NX", 2):
            flags |= ZADD_NX
        elif word_is(&argv[at], b"XX", 2):
            flags |= ZADD_XX
        elif word_is(&argv[at], b"CH", 2):
            count_changed[0] = True
        elif word_is(&argv[at], b"INCR", 4):
            flags |= ZADD_INCR
        elif word_is(&argv[at], b"GT", 2):
            flags |= ZADD_GT
        elif word_is(&argv[at], b"LT", 2):
            flags |= ZADD_LT
        else:
            break
        at += 1
    first[0] = at
    if (argc - at) & 1 or at == argc:
        raise SYNTAX
    if flags & ZADD_NX and flags & ZADD_XX:
        raise CommandError("ERR XX and NX options at the same time are not compatible")
    if (flags & ZADD_GT and flags & (ZADD_NX | ZADD_LT)) or (flags & ZADD_NX and flags & ZADD_LT):
        raise CommandError("ERR GT, LT, and/or NX options at the same time are not compatible")
    if flags & ZADD_INCR and argc - at > 2:
        raise CommandError("ERR INCR option supports a single increment-element pair")
    return flags


cdef int add_pairs(Client client, Arg* argv, int argc, int first, int flags, bint count_changed) except -1:
    """Add the pairs from `first` on, all or, when a score is no number, none."""
    cdef double few[16]
    cdef double* scores = few
    cdef int pairs = (argc - first) // 2
    cdef int at
    if pairs > 16:
        scores = <double*>malloc(pairs * sizeof(double))
        if scores == NULL:
            raise MemoryError
    try:
        for at in range(pairs):
            scores[at] = score_of(&argv[first + at * 2])
        return add_scores(client, argv, first, pairs, scores, flags, count_changed)
    finally:
        if scores != few:
            free(scores)


cdef int add_scores(
    Client client, Arg* argv, int first, int pairs, double* scores, int flags, bint count_changed
) except -1:
    cdef SortedSetValue value = writing(client, &argv[1])
    cdef int at, outcome = ZADD_NOTHING, added = 0, updated = 0
    cdef bint created = value is None
    cdef Arg* member
    if created:
        if flags & ZADD_XX:
            return client.add_null() if flags & ZADD_INCR else client.add_int(0)
        value = SortedSetValue.__new__(SortedSetValue)
        client.db.store_object(argv[1].data, argv[1].size, value, -1)
    for at in range(pairs):
        member = &argv[first + at * 2 + 1]
        outcome = zset_add(value, member.data, member.size, &scores[at], flags)
        if outcome == ZADD_NAN:
            break
        added += outcome == ZADD_ADDED
        updated += outcome == ZADD_UPDATED
    if added or updated:
        note(client, &argv[1], EVENT_ZSET, "zincr" if flags & ZADD_INCR else "zadd")
        if created:
            signal_ready(client, &argv[1])
    if outcome == ZADD_NAN:
        raise CommandError("ERR resulting score is not a number (NaN)")
    if flags & ZADD_INCR:
        return client.add_null() if outcome == ZADD_NOTHING else client.add_double(scores[0])
    return client.add_int(added + updated if count_changed else added)


cdef int zadd_command(Client client, Arg* argv, int argc) except -1:
    cdef int first
    cdef bint count_changed
    cdef int flags = add_options(argv, argc, &first, &count_changed)
    return add_pairs(client, argv, argc, first, flags, count_changed)


cdef int zincrby_command(Client client, Arg* argv, int argc) except -1:
    return add_pairs(client, argv, argc, 2, ZADD_INCR, False)


# -- removing ----------------------------------------------------------------------------------------------------------

cdef int removed_some(Client client, const Arg* key, SortedSetValue value, str event) except -1:
    note(client, key, EVENT_ZSET, event)
    if zset_len(value) == 0:
        drop_key(client, key)
    return 0


cdef int zrem_command(Client client, Arg* argv, int argc) except -1:
    cdef SortedSetValue value = writing(client, &argv[1])
    cdef int at, removed = 0
    if value is None:
        return client.add_int(0)
    for at in range(2, argc):
        removed += zset_remove(value, argv[at].data, argv[at].size)
    if removed:
        removed_some(client, &argv[1], value, "zrem")
    return client.add_int(removed)


# -- looking -----------------------------------------------------------------------------------------------------------

cdef int zcard_command(Client client, Arg* argv, int argc) except -1:
    cdef SortedSetValue value = reading(client, &argv[1])
    return client.add_int(zset_len(value) if value is not None else 0)


cdef inline int add_score(Client client, SortedSetValue value, const Arg* member) except -1:
    cdef double score
    if value is None or not zset_score(value, member.data, member.size, &score):
        return client.add_null()
    return client.add_double(score)


cdef int zscore_command(Client client, Arg* argv, int argc) except -1:
    return add_score(client, reading(client, &argv[1]), &argv[2])


cdef int zmscore_command(Client client, Arg* argv, int argc) except -1:
    cdef SortedSetValue value = reading(client, &argv[1])
    cdef int at
    client.add_array(argc - 2)
    for at in range(2, argc):
        add_score(client, value, &argv[at])
    return 0


cdef int rank_of(Client client, Arg* argv, bint backward) except -1:
    cdef SortedSetValue value = reading(client, &argv[1])
    cdef Py_ssize_t rank = -1
    if value is not None:
        rank = zset_rank(value, argv[2].data, argv[2].size)
    if rank < 0:
        return client.add_null()
    return client.add_int(zset_len(value) - 1 - rank if backward else rank)


cdef int zrank_command(Client client, Arg* argv, int argc) except -1:
    return rank_of(client, argv, False)


cdef int zrevrank_command(Client client, Arg* argv, int argc) except -1:
    return rank_of(client, argv, True)


# -- popping -----------------------------------------------------------------------------------------------------------

cdef int add_popped(Client client, const Arg* key, SortedSetValue value, bint lowest, int64_t count, bint nested) except -1:
    """Write `count` members (there are as many) with their scores from one end, and take them."""
    cdef SortedPlace place
    cdef View member
    cdef double score
    cdef int64_t left = count
    zset_seek(value, 0 if lowest else zset_len(value) - 1, &place)
    while True:
        score = zset_view(&place, &member)
        if nested:
            client.add_array(2)
        add_view(client, &member)
        client.add_double(score)
        left -= 1
        if left == 0:
            break
        zset_step(&place, not lowest)
    zset_remove_range(value, 0 if lowest else zset_len(value) - count, count)
    return removed_some(client, key, value, "zpopmin" if lowest else "zpopmax")


cdef int pop(Client client, Arg* argv, int argc, bint lowest) except -1:
    cdef SortedSetValue value
    cdef int64_t count = -1
    cdef bint nested
    if argc > 3:
        raise SYNTAX
    if argc == 3 and (not parse_int64(argv[2].data, argv[2].size, &count) or count < 0):
        raise MUST_BE_POSITIVE
    value = writing(client, &argv[1])
    if value is None or count == 0:
        return client.add_array(0)
    nested = client.protocol == 3 and count != -1
    if count < 0:
        count = 1
    if count > zset_len(value):
        count = zset_len(value)
    client.add_array(count if nested else count * 2)
    return add_popped(client, &argv[1], value, lowest, count, nested)


cdef int zpopmin_command(Client client, Arg* argv, int argc) except -1:
    return pop(client, argv, argc, True)


cdef int zpopmax_command(Client client, Arg* argv, int argc) except -1:
    return pop(client, argv, argc, False)


cdef object pop_from(Client client, bytes name, bint lowest, int64_t count):
    """Pop one member (count -1: BZPOPMIN's flat reply) or several (ZMPOP's); NOT_READY when there is no such set."""
    cdef Arg key_arg = arg_of(name)
    cdef SortedSetValue value = writing(client, &key_arg)
    cdef list words = [b"ZPOPMIN" if lowest else b"ZPOPMAX", name]
    if value is None:
        return NOT_READY
    if count < 0:
        client.add_array(3)
        client.add_bulk(key_arg.data, key_arg.size)
        add_popped(client, &key_arg, value, lowest, 1, False)
    else:
        count = min(count, zset_len(value))
        words.append(b"%d" % count)
        client.add_array(2)
        client.add_bulk(key_arg.data, key_arg.size)
        client.add_array(count)
        add_popped(client, &key_arg, value, lowest, count, True)
    client.rewrite(words)
    return NO_REPLY


cdef object pop_first(Client client, list names, bint lowest, int64_t count):
    for name in names:
        reply = pop_from(client, name, lowest, count)
        if reply is not NOT_READY:
            return reply
    return NOT_READY


def no_array():
    return NULL_ARRAY


cdef object popping_wait(Client client, list names, bint lowest, int64_t count, timeout):
    reply = pop_first(client, names, lowest, count)
    if reply is not NOT_READY:
        return reply
    if not client.may_block:
        return NULL_ARRAY

    def attempt(bytes name):
        # Only a sorted set ends the wait: a key of another type that has come meanwhile is none of its business.
        return pop_from(client, name, lowest, count) if client.db.type_of(name) == "zset" else NOT_READY

    return client.block(names, attempt, timeout, no_array, kind="zset")


def bzpopmin(Client client, list args):
    return popping_wait(client, args[1:len(args) - 1], True, -1, timeout_ms(args[len(args) - 1]))


def bzpopmax(Client client, list args):
    return popping_wait(client, args[1:len(args) - 1], False, -1, timeout_ms(args[len(args) - 1]))


cdef tuple pop_arguments(list args, int at):
    """numkeys key [key ...] MIN|MAX [COUNT count], from `at` on: (names, lowest, count)."""
    number = integer(args[at], CommandError("ERR numkeys should be greater than 0"), 1)
    side = at + 1 + number
    if side >= len(args):
        raise SYNTAX
    word = args[side].upper()
    if word != b"MIN" and word != b"MAX":
        raise SYNTAX
    count = 1
    rest = args[side + 1:]
    if rest:
        if len(rest) != 2 or rest[0].upper() != b"COUNT":
            raise SYNTAX
        count = integer(rest[1], CommandError("ERR count should be greater than 0"), 1)
    return args[at + 1:side], word == b"MIN", count


def zmpop(Client client, list args):
    names, lowest, count = pop_arguments(args, 1)
    reply = pop_first(client, names, lowest, count)
    return NULL_ARRAY if reply is NOT_READY else reply


def bzmpop(Client client, list args):
    names, lowest, count = pop_arguments(args, 2)
    return popping_wait(client, names, lowest, count, timeout_ms(args[1]))


# -- chance and steps --------------------------------------------------------------------------------------------------

def zrandmember(Client client, list args):
    with_scores = len(args) == 4
    if len(args) > 2:
        count = integer(args[2])
        if count < -INT64_MAX:
            raise CommandError(f"ERR value is out of range, value must between {-INT64_MAX} and {INT64_MAX}")
        if len(args) > 4 or (with_scores and args[3].upper() != b"WITHSCORES"):
            raise SYNTAX
        if with_scores and not -INT64_MAX // 2 <= count <= INT64_MAX // 2:
            raise CommandError("ERR value is out of range")
    value = client.db.read(args[1], SortedSetValue)
    if len(args) == 2:
        return None if value is None else value.random()[0]
    if value is None or count == 0:
        return []
    if count < 0:
        return add_random(client, value, -count, with_scores)
    drawn = value.sample(count)
    if not with_scores:
        return [member for member, _ in drawn]
    return drawn if client.protocol == 3 else [part for pair in drawn for part in pair]


cdef object add_random(Client client, SortedSetValue value, int64_t count, bint with_scores):
    """Members drawn with repetition, written at once: there may be more than memory would hold as objects."""
    client.add_array(count * 2 if with_scores and client.protocol == 2 else count)
    while count and not client.doomed:  # the output limit ends it
        member, score = value.random()
        if with_scores and client.protocol == 3:
            client.add_array(2)
        client.add_bulk(PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))
        if with_scores:
            client.add_double(score)
        count -= 1
    return NO_REPLY


def zscan(Client client, list args):
    cursor = scan_cursor(args[2])
    value = client.db.read(args[1], SortedSetValue)
    if value is None:
        return [b"0", []]
    count, pattern, _ = scan_options(args, 3)
    cursor, found = value.scan(cursor, count)
    if pattern is not None:
        found = [pair for pair in found if glob_matches(pattern, pair[0])]
    return [b"%d" % cursor, [part for member, score in found for part in (member, show_double(score))]]


# -- the table ---------------------------------------------------------------------------------------------------------

def install(server) -> None:
    """Follow the options that shape sorted sets."""
    server.config.on_change("zset-max-listpack-entries", lambda value: set_limit("zset-max-listpack-entries", value))
    server.config.on_change("zset-max-listpack-value", lambda value: set_limit("zset-max-listpack-value", value))


register(SortedSetValue, "zset", 3)

POP = "RW access delete"


def hot_rows() -> list:
    return [
        make_hot("zadd", <void*>zadd_command, -4, "write denyoom fast", key(1, "RW update"), "sorted-set", "1.2.0", "Add members or change their scores.", "O(log N) a member"),
        make_hot("zincrby", <void*>zincrby_command, 4, "write denyoom fast", key(1, "RW access update"), "sorted-set", "1.2.0", "Add to a member's score.", "O(log N)"),
        make_hot("zrem", <void*>zrem_command, -3, "write fast", key(1, "RW delete"), "sorted-set", "1.2.0", "Remove members.", "O(log N) a member"),
        make_hot("zcard", <void*>zcard_command, 2, "readonly fast", key(1, "RO"), "sorted-set", "1.2.0", "The number of members.", "O(1)"),
        make_hot("zscore", <void*>zscore_command, 3, "readonly fast", key(1), "sorted-set", "1.2.0", "The score of a member.", "O(1)"),
        make_hot("zmscore", <void*>zmscore_command, -3, "readonly fast", key(1), "sorted-set", "6.2.0", "The scores of several members.", "O(N) members"),
        make_hot("zrank", <void*>zrank_command, 3, "readonly fast", key(1), "sorted-set", "2.0.0", "The rank of a member, lowest score first.", "O(log N)"),
        make_hot("zrevrank", <void*>zrevrank_command, 3, "readonly fast", key(1), "sorted-set", "2.0.0", "The rank of a member, highest score first.", "O(log N)"),
        make_hot("zpopmin", <void*>zpopmin_command, -2, "write fast", key(1, POP), "sorted-set", "5.0.0", "Take members with the lowest scores.", "O(M log N)"),
        make_hot("zpopmax", <void*>zpopmax_command, -2, "write fast", key(1, POP), "sorted-set", "5.0.0", "Take members with the highest scores.", "O(M log N)"),
    ]


def table() -> list:
    return family("sorted-set", hot_rows() + sorted_set_ranges.rows() + sorted_set_algebra.rows() + [
        command("zmpop", zmpop, -4, "write", keys=numkeys(1, POP), since="7.0.0", summary="Take members from the first set that has some.", complexity="O(K) + O(M log N)"),
        command("bzpopmin", bzpopmin, -3, "write noscript blocking fast", keys=keys(1, -2, 1, POP), since="5.0.0", summary="ZPOPMIN, waiting for a member.", complexity="O(log N)"),
        command("bzpopmax", bzpopmax, -3, "write noscript blocking fast", keys=keys(1, -2, 1, POP), since="5.0.0", summary="ZPOPMAX, waiting for a member.", complexity="O(log N)"),
        command("bzmpop", bzmpop, -5, "write blocking", keys=numkeys(2, POP), since="7.0.0", summary="ZMPOP, waiting for members.", complexity="O(K) + O(M log N)"),
        command("zrandmember", zrandmember, -2, "readonly", keys=key(1), since="6.2.0", summary="Members at random.", complexity="O(N) members", tips=["nondeterministic_output"]),
        command("zscan", zscan, -3, "readonly", keys=key(1), since="2.8.0", summary="Members and scores in steps.", complexity="O(1) a call", tips=["nondeterministic_output"]),
    ])
