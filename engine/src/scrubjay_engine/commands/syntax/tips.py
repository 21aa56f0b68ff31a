"""Tips for clients in COMMAND INFO (https://redis.io/docs/reference/command-tips): what a proxy or cluster client may do with a command and its
replies; and notes on key specifications. For the rows whose families do not say so themselves, the Cython ones above all."""

from __future__ import annotations

_VARIES, _ANY_ORDER = "nondeterministic_output", "nondeterministic_output_order"
_EVERY_SHARD, _EVERY_NODE, _BY_KEY = (
    "request_policy:all_shards",
    "request_policy:all_nodes",
    "request_policy:multi_shard",
)
_SUM, _LEAST, _ALL_GOOD = "response_policy:agg_sum", "response_policy:agg_min", "response_policy:all_succeeded"

TIPS: dict[str, tuple[str, ...]] = {
    "client|info": (_VARIES,),
    "client|list": (_VARIES,),
    "config|set": (_EVERY_NODE, _ALL_GOOD),
    "dbsize": (_EVERY_SHARD, _SUM),
    "del": (_BY_KEY, _SUM),
    "dump": (_VARIES,),
    "exists": (_BY_KEY, _SUM),
    "flushall": (_EVERY_SHARD, _ALL_GOOD),
    "flushdb": (_EVERY_SHARD, _ALL_GOOD),
    "hgetall": (_ANY_ORDER,),
    "hkeys": (_ANY_ORDER,),
    "hvals": (_ANY_ORDER,),
    "info": (_VARIES, _EVERY_SHARD, "response_policy:special"),
    "keys": (_EVERY_SHARD, _ANY_ORDER),
    "lastsave": (_VARIES,),
    "mget": (_BY_KEY,),
    "migrate": (_VARIES,),
    "mset": (_BY_KEY, _ALL_GOOD),
    "msetnx": (_BY_KEY, _LEAST),
    "object|encoding": (_VARIES,),
    "object|freq": (_VARIES,),
    "object|idletime": (_VARIES,),
    "object|refcount": (_VARIES,),
    "ping": (_EVERY_SHARD, _ALL_GOOD),
    "pttl": (_VARIES,),
    "randomkey": (_EVERY_SHARD, _VARIES),
    "scan": (_VARIES, "request_policy:special"),
    "smembers": (_ANY_ORDER,),
    "spop": (_VARIES,),
    "time": (_VARIES,),
    "touch": (_BY_KEY, _SUM),
    "ttl": (_VARIES,),
    "unlink": (_BY_KEY, _SUM),
    "wait": (_EVERY_SHARD, _LEAST),
}

_BY_SCRIPT = "what a script does with its keys is not known: the most is assumed"
NOTES: dict[tuple[str, int], str] = {
    ("bitfield", 0): "reads, writes, or both, as its operations do",
    ("eval", 0): _BY_SCRIPT,
    ("eval_ro", 0): _BY_SCRIPT,
    ("fcall", 0): _BY_SCRIPT,
    ("fcall_ro", 0): _BY_SCRIPT,
    ("getex", 0): "a write, since it changes when the key expires",
    ("pfcount", 0): "a write, since it may keep what it counted in the key",
    ("set", 0): "also a read, for GET",
    ("sort", 1): "keys of BY and GET, which depend on the elements",
    ("sort", 2): "the key of STORE, which may stand anywhere behind the first",
    ("sort_ro", 1): "keys of BY and GET, which depend on the elements",
    ("xadd", 0): "an update rather than an insertion, since it may trim",
}
