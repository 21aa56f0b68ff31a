# cython: language_level=3
"""Ranges of sorted sets: ZRANGE in its forms, ZRANGESTORE, ZCOUNT, ZLEXCOUNT, ZREMRANGEBY*.

Whatever a range is given by (ranks, scores, members), it is a range of ranks once its bounds have been looked up: `Span`. Reading,
counting, storing and removing then are the same for all.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from scrubjay_engine.commands.hot cimport EVENT_ZSET, add_view, arg_of, bytes_of, drop_key, note, word_is
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.ranks cimport BOUND_END, BOUND_LEX, BOUND_SCORE, Bound
from scrubjay_engine.values.sorted_set_value cimport (
    SortedPlace, SortedSetValue, zset_add, zset_bound, zset_len, zset_remove_range, zset_seek, zset_step, zset_view,
)
from scrubjay_engine.values.view cimport DIGITS, View, view_render

from scrubjay_engine.commands.floats import parse_double
from scrubjay_engine.core.command import command, key
from scrubjay_engine.core.errors import NOT_INTEGER, SYNTAX, CommandError

BAD_SCORE_RANGE = CommandError("ERR min or max is not a float")
BAD_LEX_RANGE = CommandError("ERR min or max not valid string range item")

cdef enum:
    BY_RANK = 1
    BY_SCORE = 2
    BY_LEX = 3

cdef struct Query:           # what a range command asks for
    int kind                 # 0: not said yet
    int backward             # -1: not said yet
    bint with_scores
    int64_t offset
    int64_t limit            # -1: all
    int64_t start            # BY_RANK: as given
    int64_t stop
    Bound low                # the other kinds
    Bound high

cdef struct Span:            # a range of ranks: `count` members from `start` on, downwards if the query is backward
    Py_ssize_t start
    Py_ssize_t count


cdef int64_t number_of(const Arg* arg) except? -1:
    cdef int64_t number
    if not parse_int64(arg.data, arg.size, &number):
        raise NOT_INTEGER
    return number


# -- bounds ------------------------------------------------------------------------------------------------------------

cdef int score_bound(const Arg* arg, bint is_high, Bound* bound) except -1:
    """`5` or `(5`. The bound lies before all members in the range (low) or behind them (high). Nothing at all is 0, as for C's strtod."""
    cdef bint open_ = arg.size > 0 and arg.data[0] == c'('
    cdef bytes number = arg.data[open_:arg.size]
    bound.kind = BOUND_SCORE
    bound.score = parse_double(number.lstrip(), BAD_SCORE_RANGE) if number else 0.0
    bound.after = is_high != open_
    return 0


cdef int lex_bound(const Arg* arg, bint is_high, Bound* bound) except -1:
    """`[member`, `(member`, `-` or `+`."""
    bound.score = 0
    if arg.size == 1 and (arg.data[0] == c'-' or arg.data[0] == c'+'):
        bound.kind = BOUND_END
        bound.after = arg.data[0] == c'+'
        return 0
    if arg.size == 0 or (arg.data[0] != c'[' and arg.data[0] != c'('):
        raise BAD_LEX_RANGE
    bound.kind = BOUND_LEX
    bound.data = arg.data + 1
    bound.size = arg.size - 1
    bound.after = is_high != (arg.data[0] == c'(')
    return 0


cdef int read_bounds(const Arg* low, const Arg* high, Query* query) except -1:
    if query.kind == BY_RANK:
        query.start = number_of(low)
        query.stop = number_of(high)
    elif query.kind == BY_SCORE:
        score_bound(low, False, &query.low)
        score_bound(high, True, &query.high)
    else:
        lex_bound(low, False, &query.low)
        lex_bound(high, True, &query.high)
    return 0


cdef Span span_of(SortedSetValue value, const Query* query) noexcept:
    """The ranks that the query means in this set, LIMIT included."""
    cdef Span span
    cdef int64_t length = zset_len(value), start = query.start, stop = query.stop, count
    if query.kind == BY_RANK:
        if start < 0:
            start = max(start + length, 0)
        if stop < 0:
            stop += length
        if stop >= length:
            stop = length - 1
        count = stop - start + 1
        if query.backward == 1:
            start = length - 1 - start
    else:
        start = zset_bound(value, &query.low)
        stop = zset_bound(value, &query.high)
        count = stop - start
        if query.offset < 0 or query.offset >= count:
            count = 0
        else:
            count -= query.offset
            if 0 <= query.limit < count:
                count = query.limit
        start = stop - 1 - query.offset if query.backward == 1 else start + query.offset
    span.start = start
    span.count = count if count > 0 else 0
    return span


# -- reading -----------------------------------------------------------------------------------------------------------

