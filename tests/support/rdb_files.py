"""RDB files in tests: collect what our reader tells, and write such a collection with our writer. No engine is involved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scrubjay_engine.persistence.format import StreamId
from scrubjay_engine.persistence.rdb_reader import DONE, RdbReader
from scrubjay_engine.persistence.rdb_writer import RdbWriter
from scrubjay_engine.persistence.stream_codec import encode_node


@dataclass
class Group:
    last: StreamId
    read: int
    pending: list[tuple[int, int, int, int]] = field(default_factory=list)
    consumers: dict[bytes, tuple[int, int, list[StreamId]]] = field(default_factory=dict)


@dataclass
class Stream:
    entries: list[tuple[int, int, list[bytes]]] = field(default_factory=list)
    state: tuple[int, StreamId, StreamId, StreamId, int] = (0, (0, 0), (0, 0), (0, 0), -1)
    groups: dict[bytes, Group] = field(default_factory=dict)


@dataclass
class Key:
    kind: str
    value: Any
    expire: int


class Collector:
    """An RdbSink that keeps everything: `keys[db][key]`."""

    def __init__(self) -> None:
        self.facts: dict[bytes, bytes] = {}
        self.keys: dict[int, dict[bytes, Key]] = {}
        self.functions: list[bytes] = []
        self.notes: list[str] = []
        self.accesses: list[tuple[int, int]] = []
        self._db = 0
        self._group: Group | None = None
        self._consumer = b""
        self._current = Key("", None, -1)

    def aux(self, name: bytes, value: bytes) -> None:
        self.facts[name] = value

    def skipped(self, what: str) -> None:
        self.notes.append(what)

    def database(self, index: int) -> None:
        self._db = index

    def sizes(self, keys: int, expires: int) -> None:
        pass

    def function(self, code: bytes) -> None:
        self.functions.append(code)

    def access(self, idle: int, frequency: int) -> None:
        self.accesses.append((idle, frequency))

    def string(self, key: bytes, value: bytes, expire: int) -> None:
        self.keys.setdefault(self._db, {})[key] = Key("string", value, expire)

    def begin(self, kind: str, key: bytes, size: int, expire: int) -> None:
        self._current = Key(kind, Stream() if kind == "stream" else [], expire)
        self.keys.setdefault(self._db, {})[key] = self._current

    def items(self, items: list[bytes | float]) -> None:
        self._current.value.extend(items)

    def expiring_fields(self, items: list[bytes | int]) -> None:
        self._current.kind = "hash with expiry"
        self._current.value.extend(items)

    def stream_entries(self, entries: list[tuple[int, int, list[bytes]]]) -> None:
        self._current.value.entries.extend(entries)

    def stream_state(self, length: int, last: StreamId, first: StreamId, deleted: StreamId, added: int) -> None:
        self._current.value.state = (length, last, first, deleted, added)

    def stream_group(self, name: bytes, last: StreamId, read: int) -> None:
        self._group = self._current.value.groups[name] = Group(last, read)

    def stream_pending(self, entries: list[tuple[int, int, int, int]]) -> None:
        assert self._group is not None
        self._group.pending.extend(entries)

    def stream_consumer(self, name: bytes, seen: int, active: int) -> None:
        assert self._group is not None
        self._consumer = name
        self._group.consumers[name] = (seen, active, [])

    def stream_owned(self, ids: list[StreamId]) -> None:
        assert self._group is not None
        self._group.consumers[self._consumer][2].extend(ids)

    def end(self) -> None:
        pass


def collect(data: bytes, chunk: int = 1 << 16) -> Collector:
    """Read a whole file in chunks of that size."""
    sink = Collector()
    reader = RdbReader(sink)
    for at in range(0, len(data), chunk):
        reader.feed(data[at : at + chunk])
        while reader.read(64) == 1:
            pass
    reader.finish()
    assert reader.read() == DONE
    return sink


def file_of(keys: dict[int, dict[bytes, Key]]) -> bytes:
    """The file that our writer makes of what a Collector kept."""
    writer = RdbWriter()
    writer.header()
    writer.aux(b"redis-ver", b"7.0.15")
    parts = []
    for db, found in sorted(keys.items()):
        writer.database(db, len(found), sum(key.expire >= 0 for key in found.values()))
        for name, key in found.items():
            _write(writer, name, key)
            if writer.pending() > 4096:
                parts.append(writer.take())
    writer.eof()
    return b"".join([*parts, writer.take()])


def _write(writer: RdbWriter, name: bytes, key: Key) -> None:
    value = key.value
    if key.kind == "hash with expiry":
        value = [part for i, part in enumerate(value) if i % 3 != 2]
    code = {"string": 0, "list": 1, "set": 2, "hash": 4, "hash with expiry": 4, "zset": 5, "stream": 15}[key.kind]
    writer.key(code, name, key.expire)
    if key.kind == "string":
        writer.string(value)
    elif key.kind == "zset":
        writer.length(len(value) // 2)
        writer.scores(zip(value[0::2], value[1::2], strict=True))
    elif key.kind == "stream":
        _write_stream(writer, value)
    else:
        writer.length(len(value) // (2 if code == 4 else 1))
        writer.strings(value)


def _write_stream(writer: RdbWriter, stream: Stream) -> None:
    nodes = [encode_node(stream.entries[i : i + 100]) for i in range(0, len(stream.entries), 100)]
    writer.length(len(nodes))
    for node_key, blob in nodes:
        writer.strings([node_key, blob])
    length, last, _first, _deleted, _added = stream.state
    for number in (length, *last, len(stream.groups)):
        writer.length(number)
    for name, group in stream.groups.items():
        writer.string(name)
        for number in (*group.last, len(group.pending)):
            writer.length(number)
        for ms, seq, at, count in group.pending:
            writer.raw(ms.to_bytes(8, "big") + seq.to_bytes(8, "big"))
            writer.integer(at)
            writer.length(count)
        writer.length(len(group.consumers))
        for consumer, (seen, _active, owned) in group.consumers.items():
            writer.string(consumer)
            writer.integer(seen)
            writer.length(len(owned))
            for ms, seq in owned:
                writer.raw(ms.to_bytes(8, "big") + seq.to_bytes(8, "big"))
