"""Everything both servers hold, compared key by key: type, encoding, expiry and value."""

from __future__ import annotations

from collections.abc import Callable

import resp
from differential import compare
from differential.pair import Pair, Step

_CLOCK = compare.near(5000)
_STREAM = compare.masked("radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time", "idle", "inactive")


def check(pair: Pair, zset_encodings: bool = True) -> None:
    """Raise Difference at the first key that the servers do not hold alike. Looks at the selected database; sorted sets' encodings only on request."""
    for key in _keys(pair):
        kind = pair.send(Step((b"TYPE", key))).value
        if zset_encodings or kind != b"zset":
            way: compare.Way = compare.string_encoding if kind == b"string" else compare.exact
            pair.send(Step((b"OBJECT", b"ENCODING", key), way))
        pair.send(Step((b"PEXPIRETIME", key), _CLOCK))
        if kind == b"stream":
            _stream(pair, key)
        elif isinstance(kind, bytes) and kind in _VALUES:
            command, way = _VALUES[kind]
            pair.send(Step(command(key), way))


def _keys(pair: Pair) -> list[bytes]:
    reply = pair.send(Step((b"KEYS", b"*"), compare.unordered))
    return sorted(child.value for child in reply.children if isinstance(child.value, bytes))


def _stream(pair: Pair, key: bytes) -> None:
    pair.send(Step((b"XRANGE", key, b"-", b"+")))
    pair.send(Step((b"XINFO", b"STREAM", key), _STREAM))
    groups = pair.send(Step((b"XINFO", b"GROUPS", key)))
    for group in groups.children:
        name = _field(group, b"name")
        pair.send(Step((b"XINFO", b"CONSUMERS", key, name), _STREAM))
        pending = (b"XPENDING", key, name, b"-", b"+", b"1000")
        pair.send(Step(pending, compare.without_column(2)))


def _field(reply: resp.Frame, name: bytes) -> bytes:
    for field, value in zip(reply.children[::2], reply.children[1::2], strict=True):
        if field.value == name and isinstance(value.value, bytes):
            return value.value
    return b""


_VALUES: dict[bytes, tuple[Callable[[bytes], tuple[bytes, ...]], compare.Way]] = {
    b"string": (lambda key: (b"GET", key), compare.exact),
    b"list": (lambda key: (b"LRANGE", key, b"0", b"-1"), compare.exact),
    b"set": (lambda key: (b"SMEMBERS", key), compare.unordered),
    b"hash": (lambda key: (b"HGETALL", key), compare.unordered_pairs),
    b"zset": (lambda key: (b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"), compare.exact),
}
