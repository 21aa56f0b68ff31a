"""What has changed in commands since they came, which commands others have replaced, and which are for servers: COMMAND DOCS, in our own words."""

_CONDITIONS = "7.0.0 NX, XX, GT and LT."
_SEVERAL_ELEMENTS = "2.4.0 More than one element at a time."
_FRACTIONS = "6.0.0 A time limit may have fractions of a second."
_FLUSH = "4.0.0 ASYNC. | 6.2.0 SYNC."
_UNITS = "7.0.0 Units in capital letters."
_RESTORE = "3.0.0 REPLACE. | 5.0.0 ABSTTL. | 5.0.0 IDLETIME and FREQ."
_COUNT = "6.2.0 COUNT."
_EXCLUSIVE = "6.2.0 Bounds that are not in the range themselves."

HISTORY = {
    "acl|getuser": "6.2.0 Channels. | 7.0.0 Selectors; patterns are shown as rules.",
    "acl|setuser": "6.2.0 Channels. | 7.0.0 Selectors, and keys by permission.",
    "auth": "6.0.0 A user name before the password.",
    "bgsave": "3.2.2 SCHEDULE.",
    "bitcount": "7.0.0 Ranges in BYTE or BIT.",
    "bitpos": "7.0.0 Ranges in BYTE or BIT.",
    "blpop": _FRACTIONS,
    "brpop": _FRACTIONS,
    "brpoplpush": _FRACTIONS,
    "bzpopmax": _FRACTIONS,
    "bzpopmin": _FRACTIONS,
    "client|kill": (
        "2.8.12 Filters. | 2.8.12 ID. | 3.2.0 TYPE MASTER. | 5.0.0 TYPE REPLICA, with SLAVE as its old name. | 6.2.0 LADDR."
    ),
    "client|list": (
        "2.8.12 Field id. | 5.0.0 TYPE. | 6.0.0 Field user. | 6.2.0 ID; fields argv-mem, tot-mem, laddr, redir. | "
        "7.0.0 Fields resp, multi-mem, rbs, rbp. | 7.0.3 Field ssub."
    ),
    "client|pause": "6.2.0 WRITE and ALL.",
    "cluster|meet": "4.0.0 A port for the bus.",
    "cluster|slots": "4.0.0 Ids of the nodes. | 7.0.0 More names and addresses of a node.",
    "command|info": "7.0.0 Without names: every command.",
    "config|get": "7.0.0 More than one pattern.",
    "config|set": "7.0.0 More than one parameter, all or none.",
    "exists": "3.0.3 More than one key.",
    "expire": _CONDITIONS,
    "expireat": _CONDITIONS,
    "flushall": _FLUSH,
    "flushdb": _FLUSH,
    "geoadd": "6.2.0 CH, NX and XX.",
    "georadius": f"6.2.0 COUNT with ANY. | {_UNITS}",
    "georadius_ro": "6.2.0 COUNT with ANY.",
    "georadiusbymember": _UNITS,
    "geosearch": _UNITS,
    "geosearchstore": _UNITS,
    "hdel": _SEVERAL_ELEMENTS,
    "hello": "6.2.0 Without a version: tells about the connection as it is.",
    "hset": "4.0.0 More than one field at a time.",
    "info": "7.0.0 More than one section.",
    "lpop": _COUNT,
    "lpush": _SEVERAL_ELEMENTS,
    "lpushx": "4.0.0 More than one element at a time.",
    "migrate": "3.0.0 COPY and REPLACE. | 3.0.6 KEYS. | 4.0.7 AUTH. | 6.0.0 AUTH2.",
    "pexpire": _CONDITIONS,
    "pexpireat": _CONDITIONS,
    "pttl": "2.8.0 -2 where there is no key.",
    "renamenx": "3.2.0 A key may be renamed to its own name.",
    "restore": _RESTORE,
    "restore-asking": _RESTORE,
    "rpop": _COUNT,
    "rpush": _SEVERAL_ELEMENTS,
    "rpushx": "4.0.0 More than one element at a time.",
    "sadd": _SEVERAL_ELEMENTS,
    "scan": "6.0.0 TYPE.",
    "script|flush": "6.2.0 ASYNC and SYNC.",
    "set": "2.6.12 EX, PX, NX and XX. | 6.0.0 KEEPTTL. | 6.2.0 GET, EXAT and PXAT. | 7.0.0 NX together with GET.",
    "shutdown": "7.0.0 NOW, FORCE and ABORT.",
    "slowlog|get": "4.0.0 The client's address and name.",
    "spop": "3.2.0 A count.",
    "srandmember": "2.6.0 A count.",
    "srem": _SEVERAL_ELEMENTS,
    "ttl": "2.8.0 -2 where there is no key.",
    "xadd": "6.2.0 NOMKSTREAM, MINID and LIMIT. | 7.0.0 Ids like 1526919030474-*.",
    "xautoclaim": "7.0.0 Tells the ids that were deleted meanwhile.",
    "xgroup|create": "7.0.0 ENTRIESREAD.",
    "xgroup|setid": "7.0.0 ENTRIESREAD.",
    "xinfo|groups": "7.0.0 Fields entries-read and lag.",
    "xinfo|stream": (
        "6.0.0 FULL. | 7.0.0 Fields max-deleted-entry-id, entries-added, recorded-first-entry-id, entries-read, lag."
    ),
    "xpending": "6.2.0 IDLE, and bounds that are not in the range themselves.",
    "xrange": _EXCLUSIVE,
    "xrevrange": _EXCLUSIVE,
    "xsetid": "7.0.0 ENTRIESADDED and MAXDELETEDID.",
    "xtrim": "6.2.0 MINID and LIMIT.",
    "zadd": "2.4.0 More than one member at a time. | 3.0.2 XX, NX, CH and INCR. | 6.2.0 GT and LT.",
    "zrange": "6.2.0 BYSCORE, BYLEX, REV and LIMIT.",
    "zrangebyscore": "2.0.0 WITHSCORES.",
    "zrem": _SEVERAL_ELEMENTS,
    "zrevrangebyscore": "2.1.6 Bounds that are not in the range themselves.",
}

