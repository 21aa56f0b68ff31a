"""Sorted sets."""

from hypothesis import strategies as st

from differential import compare
from differential.grammar import NUMBER, SMALL, TEXT, Family, command, counted, either, maybe, one_of, pool, some

KEYS = ("z1", "z2", "z3", "set", "string")
KEY = pool(*KEYS)
MEMBER = pool("a", "b", "c", "d", "e", "aa", "1", "2", "x" * 20, "")
SCORE = NUMBER
BOUND = pool("-inf", "+inf", 0, 1, "(1", "(0", 3, "(3.5", 10, "nan", "x", "")
LEX = pool("-", "+", "[a", "(a", "[c", "(d", "[", "(", "x", "")
LIMIT = maybe("LIMIT", SMALL, SMALL)
SCORES = maybe("WITHSCORES")
PAIRS = some(st.tuples(SCORE, MEMBER), most=4)
WEIGHTS = maybe(either("WEIGHTS 1", "WEIGHTS 2 3", "WEIGHTS -1 0.5", "WEIGHTS 1 x", "WEIGHTS inf 1"))
AGGREGATE = maybe(either("AGGREGATE SUM", "AGGREGATE MIN", "AGGREGATE MAX", "AGGREGATE BAD"))

FAMILY = Family(
    "sorted_sets",
    one_of(
        command("ZADD", KEY, PAIRS),
        command("ZADD", KEY, some(st.tuples(pool(1, 2, 3), MEMBER), most=6)),
        command("ZADD", KEY, maybe(pool("NX", "XX")), maybe(pool("GT", "LT")), maybe("CH"), PAIRS),
        command("ZADD", KEY, maybe("XX"), "INCR", SCORE, MEMBER),
        command("ZINCRBY", KEY, SCORE, MEMBER),
        command("ZREM", KEY, some(MEMBER)),
        command("ZCARD", KEY),
        command("ZSCORE", KEY, MEMBER),
        command("ZMSCORE", KEY, some(MEMBER)),
        command("ZRANK", KEY, MEMBER),
        command("ZREVRANK", KEY, MEMBER),
        command("ZCOUNT", KEY, BOUND, BOUND),
        command("ZLEXCOUNT", KEY, LEX, LEX),
        command("ZRANGE", KEY, SMALL, SMALL, maybe("REV"), SCORES),
        command("ZRANGE", KEY, BOUND, BOUND, "BYSCORE", maybe("REV"), LIMIT, SCORES),
        command("ZRANGE", KEY, LEX, LEX, "BYLEX", maybe("REV"), LIMIT, SCORES),
        command("ZRANGESTORE", KEY, KEY, SMALL, SMALL, maybe(pool("REV", "BYSCORE", "BYLEX")), LIMIT),
        command("ZREVRANGE", KEY, SMALL, SMALL, SCORES),
        command("ZRANGEBYSCORE", KEY, BOUND, BOUND, SCORES, LIMIT),
        command("ZREVRANGEBYSCORE", KEY, BOUND, BOUND, SCORES, LIMIT),
        command("ZRANGEBYLEX", KEY, LEX, LEX, LIMIT),
        command("ZREVRANGEBYLEX", KEY, LEX, LEX, LIMIT),
        command("ZREMRANGEBYRANK", KEY, SMALL, SMALL),
        command("ZREMRANGEBYSCORE", KEY, BOUND, BOUND),
        command("ZREMRANGEBYLEX", KEY, LEX, LEX),
        command("ZPOPMIN", KEY, maybe(SMALL)),
        command("ZPOPMAX", KEY, maybe(SMALL)),
        command("ZMPOP", counted(KEY), pool("MIN", "MAX", "x"), maybe("COUNT", SMALL)),
        command("ZUNION", counted(KEY), WEIGHTS, AGGREGATE, SCORES),
        command("ZINTER", counted(KEY), WEIGHTS, AGGREGATE, SCORES),
        command("ZDIFF", counted(KEY), SCORES),
        command("ZUNIONSTORE", KEY, counted(KEY), WEIGHTS, AGGREGATE),
        command("ZINTERSTORE", KEY, counted(KEY), WEIGHTS, AGGREGATE),
        command("ZDIFFSTORE", KEY, counted(KEY)),
        command("ZINTERCARD", counted(KEY), maybe("LIMIT", SMALL)),
        command("ZRANDMEMBER", KEY, maybe(SMALL, maybe("WITHSCORES")), way=compare.shape),
        command(
            "ZSCAN",
            KEY,
            pool(0),
            either("COUNT 1000", "MATCH a* COUNT 1000"),
            way=compare.scan_page(compare.unordered_pairs),
        ),
        command("OBJECT ENCODING", KEY),
        rare=(
            command("BZPOPMIN", some(KEY, most=2), pool("0.01", "-1")),
            command("BZPOPMAX", some(KEY, most=2), pool("0.01", "x")),
            command("BZMPOP", pool("0.01"), counted(KEY), pool("MIN", "MAX")),
            command("SADD", pool("set"), some(MEMBER)),
            command("SET", pool("string"), TEXT),
            command("DEL", KEY),
        ),
    ),
    KEYS,
)
