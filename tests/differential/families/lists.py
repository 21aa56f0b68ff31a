"""Lists."""

from differential.grammar import FIELD, SMALL, TEXT, Family, command, counted, either, maybe, one_of, pool, some

KEYS = ("l1", "l2", "l3", "string")
KEY = pool(*KEYS)
ITEM = FIELD
SIDE = pool("LEFT", "RIGHT", "left", "x")

FAMILY = Family(
    "lists",
    one_of(
        command("RPUSH", KEY, some(ITEM, most=6)),
        command("LPUSH", KEY, some(TEXT, most=4)),
        command("RPUSHX", KEY, some(ITEM)),
        command("LPUSHX", KEY, some(ITEM)),
        command("LPOP", KEY, maybe(SMALL)),
        command("RPOP", KEY, maybe(SMALL)),
        command("LLEN", KEY),
        command("LRANGE", KEY, SMALL, SMALL),
        command("LINDEX", KEY, SMALL),
        command("LSET", KEY, SMALL, ITEM),
        command("LINSERT", KEY, pool("BEFORE", "AFTER", "x"), ITEM, ITEM),
        command("LREM", KEY, SMALL, ITEM),
        command("LTRIM", KEY, SMALL, SMALL),
        command("LPOS", KEY, ITEM, maybe("RANK", SMALL), maybe("COUNT", SMALL), maybe("MAXLEN", SMALL)),
        command("LMOVE", KEY, KEY, SIDE, SIDE),
        command("RPOPLPUSH", KEY, KEY),
        command("LMPOP", counted(KEY), SIDE, maybe("COUNT", SMALL)),
        command("OBJECT ENCODING", KEY),
        rare=(
            command("BLPOP", some(KEY, most=2), pool("0.01", "-1", "x")),
            command("BRPOP", some(KEY, most=2), pool("0.01", "1e-2", "inf")),
            command("BLMOVE", KEY, KEY, SIDE, SIDE, pool("0.01", "")),
            command("BRPOPLPUSH", KEY, KEY, pool("0.01")),
            command("BLMPOP", pool("0.01", "-0.5"), counted(KEY), SIDE, maybe(either("COUNT 2", "COUNT 0"))),
            command("SET", pool("string"), TEXT),
            command("DEL", KEY),
        ),
    ),
    KEYS,
)
