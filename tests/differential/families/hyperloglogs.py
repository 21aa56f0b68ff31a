"""HyperLogLog: the same estimates from the same registers (the keyspace check compares the strings byte for byte)."""

from hypothesis import strategies as st

from differential.grammar import TEXT, Family, command, one_of, pool, some

KEYS = ("p1", "p2", "p3", "string", "list")
KEY = pool("p1", "p2", "p3", "p1", "p2", "string", "list")
MANY = st.tuples(st.integers(0, 50), st.integers(1, 400)).map(
    lambda drawn: tuple(f"e{index}" for index in range(drawn[0] * 10, drawn[0] * 10 + drawn[1]))
)

FAMILY = Family(
    "hyperloglogs",
    one_of(
        command("PFADD", KEY, some(TEXT, least=0)),
        command("PFADD", pool("p1", "p2"), MANY),
        command("PFCOUNT", some(KEY, most=3)),
        command("PFMERGE", KEY, some(KEY, least=0, most=3)),
        command("GET", KEY),
        command("STRLEN", KEY),
        rare=(
            command("SET", pool("string"), pool("x", "HYLL", b"HYLL\x01\x00\x00\x00" + b"\x00" * 8 + b"\x7f\xff", "")),
            command("RPUSH", pool("list"), TEXT),
            command("PFDEBUG", pool("ENCODING", "DECODE", "TODENSE"), pool("p1", "p2")),
            command("DEL", KEY),
        ),
    ),
    KEYS,
)
