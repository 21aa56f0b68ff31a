"""MULTI, EXEC, DISCARD and WATCH, in any order, right and wrong. The machine adds a second client that touches keys."""

from differential.grammar import TEXT, Family, command, one_of, pool, some

KEYS = ("k1", "k2", "list")
KEY = pool(*KEYS)

FAMILY = Family(
    "transactions",
    one_of(
        command("MULTI"),
        command("EXEC"),
        command("SET", KEY, TEXT),
        command("GET", KEY),
        command("INCR", KEY),
        command("RPUSH", KEY, some(TEXT)),
        command("LPOP", KEY),
        command("WATCH", some(KEY, most=2)),
        command("UNWATCH"),
        command("DEL", some(KEY)),
        command("EXEC"),
        rare=(
            command("DISCARD"),
            command("NOSUCH", TEXT),
            command("GET"),
            command("BLPOP", KEY, pool(0.01)),
            command("EVAL", "return redis.call('incr', KEYS[1])", "1", KEY),
            command("FLUSHALL"),
            command("SELECT", pool(0, 1)),
            command("PEXPIREAT", KEY, pool(1, 4_000_000_000_000)),
            command("PING"),
            command("RESET"),
            command("SWAPDB", "0", "1"),
        ),
    ),
    KEYS,
    transactions=False,
)
