"""The numbers of the RDB format: types of values, opcodes, encodings; and what a reader tells its sink.

One list for the reader, the writer and DUMP. Source: rdb.h of Redis 7.0 and Valkey, the documents in redis/docs on RDB versions.
"""

from typing import Final, Protocol

# What we write: every release from 5.0 on reads it.
WRITTEN_VERSION: Final = 9
NEWEST_VERSION: Final = 12
VALKEY_VERSION: Final = 80

TYPE_STRING: Final = 0
TYPE_LIST: Final = 1
TYPE_SET: Final = 2
TYPE_ZSET: Final = 3
TYPE_HASH: Final = 4
TYPE_ZSET_2: Final = 5
TYPE_SET_INTSET: Final = 11
TYPE_STREAM_LISTPACKS: Final = 15
TYPE_STREAM_LISTPACKS_2: Final = 19
TYPE_HASH_METADATA: Final = 24

OPCODE_FUNCTION: Final = 245
OPCODE_IDLE: Final = 248
OPCODE_FREQ: Final = 249
OPCODE_AUX: Final = 250
OPCODE_RESIZEDB: Final = 251
OPCODE_EXPIRETIME_MS: Final = 252
OPCODE_SELECTDB: Final = 254
OPCODE_EOF: Final = 255

StreamId = tuple[int, int]


class RdbSink(Protocol):
    """What `RdbReader` calls, in the order of the file. Compound values arrive in parts, so that none must fit in one step:
    `begin`, any number of `items` (or `expiring_fields`, or the stream's calls), `end`."""

    def aux(self, name: bytes, value: bytes) -> None:
        """A named fact about the file (`redis-ver`, `repl-id`, ...)."""

    def skipped(self, what: str) -> None:
        """Something that this engine does not have was passed over; for the log."""

    def database(self, index: int) -> None:
        """The keys that follow belong to this database."""

    def sizes(self, keys: int, expires: int) -> None:
        """A hint: so many keys follow in this database, so many of them with an expiry."""

    def function(self, code: bytes) -> None:
        """The source of one function library."""

    def access(self, idle: int, frequency: int) -> None:
        """Of the next key: seconds since its last use, or its LFU counter; -1 for the other."""

    def string(self, key: bytes, value: bytes, expire: int) -> None:
        """A string key; `expire` in Unix milliseconds, -1 for none."""

    def begin(self, kind: str, key: bytes, size: int, expire: int) -> None:
        """A `list`, `set`, `hash`, `zset` or `stream` starts; `size` is the number of elements where the file says it, else 0."""

    def items(self, items: list[bytes | float]) -> None:
        """Elements; of a hash field, value, field, value ...; of a zset member, score, ..."""

    def expiring_fields(self, items: list[bytes | int]) -> None:
        """Fields of a hash that has field expiry: field, value, expiry in Unix milliseconds (-1: none), ..."""

    def stream_entries(self, entries: list[tuple[int, int, list[bytes]]]) -> None:
        """Entries in order: milliseconds, sequence, [field, value, ...]."""

    def stream_state(self, length: int, last: StreamId, first: StreamId, deleted: StreamId, added: int) -> None:
        """The stream's own numbers; `added` is -1 when the file is too old to say (then `first` and `deleted` say nothing)."""

    def stream_group(self, name: bytes, last: StreamId, read: int) -> None:
        """A consumer group; `read` counts entries read, -1 when not known. What follows belongs to it."""

    def stream_pending(self, entries: list[tuple[int, int, int, int]]) -> None:
        """Pending entries of the group: milliseconds, sequence, delivery time, delivery count."""

    def stream_consumer(self, name: bytes, seen: int, active: int) -> None:
        """A consumer of the group, its times in Unix milliseconds (`active` -1 when not known)."""

    def stream_owned(self, ids: list[StreamId]) -> None:
        """Pending entries of the group that belong to the consumer."""

    def end(self) -> None:
        """The compound value is whole."""
