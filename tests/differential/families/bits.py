"""Bitmaps and bit fields."""

from hypothesis import strategies as st

from differential.grammar import TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("b1", "b2", "b3", "list")
KEY = pool(*KEYS)
OFFSET = pool(0, 1, 7, 8, 31, 100, 333, -1, 2**31, 2**32, "x")
EDGE = pool(0, 1, 2, -1, -2, 5, 100, -100, "x")
UNIT = maybe(either("BYTE", "BIT", "BAD"))
KIND = pool("u8", "i8", "u1", "i1", "u4", "i5", "u16", "i32", "u63", "i64", "u64", "i0", "x")
PLACE = pool(0, 1, 3, 8, 17, 100, "#0", "#1", "#2", -1, "x", "#-1")
VALUE = pool(0, 1, -1, 5, 127, 128, 255, 256, -128, -129, 2**31, 2**63 - 1, -(2**63), "x")
OPERATION = st.one_of(
    st.tuples(st.just("GET"), KIND, PLACE),
    st.tuples(st.just("SET"), KIND, PLACE, VALUE),
    st.tuples(st.just("INCRBY"), KIND, PLACE, VALUE),
    st.tuples(st.just("OVERFLOW"), pool("WRAP", "SAT", "FAIL", "BAD")),
)

FAMILY = Family(
    "bits",
    one_of(
        command("SETBIT", KEY, OFFSET, pool(0, 1, 1, 1, 2, "x")),
        command("GETBIT", KEY, OFFSET),
        command("BITCOUNT", KEY, maybe(EDGE, EDGE, UNIT)),
        command("BITPOS", KEY, pool(0, 1, 2), maybe(EDGE, maybe(EDGE, UNIT))),
        command("BITOP", pool("AND", "OR", "XOR", "and", "BAD"), KEY, some(KEY, most=3)),
        command("BITOP NOT", KEY, some(KEY, most=2)),
        command("BITFIELD", KEY, some(OPERATION, most=4)),
        command("BITFIELD_RO", KEY, some(st.tuples(st.just("GET"), KIND, PLACE), most=3)),
        command("GET", KEY),
        command("SET", KEY, TEXT),
        rare=(
            command("BITFIELD_RO", KEY, some(OPERATION, most=2)),
            command("BITCOUNT", KEY, EDGE),
            command("RPUSH", pool("list"), TEXT),
            command("DEL", KEY),
            command("SET", KEY, pool("\x7f" * 300, 12345)),
        ),
    ),
    KEYS,
)
