# cython: boundscheck=False, wraparound=False, cdivision=True
"""Geo commands on single members; searching around a place is `geo_near`'s part.

Positions are 52-bit geohashes, kept as the scores of a sorted set (`values.geohash`).
"""

from libc.math cimport isnan
from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport strtod
from libc.string cimport memcpy

from scrubjay_engine.commands.hot cimport EVENT_ZSET, bytes_of, note, signal_ready, word_is
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.values.geohash cimport hash_of, metres_between, on_earth, position_of, write_text
from scrubjay_engine.values.sorted_set_value cimport (
    ZADD_ADDED, ZADD_NX, ZADD_UPDATED, ZADD_XX, SortedSetValue, zset_add, zset_score,
)

from scrubjay_engine.commands.geo import parse_unit
from scrubjay_engine.core.command import family, key
from scrubjay_engine.core.errors import NOT_FLOAT, SYNTAX, CommandError

cdef extern from "math.h" nogil:
    long long llrint(double value)

cdef enum:
    DEGREES_TEXT = 32       # room for a coordinate


cdef double degrees_of(const Arg* arg) except? -1.0:
    cdef char text[128]
    cdef char* end
    cdef double degrees
    if arg.size == 0 or arg.size > 127 or 0 <= arg.data[0] <= 32:
        raise NOT_FLOAT
    memcpy(text, arg.data, arg.size)
    text[arg.size] = 0
    degrees = strtod(text, &end)
    if end != text + arg.size or isnan(degrees):
        raise NOT_FLOAT
    return degrees


cdef int geoadd_command(Client client, Arg* argv, int argc) except -1:
    cdef int flags = 0
    cdef int first = 2
    cdef int i
    cdef bint count_changed = False
    cdef double longitude, latitude
    cdef list scores = []
    while first < argc:
        if word_is(&argv[first], b"NX", 2):
            flags |= ZADD_NX
        elif word_is(&argv[first], b"XX", 2):
            flags |= ZADD_XX
        elif word_is(&argv[first], b"CH", 2):
            count_changed = True
        else:
            break
        first += 1
    if first == argc or (argc - first) % 3 or (flags & ZADD_NX and flags & ZADD_XX):
        raise SYNTAX
    for i in range(first, argc, 3):
        longitude = degrees_of(&argv[i])
        latitude = degrees_of(&argv[i + 1])
        if not on_earth(longitude, latitude):
            raise CommandError(f"ERR invalid longitude,latitude pair {longitude:f},{latitude:f}")
        scores.append(hash_of(longitude, latitude))
    return add_places(client, argv, argc, first, scores, flags, count_changed)


cdef int add_places(Client client, Arg* argv, int argc, int first, list scores, int flags, bint count_changed) except -1:
    cdef SortedSetValue value = <SortedSetValue>client.db.write_object(argv[1].data, argv[1].size, SortedSetValue)
    cdef bint created = value is None
    cdef int added = 0
    cdef int updated = 0
    cdef int outcome, i
    cdef double score
    cdef Arg* member
    if created:
        if flags & ZADD_XX:
            return client.add_int(0)
        value = SortedSetValue.__new__(SortedSetValue)
        client.db.store_object(argv[1].data, argv[1].size, value, -1)
    for i in range(len(scores)):
        score = scores[i]
        member = &argv[first + 3 * i + 2]
        outcome = zset_add(value, member.data, member.size, &score, flags)
        added += outcome == ZADD_ADDED
        updated += outcome == ZADD_UPDATED
    if added or updated:
        note(client, &argv[1], EVENT_ZSET, "zadd")
        if client.engine.propagating:
            propagate(client, argv, first, scores)
        if created:
            signal_ready(client, &argv[1])
    return client.add_int(added + updated if count_changed else added)


cdef int propagate(Client client, Arg* argv, int first, list scores) except -1:
    """As ZADD: what a position is worth must not depend on who computes it."""
    cdef list words = [b"zadd"]
    cdef int i
    for i in range(1, first):
        words.append(bytes_of(&argv[i]))
    for i in range(len(scores)):
        words.append(b"%d" % scores[i])
        words.append(bytes_of(&argv[first + 3 * i + 2]))
    client.rewrite(words)
    return 0


