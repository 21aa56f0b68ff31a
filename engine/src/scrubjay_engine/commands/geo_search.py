"""Searching a geo index: GEOSEARCH, GEOSEARCHSTORE, and the older GEORADIUS commands with their own way of saying the same."""

from dataclasses import dataclass

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.floats import parse_double
from scrubjay_engine.commands.geo import parse_position, parse_unit, show_distance, show_position
from scrubjay_engine.commands.geo_walk import find_members
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import KeySpec, command, family, key, keyword
from scrubjay_engine.core.engine import NOTIFY_GENERIC, NOTIFY_ZSET
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.values.geohash import Shape, decode
from scrubjay_engine.values.sorted_set_value import SortedSetValue

BAD_RADIUS = CommandError("ERR need numeric radius")
NEGATIVE_RADIUS = CommandError("ERR radius cannot be negative")
BAD_WIDTH = CommandError("ERR need numeric width")
BAD_HEIGHT = CommandError("ERR need numeric height")
NEGATIVE_BOX = CommandError("ERR height or width cannot be negative")
NO_MEMBER = CommandError("ERR could not decode requested zset member")
BAD_COUNT = CommandError("ERR COUNT must be > 0")
ANY_ALONE = CommandError("ERR the ANY argument requires COUNT argument")

Found = tuple[float, bytes, float, float, float]  # metres, member, score, longitude, latitude


@dataclass
class Search:
    """What is searched for, and what is done with it."""

    modern: bool  # GEOSEARCH's words: FROMMEMBER, BYRADIUS ...
    may_store: bool
    store: bytes | None = None
    centre: tuple[float, float] | None = None
    from_member: bool = False
    from_position: bool = False
    radius: float | None = None
    box: tuple[float, float] | None = None
    unit: float = 1.0
    count: int = 0
    any_order: bool = False
    order: bytes = b""
    store_distance: bool = False
    with_distance: bool = False
    with_hash: bool = False
    with_position: bool = False

    def shape(self) -> Shape:
        longitude, latitude = self.centre or (0.0, 0.0)
        if self.box is None:
            return Shape(longitude, latitude, (self.radius or 0.0) * self.unit)
        width, height = self.box
        return Shape(longitude, latitude, width=width * self.unit, height=height * self.unit, box=True)


# -- arguments ---------------------------------------------------------------------------------------------------------


def take_radius(search: Search, radius: bytes, unit: bytes) -> None:
    search.radius = parse_double(radius, BAD_RADIUS)
    if search.radius < 0:
        raise NEGATIVE_RADIUS
    search.unit = parse_unit(unit)


def take_box(search: Search, width: bytes, height: bytes, unit: bytes) -> None:
    search.box = parse_double(width, BAD_WIDTH), parse_double(height, BAD_HEIGHT)
    if min(search.box) < 0:
        raise NEGATIVE_BOX
    search.unit = parse_unit(unit)


def take_member(search: Search, value: SortedSetValue | None, member: bytes) -> None:
    search.from_member = True
    if value is None:
        return  # there is nothing to find, but errors in what follows are told first
    score = value.score(member)
    if score is None:
        raise NO_MEMBER
    search.centre = decode(score)


def take_option(search: Search, value: SortedSetValue | None, args: list[bytes], i: int) -> int:
    """Read the option at `i`; where the next one is."""
    word, more = args[i].upper(), len(args) - i - 1
    if word in (b"WITHDIST", b"WITHHASH", b"WITHCOORD"):
        search.with_distance |= word == b"WITHDIST"
        search.with_hash |= word == b"WITHHASH"
        search.with_position |= word == b"WITHCOORD"
    elif word == b"ANY":
        search.any_order = True
    elif word in (b"ASC", b"DESC"):
        search.order = word
    elif word == b"COUNT" and more:
        search.count = integer(args[i + 1])
        if search.count <= 0:
            raise BAD_COUNT
        return i + 2
    elif search.modern:
        return take_modern(search, value, args, i)
    elif word in (b"STORE", b"STOREDIST") and more and search.may_store:
        search.store, search.store_distance = args[i + 1], word == b"STOREDIST"
        return i + 2
    else:
        raise SYNTAX
    return i + 1


def take_modern(search: Search, value: SortedSetValue | None, args: list[bytes], i: int) -> int:
    word, more = args[i].upper(), len(args) - i - 1
    if word == b"STOREDIST" and search.may_store:
        search.store_distance = True
        return i + 1
    if word == b"FROMMEMBER" and more and not search.from_position:
        take_member(search, value, args[i + 1])
        return i + 2
    if word == b"FROMLONLAT" and more > 1 and not search.from_member:
        search.centre, search.from_position = parse_position(args[i + 1], args[i + 2]), True
        return i + 3
    if word == b"BYRADIUS" and more > 1 and search.box is None:
        take_radius(search, args[i + 1], args[i + 2])
        return i + 3
    if word == b"BYBOX" and more > 2 and search.radius is None:
        take_box(search, args[i + 1], args[i + 2], args[i + 3])
        return i + 4
    raise SYNTAX


