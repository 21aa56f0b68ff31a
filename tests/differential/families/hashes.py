"""Hashes."""

from hypothesis import strategies as st

from differential import compare
from differential.grammar import FIELD, INTEGER, NUMBER, SMALL, TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("h1", "h2", "string")
KEY = pool(*KEYS)
PAIRS = some(st.tuples(FIELD, TEXT), most=5)

FAMILY = Family(
    "hashes",
    one_of(
        command("HSET", KEY, PAIRS),
        command("HMSET", KEY, PAIRS),
        command("HSETNX", KEY, FIELD, TEXT),
        command("HGET", KEY, FIELD),
        command("HMGET", KEY, some(FIELD)),
        command("HDEL", KEY, some(FIELD)),
        command("HLEN", KEY),
        command("HSTRLEN", KEY, FIELD),
        command("HEXISTS", KEY, FIELD),
        command("HINCRBY", KEY, FIELD, INTEGER),
        command("HINCRBYFLOAT", KEY, FIELD, NUMBER),
        command("HKEYS", KEY, way=compare.unordered),
        command("HVALS", KEY, way=compare.unordered),
        command("HGETALL", KEY, way=compare.unordered_pairs),
        command("HRANDFIELD", KEY, maybe(SMALL, maybe(either("WITHVALUES", "BAD"))), way=compare.shape),
        command(
            "HSCAN",
            KEY,
            pool(0, "x"),
            either("COUNT 1000", "MATCH a* COUNT 1000"),
            way=compare.scan_page(compare.unordered_pairs),
        ),
        command("OBJECT ENCODING", KEY),
        rare=(
            command("HSET", KEY, some(TEXT, most=4)),
            command("SET", pool("string"), TEXT),
            command("DEL", KEY),
        ),
    ),
    KEYS,
)
