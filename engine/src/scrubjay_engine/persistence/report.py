"""INFO persistence, with the fields of Redis 7.0 in its order. Where Redis tells of forks, zeros stand: there are none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core import gates

if TYPE_CHECKING:
    from scrubjay_engine.persistence.saving import Persistence

Pairs = list[tuple[str, object]]


def status(ok: bool) -> str:
    """As Redis says it."""
    return "ok" if ok else "err"


def section(persistence: Persistence) -> Pairs:
    """The whole section."""
    engine = persistence.engine
    current = persistence.images.current
    aof: Any = engine.parts.get("aof")
    rows: Pairs = [
        ("loading", int(bool(engine.gates & gates.LOADING))),
        ("async_loading", 0),
        ("current_cow_peak", current.snapshot.copied if current else 0),
        ("current_cow_size", current.snapshot.copied if current else 0),
        ("current_cow_size_age", 0),
        (
            "current_fork_perc",
            f"{100 * current.snapshot.keys / max(current.snapshot.total, 1):.2f}" if current else "0.00",
        ),
        ("current_save_keys_processed", current.snapshot.keys if current else 0),
        ("current_save_keys_total", current.snapshot.total if current else 0),
        ("rdb_changes_since_last_save", engine.keyspace.dirty),
        (
            "rdb_bgsave_in_progress",
            int(persistence.saving or (current is not None and current.purpose == "replication")),
        ),
        ("rdb_last_save_time", persistence.last_save),
        ("rdb_last_bgsave_status", status(persistence.last_ok)),
        ("rdb_last_bgsave_time_sec", persistence.last_seconds),
        ("rdb_current_bgsave_time_sec", persistence.saving_seconds),
        ("rdb_saves", persistence.saves),
        ("rdb_last_cow_size", persistence.images.copied.get("BGSAVE", 0)),
        ("rdb_last_load_keys_expired", persistence.expired),
        ("rdb_last_load_keys_loaded", persistence.loaded),
    ]
    rows += aof.rows() if aof is not None else [("aof_enabled", 0)]
    if engine.gates & gates.LOADING and persistence.load_total:
        share = 100 * persistence.load_done / persistence.load_total
        rows += [
            ("loading_start_time", int(time.time())),
            ("loading_total_bytes", persistence.load_total),
            ("loading_loaded_bytes", persistence.load_done),
            ("loading_loaded_perc", f"{share:.2f}"),
        ]
    return rows
