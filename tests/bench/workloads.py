"""The commands a benchmark measures: what redis-benchmark sends, and the data that must be there before it does.

Key and member names are redis-benchmark's: `__rand_int__` becomes a random twelve-digit number below SPREAD. Commands
that take elements away start from more elements than they will take, so that none of them measures a missing key.
The number has leading zeros, which Redis refuses where it wants an offset: bitmaps vary the key instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import resp

SPREAD = 100_000  # distinct keys, members and fields
DATA = "x" * 64
POPS = 400_000
SMALL = "VXK"  # redis-benchmark's own default of three bytes

Commands = Iterator[tuple[resp.Argument, ...]]


@dataclass(frozen=True)
class Workload:
    """One row of the table. `fill(count)` gives the commands to send first, `count` being the number of requests."""

    name: str
    family: str
    command: tuple[str, ...]
    depth: int = 16  # commands in one write (-P)
    fill: Callable[[int], Commands] | None = None
    most: int | None = None  # requests of one run at most, where each takes something away


def _number(index: int) -> str:
    return f"{index:012d}"


def _batches(command: str, key: str, items: Iterator[tuple[str, ...]], size: int = 500) -> Commands:
    while batch := list(islice(items, size)):
        yield (command, key, *(part for item in batch for part in item))


def _strings(_: int) -> Commands:
    return (("SET", f"key:{_number(index)}", DATA) for index in range(SPREAD))


def _short_list(_: int) -> Commands:
    return iter([("RPUSH", "mylist", *([SMALL] * 100))])


def _list(count: int) -> Commands:
    return _batches("RPUSH", "mylist", ((SMALL,) for _ in range(count)))


def _set(count: int) -> Commands:
    return _batches("SADD", "myset", ((f"element:{_number(index)}",) for index in range(count)))


def _zset(count: int) -> Commands:
    return _batches("ZADD", "myzset", ((str(index % 1000), f"element:{_number(index)}") for index in range(count)))


def _whole_zset(_: int) -> Commands:
    return _zset(SPREAD)


def _whole_set(_: int) -> Commands:
    return _set(SPREAD)


def _hash(_: int) -> Commands:
    return _batches("HSET", "myhash", ((f"element:{_number(index)}", SMALL) for index in range(SPREAD)))


def _two_sets(_: int) -> Commands:
    yield from _batches("SADD", "left", ((str(index),) for index in range(100)))
    yield from _batches("SADD", "right", ((str(index),) for index in range(50, 150)))


def _stream(_: int) -> Commands:
    return (("XADD", "mystream", "*", "field", SMALL) for _ in range(1000))


def _group(count: int) -> Commands:
    """A stream whose entries nobody in the group has read; the ids are 1-0, 2-0 and so on."""
    yield ("XGROUP", "CREATE", "mystream", "group", "0", "MKSTREAM")
    yield from (("XADD", "mystream", f"{index}-0", "field", SMALL) for index in range(1, count + 2))


def _pending(_: int) -> Commands:
    """A stream whose entries one consumer has read and not acknowledged."""
    yield from _group(SPREAD)
    yield from (
        ("XREADGROUP", "GROUP", "group", "one", "COUNT", "1000", "STREAMS", "mystream", ">") for _ in range(101)
    )


def _places(_: int) -> Commands:
    spots = ((f"{index % 360 - 180 + 0.5}", f"{index % 150 - 75}.25", _number(index)) for index in range(1000))
    return _batches("GEOADD", "myplaces", spots)


def _bits(_: int) -> Commands:
    return iter([("SET", "mybits", "\x55" * 1000)])


def _counts(_: int) -> Commands:
    return _batches("PFADD", "mylog", ((_number(index),) for index in range(SPREAD)))


_KEY = "key:__rand_int__"
_ELEMENT = "element:__rand_int__"
_SCRIPT = "return redis.call('incr', KEYS[1])"

CORE = (
    Workload("GET P=1", "string", ("GET", _KEY), 1, _strings),
    Workload("SET P=1", "string", ("SET", _KEY, DATA), 1),
    Workload("GET P=16", "string", ("GET", _KEY), 16, _strings),
    Workload("SET P=16", "string", ("SET", _KEY, DATA), 16),
    Workload("INCR", "string", ("INCR", "counter:__rand_int__")),
    Workload("LPUSH", "list", ("LPUSH", "mylist", SMALL)),
    Workload("RPOP", "list", ("RPOP", "mylist"), fill=_list, most=POPS),
    Workload("SADD", "set", ("SADD", "myset", _ELEMENT)),
    Workload("HSET", "hash", ("HSET", "myhash", _ELEMENT, SMALL)),
    Workload("ZADD", "sorted set", ("ZADD", "myzset", "0", _ELEMENT)),
    Workload("LRANGE_100", "list", ("LRANGE", "mylist", "0", "99"), fill=_short_list),
    Workload("MSET (10)", "string", ("MSET", *((_KEY, SMALL) * 10))),
    Workload("SPOP", "set", ("SPOP", "myset"), fill=_set, most=POPS),
    Workload("ZPOPMIN", "sorted set", ("ZPOPMIN", "myzset"), fill=_zset, most=POPS),
)

FAMILIES = (
    Workload("APPEND", "string", ("APPEND", "counter:__rand_int__", "x")),
    Workload("SET EX", "string", ("SET", _KEY, SMALL, "EX", "1000")),
    Workload("MGET (10)", "string", ("MGET", *((_KEY,) * 10)), fill=_strings),
    Workload("EXISTS", "keys", ("EXISTS", _KEY), fill=_strings),
    Workload("EXPIRE", "keys", ("EXPIRE", _KEY, "1000"), fill=_strings),
    Workload("TTL", "keys", ("TTL", _KEY), fill=_strings),
    Workload("DEL", "keys", ("DEL", _KEY), fill=_strings),
    Workload("LINDEX", "list", ("LINDEX", "mylist", "50"), fill=_short_list),
    Workload("RPUSH", "list", ("RPUSH", "mylist", SMALL)),
    Workload("HGET", "hash", ("HGET", "myhash", _ELEMENT), fill=_hash),
    Workload("HINCRBY", "hash", ("HINCRBY", "myhash", _ELEMENT, "1")),
    Workload("SISMEMBER", "set", ("SISMEMBER", "myset", _ELEMENT), fill=_whole_set),
    Workload("SINTER (100 with 100)", "set", ("SINTER", "left", "right"), fill=_two_sets),
    Workload("ZSCORE", "sorted set", ("ZSCORE", "myzset", _ELEMENT), fill=_whole_zset),
    Workload("ZRANGE first 10", "sorted set", ("ZRANGE", "myzset", "0", "9"), fill=_whole_zset),
    Workload("ZRANK", "sorted set", ("ZRANK", "myzset", _ELEMENT), fill=_whole_zset),
    Workload(
        "ZRANGEBYSCORE (10)",
        "sorted set",
        ("ZRANGEBYSCORE", "myzset", "500", "600", "LIMIT", "0", "10"),
        fill=_whole_zset,
    ),
    Workload("SETBIT", "bitmap", ("SETBIT", "bits:__rand_int__", "1000", "1")),
    Workload("BITCOUNT (1 kB)", "bitmap", ("BITCOUNT", "mybits"), fill=_bits),
    Workload("BITFIELD", "bitmap", ("BITFIELD", "bits:__rand_int__", "INCRBY", "u8", "#100", "1")),
    Workload("PFADD", "hyperloglog", ("PFADD", "mylog", _ELEMENT)),
    Workload("PFCOUNT", "hyperloglog", ("PFCOUNT", "mylog"), fill=_counts),
    Workload("GEOADD", "geo", ("GEOADD", "myplaces", "13.36", "38.11", _ELEMENT)),
    Workload(
        "GEOSEARCH (1000)",
        "geo",
        ("GEOSEARCH", "myplaces", "FROMLONLAT", "15", "37", "BYRADIUS", "500", "km"),
        fill=_places,
    ),
    Workload("XADD", "stream", ("XADD", "mystream", "MAXLEN", "~", "10000", "*", "field", SMALL)),
    Workload("XRANGE (10)", "stream", ("XRANGE", "mystream", "-", "+", "COUNT", "10"), fill=_stream),
    Workload(
        "XREADGROUP (1 new)",
        "stream",
        ("XREADGROUP", "GROUP", "group", "one", "COUNT", "1", "STREAMS", "mystream", ">"),
        fill=_group,
        most=POPS,
    ),
    # As many as there are entries: about two in three are still pending when their turn comes.
    Workload("XACK", "stream", ("XACK", "mystream", "group", "__rand_int__-0"), fill=_pending, most=SPREAD),
    Workload("XPENDING (10)", "stream", ("XPENDING", "mystream", "group", "-", "+", "10"), fill=_pending),
    Workload("EVAL (INCR)", "scripting", ("EVAL", _SCRIPT, "1", "counter:__rand_int__")),
    Workload("PUBLISH (nobody)", "pub/sub", ("PUBLISH", "channel", SMALL)),
)


def fill(connection: resp.Connection, workload: Workload, requests: int) -> None:
    """Empty the server, then give it what the workload needs for that many requests."""
    connection.call("FLUSHALL")
    if workload.fill is None:
        return
    commands = workload.fill(requests)
    while batch := list(islice(commands, 1000)):
        for reply in connection.pipeline(batch):
            if reply.is_error:
                raise resp.ErrorReply(str(reply.plain()))
