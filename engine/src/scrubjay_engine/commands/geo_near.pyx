# cython: boundscheck=False, wraparound=False, cdivision=True
"""GEOSEARCH in its usual forms without Python objects:

    GEOSEARCH key FROMLONLAT longitude latitude | FROMMEMBER member
        BYRADIUS radius unit | BYBOX width height unit
        [ASC | DESC] [COUNT n [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]

with plain decimal numbers. Anything else, errors included, goes to `geo_search.geosearch`, which knows all of the command.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, strtod
from libc.string cimport memcpy

from scrubjay_engine.commands.geo_members cimport add_degrees, add_distance
from scrubjay_engine.commands.geo_walk cimport Found, Near, find_near, sort_found
from scrubjay_engine.commands.hot cimport add_view, bytes_of, word_is
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.numbers cimport parse_int64
from scrubjay_engine.values.geohash cimport Shape, on_earth, position_of
from scrubjay_engine.values.sorted_set_value cimport SortedSetValue, zset_score, zset_view
from scrubjay_engine.values.view cimport View

from scrubjay_engine.commands.geo_search import geosearch
from scrubjay_engine.core.command import family, key

cdef enum:
    NUMBER_TEXT = 40        # a longer number is none of the usual ones
    BY_RADIUS = 1
    BY_BOX = 2


# -- GEOSEARCH ---------------------------------------------------------------------------------------------------------

# What was understood of the arguments.
cdef struct Plan:
    int member_at           # FROMMEMBER's argument, or 0
    bint placed             # FROMLONLAT was given
    double longitude
    double latitude
    int shape
    double width            # or the radius
    double height
    double unit             # metres
    int order               # 1 nearest first, -1 farthest first, 0 as found
    int64_t count           # 0: all
    bint any_order
    bint with_position
    bint with_distance
    bint with_hash


cdef bint plain_number(const Arg* arg, double* number) noexcept:
    """Digits with at most one point inside and a minus in front."""
    cdef char text[NUMBER_TEXT]
    cdef Py_ssize_t i
    cdef int points = 0
    cdef char* end
    if arg.size == 0 or arg.size >= NUMBER_TEXT:
        return False
    for i in range(arg.size):
        if arg.data[i] == c"-":
            if i:
                return False
        elif arg.data[i] == c".":
            points += 1
        elif not c"0" <= arg.data[i] <= c"9":
            return False
    if points > 1 or not c"0" <= arg.data[arg.size - 1] <= c"9":
        return False
    memcpy(text, arg.data, arg.size)
    text[arg.size] = 0
    number[0] = strtod(text, &end)
    return True


cdef bint unit_of(const Arg* arg, double* unit) noexcept:
    if word_is(arg, b"M", 1):
        unit[0] = 1.0
    elif word_is(arg, b"KM", 2):
        unit[0] = 1000.0
    elif word_is(arg, b"FT", 2):
        unit[0] = 0.3048
    elif word_is(arg, b"MI", 2):
        unit[0] = 1609.34
    else:
        return False
    return True


cdef int take_shape(Arg* argv, int argc, int at, Plan* plan) noexcept:
    """Where the option after this one begins; 0 when it is not understood."""
    if word_is(&argv[at], b"FROMLONLAT", 10) and at + 2 < argc and not plan.member_at and not plan.placed:
        plan.placed = True
        if plain_number(&argv[at + 1], &plan.longitude) and plain_number(&argv[at + 2], &plan.latitude):
            return at + 3 if on_earth(plan.longitude, plan.latitude) else 0
    elif word_is(&argv[at], b"FROMMEMBER", 10) and at + 1 < argc and not plan.member_at and not plan.placed:
        plan.member_at = at + 1
        return at + 2
    elif word_is(&argv[at], b"BYRADIUS", 8) and at + 2 < argc and not plan.shape:
        plan.shape = BY_RADIUS
        if plain_number(&argv[at + 1], &plan.width) and unit_of(&argv[at + 2], &plan.unit) and plan.width >= 0:
            return at + 3
    elif word_is(&argv[at], b"BYBOX", 5) and at + 3 < argc and not plan.shape:
        plan.shape = BY_BOX
        if plain_number(&argv[at + 1], &plan.width) and plain_number(&argv[at + 2], &plan.height):
            return at + 4 if unit_of(&argv[at + 3], &plan.unit) and plan.width >= 0 and plan.height >= 0 else 0
    return 0


cdef bint understand(Arg* argv, int argc, Plan* plan) noexcept:
    cdef int at = 2
    while at < argc:
        if word_is(&argv[at], b"ASC", 3):
            plan.order = 1
        elif word_is(&argv[at], b"DESC", 4):
            plan.order = -1
        elif word_is(&argv[at], b"ANY", 3):
            plan.any_order = True
        elif word_is(&argv[at], b"WITHCOORD", 9):
            plan.with_position = True
        elif word_is(&argv[at], b"WITHDIST", 8):
            plan.with_distance = True
        elif word_is(&argv[at], b"WITHHASH", 8):
            plan.with_hash = True
        elif word_is(&argv[at], b"COUNT", 5) and at + 1 < argc:
            at += 1
            if not parse_int64(argv[at].data, argv[at].size, &plan.count) or plan.count <= 0:
                return False
        else:
            at = take_shape(argv, argc, at, plan)
            if at == 0:
                return False
            continue
        at += 1
    if plan.count and not plan.order and not plan.any_order:
        plan.order = 1          # the closest ones: any others would be arbitrary
    return plan.shape != 0 and (plan.placed or plan.member_at) and (plan.count or not plan.any_order)


cdef int geosearch_command(Client client, Arg* argv, int argc) except -1:
    cdef Plan plan = Plan(0, False, 0, 0, 0, 0, 0, 1, 0, 0, False, False, False, False)
    cdef SortedSetValue value
    cdef Shape shape
    cdef double score = 0
    cdef Found found = Found(NULL, 0, 0)
    if not understand(argv, argc, &plan):
        return leave_to_python(client, argv, argc)
    value = <SortedSetValue>client.db.read_object(argv[1].data, argv[1].size, SortedSetValue)
    if value is None:
        return client.add_array(0)
    if plan.member_at:
        if not zset_score(value, argv[plan.member_at].data, argv[plan.member_at].size, &score):
            return leave_to_python(client, argv, argc)
        position_of(score, &plan.longitude, &plan.latitude)
    if plan.shape == BY_RADIUS:
        shape = Shape(plan.longitude, plan.latitude, plan.width * plan.unit)
    else:
        shape = Shape(plan.longitude, plan.latitude, 0, plan.width * plan.unit, plan.height * plan.unit, box=True)
    try:
        find_near(value, shape, plan.count if plan.any_order else 0, &found)
        if plan.order:
            sort_found(&found, plan.order < 0)
        if plan.count and found.count > plan.count:
            found.count = plan.count
        return add_found(client, &plan, &found)
    finally:
        free(found.members)


cdef int leave_to_python(Client client, Arg* argv, int argc) except -1:
    client.reply(geosearch(client, [bytes_of(&argv[i]) for i in range(argc)]))
    return 0


cdef int add_found(Client client, Plan* plan, Found* found) except -1:
    """The members, each with what was asked for along with it."""
    cdef int parts = 1 + plan.with_distance + plan.with_hash + plan.with_position
    cdef View member
    cdef Near* near
    cdef Py_ssize_t i
    client.add_array(found.count)
    for i in range(found.count):
        near = &found.members[i]
        zset_view(&near.place, &member)
        if parts > 1:
            client.add_array(parts)
        add_view(client, &member)
        if plan.with_distance:
            add_distance(client, near.metres / plan.unit)
        if plan.with_hash:
            client.add_int(<int64_t>near.score)
        if plan.with_position:
            client.add_array(2)
            add_degrees(client, near.longitude)
            add_degrees(client, near.latitude)
    return 0


def table() -> list:
    return family("geo", [
        make_hot("geosearch", <void*>&geosearch_command, -7, "readonly", key(1), "geo", "6.2.0",
                 "Finds the members within a circle or a box.", "O(N+log M): N members in the cells around, M in the index"),
    ])
