# cython: language_level=3
"""Union, intersection and difference of sorted sets and sets (whose members count 1), with weights and aggregation, replied or stored."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.math cimport isnan

from scrubjay_engine.commands.hot cimport EVENT_ZSET, arg_of, note, signal_ready
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.values.set_value cimport SetValue, set_contains
from scrubjay_engine.values.sorted_set_value cimport SortedSetValue, zset_add, zset_len, zset_score

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.floats import parse_double
from scrubjay_engine.core.command import command, key, numkeys
from scrubjay_engine.core.errors import SYNTAX, WRONGTYPE, CommandError


class Request:
    """The arguments of one such command."""

    __slots__ = ("aggregate", "limit", "names", "operation", "weights", "with_scores")

    def __init__(self, operation: str, names: list[bytes]) -> None:
        self.operation = operation  # union, inter, diff, card
        self.names = names
        self.weights = [1.0] * len(names)
        self.aggregate = b"SUM"
        self.with_scores = False
        self.limit = 0


cdef object read_request(Client client, list args, int at, str operation, bint store):
    """`numkeys key ... [WEIGHTS ...] [AGGREGATE ...] [WITHSCORES] [LIMIT n]` from `at` on, with the sets of the keys."""
    number = integer(args[at])
    if number < 1:
        raise CommandError(f"ERR at least 1 input key is needed for '{client.command.name}' command")
    if number > len(args) - at - 1:
        raise SYNTAX
    request = Request(operation, args[at + 1:at + 1 + number])
    sources = [source_of(client, name) for name in request.names]
    read_options(request, args[at + 1 + number:], store)
    return request, sources


cdef object source_of(Client client, bytes name):
    source = client.db.value(name)
    if source is None or type(source) is SortedSetValue or type(source) is SetValue:
        return source
    raise WRONGTYPE


cdef int read_options(request, list rest, bint store) except -1:
    weighted = request.operation in ("union", "inter")
    at = 0
    while at < len(rest):
        word = rest[at].upper()
        left = len(rest) - at - 1
        if weighted and word == b"WEIGHTS" and left >= len(request.names):
            error = CommandError("ERR weight value is not a float")
            request.weights = [parse_double(text, error) for text in rest[at + 1:at + 1 + len(request.names)]]
            at += len(request.names)
        elif weighted and word == b"AGGREGATE" and left >= 1:
            request.aggregate = rest[at + 1].upper()
            if request.aggregate not in (b"SUM", b"MIN", b"MAX"):
                raise SYNTAX
            at += 1
        elif not store and request.operation != "card" and word == b"WITHSCORES":
            request.with_scores = True
        elif request.operation == "card" and word == b"LIMIT" and left >= 1:
            request.limit = integer(rest[at + 1], CommandError("ERR LIMIT can't be negative"), 0)
            at += 1
        else:
            raise SYNTAX
        at += 1
    return 0


# -- the algebra -------------------------------------------------------------------------------------------------------

cdef bint score_in(source, bytes member, double* score) except -1:
    """The score of a member in a sorted set or (1) a set; False when it is not there."""
    if type(source) is SortedSetValue:
        return zset_score(<SortedSetValue>source, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member), score)
    score[0] = 1.0
    return set_contains(<SetValue>source, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))


cdef inline double weighed(double weight, double score) noexcept:
    """0 times infinity counts as 0."""
    cdef double product = weight * score
    return 0.0 if isnan(product) else product


cdef inline double combined(double a, double b, bytes how) noexcept:
    cdef double total
    if how == b"SUM":
        total = a + b
        return 0.0 if isnan(total) else total  # inf + -inf
    if how == b"MIN":
        return b if b < a else a
    return b if b > a else a


cdef list pairs_of(source):
    if type(source) is SortedSetValue:
        return (<SortedSetValue>source).items()
    return [(member, 1.0) for member in (<SetValue>source).members()]


cdef dict union(request, list sources):
    cdef dict result = {}
    cdef double weight
    for source, weight in zip(sources, request.weights):
        if source is None:
            continue
        for member, score in pairs_of(source):
            score = weighed(weight, score)
            if member in result:
                result[member] = combined(result[member], score, request.aggregate)
            else:
                result[member] = score
    return result


cdef dict intersection(request, list sources, int limit):
    """Members that all have, the smallest set being walked; up to `limit` of them, 0 for all."""
    cdef dict result = {}
    cdef double score, other
    cdef bytes member
    if None in sources:
        return result
    order = sorted(zip(sources, request.weights), key=size_of)
    first, first_weight = order[0]
    for member, score in pairs_of(first):
        score = weighed(first_weight, score)
        for source, weight in order[1:]:
            if not score_in(source, member, &other):
                break
            score = combined(score, weighed(weight, other), request.aggregate)
        else:
            result[member] = score
            if limit and len(result) == limit:
                break
    return result


def size_of(pair):
    return len(pair[0])


cdef dict difference(list sources):
    cdef dict result = {}
    cdef double other
    cdef bytes member
    if sources[0] is None:
        return result
    others = [source for source in sources[1:] if source is not None]
    for member, score in pairs_of(sources[0]):
        for source in others:
            if score_in(source, member, &other):
                break
        else:
            result[member] = score
    return result


cdef dict evaluate(request, list sources):
    if request.operation == "union":
        return union(request, sources)
    if request.operation == "diff":
        return difference(sources)
    return intersection(request, sources, request.limit)


# -- replying and storing ----------------------------------------------------------------------------------------------

cdef SortedSetValue sorted_set_of(dict scores):
    cdef SortedSetValue result = SortedSetValue.__new__(SortedSetValue)
    cdef bytes member
    cdef double score
    for member, score in scores.items():
        zset_add(result, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member), &score, 0)
    return result


cdef object replied(Client client, list args, str operation):
    request, sources = read_request(client, args, 1, operation, False)
    items = sorted_set_of(evaluate(request, sources)).items()
    if not request.with_scores:
        return [member for member, _ in items]
    return items if client.protocol == 3 else [part for pair in items for part in pair]


cdef object stored(Client client, list args, str operation, str event):
    cdef Arg target = arg_of(args[1])
    cdef SortedSetValue result
    request, sources = read_request(client, args, 2, operation, True)
    result = sorted_set_of(evaluate(request, sources))
    if zset_len(result) == 0:
        if client.db.delete(args[1]):
            note(client, &target, 1 << 2, "del")
        return 0
    client.db.put(args[1], result)
    note(client, &target, EVENT_ZSET, event)
    signal_ready(client, &target)
    return zset_len(result)


def zunion(Client client, list args):
    return replied(client, args, "union")


def zinter(Client client, list args):
    return replied(client, args, "inter")


def zdiff(Client client, list args):
    return replied(client, args, "diff")


def zintercard(Client client, list args):
    request, sources = read_request(client, args, 1, "card", False)
    return len(evaluate(request, sources))


def zunionstore(Client client, list args):
    return stored(client, args, "union", "zunionstore")


def zinterstore(Client client, list args):
    return stored(client, args, "inter", "zinterstore")


def zdiffstore(Client client, list args):
    return stored(client, args, "diff", "zdiffstore")


def rows() -> list:
    """The commands, for the table of the sorted-set family."""
    target = key(1, "OW update") + numkeys(2, "RO access")
    return [
        command("zunion", zunion, -3, "readonly", keys=numkeys(1), since="6.2.0", summary="The members of any of the sets.", complexity="O(N)+O(M log M)"),
        command("zinter", zinter, -3, "readonly", keys=numkeys(1), since="6.2.0", summary="The members that all sets have.", complexity="O(N*K)+O(M log M)"),
        command("zdiff", zdiff, -3, "readonly", keys=numkeys(1), since="6.2.0", summary="The members of the first set that no other has.", complexity="O(N*K)+O(M log M)"),
        command("zintercard", zintercard, -3, "readonly", keys=numkeys(1), since="7.0.0", summary="How many members all sets have.", complexity="O(N*K)"),
        command("zunionstore", zunionstore, -4, "write denyoom", keys=target, since="2.0.0", summary="ZUNION into a key.", complexity="O(N)+O(M log M)"),
        command("zinterstore", zinterstore, -4, "write denyoom", keys=target, since="2.0.0", summary="ZINTER into a key.", complexity="O(N*K)+O(M log M)"),
        command("zdiffstore", zdiffstore, -4, "write denyoom", keys=target, since="6.2.0", summary="ZDIFF into a key.", complexity="O(N*K)+O(M log M)"),
    ]
