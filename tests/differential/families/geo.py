"""Geo commands."""

from hypothesis import strategies as st

from differential import compare
from differential.grammar import SMALL, TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("g1", "g2", "string")
KEY = pool("g1", "g1", "g2", "string")
LONGITUDE = pool(13.361389, 15.087269, 2.349014, -0.127758, 139.691706, 0, -180, 180, 180.1, "x", 13.36)
LATITUDE = pool(38.115556, 37.502669, 48.864716, 51.507351, 35.689487, 0, -85, 85, 86, "nan", 38.11)
PLACE = pool("Palermo", "Catania", "Paris", "London", "Tokyo", "Null", "")
UNIT = pool("m", "km", "mi", "ft", "KM", "x")
RADIUS = pool(100, 200.5, 1000, 0, 20000, -1, "x")
CENTRE = st.one_of(
    st.tuples(st.just("FROMLONLAT"), LONGITUDE, LATITUDE),
    st.tuples(st.just("FROMMEMBER"), PLACE),
)
AREA = st.one_of(
    st.tuples(st.just("BYRADIUS"), RADIUS, UNIT),
    st.tuples(st.just("BYBOX"), RADIUS, RADIUS, UNIT),
)
ORDER = pool("ASC", "DESC")
COUNT = maybe("COUNT", SMALL)
WITH = maybe(either("WITHCOORD", "WITHDIST", "WITHHASH", "WITHCOORD WITHDIST WITHHASH"))

FAMILY = Family(
    "geo",
    one_of(
        command("GEOADD", KEY, some(st.tuples(LONGITUDE, LATITUDE, PLACE), most=4)),
        command("GEOADD", KEY, maybe(pool("NX", "XX")), maybe("CH"), LONGITUDE, LATITUDE, PLACE),
        command("GEOPOS", KEY, some(PLACE, least=0)),
        command("GEOHASH", KEY, some(PLACE, least=0)),
        command("GEODIST", KEY, PLACE, PLACE, maybe(UNIT)),
        command("GEOSEARCH", KEY, CENTRE, AREA, ORDER, COUNT, WITH),
        command("GEOSEARCH", KEY, CENTRE, AREA, WITH, way=compare.unordered),
        command("GEOSEARCHSTORE", KEY, KEY, CENTRE, AREA, maybe(ORDER), maybe(either("STOREDIST"))),
        command("GEORADIUS", KEY, LONGITUDE, LATITUDE, RADIUS, UNIT, WITH, ORDER, COUNT),
        command("GEORADIUSBYMEMBER", KEY, PLACE, RADIUS, UNIT, WITH, ORDER, COUNT),
        command("GEORADIUS_RO", KEY, LONGITUDE, LATITUDE, RADIUS, UNIT, ORDER),
        command("ZRANGE", KEY, "0", "-1", "WITHSCORES"),
        rare=(
            command("GEORADIUS", KEY, LONGITUDE, LATITUDE, RADIUS, UNIT, either("STORE", "STOREDIST"), KEY),
            command("GEOSEARCH", KEY, CENTRE, CENTRE, AREA),
            command("GEOSEARCH", KEY, AREA, maybe(CENTRE), maybe(either("ANY", "COUNT 1 ANY"))),
            command("SET", pool("string"), TEXT),
            command("DEL", KEY),
        ),
    ),
    KEYS,
)
