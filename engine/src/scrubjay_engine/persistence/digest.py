"""DEBUG DIGEST: one number for all data, the same as Redis' for the same data, so that two servers can be compared.

Where order has a meaning (lists, a key with its value) parts are mixed in; where it has none (sets, keys) they are xored. Source: the description of
`computeDatasetDigest` in debug.c of Redis 7.0.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any

from scrubjay_engine.values.hash_value import HashValue
from scrubjay_engine.values.list_value import ListValue
from scrubjay_engine.values.set_value import SetValue
from scrubjay_engine.values.sorted_set_value import SortedSetValue
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue

NONE = bytes(20)
TYPES = {bytes: 0, ListValue: 1, SetValue: 2, SortedSetValue: 3, HashValue: 4, StreamValue: 6}


def xored(digest: bytes, data: bytes) -> bytes:
    """Data whose place has no meaning."""
    return bytes(a ^ b for a, b in zip(digest, sha1(data).digest(), strict=True))


def mixed(digest: bytes, data: bytes) -> bytes:
    """Data whose place has a meaning."""
    return sha1(xored(digest, data)).digest()


def value_digest(digest: bytes, value: Any, expires: bool) -> bytes:
    """A value, on top of what came before (its key, or nothing)."""
    digest = mixed(digest, TYPES[type(value)].to_bytes(4, "big"))
    if isinstance(value, bytes):
        digest = mixed(digest, value)
    elif isinstance(value, ListValue):
        for element in value:
            digest = mixed(digest, element)
    elif isinstance(value, SetValue):
        for member in value:
            digest = xored(digest, member)
    elif isinstance(value, SortedSetValue):
        for member, score in value.items():
            digest = xored(digest, mixed(mixed(NONE, member), b"%.17g" % score))
    elif isinstance(value, HashValue):
        for field, data in value.items():
            digest = xored(digest, mixed(mixed(NONE, field), data))
    else:
        digest = _stream_digest(digest, value)
    return xored(digest, b"!!expire!!") if expires else digest


def _stream_digest(digest: bytes, value: StreamValue) -> bytes:
    for number, (_, fields) in value.range_with_ids(0, MAX_ID):
        digest = mixed(digest, b"%d.%d" % (number >> 64, number & (1 << 64) - 1))
        for part in fields:
            digest = mixed(digest, bytes(part) if isinstance(part, bytes) else b"")
    return digest


def data_digest(databases: list[Any]) -> bytes:
    """All data."""
    total = NONE
    for db in databases:
        if not len(db):
            continue
        total = mixed(total, db.id.to_bytes(4, "big"))
        for key in db.keys():  # noqa: SIM118 (a Database is no dict)
            total = xored(total, value_digest(mixed(NONE, key), db.peek(key), db.expire_at(key) >= 0))
    return total