def take_options(search: Search, value: SortedSetValue | None, args: list[bytes], i: int, name: bytes) -> None:
    """Read all options from `i` on and see that they fit together."""
    while i < len(args):
        i = take_option(search, value, args, i)
    if search.store is not None and (search.with_distance or search.with_hash or search.with_position):
        what = "GEOSEARCHSTORE" if search.modern else "STORE option in GEORADIUS"
        raise CommandError(f"ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
    if search.modern and not (search.from_member or search.from_position):
        raise CommandError(b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %s" % name)
    if search.modern and search.radius is None and search.box is None:
        raise CommandError(b"ERR exactly one of BYRADIUS and BYBOX can be specified for %s" % name)
    if search.any_order and not search.count:
        raise ANY_ALONE
    if search.count and not search.order and not search.any_order:
        search.order = b"ASC"  # the closest ones: any others would be arbitrary


# -- searching ---------------------------------------------------------------------------------------------------------


def find(search: Search, value: SortedSetValue) -> list[Found]:
    """The members inside, sorted and cut as asked for."""
    found = find_members(value, search.shape(), search.count if search.any_order else 0)
    if search.order:
        found.sort(key=distance_of, reverse=search.order == b"DESC")
    return found[: search.count] if search.count else found


def distance_of(member: Found) -> float:
    return member[0]


def answer(client: Client, search: Search, found: list[Found]) -> list[object]:
    """The members, each with what was asked for along with it."""
    if not (search.with_distance or search.with_hash or search.with_position):
        return [member for _, member, _, _, _ in found]
    shown: list[object] = []
    for metres, member, score, longitude, latitude in found:
        row: list[object] = [member]
        if search.with_distance:
            row.append(show_distance(metres / search.unit))
        if search.with_hash:
            row.append(int(score))
        if search.with_position:
            row.append(show_position(client, longitude, latitude))
        shown.append(row)
    return shown


def store(client: Client, search: Search, target: bytes, found: list[Found]) -> int:
    """Put the members under the target key, which is removed when there are none."""
    if not found:
        if client.db.delete(target):
            client.db.changed(target)
            client.notify(NOTIFY_GENERIC, "del", target)
        return 0
    value = SortedSetValue()
    for metres, member, score, _, _ in found:
        value.add(member, metres / search.unit if search.store_distance else score)
    client.db.put(target, value)
    client.db.changed(target)
    client.notify(NOTIFY_ZSET, "geosearchstore" if search.modern else "georadiusstore", target)
    client.db.ready(target)
    return len(found)


def run(client: Client, search: Search, value: SortedSetValue | None) -> object:
    found = [] if value is None else find(search, value)
    if search.store is not None:
        return store(client, search, search.store, found)
    return answer(client, search, found)


def georadius_with(client: Client, args: list[bytes], may_store: bool) -> object:
    value = client.db.read(args[1], SortedSetValue)
    search = Search(modern=False, may_store=may_store)
    search.centre = parse_position(args[2], args[3])
    take_radius(search, args[4], args[5])
    take_options(search, value, args, 6, args[0])
    return run(client, search, value)


def georadius(client: Client, args: list[bytes]) -> object:
    return georadius_with(client, args, True)


def georadius_ro(client: Client, args: list[bytes]) -> object:
    return georadius_with(client, args, False)


def georadiusbymember_with(client: Client, args: list[bytes], may_store: bool) -> object:
    value = client.db.read(args[1], SortedSetValue)
    search = Search(modern=False, may_store=may_store)
    take_member(search, value, args[2])
    if value is not None:
        take_radius(search, args[3], args[4])
    take_options(search, value, args, 5, args[0])
    return run(client, search, value)


def georadiusbymember(client: Client, args: list[bytes]) -> object:
    return georadiusbymember_with(client, args, True)


def georadiusbymember_ro(client: Client, args: list[bytes]) -> object:
    return georadiusbymember_with(client, args, False)


def geosearch(client: Client, args: list[bytes]) -> object:
    """All of GEOSEARCH; `geo_near` has its row in the table and serves the usual forms itself."""
    value = client.db.read(args[1], SortedSetValue)
    search = Search(modern=True, may_store=False)
    take_options(search, value, args, 2, args[0])
    return run(client, search, value)


def geosearchstore(client: Client, args: list[bytes]) -> object:
    value = client.db.read(args[2], SortedSetValue)
    search = Search(modern=True, may_store=True, store=args[1])
    take_options(search, value, args, 3, args[0])
    return run(client, search, value)


def storing_keys(options_from: int) -> list[KeySpec]:
    words = ("STORE", "STOREDIST")
    return key(1) + [spec for word in words for spec in keyword(word, options_from, "OW update")]


COMMANDS = family(
    "geo",
    [
        command(
            "georadius",
            georadius,
            -6,
            "write denyoom",
            keys=storing_keys(6),
            since="3.2.0",
            summary="Finds the members within a distance of a position; may store them.",
            complexity="O(N+log M): N members in the cells around, M in the index",
        ),
        command(
            "georadius_ro",
            georadius_ro,
            -6,
            "readonly",
            keys=key(1),
            since="3.2.10",
            summary="Finds the members within a distance of a position.",
            complexity="O(N+log M): N members in the cells around, M in the index",
        ),
        command(
            "georadiusbymember",
            georadiusbymember,
            -5,
            "write denyoom",
            keys=storing_keys(5),
            since="3.2.0",
            summary="Finds the members within a distance of another one; may store them.",
            complexity="O(N+log M): N members in the cells around, M in the index",
        ),
        command(
            "georadiusbymember_ro",
            georadiusbymember_ro,
            -5,
            "readonly",
            keys=key(1),
            since="3.2.10",
            summary="Finds the members within a distance of another one.",
            complexity="O(N+log M): N members in the cells around, M in the index",
        ),
        command(
            "geosearchstore",
            geosearchstore,
            -8,
            "write denyoom",
            keys=[KeySpec(("index", 1), ("range", 0, 1, 0), "OW update"), *key(2)],
            since="6.2.0",
            summary="Stores the members within a circle or a box.",
            complexity="O(N+log M): N members in the cells around, M in the index",
        ),
    ],
)
