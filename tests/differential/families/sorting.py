"""SORT and SORT_RO: numbers, letters, patterns in keys and hashes, limits, STORE, and the errors."""

from differential import compare
from differential.grammar import TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("list", "set", "zset", "out", "w_1", "w_2", "h_1", "h_2")
SOURCE = pool("list", "list", "set", "zset", "out", "nokey", "w_1")
ELEMENT = pool(1, 2, 3, 10, "-5", "1.5", "a", "b", "", "1e3", "x", "inf", " 7", b"\xff", "B")
BY = either("BY w_*", "BY h_*->f", "BY h_*->nosuch", "BY w_*->f", "BY *", "BY h_*->", "BY")
GET = either(
    "GET #", "GET w_*", "GET h_*->f", "GET # GET w_* GET h_*->f", "GET nosuch_*", "GET plain", "GET h_*->", "GET"
)
STORE = either("STORE out", "STORE list", "STORE")
ORDERED = pool("list", "zset", "nokey")
LIMIT = either("LIMIT 0 2", "LIMIT 1 10", "LIMIT -1 2", "LIMIT 2 -1", "LIMIT 5 1", "LIMIT x 1", "LIMIT 0", "LIMIT 0 0")

FAMILY = Family(
    "sorting",
    one_of(
        command("RPUSH", pool("list"), some(ELEMENT)),
        command("SADD", pool("set"), some(ELEMENT)),
        command("ZADD", pool("zset"), pool(1, 2, "-1.5"), ELEMENT),
        command("MSET", either("w_1 5 w_2 3", "w_1 x", "w_3 7 w_10 1", "w_a 2 w_b 1", "w_-5 0")),
        command("HSET", pool("h_1", "h_2", "h_a"), "f", pool(1, 9, "x", "", "4.5")),
        # Elements of equal weight stand in byte order where weights are numbers. Redis leaves the order open where weights are texts and where nothing
        # is sorted in a set: of those only the shape is compared.
        command("SORT", SOURCE, maybe(LIMIT), maybe(GET), maybe(either("ASC", "DESC")), maybe("ALPHA"), maybe(STORE)),
        command("SORT", SOURCE, BY, maybe(LIMIT), maybe(GET), maybe(either("ASC", "DESC")), maybe(STORE)),
        command("SORT", ORDERED, either("BY nosuch", "BY w_"), maybe(LIMIT), maybe(GET), maybe("DESC"), maybe("ALPHA"), maybe(STORE)),
        command("SORT", SOURCE, BY, maybe(LIMIT), maybe(GET), maybe("DESC"), "ALPHA", way=compare.shape),
        command("SORT", pool("set"), "BY", "nosuch", way=compare.shape),
        command("SORT_RO", SOURCE, maybe(GET), maybe("ALPHA"), maybe("DESC"), maybe(LIMIT)),
        command("SORT_RO", SOURCE, BY, maybe(GET), maybe("DESC"), maybe(LIMIT)),
        rare=(
            command("DEL", pool("list", "set", "zset", "out", "w_1")),
            command("SORT", SOURCE, either("BAD", "ALPHA DESC ASC", "LIMIT 0 1 LIMIT 1 5 ALPHA", "STORE out STORE list ALPHA")),
            command("SORT_RO", SOURCE, "STORE", "out"),
            command("EVAL", "return redis.call('sort', 'set')", "0"),
            command("EVAL", "return redis.call('sort', 'set', 'BY', 'nosuch', 'ALPHA')", "0"),
            command("SET", pool("out", "list"), TEXT),
        ),
    ),
    KEYS,
    damage=False,
    zset_encodings=False,
)  # fmt: skip
