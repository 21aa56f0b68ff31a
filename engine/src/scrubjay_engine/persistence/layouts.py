"""How each class of compound value is written (see dump.py for the rules). Imported once, where the engine is put together."""

from itertools import islice

from scrubjay_engine.persistence import format as rdb
from scrubjay_engine.persistence.dump import PART, Body, head, layout
from scrubjay_engine.persistence.rdb_writer import RdbWriter
from scrubjay_engine.values.hash_value import HashValue
from scrubjay_engine.values.list_value import ListValue
from scrubjay_engine.values.set_value import SetValue
from scrubjay_engine.values.sorted_set_value import SortedSetValue


@layout(ListValue)
def write_list(writer: RdbWriter, key: bytes | None, value: ListValue, exact: bool) -> Body:
    """Type 1: the elements."""
    head(writer, rdb.TYPE_LIST, key)
    writer.length(len(value))
    elements = iter(value)
    while writer.strings(islice(elements, PART)) == PART:
        yield


@layout(SetValue)
def write_set(writer: RdbWriter, key: bytes | None, value: SetValue, exact: bool) -> Body:
    """Type 11 for a set of integers (one blob, read by every version), else type 2."""
    blob = value.dump()
    if blob is not None:
        head(writer, rdb.TYPE_SET_INTSET, key)
        writer.string(blob)
        return
    head(writer, rdb.TYPE_SET, key)
    writer.length(len(value))
    members = iter(value)
    while writer.strings(islice(members, PART)) == PART:
        yield


@layout(HashValue)
def write_hash(writer: RdbWriter, key: bytes | None, value: HashValue, exact: bool) -> Body:
    """Type 4; type 24 for a hash that has fields with an expiry: an old server should refuse it rather than keep them for ever."""
    if value.timed():
        yield from write_expiring_hash(writer, key, value)
        return
    head(writer, rdb.TYPE_HASH, key)
    writer.length(len(value))
    if len(value) <= PART:
        for pair in value.items():
            writer.strings(pair)
        return
    for written, field in enumerate(value, 1):
        writer.string(field)
        writer.string(value.get(field) or b"")
        if written % PART == 0:
            yield


def write_expiring_hash(writer: RdbWriter, key: bytes | None, value: HashValue) -> Body:
    """Type 24: the earliest expiry, then each field with the distance of its own to it plus one (0: none)."""
    head(writer, rdb.TYPE_HASH_METADATA, key)
    first = value.next_expiry()
    writer.integer(first)
    writer.length(len(value))
    for written, field in enumerate(value, 1):
        at = value.expire_at(field)
        writer.length(at - first + 1 if at >= 0 else 0)
        writer.string(field)
        writer.string(value.get(field) or b"")
        if written % PART == 0:
            yield


@layout(SortedSetValue)
def write_sorted_set(writer: RdbWriter, key: bytes | None, value: SortedSetValue, exact: bool) -> Body:
    """Type 5: members with scores as doubles."""
    head(writer, rdb.TYPE_ZSET_2, key)
    writer.length(len(value))
    for start in range(0, len(value), PART):
        writer.scores(value.range(start, PART))
        if start + PART < len(value):
            yield
