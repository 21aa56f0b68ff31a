"""An image as commands: what `aof-use-rdb-preamble no` writes. An RdbSink that is fed the image as it is taken and gives RESP.

Compound values come as several commands of up to 64 elements each, as Redis does it. Called by persistence/aof through `RespImage.convert`.
"""

from __future__ import annotations

from typing import Any

from scrubjay_engine.core.engine import encode_command
from scrubjay_engine.persistence.format import StreamId
from scrubjay_engine.persistence.rdb_reader import WORKING, RdbReader

BATCH = 64
ADD = {"list": b"RPUSH", "set": b"SADD", "hash": b"HMSET", "zset": b"ZADD"}
WIDTH = {"list": 1, "set": 1, "hash": 2, "zset": 2}


def show_id(stream_id: StreamId) -> bytes:
    """`ms-seq`."""
    return b"%d-%d" % stream_id


class RespImage:
    """Turns RDB bytes into commands. `second`: a time annotation to begin with (Unix seconds, 0: none)."""

    def __init__(self, second: int = 0) -> None:
        self._reader = RdbReader(self)
        self._out: list[bytes] = [b"#TS:%d\r\n" % second] if second else []
        self._kind = ""
        self._key = b""
        self._expire = -1
        self._group = b""
        self._consumer = b""
        self._pending: dict[StreamId, tuple[int, int]] = {}

    def convert(self, data: bytes) -> bytes:
        """The commands for the next piece of the image."""
        self._reader.feed(data)
        while self._reader.read() == WORKING:
            pass
        out, self._out = self._out, []
        return b"".join(out)

    def _emit(self, *words: Any) -> None:
        self._out.append(encode_command(list(words)))

    def aux(self, name: bytes, value: bytes) -> None:
        """Facts have no command."""

    def skipped(self, what: str) -> None:
        """Our own images hold nothing foreign."""

    def sizes(self, keys: int, expires: int) -> None:
        """Hints have no command."""

    def access(self, idle: int, frequency: int) -> None:
        """Access times have no command."""

    def database(self, index: int) -> None:
        self._emit(b"SELECT", b"%d" % index)

    def function(self, code: bytes) -> None:
        self._emit(b"FUNCTION", b"LOAD", code)

    def string(self, key: bytes, value: bytes, expire: int) -> None:
        self._emit(b"SET", key, value)
        self._key, self._expire = key, expire
        self._finish()

    def begin(self, kind: str, key: bytes, size: int, expire: int) -> None:
        self._kind, self._key, self._expire = kind, key, expire

    def items(self, items: list[Any]) -> None:
        step = BATCH * WIDTH[self._kind]
        for at in range(0, len(items), step):
            part = items[at : at + step]
            if self._kind == "zset":
                members, scores = part[0::2], [repr(score).encode() for score in part[1::2]]
                part = [word for pair in zip(scores, members, strict=True) for word in pair]
            self._emit(ADD[self._kind], self._key, *part)

    def expiring_fields(self, items: list[Any]) -> None:
        for field, value, at in zip(items[0::3], items[1::3], items[2::3], strict=True):
            self._emit(b"HSET", self._key, field, value)
            if at >= 0:
                self._emit(b"HPEXPIREAT", self._key, b"%d" % at, b"FIELDS", b"1", field)

    def stream_entries(self, entries: list[tuple[int, int, list[bytes]]]) -> None:
        for ms, seq, fields in entries:
            self._emit(b"XADD", self._key, show_id((ms, seq)), *fields)

    def stream_state(self, length: int, last: StreamId, first: StreamId, deleted: StreamId, added: int) -> None:
        if not length:  # an empty stream is made by an entry that goes again
            self._emit(b"XADD", self._key, b"MAXLEN", b"0", show_id(last) if last > (0, 0) else b"0-1", b"x", b"y")
        counters = [b"ENTRIESADDED", b"%d" % added, b"MAXDELETEDID", show_id(deleted)] if added >= 0 else []
        self._emit(b"XSETID", self._key, show_id(last), *counters)

    def stream_group(self, name: bytes, last: StreamId, read: int) -> None:
        self._group, self._pending = name, {}
        counter = [b"ENTRIESREAD", b"%d" % read] if read >= 0 else []
        self._emit(b"XGROUP", b"CREATE", self._key, name, show_id(last), *counter)

    def stream_pending(self, entries: list[tuple[int, int, int, int]]) -> None:
        self._pending.update({(ms, seq): (at, count) for ms, seq, at, count in entries})

    def stream_consumer(self, name: bytes, seen: int, active: int) -> None:
        self._consumer = name
        self._emit(b"XGROUP", b"CREATECONSUMER", self._key, self._group, name)

    def stream_owned(self, ids: list[StreamId]) -> None:
        for stream_id in ids:
            at, count = self._pending[stream_id]
            words = [b"TIME", b"%d" % at, b"RETRYCOUNT", b"%d" % count, b"JUSTID", b"FORCE"]
            self._emit(b"XCLAIM", self._key, self._group, self._consumer, b"0", show_id(stream_id), *words)

    def end(self) -> None:
        self._finish()

    def _finish(self) -> None:
        if self._expire >= 0:
            self._emit(b"PEXPIREAT", self._key, b"%d" % self._expire)
