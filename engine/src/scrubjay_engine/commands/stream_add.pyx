# cython: boundscheck=False, wraparound=False, cdivision=True
"""XADD in its usual forms without Python objects: `key [MAXLEN [~|=] n] *|ms-seq field value ...`.

Anything else (MINID, LIMIT, NOMKSTREAM, incomplete IDs, errors) goes to `streams.xadd`, which knows all of the command.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.commands.hot cimport word_is
from scrubjay_engine.commands.stream_wire cimport full_id, is_char
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, Command, make_hot
from scrubjay_engine.core.engine cimport CLIENT_PRIMARY
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.stream_index cimport ID, ID_TEXT, compare_ids, write_id
from scrubjay_engine.values.stream_node cimport Piece
from scrubjay_engine.values.stream_value cimport StreamValue

from scrubjay_engine.commands.streams import xadd
from scrubjay_engine.core.command import family, key
from scrubjay_engine.values.stream_value import get_node_limits

cdef enum:
    NOTIFY_STREAM = 1 << 10
    LARGEST_ENTRY = 1 << 30


# What the fast path understood of the arguments.
cdef struct Plan:
    bint automatic          # the ID is `*`
    bint trims
    bint approximate
    int64_t longest
    int id_at
    ID id


cdef bint understand(Arg* argv, int argc, Plan* plan) noexcept:
    cdef int at = 2
    plan.trims = plan.approximate = False
    plan.longest = 0
    if argc > 6 and word_is(&argv[2], b"MAXLEN", 6):
        plan.trims = True
        at = 3
        if is_char(&argv[3], c"~") or is_char(&argv[3], c"="):
            plan.approximate = argv[3].data[0] == c"~"
            at = 4
        if not parse_int64(argv[at].data, argv[at].size, &plan.longest) or plan.longest < 0:
            return False
        at += 1
    plan.id_at = at
    if argc - at < 3 or (argc - at) % 2 == 0:
        return False
    plan.automatic = is_char(&argv[at], c"*")
    return plan.automatic or full_id(&argv[at], &plan.id)


cdef bint choose(StreamValue stream, uint64_t now_ms, Plan* plan) noexcept:
    """Settle the ID; False when it cannot be used."""
    cdef ID last = ID(0, 0) if stream is None else stream.last
    if plan.automatic:
        if now_ms > last.ms:
            plan.id = ID(now_ms, 0)
            return True
        plan.id = ID(last.ms, last.seq + 1)
    return compare_ids(plan.id, last) > 0


cdef int slow(Client client, Arg* argv, int argc) except -1:
    cdef list args = [PyBytes_FromStringAndSize(argv[i].data, argv[i].size) for i in range(argc)]
    client.reply(xadd(client, args))
    return 0


cdef int propagate(Client client, StreamValue stream, Arg* argv, int argc, Plan* plan, bytes shown) except -1:
    """Replicas and files get the ID that was chosen and the length that was left."""
    cdef list args = [PyBytes_FromStringAndSize(argv[i].data, argv[i].size) for i in range(argc)]
    args[plan.id_at] = shown
    if plan.approximate:
        args[plan.id_at - 2] = b"="
        args[plan.id_at - 1] = b"%d" % stream.length
    client.rewrite(args)
    return 0


cdef int xadd_hot(Client client, Arg* argv, int argc) except -1:
    cdef Database db = client.db
    cdef Plan plan
    cdef StreamValue stream
    cdef uint64_t size = 0
    cdef int64_t limit = 0
    cdef char shown[ID_TEXT]
    cdef int length, i
    if not understand(argv, argc, &plan):
        return slow(client, argv, argc)
    stream = db.write_object(argv[1].data, argv[1].size, StreamValue)
    for i in range(plan.id_at + 1, argc):
        size += argv[i].size
    if size > LARGEST_ENTRY or not choose(stream, client.engine.keyspace.now_ms, &plan):
        return slow(client, argv, argc)
    if stream is None:
        stream = StreamValue()
        db.store_object(argv[1].data, argv[1].size, stream, -1)
    stream.add(plan.id, <const Piece*>&argv[plan.id_at + 1], argc - plan.id_at - 1)
    length = write_id(plan.id, shown)
    client.add_bulk(shown, length)
    db.note_changed(argv[1].data, argv[1].size)
    if client.engine.notify_flags & NOTIFY_STREAM:
        client.notify(NOTIFY_STREAM, "xadd", argv[1].data[:argv[1].size])
    if plan.trims and stream.length > <uint64_t>plan.longest:
        if plan.approximate and not client.gates & CLIENT_PRIMARY:
            limit = trim_limit()
        if stream.cut_to_length(plan.longest, plan.approximate, limit):
            client.notify(NOTIFY_STREAM, "xtrim", argv[1].data[:argv[1].size])
    if client.engine.propagating and (plan.automatic or plan.approximate):
        propagate(client, stream, argv, argc, &plan, shown[:length])
    if client.engine.keyspace.on_ready is not None:
        db.ready(argv[1].data[:argv[1].size])
    return 0


cdef int64_t trim_limit() except -1:
    """An approximate trim stops after about a hundred nodes."""
    cdef int64_t usual = 100 * <int64_t>get_node_limits()[1]
    return min(usual, <int64_t>1000000) if usual > 0 else 10000


def table() -> list:
    cdef Command row = make_hot(
        "xadd", <void*>&xadd_hot, -5, "write denyoom fast", key(1, "RW update"), "stream", "5.0.0",
        "Appends an entry to a stream, made if it does not exist.", "O(1), O(N) when trimming",
    )
    row.tips = ["nondeterministic_output"]
    return family("stream", [row])
