"""Geo commands on single members: positions kept as 52-bit geohashes in the scores of a sorted set. Searching is in `geo_search`."""

from scrubjay_engine.commands.floats import parse_double
from scrubjay_engine.core.client import NULL_ARRAY, Client, Raw
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.engine import NOTIFY_ZSET
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.values import geohash
from scrubjay_engine.values.sorted_set_value import SortedSetValue

ADD_NEW_ONLY = 1  # flags of SortedSetValue.add
ADD_PRESENT_ONLY = 2
ADDED = 1
UPDATED = 2

UNITS = {b"M": 1.0, b"KM": 1000.0, b"FT": 0.3048, b"MI": 1609.34}
BAD_UNIT = CommandError("ERR unsupported unit provided. please use M, KM, FT, MI")


def parse_unit(word: bytes) -> float:
    """Metres in one unit."""
    try:
        return UNITS[word.upper()]
    except KeyError:
        raise BAD_UNIT from None


def parse_position(longitude: bytes, latitude: bytes) -> tuple[float, float]:
    x, y = parse_double(longitude), parse_double(latitude)
    if not geohash.is_position(x, y):
        raise CommandError(f"ERR invalid longitude,latitude pair {x:f},{y:f}")
    return x, y


def show_distance(metres: float) -> bytes:
    """Four decimals, halves to even."""
    return b"%d.%04d" % divmod(round(metres * 10000), 10000)


def show_coordinate(client: Client, degrees: float) -> bytes:
    """Up to 17 decimals without trailing zeros: a bulk string in RESP2, a double in RESP3."""
    text = f"{degrees:.17f}".rstrip("0").rstrip(".")
    text = "0" if text == "-0" else text
    return Raw(f",{text}\r\n".encode()) if client.protocol == 3 else text.encode()


def show_position(client: Client, longitude: float, latitude: float) -> list[bytes]:
    return [show_coordinate(client, longitude), show_coordinate(client, latitude)]


def geoadd(client: Client, args: list[bytes]) -> int:
    words: set[bytes] = set()
    first = 2
    while first < len(args) and args[first].upper() in (b"NX", b"XX", b"CH"):
        words.add(args[first].upper())
        first += 1
    if (len(args) - first) % 3 or {b"NX", b"XX"} <= words:
        raise SYNTAX
    places = []
    for i in range(first, len(args), 3):
        places.append((geohash.encode(*parse_position(args[i], args[i + 1])), args[i + 2]))
    if not places:
        raise SYNTAX
    if b"XX" in words:
        value = client.db.write(args[1], SortedSetValue)
        if value is None:
            return 0
    else:
        value = client.db.create(args[1], SortedSetValue)
    flags = ADD_NEW_ONLY * (b"NX" in words) | ADD_PRESENT_ONLY * (b"XX" in words)
    outcomes = [value.add(member, float(score), flags)[0] for score, member in places]
    added, updated = outcomes.count(ADDED), outcomes.count(UPDATED)
    if added or updated:
        client.db.changed(args[1])
        client.notify(NOTIFY_ZSET, "zadd", args[1])
        pairs = [word for score, member in places for word in (b"%d" % score, member)]
        client.rewrite([b"zadd", *args[1:first], *pairs])
    if added:
        client.db.ready(args[1])
    return added + updated if b"CH" in words else added


def scores_of(client: Client, args: list[bytes]) -> list[float | None]:
    value = client.db.read(args[1], SortedSetValue)
    return [None if value is None else value.score(member) for member in args[2:]]


def geopos(client: Client, args: list[bytes]) -> list[object]:
    return [
        NULL_ARRAY if score is None else show_position(client, *geohash.decode(score))
        for score in scores_of(client, args)
    ]


def geohash_command(client: Client, args: list[bytes]) -> list[object]:
    return [None if score is None else geohash.text_of(score) for score in scores_of(client, args)]


def geodist(client: Client, args: list[bytes]) -> bytes | None:
    unit = parse_unit(args[4]) if len(args) == 5 else 1.0
    if len(args) > 5:
        raise SYNTAX
    first, second = scores_of(client, args[:4])
    if first is None or second is None:
        return None
    return show_distance(geohash.distance(*geohash.decode(first), *geohash.decode(second)) / unit)


COMMANDS = family(
    "geo",
    [
        command(
            "geoadd",
            geoadd,
            -5,
            "write denyoom",
            keys=key(1, "RW update"),
            since="3.2.0",
            summary="Adds members with their positions to a geo index.",
            complexity="O(log N) for each member",
        ),
        command(
            "geopos",
            geopos,
            -2,
            "readonly",
            keys=key(1),
            since="3.2.0",
            summary="Answers the positions of members.",
            complexity="O(1) for each member",
        ),
        command(
            "geohash",
            geohash_command,
            -2,
            "readonly",
            keys=key(1),
            since="3.2.0",
            summary="Answers the geohashes of members as text.",
            complexity="O(1) for each member",
        ),
        command(
            "geodist",
            geodist,
            -4,
            "readonly",
            keys=key(1),
            since="3.2.0",
            summary="Answers the distance between two members.",
            complexity="O(1)",
        ),
    ],
)
