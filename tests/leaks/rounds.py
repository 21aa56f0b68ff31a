"""One round of commands a family that leaves the server as it found it, to be sent again and again while its memory is watched.

`measure` is used by the long form (python tests/leaks) and by the short one in `make test`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import resp
import servers

Command = tuple[resp.Argument, ...]
BIG = "x" * 2000
SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]); local t = {} for i = 1, 20 do t[i] = {i, tostring(i)} end return redis.call('GET', KEYS[1])"
LIBRARY = "#!lua name=lib\nredis.register_function('f', function(keys, args) return redis.call('INCR', keys[1]) end)"


def _strings() -> list[Command]:
    return [
        *(("SET", f"s{i}", "x" * i) for i in range(0, 400, 7)),
        *(("APPEND", f"s{i}", "more") for i in range(0, 400, 7)),
        *(("GETRANGE", f"s{i}", 0, 5) for i in range(0, 400, 7)),
        *(("SET", f"s{i}", i, "EX", 1000) for i in range(50)),
        *(("INCR", f"s{i}") for i in range(50)),
        *(("GETDEL", f"s{i}") for i in range(50)),
        *(("MSET", "a", 1, "b", BIG), ("MGET", "a", "b", "c"), ("LCS", "a", "b"), ("FLUSHDB",)),
    ]


def _keys() -> list[Command]:
    names = [f"k{i}" for i in range(60)]
    return [
        *(("SET", name, BIG) for name in names),
        *(("PEXPIRE", name, 100_000) for name in names),
        *(("COPY", name, name + "c") for name in names),
        *(("RENAME", name, name + "r") for name in names),
        *(("OBJECT", "ENCODING", name + "r") for name in names),
        *(("SCAN", 0, "COUNT", 100), ("KEYS", "k*"), ("RANDOMKEY",), ("SORT", "none"), ("DBSIZE",), ("FLUSHALL",)),
        *(("SET", name, 1, "PX", 1) for name in names),
        *(("UNLINK", name) for name in names),
    ]


def _lists() -> list[Command]:
    return [
        *(("RPUSH", "l", *range(i, i + 20)) for i in range(60)),
        *(("LINSERT", "l", "BEFORE", i, BIG) for i in range(30)),
        *(("LSET", "l", i, "y" * i) for i in range(60)),
        *(("LREM", "l", 1, i) for i in range(40)),
        *(("LMOVE", "l", "m", "LEFT", "RIGHT") for _ in range(40)),
        *(
            ("LRANGE", "l", 0, -1),
            ("LPOS", "l", "50"),
            ("LTRIM", "l", 5, 20),
            ("BLPOP", "l", 0),
            ("SORT", "m", "ALPHA", "STORE", "o"),
        ),
        ("DEL", "l", "m", "o"),
    ]


def _hashes() -> list[Command]:
    fields = [(f"f{i}", f"v{i}") for i in range(300)]
    return [
        *(("HSET", "small", *pair) for pair in fields[:50]),
        *(("HSET", "big", *pair) for pair in fields),
        *(("HINCRBY", "n", f"f{i}", 2) for i in range(50)),
        *(("HSETEX", "small", "EX", 1000, "FIELDS", 1, *pair) for pair in fields[:30]),
        *(("HEXPIRE", "big", 1000, "FIELDS", 1, pair[0]) for pair in fields[:100]),
        *(("HGETDEL", "big", "FIELDS", 1, pair[0]) for pair in fields[:50]),
        *(("HDEL", "big", pair[0]) for pair in fields[50:200]),
        *(("HGETALL", "big"), ("HRANDFIELD", "big", 5), ("HSCAN", "big", 0), ("DEL", "small", "big", "n")),
    ]


def _sets() -> list[Command]:
    return [
        *(("SADD", "ints", i, i * 70000) for i in range(100)),
        *(("SADD", "words", f"word{i}") for i in range(300)),
        *(("SREM", "words", f"word{i}") for i in range(100)),
        *(("SMOVE", "words", "other", f"word{i}") for i in range(100, 150)),
        *(("SINTERSTORE", "o1", "words", "other"), ("SUNIONSTORE", "o2", "words", "ints"), ("SDIFF", "words", "other")),
        *(("SPOP", "words"), ("SRANDMEMBER", "words", 10), ("SSCAN", "ints", 0), ("SMEMBERS", "ints")),
        ("DEL", "ints", "words", "other", "o1", "o2"),
    ]


def _sorted_sets() -> list[Command]:
    return [
        *(("ZADD", "z", i * 1.5, f"member{i}") for i in range(300)),
        *(("ZADD", "s", i / 7, f"member{i}") for i in range(60)),
        *(("ZINCRBY", "z", 2, f"member{i}") for i in range(100)),
        *(("ZREM", "z", f"member{i}") for i in range(50)),
        *(
            ("ZRANGE", "z", 0, -1, "WITHSCORES"),
            ("ZRANGEBYSCORE", "z", 5, 50),
            ("ZUNIONSTORE", "u", 2, "z", "s"),
            ("ZPOPMIN", "z", 5),
        ),
        *(
            ("ZINTER", 2, "z", "s"),
            ("ZRANGESTORE", "r", "z", 0, 10),
            ("ZRANDMEMBER", "z", 5),
            ("ZREMRANGEBYRANK", "z", 0, 20),
        ),
        ("DEL", "z", "s", "u", "r"),
    ]


def _streams() -> list[Command]:
    return [
        *(("XADD", "x", f"{i}-1", "field", i, "other", "x" * i) for i in range(1, 250)),
        *(("XGROUP", "CREATE", "x", "g", 0), ("XGROUP", "CREATECONSUMER", "x", "g", "idle")),
        *(("XREADGROUP", "GROUP", "g", f"c{i % 5}", "COUNT", 5, "STREAMS", "x", ">") for i in range(40)),
        *(("XACK", "x", "g", f"{i}-1") for i in range(1, 100)),
        *(("XCLAIM", "x", "g", "c9", 0, f"{i}-1") for i in range(100, 130)),
        *(("XREADGROUP", "GROUP", "g", f"c{i}", "COUNT", 5, "STREAMS", "x", 0) for i in range(5)),
        *(("XDEL", "x", f"{i}-1") for i in range(1, 60)),
        *(
            ("XPENDING", "x", "g"),
            ("XPENDING", "x", "g", "-", "+", 10),
            ("XAUTOCLAIM", "x", "g", "c1", 0, "0"),
            ("XINFO", "STREAM", "x", "FULL"),
        ),
        *(
            ("XRANGE", "x", "-", "+"),
            ("XREAD", "COUNT", 5, "STREAMS", "x", 0),
            ("XTRIM", "x", "MAXLEN", 20),
            ("XGROUP", "DESTROY", "x", "g"),
        ),
        ("DEL", "x"),
    ]


def _sketches() -> list[Command]:
    return [
        *(("PFADD", "p", *range(i, i + 20)) for i in range(0, 4000, 20)),
        *(("PFCOUNT", "p"), ("PFADD", "q", "a"), ("PFMERGE", "r", "p", "q"), ("PFCOUNT", "p", "q")),
        *(("SETBIT", "b", i * 1000, 1) for i in range(50)),
        *(("BITFIELD", "b", "INCRBY", "u8", i, 1, "GET", "i16", 5) for i in range(50)),
        *(("BITOP", "XOR", "c", "b", "p"), ("BITCOUNT", "b"), ("BITPOS", "b", 0), ("DEL", "p", "q", "r", "b", "c")),
    ]


def _geo() -> list[Command]:
    return [
        *(("GEOADD", "g", i % 180, i % 80, f"place{i}") for i in range(200)),
        *(
            ("GEOSEARCH", "g", "FROMLONLAT", i, i, "BYRADIUS", 900, "km", "ASC", "WITHDIST", "WITHCOORD")
            for i in range(50)
        ),
        *(("GEORADIUS", "g", i, i, 900, "km", "STORE", "o") for i in range(20)),
        *(
            ("GEOPOS", "g", "place1", "none"),
            ("GEODIST", "g", "place1", "place2"),
            ("GEOHASH", "g", "place1"),
            ("DEL", "g", "o"),
        ),
    ]


def _scripts() -> list[Command]:
    return [
        *(("EVAL", SCRIPT, 1, "key", i) for i in range(100)),
        *(("EVAL", "return redis.pcall('NONSENSE')", 0) for _ in range(20)),
        *(
            ("EVAL", "return cjson.encode(cjson.decode('{\"a\": [1, 2, {}]}')) .. cmsgpack.pack({1, 2})", 0)
            for _ in range(20)
        ),
        *(("FUNCTION", "LOAD", "REPLACE", LIBRARY), ("FUNCTION", "LIST")),
        *(("FCALL", "f", 1, "n") for _ in range(50)),
        *(("FUNCTION", "DUMP"), ("FUNCTION", "FLUSH"), ("SCRIPT", "FLUSH"), ("DEL", "key", "n")),
    ]


def _transactions() -> list[Command]:
    return [
        *(
            part
            for i in range(40)
            for part in (("WATCH", "t"), ("MULTI",), ("SET", "t", i), ("LPUSH", "t", 1), ("EXEC",))
        ),
        *(part for _ in range(40) for part in (("MULTI",), ("NONSENSE",), ("EXEC",), ("MULTI",), ("DISCARD",))),
        ("DEL", "t"),
    ]


def _sessions() -> list[Command]:
    return [
        *(
            part
            for i in range(20)
            for part in (("ACL", "SETUSER", f"u{i}", "on", ">pw", "~k*", "+@read"), ("ACL", "DELUSER", f"u{i}"))
        ),
        *(
            part
            for _ in range(20)
            for part in (
                ("CLIENT", "SETNAME", "me"),
                ("CLIENT", "LIST"),
                ("CLIENT", "TRACKING", "ON", "BCAST"),
                ("RESET",),
            )
        ),
        *(("CONFIG", "SET", "maxmemory-samples", i) for i in (5, 6, 5)),
        *(("PUBLISH", "nobody", BIG) for _ in range(50)),
        *(
            ("INFO",),
            ("COMMAND", "COUNT"),
            ("CONFIG", "GET", "*"),
            ("MEMORY", "STATS"),
            ("SLOWLOG", "GET"),
            ("ACL", "LIST"),
            ("NONSENSE",),
        ),
    ]


FAMILIES: dict[str, Callable[[], list[Command]]] = {
    "strings": _strings,
    "keys": _keys,
    "lists": _lists,
    "hashes": _hashes,
    "sets": _sets,
    "sorted sets": _sorted_sets,
    "streams": _streams,
    "sketches and bitmaps": _sketches,
    "geo": _geo,
    "scripts": _scripts,
    "transactions": _transactions,
    "sessions": _sessions,
}


@dataclass(frozen=True)
class Growth:
    """Resident bytes gained between the end of the warm-up and the end, over that many commands."""

    family: str
    commands: int
    resident: int
    used: int


def measure(server: servers.Server, family: str, commands: int) -> Growth:
    """Send a family's round until that many commands have been answered; the first fifth warms up (allocator, caches)."""
    with server.connect(timeout=120) as connection:
        connection.call("FLUSHALL")
        batch = FAMILIES[family]()
        rounds = max(5, commands // len(batch))
        data = b"".join(resp.encode(*command) for command in batch)
        before = (0, 0)
        for number in range(rounds):
            if number == max(rounds // 5, 2):
                before = _memory(server, connection)
            connection.send(data)
            for _ in batch:
                connection.read()
        after = _memory(server, connection)
    return Growth(family, rounds * len(batch), after[0] - before[0], after[1] - before[1])


def _memory(server: servers.Server, connection: resp.Connection) -> tuple[int, int]:
    """Resident and used bytes, once what was deleted is freed: that is done in slices, after the replies."""
    deadline = time.monotonic() + 60
    while int(resp.info(connection, "memory")["lazyfree_pending_objects"]):
        assert time.monotonic() < deadline, "what was deleted is not freed"
    connection.call("MEMORY", "PURGE")
    return servers.resident_bytes(server.pid), int(resp.info(connection, "memory")["used_memory"])
