"""Entries of a stream in Redis' form: listpacks of entries that share a master entry's fields.

A listpack holds the master entry (count, deleted, number of fields, the fields, 0) and then entries: flags, difference in milliseconds
and in sequence to the listpack's key, the fields unless they are the master's, the values, and the number of elements to walk back.
Source: the comment on streams' layout in t_stream.c of Redis 7.0.
"""
from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.persistence.compact cimport listpack_items
from scrubjay_engine.persistence.compact import encode_listpack
from scrubjay_engine.persistence.errors import CorruptData

cdef enum:
    DELETED = 1
    SAME_FIELDS = 2


# Differences are kept modulo 2 ** 64, as signed numbers.
WORD = (1 << 64) - 1


cdef object difference(object later, object earlier):
    delta = (later - earlier) & WORD
    return delta - (1 << 64) if delta >> 63 else delta


cdef inline object text(object item):
    return b"%d" % item if isinstance(item, int) else item


cdef object number(list items, Py_ssize_t at):
    """A number of the listpack's own bookkeeping."""
    if at >= len(items):
        raise CorruptData("a stream's listpack ends within an entry")
    item = items[at]
    if isinstance(item, int):
        return item
    try:
        return int(item)
    except ValueError:
        raise CorruptData("a stream's listpack holds text where a number belongs") from None


cdef list stream_node(bytes key, const unsigned char* data, Py_ssize_t size):
    """The entries of one listpack as (milliseconds, sequence, [field, value, ...]), without the deleted ones."""
    cdef list items = listpack_items(data, size, True), fields, values, master
    cdef list entries = []
    cdef Py_ssize_t at, n, i, live
    cdef int flags
    if len(key) != 16:
        raise CorruptData("a stream's listpack has a key that is not 16 bytes")
    ms0 = int.from_bytes(key[:8], "big")
    seq0 = int.from_bytes(key[8:], "big")
    live = number(items, 0)
    n = number(items, 2)
    if n < 0 or 3 + n >= len(items):
        raise CorruptData("a stream's master entry has more fields than there are")
    master = [text(item) for item in items[3:3 + n]]
    at = 4 + n
    while at < len(items):
        flags = number(items, at) & 0xff
        ms = (ms0 + number(items, at + 1)) & WORD
        seq = (seq0 + number(items, at + 2)) & WORD
        at += 3
        n = len(master)
        if not flags & SAME_FIELDS:
            n = number(items, at)
            at += 1
        if n < 0 or n > len(items):
            raise CorruptData("a stream's entry has an impossible number of fields")
        i = n if flags & SAME_FIELDS else 2 * n
        if at + i >= len(items):
            raise CorruptData("a stream's entry ends within its fields")
        values = [text(item) for item in items[at:at + i]]
        at += i + 1
        if flags & DELETED:
            continue
        if flags & SAME_FIELDS:
            fields = [None] * (2 * n)
            fields[0::2] = master
            fields[1::2] = values
            values = fields
        entries.append((ms, seq, values))
    if len(entries) != live:
        raise CorruptData("a stream's listpack does not hold as many entries as it says")
    return entries


def decode_node(bytes key not None, bytes blob not None) -> list[tuple[int, int, list[bytes]]]:
    """The entries of one listpack of a stream, without the deleted ones; `key` is its 16-byte key."""
    return stream_node(key, blob, len(blob))


def encode_node(list entries not None) -> tuple[bytes, bytes]:
    """The 16-byte key and the listpack for some entries in order, (milliseconds, sequence, [field, value, ...]) each."""
    cdef list items, fields, pairs, master
    ms0, seq0, pairs = entries[0]
    master = pairs[0::2]
    items = [len(entries), 0, len(master), *master, 0]
    for ms, seq, pairs in entries:
        fields = pairs[0::2]
        if fields == master:
            items += [SAME_FIELDS, difference(ms, ms0), difference(seq, seq0)]
            items += pairs[1::2]
            items.append(3 + len(fields))
        else:
            items += [0, difference(ms, ms0), difference(seq, seq0), len(fields)]
            items += pairs
            items.append(4 + 2 * len(fields))
    return ms0.to_bytes(8, "big") + seq0.to_bytes(8, "big"), encode_listpack(items)
