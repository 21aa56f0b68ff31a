"""Keys of every type: existence, expiry, copies, order, databases."""

from differential import compare
from differential.grammar import LATER, PATTERN, TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("k1", "k2", "set", "hash", "list", "zset", "w1", "w2")
KEY = pool(*KEYS)
WHEN = pool(1000, -1, 0, 100_000, "x", 2**62, 2**63 - 1, -(2**63), "")
MOMENT = pool(LATER, 1, 0, -1, 2**62, "x")
MILLI = pool(LATER * 1000, 1, 0, -1, 2**63 - 1, "x")
RULE = maybe(either("NX", "XX", "GT", "LT", "NX GT", "GT LT", "BAD"))

FAMILY = Family(
    "keys",
    one_of(
        command("SET", KEY, TEXT),
        command("RPUSH", pool("list"), some(pool(3, 1, 2, "10", "b", "a", 1.5))),
        command("SADD", pool("set"), some(pool(3, 1, 2, "x", "b", "a"))),
        command("ZADD", pool("zset"), pool(1, 2, 3), pool("a", "b", "1", "2")),
        command("HSET", pool("hash"), pool("f", "g"), pool(1, 2, "x")),
        command("MSET", pool(("w1", "3", "w2", "1"), ("w1", "x"), ("w2", "5"))),
        command("DEL", some(KEY)),
        command("UNLINK", some(KEY)),
        command("EXISTS", some(KEY)),
        command("TOUCH", some(KEY)),
        command("TYPE", KEY),
        command("EXPIRE", KEY, WHEN, RULE),
        command("PEXPIRE", KEY, WHEN, RULE),
        command("EXPIREAT", KEY, MOMENT, RULE),
        command("PEXPIREAT", KEY, MILLI, RULE),
        command("TTL", KEY, way=compare.near(5)),
        command("PTTL", KEY, way=compare.near(5000)),
        command("EXPIRETIME", KEY, way=compare.near(5)),
        command("PEXPIRETIME", KEY, way=compare.near(5000)),
        command("PERSIST", KEY),
        command("RENAME", KEY, KEY),
        command("RENAMENX", KEY, KEY),
        command("COPY", KEY, KEY, maybe(either("REPLACE", "DB 1", "DB 1 REPLACE", "DB x", "DB 99"))),
        command("OBJECT ENCODING", KEY, way=compare.string_encoding),
        command("OBJECT REFCOUNT", KEY, way=compare.shape),
        command("KEYS", PATTERN, way=compare.unordered),
        command("DBSIZE"),
        command("RANDOMKEY", way=compare.shape),
        command(
            "SORT",
            KEY,
            maybe(either("BY w*", "BY hash->*", "BY x")),
            maybe(either("LIMIT 0 2", "LIMIT 1 10", "LIMIT -1 x")),
            maybe(either("GET #", "GET w*", "GET # GET hash->f")),
            maybe("DESC"),
            pool("ALPHA", ()),
            maybe("STORE", KEY),
        ),
        command("SORT_RO", KEY, maybe("ALPHA"), maybe(either("STORE k1", "DESC"))),
        rare=(
            command("MOVE", KEY, pool(0, 1, 2, 99, "x")),
            command("SWAPDB", pool(0, 1, 99), pool(1, 2, "x")),
            command("SELECT", pool(0, 1, 99, "x")),
            command("FLUSHDB", maybe(either("ASYNC", "SYNC", "BAD"))),
            command("OBJECT", either("FREQ k1", "IDLETIME nokey", "BAD k1")),
            command("WAIT", pool(0), pool(0)),
            command("ECHO", TEXT),
            command("PING", maybe(TEXT)),
        ),
    ),
    KEYS,
)
