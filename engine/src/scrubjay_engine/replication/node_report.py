"""What a managed node says of itself: the state in every admin answer (docs/architecture/admin-protocol.md)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core import gates
from scrubjay_engine.values.memory import used_memory
from scrubjay_engine.version import VERSION

if TYPE_CHECKING:
    from scrubjay_engine.replication.node import Node
    from scrubjay_engine.replication.primary import Replication

LINKS = {"connecting": "connecting", "handshake": "connecting", "syncing": "syncing", "up": "up"}


def state(node: Node) -> dict[str, Any]:
    """All fields, each time."""
    authority, replication, engine = node.authority, node.replication, node.engine
    kept, primary, left = authority.kept, authority.primary, authority.lease_left()
    handover = node.handover
    return {
        "node": {"uid": node.uid, "boot": node.boot},
        "clock": node.clock(),
        "role": node.role,
        "epoch": kept.epoch,
        "promise": kept.promise,
        "version": list(authority.version) if authority.version[1] >= 0 else [0, 0],
        "primary": None if primary is None else {"uid": primary.uid, "host": primary.host, "port": primary.port},
        **_link(replication),
        "replicationId": replication.history.replid,
        "offset": replication.offset,
        "dataEpoch": kept.data_epoch,
        "hasData": node.has_data,
        "whole": authority.whole,
        **_loading(node),
        "keys": sum(len(db) for db in engine.keyspace.databases),
        "usedMemory": used_memory(),
        "maxmemory": node.config.number("maxmemory"),
        "clients": len(engine.clients),
        "replicas": _replicas(replication),
        "lease": None if left is None else {"remainingMs": left},
        "confirm": sorted(authority.confirm),
        "ack": sorted(authority.ack),
        "joining": sorted(authority.joining),
        "acknowledgements": authority.needed,
        "handover": None if handover is None else {"epoch": handover.epoch, "state": handover.state},
        "engineVersion": VERSION,
        "restartNeeded": sorted(node.restart_needed),
    }


def _link(replication: Replication) -> dict[str, Any]:
    follower = replication.follower
    if follower is None:
        return {"link": None, "linkDownMs": None}
    down = None if follower.in_sync else int((time.time() - follower.down_since) * 1000)
    link = LINKS[follower.state]
    return {"link": "down" if link == "connecting" and follower.failure else link, "linkDownMs": down}


def _loading(node: Node) -> dict[str, Any]:
    if not node.engine.gates & gates.LOADING:
        return {"loading": False, "loadingPercent": None}
    follower = node.replication.follower
    total = follower.sync_total if follower is not None else -1
    percent = 100.0 * follower.sync_received / total if follower is not None and total > 0 else None
    return {"loading": True, "loadingPercent": percent}


def _replicas(replication: Replication) -> list[dict[str, Any]]:
    end = replication.offset
    return [
        {
            "uid": link.uid or None,
            "host": link.host,
            "port": link.port,
            "offset": link.acknowledged,
            "lagBytes": max(end - link.acknowledged, 0),
            "state": link.state,
        }
        for link in replication.links.values()
    ]
