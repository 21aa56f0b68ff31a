from collections.abc import Callable
from typing import Any

from scrubjay_engine.core.engine import Engine
from scrubjay_engine.core.keyspace import Database, Keyspace

class Items:
    engine: Engine
    space: Keyspace
    db: Database
    use_cas: bool
    item_size_max: int
    flush_enabled: bool
    dump_enabled: bool
    watch_enabled: bool
    shutdown_enabled: bool
    debug_time: bool
    verbosity: int
    flush_at: int
    prefixes: dict[bytes, list[int]] | None
    on_read: Callable[[Any, bytes, bool], None] | None
    on_written: Callable[[Any, bytes, int, int, int], None] | None
    cmd_flush: int
    cmd_set: int
    total_items: int
    total_connections: int
    rejected_connections: int
    idle_kicks: int
    def __init__(self, engine: Engine) -> None: ...
    def dump(self, keys: list[bytes]) -> list[tuple[bytes, int, int, int, bool, int, int]]: ...
    def reset(self) -> None: ...
    def counter(self, name: str) -> int: ...
    def flush(self) -> None: ...
    def flush_later(self, exptime: int) -> None: ...
