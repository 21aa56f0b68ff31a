"""Strings and counters."""

from differential import compare
from differential.grammar import (
    INTEGER,
    LATER,
    NUMBER,
    SECONDS,
    SMALL,
    TEXT,
    Family,
    command,
    either,
    maybe,
    one_of,
    pool,
    some,
)

KEYS = ("k1", "k2", "k3", "list")
KEY = pool(*KEYS)
LONG = either("EX 1000", "PX 1000000", f"EXAT {LATER}", f"PXAT {LATER}000", "KEEPTTL", "EX 0", "PX x", "EX")

FAMILY = Family(
    "strings",
    one_of(
        command("SET", KEY, TEXT),
        command("SET", KEY, TEXT, maybe(either("NX", "XX")), maybe("GET"), maybe(LONG)),
        command("GET", KEY),
        command("GETSET", KEY, TEXT),
        command("GETDEL", KEY),
        command("GETEX", KEY, maybe(either(LONG, "PERSIST"))),
        command("SETNX", KEY, TEXT),
        command("SETEX", KEY, SECONDS, TEXT),
        command("PSETEX", KEY, SECONDS, TEXT),
        command("MSET", some(pool(("k1", "a"), ("k2", "10"), ("k3", "x" * 45)), most=3)),
        command("MSETNX", some(pool(("k1", "a"), ("k2", "b"), ("k4", "c")), most=2)),
        command("MGET", some(KEY)),
        command("APPEND", KEY, TEXT),
        command("STRLEN", KEY),
        command("INCR", KEY),
        command("DECR", KEY),
        command("INCRBY", KEY, INTEGER),
        command("DECRBY", KEY, INTEGER),
        command("INCRBYFLOAT", KEY, NUMBER),
        command("SETRANGE", KEY, pool(0, 1, 5, 30, -1, 2**20, 2**29, "x"), TEXT),
        command("GETRANGE", KEY, SMALL, SMALL),
        command("SUBSTR", KEY, SMALL, INTEGER),
        command("OBJECT ENCODING", KEY, way=compare.string_encoding),
        rare=(
            command("LCS", KEY, KEY, maybe(either("LEN", "IDX", "IDX MINMATCHLEN 2", "IDX WITHMATCHLEN", "LEN IDX"))),
            command("RPUSH", pool("list"), TEXT),
            command("DEL", some(KEY)),
        ),
    ),
    KEYS,
)