cdef int add_span(Client client, SortedSetValue value, const Query* query, const Span* span) except -1:
    cdef SortedPlace place
    cdef View member
    cdef double score
    cdef Py_ssize_t left = span.count
    cdef bint nested = query.with_scores and client.protocol == 3
    client.add_array(left * 2 if query.with_scores and not nested else left)
    if left == 0:
        return 0
    zset_seek(value, span.start, &place)
    while True:
        score = zset_view(&place, &member)
        if nested:
            client.add_array(2)
        add_view(client, &member)
        if query.with_scores:
            client.add_double(score)
        left -= 1
        if left == 0:
            return 0
        zset_step(&place, query.backward == 1)


cdef int store_span(Client client, const Arg* target, SortedSetValue value, const Query* query) except -1:
    cdef SortedSetValue result
    cdef SortedPlace place
    cdef View member
    cdef double score
    cdef char room[DIGITS]
    cdef Span span
    cdef Py_ssize_t left = 0
    if value is not None:
        span = span_of(value, query)
        left = span.count
    if left == 0:
        if client.db.delete(bytes_of(target)):
            note(client, target, 1 << 2, "del")
        return client.add_int(0)
    result = SortedSetValue.__new__(SortedSetValue)
    zset_seek(value, span.start, &place)
    while True:
        score = zset_view(&place, &member)
        view_render(&member, room)
        zset_add(result, member.data, member.size, &score, 0)
        left -= 1
        if left == 0:
            break
        zset_step(&place, query.backward == 1)
    client.db.put(bytes_of(target), result)
    note(client, target, EVENT_ZSET, "zrangestore")
    if client.db.space.on_ready is not None:
        client.db.ready(bytes_of(target))
    return client.add_int(span.count)


