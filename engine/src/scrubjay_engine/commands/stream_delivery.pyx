# cython: boundscheck=False, wraparound=False, cdivision=True
"""Reading for a consumer group without Python objects: the usual forms of XREADGROUP, XACK and XPENDING.

    XREADGROUP GROUP group consumer [COUNT n] [NOACK] STREAMS key >|ID
    XACK key group ID ...
    XPENDING key group [start end count [consumer]]

on a group and a consumer that exist. Everything else (several streams, BLOCK, IDLE, odd IDs, errors) goes to the Python
forms in `stream_reads` and `stream_groups`, which know all of the commands; nothing is changed before that is settled.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.commands.hot cimport bytes_of, word_is
from scrubjay_engine.commands.stream_wire cimport add_entry, add_id, following, full_id, interval, is_char, plain_id
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.stream_groups cimport Consumer, Group, Pending
from scrubjay_engine.values.stream_index cimport (
    Cursor, ID, Index, Slot, compare_ids, cursor_next, cursor_slot, id_bytes, index_first, index_last, index_seek,
)
from scrubjay_engine.values.stream_node cimport Item, Node
from scrubjay_engine.values.stream_value cimport StreamValue, Walk, walk_next

from scrubjay_engine.commands.stream_groups import propagate_claim, propagate_group_id, xack, xpending
from scrubjay_engine.commands.stream_reads import xreadgroup
from scrubjay_engine.core.command import family, key, keyword

cdef uint64_t MOST = <uint64_t>0xFFFFFFFFFFFFFFFF


cdef int leave_to(object handler, Client client, Arg* argv, int argc) except -1:
    """The command's Python form serves it."""
    client.reply(handler(client, [bytes_of(&argv[i]) for i in range(argc)]))
    return 0


# -- XREADGROUP --------------------------------------------------------------------------------------------------------

# What was understood of the arguments.
cdef struct Plan:
    int64_t count           # -1: all
    bint noack
    bint fresh              # the ID is `>`
    ID after
    int key


cdef bint understand(Arg* argv, int argc, Plan* plan) noexcept:
    cdef int at = 4
    plan.count = -1
    plan.noack = False
    if argc < 7 or not word_is(&argv[1], b"GROUP", 5):
        return False
    while at < argc:
        if word_is(&argv[at], b"COUNT", 5) and at + 1 < argc:
            if not parse_int64(argv[at + 1].data, argv[at + 1].size, &plan.count):
                return False
            if plan.count <= 0:
                plan.count = -1
            at += 2
        elif word_is(&argv[at], b"NOACK", 5):
            plan.noack = True
            at += 1
        else:
            break
    if at + 3 != argc or not word_is(&argv[at], b"STREAMS", 7):
        return False
    plan.key = at + 1
    plan.fresh = is_char(&argv[at + 2], c">")
    if plan.fresh:
        return True
    return plain_id(&argv[at + 2], &plan.after, 0)


cdef int xreadgroup_hot(Client client, Arg* argv, int argc) except -1:
    cdef Plan plan
    cdef StreamValue stream
    cdef Group group
    cdef Consumer consumer
    if not understand(argv, argc, &plan):
        return leave_to(xreadgroup, client, argv, argc)
    stream = client.db.write_object(argv[plan.key].data, argv[plan.key].size, StreamValue)
    group = None if stream is None else stream.groups.get(bytes_of(&argv[2]))
    consumer = None if group is None else group.consumers.get(bytes_of(&argv[3]))
    if consumer is None:
        return leave_to(xreadgroup, client, argv, argc)
    client.rewritten = []       # the effects are propagated, not the read
    if plan.fresh:
        return read_new(client, argv, &plan, stream, group, consumer)
    return read_history(client, argv, &plan, stream, consumer)


cdef int begin_reply(Client client, Arg* name, int64_t entries) except -1:
    """One stream and how many entries follow: a map in RESP3, pairs in RESP2."""
    if client.protocol == 3:
        client.add_map(1)
    else:
        client.add_array(1)
        client.add_array(2)
    client.add_bulk(name.data, name.size)
    return client.add_array(entries)


cdef int read_new(Client client, Arg* argv, Plan* plan, StreamValue stream, Group group, Consumer consumer) except -1:
    cdef int64_t now = client.engine.keyspace.now_ms
    cdef int64_t found = 0
    cdef Walk walk
    cdef Arg* name = &argv[plan.key]
    if compare_ids(group.last, stream.last) >= 0:
        return client.add_null_array()
    stream.walk(following(group.last), ID(MOST, MOST), False, &walk)
    while found != plan.count and walk_next(&walk):
        found += 1
    if found == 0:
        return client.add_null_array()
    begin_reply(client, name, found)
    client.engine.keyspace.dirty += 1
    consumer.seen_at = now
    stream.walk(following(group.last), ID(MOST, MOST), False, &walk)
    while found and walk_next(&walk):
        found -= 1
        group.pass_entry(stream, walk.item.id)
        add_entry(client, &walk.node, &walk.item)
        if not plan.noack:
            group.give(walk.item.id, consumer, now, 1)
            if not client.engine.propagating:
                client.engine.keyspace.dirty += 1
                continue
            propagate_claim(client, bytes_of(name), bytes_of(&argv[2]), group, id_bytes(walk.item.id))
    if plan.noack and client.engine.propagating:
        propagate_group_id(client, bytes_of(name), bytes_of(&argv[2]), group)
    return 0


