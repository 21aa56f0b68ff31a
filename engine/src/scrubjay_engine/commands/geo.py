"""Words of the geo commands: units, positions and distances as clients write and read them.

The commands themselves are in `geo_members` (one member at a time) and `geo_search`.
"""

from scrubjay_engine.commands.floats import parse_double
from scrubjay_engine.core.client import Client, Raw
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.values import geohash

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
