"""What replication says of itself: INFO's section, the role, why the node is not ready, counters. Hung in by commands/replication."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrubjay_engine.replication.follower import Follower
    from scrubjay_engine.replication.primary import Replication

Pairs = list[tuple[str, object]]
STATES = {"waiting": "wait_bgsave", "sending": "send_bulk", "online": "online"}


def section(replication: Replication) -> Pairs:
    """INFO replication: the fields of Redis 7.0 in its order."""
    follower, stream, history = replication.follower, replication.stream, replication.history
    rows: Pairs = [("role", "master" if follower is None else "slave")]
    if follower is not None:
        rows += _follower_rows(replication, follower)
    rows.append(("connected_slaves", len(replication.links)))
    if replication.config.number("min-replicas-to-write") and replication.config.number("min-replicas-max-lag"):
        rows.append(("min_slaves_good_slaves", replication.good_replicas()))
    for number, link in enumerate(replication.links.values()):
        shown = f"ip={link.host},port={link.port},state={STATES[link.state]},offset={link.acknowledged},lag={link.lag}"
        rows.append((f"slave{number}", shown))
    return [
        *rows,
        ("master_failover_state", replication.failover.state),
        ("master_replid", history.replid),
        ("master_replid2", history.replid2),
        ("master_repl_offset", replication.offset),
        ("second_repl_offset", history.second_offset),
        ("repl_backlog_active", int(replication.active)),
        ("repl_backlog_size", stream.backlog_size),
        ("repl_backlog_first_byte_offset", stream.start + 1 if replication.active else 0),
        ("repl_backlog_histlen", stream.held()),
    ]


def _follower_rows(replication: Replication, follower: Follower) -> Pairs:
    config = replication.config
    heard = int(time.monotonic() - follower.last_heard) if follower.in_sync else -1
    rows: Pairs = [
        ("master_host", follower.host),
        ("master_port", follower.port),
        ("master_link_status", "up" if follower.in_sync else "down"),
        ("master_last_io_seconds_ago", heard),
        ("master_sync_in_progress", int(follower.state == "syncing")),
        ("slave_read_repl_offset", replication.offset),
        ("slave_repl_offset", replication.offset),
    ]
    if follower.state == "syncing":
        left = follower.sync_total - follower.sync_received if follower.sync_total >= 0 else -1
        share = 100 * follower.sync_received / follower.sync_total if follower.sync_total > 0 else 0.0
        rows += [
            ("master_sync_total_bytes", max(follower.sync_total, 0)),
            ("master_sync_read_bytes", follower.sync_received),
            ("master_sync_left_bytes", left),
            ("master_sync_perc", f"{share:.2f}"),
            ("master_sync_last_io_seconds_ago", int(time.monotonic() - follower.last_heard)),
        ]
    if not follower.in_sync:
        rows.append(("master_link_down_since_seconds", int(time.time() - follower.down_since)))
    return [
        *rows,
        ("slave_priority", config.number("replica-priority")),
        ("slave_read_only", int(config.flag("replica-read-only"))),
        ("replica_announced", int(config.flag("replica-announced"))),
    ]


def unready(replication: Replication) -> str | None:
    """Why a replica should get no clients."""
    follower = replication.follower
    if follower is None or follower.in_sync:
        return None
    return f"replica not in sync with {follower.host}:{follower.port} ({follower.failure or follower.state})"
