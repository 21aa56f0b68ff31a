"""Streams and consumer groups. Ids are given, so that nothing depends on the clock."""

from hypothesis import strategies as st

from differential import compare
from differential.grammar import FIELD, SMALL, TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("x1", "x2", "string")
KEY = pool("x1", "x1", "x2", "string")
ID = pool(
    "1-1", "1-2", "2-0", "3-5", "5-1", "5-*", "7-0", "9-9", "0-0", "4", "x", "18446744073709551615-18446744073709551615"
)
EDGE = pool("-", "+", "(1-1", "2", "(2-0", "5-1", "0", "9", "x")
GROUP = pool("g1", "g2")
WHO = pool("alice", "bob")
PAIRS = some(st.tuples(FIELD, TEXT), most=3)
TRIM = either(
    "MAXLEN 2", "MAXLEN = 3", "MINID 3-0", "MINID = 2", "MAXLEN ~ 3 LIMIT 2", "MAXLEN 1 LIMIT 1", "MAXLEN -1", "MINID x"
)
HIDDEN = compare.masked("idle", "radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time", "inactive")

FAMILY = Family(
    "streams",
    one_of(
        command("XADD", KEY, ID, PAIRS),
        command("XADD", KEY, maybe("NOMKSTREAM"), maybe(TRIM), ID, PAIRS),
        command("XLEN", KEY),
        command("XRANGE", KEY, EDGE, EDGE, maybe("COUNT", SMALL)),
        command("XREVRANGE", KEY, EDGE, EDGE, maybe("COUNT", SMALL)),
        command("XDEL", KEY, some(ID)),
        command("XTRIM", KEY, TRIM),
        command(
            "XREAD",
            maybe("COUNT", SMALL),
            "STREAMS",
            either("x1 0", "x1 x2 0 1-1", "x1 2-0", "x1 $", "x1 x2 0", "string 0", "x1 x"),
        ),
        command(
            "XSETID", KEY, ID, maybe(either("ENTRIESADDED 9", "ENTRIESADDED 9 MAXDELETEDID 1-1", "ENTRIESADDED -1"))
        ),
        command(
            "XGROUP CREATE",
            KEY,
            GROUP,
            pool("0", "$", "2-0", "x"),
            maybe("MKSTREAM"),
            maybe(either("ENTRIESREAD 1", "ENTRIESREAD x")),
        ),
        command("XGROUP SETID", KEY, GROUP, pool("0", "$", "1-2")),
        command("XGROUP CREATECONSUMER", KEY, GROUP, WHO),
        command("XGROUP DELCONSUMER", KEY, GROUP, WHO),
        command("XGROUP DESTROY", KEY, GROUP),
        command(
            "XREADGROUP GROUP",
            GROUP,
            WHO,
            maybe("COUNT", SMALL),
            maybe("NOACK"),
            "STREAMS",
            either("x1 >", "x1 0", "x1 x2 > >", "x2 >", "string >", "x1 2-0"),
        ),
        command("XACK", KEY, GROUP, some(ID)),
        command("XPENDING", KEY, GROUP),
        command("XPENDING", KEY, GROUP, EDGE, EDGE, pool(10, 1, 0, "x"), maybe(WHO), way=compare.without_column(2)),
        command(
            "XCLAIM",
            KEY,
            GROUP,
            WHO,
            pool(0),
            some(ID, most=3),
            maybe(either("FORCE", "JUSTID", "RETRYCOUNT 5", "FORCE JUSTID", "LASTID 3-5", "IDLE 0", "TIME x")),
        ),
        command(
            "XAUTOCLAIM",
            KEY,
            GROUP,
            WHO,
            pool(0),
            pool("0-0", "1-2", "x"),
            maybe("COUNT", pool(1, 2, 100, 0)),
            maybe("JUSTID"),
        ),
        command("XINFO STREAM", KEY, way=HIDDEN),
        command("XINFO GROUPS", KEY),
        command("XINFO CONSUMERS", KEY, GROUP, way=HIDDEN),
        rare=(
            command("XREAD", "BLOCK", pool(5), "STREAMS", either("x1 $", "x2 9-9")),
            command("SET", pool("string"), TEXT),
            command("DEL", KEY),
            command("XADD", KEY, "*"),
            command("XGROUP", either("BAD x1 g1", "CREATE nokey g1 $")),
        ),
    ),
    KEYS,
)