cdef int range_options(Arg* argv, int argc, int at, bint store, Query* query) except -1:
    cdef int left
    query.with_scores = False
    query.offset = 0
    query.limit = -1
    while at < argc:
        left = argc - at - 1
        if not store and word_is(&argv[at], b"WITHSCORES", 10):
            query.with_scores = True
        elif left >= 2 and word_is(&argv[at], b"LIMIT", 5):
            query.offset = number_of(&argv[at + 1])
            query.limit = number_of(&argv[at + 2])
            at += 2
        elif query.backward < 0 and word_is(&argv[at], b"REV", 3):
            query.backward = 1
        elif query.kind == 0 and word_is(&argv[at], b"BYLEX", 5):
            query.kind = BY_LEX
        elif query.kind == 0 and word_is(&argv[at], b"BYSCORE", 7):
            query.kind = BY_SCORE
        else:
            raise SYNTAX
        at += 1
    if query.backward < 0:
        query.backward = 0
    if query.kind == 0:
        query.kind = BY_RANK
    if query.limit != -1 and query.kind == BY_RANK:
        raise CommandError("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
    if query.with_scores and query.kind == BY_LEX:
        raise CommandError("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
    return 0


cdef int range_of(Client client, Arg* argv, int argc, int source, int kind, int backward) except -1:
    """ZRANGE and its older forms, which fix `kind` and `backward`; ZRANGESTORE has its source at index 2."""
    cdef Query query
    cdef SortedSetValue value
    cdef Span span
    cdef bint swapped
    cdef bint store = source == 2
    query.kind = kind
    query.backward = backward
    range_options(argv, argc, source + 3, store, &query)
    # Backward ranges by score or member are given as max, min.
    swapped = query.backward == 1 and query.kind != BY_RANK
    read_bounds(&argv[source + 1 + swapped], &argv[source + 2 - swapped], &query)
    value = <SortedSetValue>client.db.read_object(argv[source].data, argv[source].size, SortedSetValue)
    if store:
        return store_span(client, &argv[1], value, &query)
    if value is None:
        return client.add_array(0)
    span = span_of(value, &query)
    return add_span(client, value, &query, &span)


cdef int zrange_command(Client client, Arg* argv, int argc) except -1:
    return range_of(client, argv, argc, 1, 0, -1)


cdef int zrangestore_command(Client client, Arg* argv, int argc) except -1:
    return range_of(client, argv, argc, 2, 0, -1)


cdef int zrevrange_command(Client client, Arg* argv, int argc) except -1:
    return range_of(client, argv, argc, 1, BY_RANK, 1)


cdef int zrangebyscore_command(Client client, Arg* argv, int argc) except -1:
    return range_of(client, argv, argc, 1, BY_SCORE, 0)


cdef int zrevrangebyscore_command(Client client, Arg* argv, int argc) except -1:
    return range_of(client, argv, argc, 1, BY_SCORE, 1)


cdef int zrangebylex_command(Client client, Arg* argv, int argc) except -1:
    return range_of(client, argv, argc, 1, BY_LEX, 0)


cdef int zrevrangebylex_command(Client client, Arg* argv, int argc) except -1:
    return range_of(client, argv, argc, 1, BY_LEX, 1)


# -- counting and removing ---------------------------------------------------------------------------------------------

cdef inline void plain_query(Query* query, int kind) noexcept:
    query.kind = kind
    query.backward = 0
    query.with_scores = False
    query.offset = 0
    query.limit = -1


cdef int count_of(Client client, Arg* argv, int kind) except -1:
    cdef Query query
    cdef SortedSetValue value
    plain_query(&query, kind)
    read_bounds(&argv[2], &argv[3], &query)
    value = <SortedSetValue>client.db.read_object(argv[1].data, argv[1].size, SortedSetValue)
    return client.add_int(span_of(value, &query).count if value is not None else 0)


cdef int zcount_command(Client client, Arg* argv, int argc) except -1:
    return count_of(client, argv, BY_SCORE)


cdef int zlexcount_command(Client client, Arg* argv, int argc) except -1:
    return count_of(client, argv, BY_LEX)


cdef int remove_range(Client client, Arg* argv, int kind, str event) except -1:
    cdef Query query
    cdef SortedSetValue value
    cdef Span span
    plain_query(&query, kind)
    read_bounds(&argv[2], &argv[3], &query)
    value = <SortedSetValue>client.db.write_object(argv[1].data, argv[1].size, SortedSetValue)
    if value is None:
        return client.add_int(0)
    span = span_of(value, &query)
    if span.count:
        zset_remove_range(value, span.start, span.count)
        note(client, &argv[1], EVENT_ZSET, event)
        if zset_len(value) == 0:
            drop_key(client, &argv[1])
    return client.add_int(span.count)


cdef int zremrangebyrank_command(Client client, Arg* argv, int argc) except -1:
    return remove_range(client, argv, BY_RANK, "zremrangebyrank")


cdef int zremrangebyscore_command(Client client, Arg* argv, int argc) except -1:
    return remove_range(client, argv, BY_SCORE, "zremrangebyscore")


cdef int zremrangebylex_command(Client client, Arg* argv, int argc) except -1:
    return remove_range(client, argv, BY_LEX, "zremrangebylex")


def rows() -> list:
    """The commands, for the table of the sorted-set family."""
    store = key(1, "OW update") + key(2, "RO access")
    return [
        make_hot("zrange", <void*>zrange_command, -4, "readonly", key(1), "sorted-set", "1.2.0", "A range of members, by rank, score or bytes.", "O(log(N)+M)"),
        make_hot("zrangestore", <void*>zrangestore_command, -5, "write denyoom", store, "sorted-set", "6.2.0", "ZRANGE into a key.", "O(log(N)+M)"),
        make_hot("zrevrange", <void*>zrevrange_command, -4, "readonly", key(1), "sorted-set", "1.2.0", "A range of members by rank, highest score first.", "O(log(N)+M)"),
        make_hot("zrangebyscore", <void*>zrangebyscore_command, -4, "readonly", key(1), "sorted-set", "1.0.5", "A range of members by score.", "O(log(N)+M)"),
        make_hot("zrevrangebyscore", <void*>zrevrangebyscore_command, -4, "readonly", key(1), "sorted-set", "2.2.0", "A range of members by score, highest first.", "O(log(N)+M)"),
        make_hot("zrangebylex", <void*>zrangebylex_command, -4, "readonly", key(1), "sorted-set", "2.8.9", "A range of members by bytes, among equal scores.", "O(log(N)+M)"),
        make_hot("zrevrangebylex", <void*>zrevrangebylex_command, -4, "readonly", key(1), "sorted-set", "2.8.9", "A range of members by bytes, highest first.", "O(log(N)+M)"),
        make_hot("zcount", <void*>zcount_command, 4, "readonly fast", key(1), "sorted-set", "2.0.0", "How many members have a score in a range.", "O(log(N))"),
        make_hot("zlexcount", <void*>zlexcount_command, 4, "readonly fast", key(1), "sorted-set", "2.8.9", "How many members lie in a range by bytes.", "O(log(N))"),
        make_hot("zremrangebyrank", <void*>zremrangebyrank_command, 4, "write", key(1, "RW delete"), "sorted-set", "2.0.0", "Remove a range by rank.", "O(log(N)+M)"),
        make_hot("zremrangebyscore", <void*>zremrangebyscore_command, 4, "write", key(1, "RW delete"), "sorted-set", "1.2.0", "Remove a range by score.", "O(log(N)+M)"),
        make_hot("zremrangebylex", <void*>zremrangebylex_command, 4, "write", key(1, "RW delete"), "sorted-set", "2.8.9", "Remove a range by bytes.", "O(log(N)+M)"),
    ]
