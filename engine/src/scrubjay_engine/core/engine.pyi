from collections.abc import Callable
from typing import Any

from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import Table
from scrubjay_engine.core.keyspace import Keyspace

NOTIFY_KEYSPACE: int
NOTIFY_KEYEVENT: int
NOTIFY_GENERIC: int
NOTIFY_STRING: int
NOTIFY_LIST: int
NOTIFY_SET: int
NOTIFY_HASH: int
NOTIFY_ZSET: int
NOTIFY_EXPIRED: int
NOTIFY_EVICTED: int
NOTIFY_STREAM: int
NOTIFY_KEY_MISS: int
NOTIFY_MODULE: int
NOTIFY_NEW: int
NO_LEASE: int

class Engine:
    keyspace: Keyspace
    commands: Table
    parts: dict[str, Any]
    loop: Any
    clients: dict[int, Client]
    pending: list[Client]
    next_client_id: int
    gates: int
    depth: int
    current: Client | None
    clock_ns: int
    shift_ns: int
    started_ms: int
    sinks: list[Any]
    propagating: bool
    effects: list[tuple[int, bytes]]
    effects_plain: bool
    slow_ns: int
    latency_ns: int
    maxmemory: int
    client_query_limit: int
    bulk_limit: int
    notify_flags: int
    on_slow: Callable[..., Any] | None
    on_latency: Callable[..., Any] | None
    on_notify: Callable[..., Any] | None
    on_monitor: Callable[..., Any] | None
    on_ready_keys: Callable[..., Any] | None
    check_acl: Callable[..., Any] | None
    check_cluster: Callable[..., Any] | None
    check_paused: Callable[..., Any] | None
    check_replicas: Callable[..., Any] | None
    check_busy: Callable[..., Any] | None
    check_lease: Callable[..., Any] | None
    make_room: Callable[..., Any]
    on_tracking: Callable[..., Any] | None
    before_send: Callable[..., Any] | None
    keys_ready: bool
    lease_ns: int
    on_unleased: Callable[..., Any] | None
    hold_replies: bool
    on_debt: Callable[..., Any] | None
    commands_run: int
    connections_received: int
    connections_rejected: int
    bytes_in: int
    bytes_out: int
    error_replies: int
    reads: int
    writes: int
    unexpected_errors: int
    error_counts: dict[bytes, int]
    evicted: int
    client_bytes: int
    def __init__(self, keyspace: Keyspace | None = None, commands: Table | None = None) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
    def tick(self) -> int: ...
    def refresh_clock(self) -> None: ...
    def set_gate(self, gate: int, on: bool) -> None: ...
    def notify(self, kind: int, event: str, key: bytes, db: int) -> None: ...
    def add_sink(self, sink: Any) -> None: ...
    def remove_sink(self, sink: Any) -> None: ...
    def add_effect(self, db: int, args: list[Any]) -> None: ...
    def flush_effects(self) -> None: ...
    def flush_pending(self) -> None: ...

def encode_command(args: list[Any]) -> bytes: ...
