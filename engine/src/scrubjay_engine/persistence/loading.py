"""From RDB events to databases: the sink that builds values and puts them under their keys.

The databases it fills may be the engine's own (start, DEBUG RELOAD) or fresh ones that are exchanged for them once everything is there (a replica's full
synchronisation: clients see the old data until then, and a broken transfer changes nothing).
Called by persistence/saving (files), replication/follower and commands/persistence (RESTORE, through `ValueBuilder`).
"""

from collections.abc import Callable
from typing import Any, Protocol

from scrubjay_engine.persistence.errors import CorruptData
from scrubjay_engine.persistence.format import StreamId


class Builder(Protocol):
    """Makes one compound value from the parts an RDB reader tells. `value` is whole after `end`; None when nothing is left of it."""

    value: Any

    def items(self, items: list[Any]) -> None: ...
    def expiring_fields(self, items: list[Any]) -> None: ...
    def end(self) -> None: ...


builders: dict[str, Callable[[], Any]] = {}


class Store(Protocol):
    """A database, as far as loading needs it."""

    def put(self, key: bytes, value: Any, expire_at: int = -1) -> None: ...
    def __contains__(self, key: bytes) -> bool: ...


class ValueSink:
    """The part of an RdbSink that builds values; `store` gets each whole one."""

    def __init__(self, store: Callable[[bytes, Any, int], None]) -> None:
        self._store = store
        self._builder: Any = None
        self._key = b""
        self._expire = -1

    def string(self, key: bytes, value: bytes, expire: int) -> None:
        self._store(key, value, expire)

    def begin(self, kind: str, key: bytes, size: int, expire: int) -> None:
        self._builder = builders[kind]()
        self._key, self._expire = key, expire

    def items(self, items: list[Any]) -> None:
        self._builder.items(items)

    def expiring_fields(self, items: list[Any]) -> None:
        self._builder.expiring_fields(items)

    def stream_entries(self, entries: list[tuple[int, int, list[bytes]]]) -> None:
        self._builder.entries(entries)

    def stream_state(self, length: int, last: StreamId, first: StreamId, deleted: StreamId, added: int) -> None:
        self._builder.state(length, last, first, deleted, added)

    def stream_group(self, name: bytes, last: StreamId, read: int) -> None:
        self._builder.group(name, last, read)

    def stream_pending(self, entries: list[tuple[int, int, int, int]]) -> None:
        self._builder.pending(entries)

    def stream_consumer(self, name: bytes, seen: int, active: int) -> None:
        self._builder.consumer(name, seen, active)

    def stream_owned(self, ids: list[StreamId]) -> None:
        self._builder.owned(ids)

    def end(self) -> None:
        builder, self._builder = self._builder, None
        builder.end()
        self._store(self._key, builder.value, self._expire)

    def aux(self, name: bytes, value: bytes) -> None:
        """Facts are of no use to a value."""

    def skipped(self, what: str) -> None:
        """Nothing is skipped within a value."""

    def database(self, index: int) -> None:
        raise CorruptData("a database number within a value")

    def sizes(self, keys: int, expires: int) -> None:
        raise CorruptData("sizes within a value")

    def function(self, code: bytes) -> None:
        raise CorruptData("a function within a value")

    def access(self, idle: int, frequency: int) -> None:
        raise CorruptData("access times within a value")


class Loader(ValueSink):
    """Fills databases from a whole file. `expired_before` drops keys whose time had come by then (a primary's start); -1 keeps them."""

    def __init__(self, databases: list[Any], *, expired_before: int = -1, replace: bool = False) -> None:
        super().__init__(self._put)
        self.databases = databases
        self.facts: dict[bytes, bytes] = {}
        self.functions: list[bytes] = []
        self.notes: list[str] = []
        self.loaded = 0
        self.expired = 0
        self.empty = 0
        self._expired_before = expired_before
        self._replace = replace
        self._database = databases[0]
        self._access: tuple[int, int] | None = None
        self._item: tuple[int, int, int] | None = None

    def aux(self, name: bytes, value: bytes) -> None:
        if name == b"memcached":
            flags, cas, state = value.split()
            self._item = int(flags), int(cas), int(state)
        else:
            self.facts[name] = value

    def skipped(self, what: str) -> None:
        self.notes.append(what)

    def database(self, index: int) -> None:
        if index >= len(self.databases):
            raise CorruptData(
                f"the file has a database {index}, and this server is configured for {len(self.databases)} (option `databases`)"
            )
        self._database = self.databases[index]

    def sizes(self, keys: int, expires: int) -> None:
        self._database.reserve(min(keys, 1 << 24))

    def function(self, code: bytes) -> None:
        self.functions.append(code)

    def access(self, idle: int, frequency: int) -> None:
        self._access = (idle, frequency)

    def _put(self, key: bytes, value: Any, expire: int) -> None:
        access, self._access = self._access, None
        item, self._item = self._item, None
        if value is None:
            self.empty += 1
            return
        if 0 <= expire < self._expired_before:
            self.expired += 1
            return
        database = self._database
        if not self._replace and key in database:
            raise CorruptData(f"key {key!r} is there twice")
        if type(value) is bytes:
            database.set_string(key, value, False, expire)
        else:
            database.put(key, value, expire)
        if item is not None:
            database.set_item(key, *item)
        if access is not None:
            set_access(database, key, *access)
        self.loaded += 1


def set_access(database: Any, key: bytes, idle: int, frequency: int) -> None:
    """Give a key its idle time (seconds) or frequency, whichever the eviction policy uses."""
    space = database.space
    if space.lfu:
        if frequency >= 0:
            database.set_access_clock(key, (space.access_clock & 0xFFFF00) | frequency)
    elif idle >= 0:
        database.set_access_clock(key, (space.access_clock - idle) & 0xFFFFFF)
