"""Sets. Random choices are compared by shape, and made only where both servers then hold the same."""

from differential import compare
from differential.grammar import FIELD, SMALL, TEXT, Family, command, counted, either, maybe, one_of, pool, some

KEYS = ("s1", "s2", "s3", "string")
KEY = pool(*KEYS)
MEMBER = pool(1, 2, 3, 5, -7, 2**40, "a", "b", "c", "01", "", "x" * 70, 2**63 - 1, 2**63)

FAMILY = Family(
    "sets",
    one_of(
        command("SADD", KEY, some(MEMBER, most=6)),
        command("SADD", KEY, some(pool(1, 2, 3, 4, 5, 6), most=3)),
        command("SREM", KEY, some(MEMBER)),
        command("SCARD", KEY),
        command("SISMEMBER", KEY, MEMBER),
        command("SMISMEMBER", KEY, some(MEMBER)),
        command("SMEMBERS", KEY, way=compare.unordered),
        command("SMOVE", KEY, KEY, MEMBER),
        command("SINTER", some(KEY, most=3), way=compare.unordered),
        command("SUNION", some(KEY, most=3), way=compare.unordered),
        command("SDIFF", some(KEY, most=3), way=compare.unordered),
        command("SINTERSTORE", KEY, some(KEY, most=3)),
        command("SUNIONSTORE", KEY, some(KEY, most=3)),
        command("SDIFFSTORE", KEY, some(KEY, most=3)),
        command("SINTERCARD", counted(KEY), maybe("LIMIT", SMALL)),
        command("SRANDMEMBER", KEY, maybe(SMALL), way=compare.shape),
        command("SPOP", KEY, pool(1000, 0, -1, "x"), way=compare.unordered),
        command(
            "SSCAN",
            KEY,
            pool(0, "x"),
            either("COUNT 1000", "MATCH a* COUNT 1000", "COUNT 0"),
            way=compare.scan_page(compare.unordered),
        ),
        command("OBJECT ENCODING", KEY),
        rare=(
            command("SADD", KEY, some(TEXT)),
            command("SADD", KEY, some(FIELD)),
            command("SET", pool("string"), TEXT),
            command("DEL", KEY),
        ),
    ),
    KEYS,
)
