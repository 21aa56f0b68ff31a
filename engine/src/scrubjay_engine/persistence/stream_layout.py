"""How a stream is written and built again: its listpacks, its counters, its consumer groups.

Type 15 (Redis 5.0) has no counters of what was added and deleted; type 19 (Redis 7.0) has them. With `exact` a stream gets type 15 only when a reader comes to the
same counters by itself: nothing was ever deleted, and there are no groups.
"""

from typing import Any

from scrubjay_engine.persistence import format as rdb
from scrubjay_engine.persistence.dump import Body, head, layout
from scrubjay_engine.persistence.errors import CorruptData
from scrubjay_engine.persistence.format import StreamId
from scrubjay_engine.persistence.loading import builders
from scrubjay_engine.persistence.rdb_writer import RdbWriter
from scrubjay_engine.values.stream_groups import Consumer, Group
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue

WORD = (1 << 64) - 1
NODES_PER_PART = 16


def number_of(stream_id: StreamId) -> int:
    """An ID as one number."""
    return stream_id[0] << 64 | stream_id[1]


def write_id(writer: RdbWriter, number: int) -> None:
    """An ID as two lengths."""
    writer.length(number >> 64)
    writer.length(number & WORD)


def raw_id(number: int) -> bytes:
    """An ID as it stands in the lists of pending entries."""
    return number.to_bytes(16, "big")


@layout(StreamValue)
def write_stream(writer: RdbWriter, key: bytes | None, value: StreamValue, exact: bool) -> Body:
    """Type 15 or 19."""
    plain = value.entries_added == len(value) and not value.max_deleted_id and not value.groups
    newer = exact and not plain
    head(writer, rdb.TYPE_STREAM_LISTPACKS_2 if newer else rdb.TYPE_STREAM_LISTPACKS, key)
    nodes = value.dump_nodes()
    writer.length(len(nodes))
    for written, (node_key, blob) in enumerate(nodes, 1):
        writer.string(node_key)
        writer.string(blob)
        if written % NODES_PER_PART == 0:
            yield
    writer.length(len(value))
    write_id(writer, value.last_id)
    if newer:
        write_id(writer, value.first_id)
        write_id(writer, value.max_deleted_id)
        writer.length(value.entries_added)
    writer.length(len(value.groups))
    for name, group in value.groups.items():
        _write_group(writer, name, group, newer)


def _write_group(writer: RdbWriter, name: bytes, group: Group, newer: bool) -> None:
    writer.string(name)
    write_id(writer, group.last_id)
    if newer:
        writer.length(group.entries_read & WORD)
    pending = group.pending_range(0, MAX_ID)
    writer.length(len(pending))
    for number, _, delivered_at, deliveries in pending:
        writer.raw(raw_id(number))
        writer.integer(delivered_at)
        writer.length(deliveries)
    writer.length(len(group.consumers))
    for consumer in group.consumers.values():
        writer.string(consumer.name)
        writer.integer(consumer.seen_at)
        ids = consumer.ids()
        writer.length(len(ids))
        for number in ids:
            writer.raw(raw_id(number))


class StreamBuilder:
    """Entries, then counters, then groups with their pending entries and consumers."""

    def __init__(self) -> None:
        self._stream = StreamValue()
        self.value: StreamValue | None = self._stream
        self._legacy = False
        self._group = Group()
        self._consumer = Consumer(b"", 0)
        self._waiting: dict[int, tuple[int, int]] = {}

    def entries(self, entries: list[tuple[int, int, list[bytes]]]) -> None:
        append = self._stream.append
        try:
            for ms, seq, fields in entries:
                append(ms << 64 | seq, fields)
        except ValueError as error:
            raise CorruptData(f"Stream entries are not in order: {error}") from None

    def state(self, length: int, last: StreamId, first: StreamId, deleted: StreamId, added: int) -> None:
        stream = self._stream
        if length != len(stream) or number_of(last) < stream.last_id:
            raise CorruptData("Stream metadata does not match its entries")
        stream.last_id = number_of(last)
        self._legacy = added < 0
        stream.max_deleted_id = 0 if self._legacy else number_of(deleted)
        stream.entries_added = len(stream) if self._legacy else added

    def group(self, name: bytes, last: StreamId, read: int) -> None:
        self._all_owned()
        if name in self._stream.groups:
            raise CorruptData(f"Duplicated consumer group name {name!r}")
        number = number_of(last)
        self._group = Group(number, self._stream.entries_up_to(number) if self._legacy else read)
        self._stream.groups[name] = self._group

    def pending(self, entries: list[tuple[int, int, int, int]]) -> None:
        for ms, seq, delivered_at, deliveries in entries:
            number = ms << 64 | seq
            if number in self._waiting:
                raise CorruptData("Duplicated entry in a group's pending list")
            self._waiting[number] = (delivered_at, deliveries)

    def consumer(self, name: bytes, seen: int, active: int) -> None:
        if name in self._group.consumers:
            raise CorruptData(f"Duplicate stream consumer {name!r}")
        self._consumer = self._group.add_consumer(name, seen)

    def owned(self, ids: list[StreamId]) -> None:
        for stream_id in ids:
            number = number_of(stream_id)
            known = self._waiting.pop(number, None)
            if known is None:
                raise CorruptData("Consumer entry not found in the group's pending list")
            self._group.assign(number, self._consumer, *known)

    def items(self, items: list[Any]) -> None:
        raise CorruptData("plain elements within a stream")

    def _all_owned(self) -> None:
        if self._waiting:
            raise CorruptData("Stream pending entries without a consumer")

    def end(self) -> None:
        self._all_owned()


builders["stream"] = StreamBuilder