cdef int read_history(Client client, Arg* argv, Plan* plan, StreamValue stream, Consumer consumer) except -1:
    """What is pending with the consumer counts as delivered once more; entries that are no longer in the stream come without fields."""
    cdef int64_t now = client.engine.keyspace.now_ms
    cdef int64_t found = 0
    cdef ID start = following(plan.after)
    cdef Cursor cursor
    cdef Slot* slot
    cdef Pending* entry
    cdef Node node
    cdef Item item
    index_seek(&consumer.pending, start, &cursor)
    while found != plan.count and cursor_slot(&consumer.pending, &cursor) != NULL:
        found += 1
        cursor_next(&consumer.pending, &cursor)
    begin_reply(client, &argv[plan.key], found)
    client.engine.keyspace.dirty += 1
    consumer.seen_at = now
    index_seek(&consumer.pending, start, &cursor)
    while found:
        found -= 1
        slot = cursor_slot(&consumer.pending, &cursor)
        if stream.seek(slot.id, &node, &item):
            add_entry(client, &node, &item)
            entry = <Pending*>slot.item
            entry.delivered_at = now
            entry.deliveries += 1
        else:
            client.add_array(2)
            add_id(client, slot.id)
            client.add_null_array()
        cursor_next(&consumer.pending, &cursor)
    return 0


# -- XACK --------------------------------------------------------------------------------------------------------------

cdef int xack_hot(Client client, Arg* argv, int argc) except -1:
    cdef StreamValue stream
    cdef Group group
    cdef ID id
    cdef int i
    cdef int acknowledged = 0
    for i in range(3, argc):
        if not full_id(&argv[i], &id):
            return leave_to(xack, client, argv, argc)
    stream = client.db.write_object(argv[1].data, argv[1].size, StreamValue)
    group = None if stream is None else stream.groups.get(bytes_of(&argv[2]))
    if group is not None:
        for i in range(3, argc):
            full_id(&argv[i], &id)
            acknowledged += group.release(id)
        client.engine.keyspace.dirty += acknowledged
    return client.add_int(acknowledged)


# -- XPENDING ----------------------------------------------------------------------------------------------------------

cdef int xpending_hot(Client client, Arg* argv, int argc) except -1:
    cdef StreamValue stream
    cdef Group group
    cdef Consumer consumer = None
    cdef ID low, high
    cdef int64_t count = 0
    if argc != 3:
        if argc < 6 or argc > 7 or not parse_int64(argv[5].data, argv[5].size, &count) or count < 0:
            return leave_to(xpending, client, argv, argc)
        if not interval(&argv[3], &argv[4], &low, &high):
            return leave_to(xpending, client, argv, argc)
    stream = client.db.read_object(argv[1].data, argv[1].size, StreamValue)
    group = None if stream is None else stream.groups.get(bytes_of(&argv[2]))
    if group is None:
        return leave_to(xpending, client, argv, argc)
    if argc == 3:
        return add_summary(client, group)
    if argc == 7:
        consumer = group.consumers.get(bytes_of(&argv[6]))
        if consumer is None:
            return client.add_array(0)
    return add_pending(client, &group.pending if consumer is None else &consumer.pending, low, high, count)


cdef int add_pending(Client client, Index* index, ID low, ID high, int64_t count) except -1:
    cdef int64_t found = 0
    cdef int64_t idle
    cdef Cursor cursor
    cdef Slot* slot
    cdef Pending* entry
    cdef bytes name
    index_seek(index, low, &cursor)
    slot = cursor_slot(index, &cursor)
    while slot != NULL and found < count and compare_ids(slot.id, high) <= 0:
        found += 1
        cursor_next(index, &cursor)
        slot = cursor_slot(index, &cursor)
    client.add_array(found)
    index_seek(index, low, &cursor)
    while found:
        found -= 1
        slot = cursor_slot(index, &cursor)
        entry = <Pending*>slot.item
        name = (<Consumer>entry.consumer).name
        idle = client.engine.keyspace.now_ms - entry.delivered_at
        client.add_array(4)
        add_id(client, slot.id)
        client.add_bulk(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        client.add_int(idle if idle > 0 else 0)
        client.add_int(entry.deliveries)
        cursor_next(index, &cursor)
    return 0


cdef int add_summary(Client client, Group group) except -1:
    """[entries, lowest ID, highest ID, [[consumer, entries], ...]]."""
    cdef Cursor cursor
    cdef Consumer consumer
    cdef list busy
    client.add_array(4)
    client.add_int(group.pending.count)
    if not group.pending.count:
        client.add_null()
        client.add_null()
        return client.add_null_array()
    index_first(&group.pending, &cursor)
    add_id(client, cursor_slot(&group.pending, &cursor).id)
    index_last(&group.pending, &cursor)
    add_id(client, cursor_slot(&group.pending, &cursor).id)
    busy = [name for name, consumer in group.consumers.items() if consumer.pending.count]
    busy.sort()
    client.add_array(len(busy))
    for name in busy:
        consumer = group.consumers[name]
        client.add_array(2)
        client.add_bulk(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        client.add_bulk_int(consumer.pending.count)
    return 0


def table() -> list:
    pending = make_hot(
        "xpending", <void*>&xpending_hot, -3, "readonly", key(1, "RO access"), "stream", "5.0.0",
        "Shows a group's pending entries.", "O(N) of the entries shown",
    )
    pending.tips = ["nondeterministic_output"]
    return family("stream", [
        make_hot("xreadgroup", <void*>&xreadgroup_hot, -7, "write blocking", keyword("STREAMS", 4, "RO access", -1, 1, 2), "stream",
                 "5.0.0", "Reads entries of several streams for a consumer of a group, waiting for them if asked to.",
                 "O(N) of the entries read"),
        make_hot("xack", <void*>&xack_hot, -4, "write fast", key(1, "RW update"), "stream", "5.0.0",
                 "Acknowledges entries that a group was given.", "O(1) for each entry"),
        pending,
    ])
