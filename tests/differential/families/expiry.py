"""Keys that expire: every way to set, keep, read and drop a time, on every type, and what a key that is past its time looks like."""

from differential import compare
from differential.grammar import LATER, TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("k1", "k2", "list", "hash", "zset", "stream")
KEY = pool(*KEYS)
SECONDS = pool(1000, 100_000, 0, -1, "x", 2**62, 2**63 - 1, -(2**63), "1.5", "")
MILLISECONDS = pool(1_000_000, 0, -1, "x", 2**63 - 1)
MOMENT = pool(LATER, 1, 0, -1, 2**55, "x")
MILLIMOMENT = pool(LATER * 1000, 1, 0, -1, 2**63 - 1, "x")
RULE = maybe(either("NX", "XX", "GT", "LT", "XX GT", "nx xx", "GT LT", "BAD"))
WITH = either(
    "EX 1000", "PX 1000000", f"EXAT {LATER}", f"PXAT {LATER}000", "KEEPTTL", "EX 0", "PX -5", "EXAT 1", "EX x", f"EX {2**62}", "EX", "EX 10 PX 10", "EX 1000 KEEPTTL",
    "PERSIST", "NX EX 1000", "XX KEEPTTL", "GET PX 1000000",
)  # fmt: skip

FAMILY = Family(
    "expiry",
    one_of(
        command("SET", KEY, TEXT, maybe(WITH)),
        command("GETEX", KEY, maybe(WITH)),
        command("SETEX", KEY, SECONDS, TEXT),
        command("PSETEX", KEY, MILLISECONDS, TEXT),
        command("EXPIRE", KEY, SECONDS, RULE),
        command("PEXPIRE", KEY, MILLISECONDS, RULE),
        command("EXPIREAT", KEY, MOMENT, RULE),
        command("PEXPIREAT", KEY, MILLIMOMENT, RULE),
        command("TTL", KEY, way=compare.near(5)),
        command("PTTL", KEY, way=compare.near(5000)),
        command("EXPIRETIME", KEY, way=compare.near(5)),
        command("PEXPIRETIME", KEY, way=compare.near(5000)),
        command("PERSIST", KEY),
        command("RPUSH", pool("list"), some(TEXT)),
        command("HSET", pool("hash"), "f", TEXT),
        command("ZADD", pool("zset"), pool(1, 2), TEXT),
        command("XADD", pool("stream"), pool("1-1", "2-1", "5-5"), "f", TEXT),
        command("GET", KEY),
        command("DEL", some(KEY)),
        rare=(
            command("RENAME", KEY, KEY),
            command("COPY", KEY, KEY, maybe("REPLACE")),
            command("GETSET", KEY, TEXT),
            command("GETDEL", KEY),
            command("APPEND", KEY, TEXT),
            command("INCR", KEY),
            command("SETRANGE", KEY, pool(0, 2), TEXT),
            command("LPOP", KEY),
            command("SORT", pool("list"), "ALPHA", "STORE", KEY),
            command("SUNIONSTORE", KEY, pool("nokey")),
            command("MSET", KEY, TEXT),
            command("MOVE", KEY, pool(1)),
            command("DBSIZE"),
            command("KEYS", "*", way=compare.unordered),
            command("EVAL", "redis.call('pexpire', KEYS[1], ARGV[1]) return redis.call('exists', KEYS[1])", "1", KEY, MILLISECONDS),
        ),
    ),
    KEYS,
)  # fmt: skip