# command -> (since when, what to use now)
REPLACED = {
    "brpoplpush": ("6.2.0", "`BLMOVE` ... `RIGHT LEFT`"),
    "cluster|slaves": ("5.0.0", "`CLUSTER REPLICAS`"),
    "cluster|slots": ("7.0.0", "`CLUSTER SHARDS`"),
    "georadius": ("6.2.0", "`GEOSEARCH` or `GEOSEARCHSTORE` ... `BYRADIUS`"),
    "georadius_ro": ("6.2.0", "`GEOSEARCH` ... `BYRADIUS`"),
    "georadiusbymember": ("6.2.0", "`GEOSEARCH` or `GEOSEARCHSTORE` ... `FROMMEMBER` and `BYRADIUS`"),
    "georadiusbymember_ro": ("6.2.0", "`GEOSEARCH` ... `FROMMEMBER` and `BYRADIUS`"),
    "getset": ("6.2.0", "`SET` ... `GET`"),
    "hmset": ("4.0.0", "`HSET` of several fields"),
    "rpoplpush": ("6.2.0", "`LMOVE` ... `RIGHT LEFT`"),
    "slaveof": ("5.0.0", "`REPLICAOF`"),
    "substr": ("2.0.0", "`GETRANGE`"),
    "zrangebylex": ("6.2.0", "`ZRANGE` ... `BYLEX`"),
    "zrangebyscore": ("6.2.0", "`ZRANGE` ... `BYSCORE`"),
    "zrevrange": ("6.2.0", "`ZRANGE` ... `REV`"),
    "zrevrangebylex": ("6.2.0", "`ZRANGE` ... `BYLEX REV`"),
    "zrevrangebyscore": ("6.2.0", "`ZRANGE` ... `BYSCORE REV`"),
}
FOR_SERVERS = frozenset({"debug", "pfdebug", "pfselftest", "replconf", "restore-asking"})


def history(name: str) -> list[list[bytes]]:
    """What changed: [version, words] each, oldest first."""
    changes = HISTORY.get(name)
    return [[part.encode() for part in change.split(" ", 1)] for change in changes.split(" | ")] if changes else []