cdef int add_degrees(Client client, double degrees) except -1:
    """Up to 17 decimals without trailing zeros: a bulk string in RESP2, a double in RESP3."""
    cdef char text[DEGREES_TEXT]
    cdef int size = snprintf(text + 1, DEGREES_TEXT - 3, b"%.17f", degrees) + 1
    while text[size - 1] == c"0":
        size -= 1
    if text[size - 1] == c".":
        size -= 1
    if size == 3 and text[1] == c"-" and text[2] == c"0":
        text[1] = c"0"
        size = 2
    if client.protocol != 3:
        return client.add_bulk(text + 1, size - 1)
    text[0] = c","
    text[size] = c"\r"
    text[size + 1] = c"\n"
    return client.write(text, size + 2)


cdef int geopos_command(Client client, Arg* argv, int argc) except -1:
    cdef SortedSetValue value = <SortedSetValue>client.db.read_object(argv[1].data, argv[1].size, SortedSetValue)
    cdef double score = 0
    cdef double longitude = 0
    cdef double latitude = 0
    cdef int i
    client.add_array(argc - 2)
    for i in range(2, argc):
        if value is None or not zset_score(value, argv[i].data, argv[i].size, &score):
            client.add_null_array()
            continue
        position_of(score, &longitude, &latitude)
        client.add_array(2)
        add_degrees(client, longitude)
        add_degrees(client, latitude)
    return 0


cdef int geohash_command(Client client, Arg* argv, int argc) except -1:
    cdef SortedSetValue value = <SortedSetValue>client.db.read_object(argv[1].data, argv[1].size, SortedSetValue)
    cdef double score = 0
    cdef char text[11]
    cdef int i
    client.add_array(argc - 2)
    for i in range(2, argc):
        if value is None or not zset_score(value, argv[i].data, argv[i].size, &score):
            client.add_null()
        else:
            write_text(score, text)
            client.add_bulk(text, 11)
    return 0


cdef int add_distance(Client client, double metres) except -1:
    """Four decimals, halves to even."""
    cdef char text[64]
    cdef long long scaled = llrint(metres * 10000)
    return client.add_bulk(text, snprintf(text, 64, b"%lld.%04lld", scaled // 10000, scaled % 10000))


cdef int geodist_command(Client client, Arg* argv, int argc) except -1:
    cdef double unit = 1.0
    cdef SortedSetValue value
    cdef double first = 0
    cdef double second = 0
    cdef double longitude1 = 0
    cdef double latitude1 = 0
    cdef double longitude2 = 0
    cdef double latitude2 = 0
    if argc == 5:
        unit = parse_unit(bytes_of(&argv[4]))
    elif argc > 5:
        raise SYNTAX
    value = <SortedSetValue>client.db.read_object(argv[1].data, argv[1].size, SortedSetValue)
    if value is None or not zset_score(value, argv[2].data, argv[2].size, &first):
        return client.add_null()
    if not zset_score(value, argv[3].data, argv[3].size, &second):
        return client.add_null()
    position_of(first, &longitude1, &latitude1)
    position_of(second, &longitude2, &latitude2)
    return add_distance(client, metres_between(longitude1, latitude1, longitude2, latitude2) / unit)


def table() -> list:
    return family("geo", [
        make_hot("geoadd", <void*>&geoadd_command, -5, "write denyoom", key(1, "RW update"), "geo", "3.2.0",
                 "Adds members with their positions to a geo index.", "O(log N) for each member"),
        make_hot("geopos", <void*>&geopos_command, -2, "readonly", key(1), "geo", "3.2.0",
                 "Answers the positions of members.", "O(1) for each member"),
        make_hot("geohash", <void*>&geohash_command, -2, "readonly", key(1), "geo", "3.2.0",
                 "Answers the geohashes of members as text.", "O(1) for each member"),
        make_hot("geodist", <void*>&geodist_command, -4, "readonly", key(1), "geo", "3.2.0",
                 "Answers the distance between two members.", "O(1)"),
    ])
