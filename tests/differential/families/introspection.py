"""What servers and connections say about themselves: CLIENT, CONFIG, COMMAND, OBJECT, MEMORY, SLOWLOG, LATENCY, PUBSUB, and their errors."""

from differential import compare
from differential.grammar import PATTERN, TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("k1", "k2")
KEY = pool(*KEYS)
SETTINGS = pool(
    *(("hash-max-listpack-entries", value) for value in ("128", "-1", "0", "x", "1k")),
    *(("maxmemory-policy", value) for value in ("allkeys-lru", "volatile-ttl", "NOEVICTION", "bad")),
    *(("lfu-log-factor", value) for value in ("5", "-1", "")),
    *(("list-max-listpack-size", value) for value in ("-2", "4", "2147483648")),
    *(("maxmemory-samples", value) for value in ("7", "0", "65")),
    *(("latency-monitor-threshold", value) for value in ("0", "-5")),
    *(("notify-keyspace-events", value) for value in ("", "KEA", "xE", "q", "AKEnm", "gxK$")),
    *(("lazyfree-lazy-expire", value) for value in ("yes", "no", "maybe")),
    *(("client-output-buffer-limit", value) for value in ("normal 0 0 0", "pubsub 1mb 1 1", "normal 1", "bad 0 0 0", "")),
    *(("slowlog-max-len", value) for value in ("5", "-1", "128")),
    *(("proto-max-bulk-len", value) for value in ("1mb", "10", "x")),
    ("port", "x"), ("databases", "4"), ("nosuch", "1"), ("lfu-log-factor", "3", "nosuch", "1"),
    ("lfu-log-factor", "3", "lfu-log-factor", "4"), ("lfu-log-factor",), ("lfu-decay-time", "2", "maxmemory-samples", "x"),
)  # fmt: skip
NAMES = pool(
    "hash-max-*", "maxmemory-policy", "maxmemory-samples", "lfu-*", "list-max-listpack-size", "list-max-ziplist-size", "notify-keyspace-events",
    "lazyfree-lazy-expire", "client-output-buffer-limit", "slowlog-max-len", "proto-max-bulk-len", "databases", "nosuch", "LFU-DECAY-TIME", "appendfsync",
    "save", "slave-priority", "latency-*", "zset-max-*", "set-max-*", "stream-node-*", "timeout", "tcp-keepalive",
)  # fmt: skip
CALLED = either(
    "get k1", "mget a b", "zunionstore d 2 a b", "eval x 1 k a", "xread streams a b 0 0", "xreadgroup group g c streams a 0",
    "migrate h 1 k 0 1", "migrate h 1 x 0 1 KEYS a b", "lmpop 2 a b LEFT", "georadius k 1 1 1 m STORE d", "ping", "get", "nosuch", "bitop and d a b",
    "zadd k 1 a", "config get x", "client id", "memory usage k", "object encoding k", "blpop a b 0", "getex k ex 1", "eval x 0", "eval x 5 a", "pfmerge d a",
)  # fmt: skip

FAMILY = Family(
    "introspection",
    one_of(
        command("CONFIG SET", SETTINGS),
        command("CONFIG GET", some(NAMES, most=2), way=compare.unordered_pairs),
        command("CLIENT SETNAME", pool("app", "", "with space", "x\ny", "a" * 30)),
        command("CLIENT GETNAME"),
        command("CLIENT NO-EVICT", pool("on", "OFF", "x")),
        command("CLIENT TRACKINGINFO"),
        command("CLIENT GETREDIR"),
        command("CLIENT CACHING", pool("yes", "no", "x")),
        command(
            "CLIENT TRACKING",
            pool("off", "x", "on OPTIN OPTOUT").map(lambda words: tuple(words.split())),  # type: ignore[attr-defined]
            maybe(either("OPTIN", "OPTOUT", "BCAST", "PREFIX a", "BCAST PREFIX a PREFIX ab", "NOLOOP", "REDIRECT 0", "REDIRECT x", "BAD")),
        ),
        command("COMMAND GETKEYS", CALLED),
        command("COMMAND GETKEYSANDFLAGS", CALLED),
        command("COMMAND LIST FILTERBY", either("PATTERN xa*", "PATTERN *GET", "ACLCAT geo", "ACLCAT nosuch", "MODULE x", "BAD x"), way=compare.unordered),
        command("OBJECT", either("ENCODING", "FREQ", "REFCOUNT", "IDLETIME"), KEY, way=compare.shape),
        command("MEMORY", either("USAGE nokey", "USAGE k1 SAMPLES -1", "USAGE k1 SAMPLES", "BAD", "PURGE", "DOCTOR x")),
        command("MEMORY USAGE", KEY, maybe("SAMPLES", pool(0, 3)), way=compare.shape),
        command("SET", KEY, TEXT),
        command("RPUSH", KEY, some(TEXT)),
        rare=(
            command("CLIENT KILL", either("1.2.3.4:5", "ID 999999", "ID x", "ID 0", "TYPE nosuch", "ADDR 1.1.1.1:1", "USER nobody", "SKIPME x", "LADDR", "MAXAGE 1")),
            command("CLIENT UNBLOCK", either("999999", "x", "999999 TIMEOUT", "999999 BAD")),
            command("CLIENT LIST", either("TYPE nosuch", "TYPE replica", "ID x", "ID 999999", "BAD")),
            command("CLIENT PAUSE", either("x", "-1", "0", "0 WRITE", "0 BAD")),
            command("CLIENT", either("UNPAUSE", "BAD", "ID x", "INFO x", "REPLY BAD", "REPLY ON")),
            command("COMMAND", either("COUNT x", "BAD", "GETKEYS", "INFO nosuch", "DOCS nosuch", "LIST BAD", "LIST FILTERBY MODULE")),
            command("SLOWLOG", either("LEN x", "RESET", "GET 0", "GET -2", "GET x", "BAD")),
            command("LATENCY", either("RESET nosuch", "HISTORY nosuch", "LATEST x", "BAD", "GRAPH nosuch", "HISTOGRAM nosuch")),
            command("PUBSUB", either("CHANNELS", "CHANNELS a*", "NUMSUB", "NUMSUB a b", "NUMPAT", "SHARDCHANNELS", "SHARDNUMSUB a", "BAD", "NUMPAT x")),
            command("CONFIG", either("RESETSTAT", "BAD", "GET", "SET a", "SET")),
            command("PUBLISH", pool("a", "b"), TEXT),
            command("KEYS", PATTERN, way=compare.unordered),
            command("LOLWUT", "VERSION", "x"),
            command("MODULE", either("LIST", "UNLOAD x", "LOAD /nosuch", "BAD", "LIST x")),
            command("CLUSTER", either("INFO", "SLOTS", "BAD", "KEYSLOT x")),
            command("RESET"),
            command("SELECT", pool(0, 1)),
            command("ROLE", maybe("x")),
            command("LASTSAVE", way=compare.shape),
            command("TIME", way=compare.shape),
            command("DEBUG", either("BAD", "OBJECT nokey", "SLEEP 0", "LOG x")),
        ),
    ),
    KEYS,
    damage=False,
)  # fmt: skip
