"""The topology as clients read it: the replies of CLUSTER SLOTS, SHARDS, NODES and INFO. Pure; commands/cluster.py sends them."""

from __future__ import annotations

from scrubjay_engine.cluster import slots
from scrubjay_engine.cluster.routing import View, endpoint, is_up, port
from scrubjay_engine.cluster.topology import Member, Shard, Topology

Reply = dict[bytes, object]


def slots_reply(view: View) -> list[object]:
    """CLUSTER SLOTS: one element a range, its members behind it, the primary first."""
    rows = sorted((piece, shard.members) for shard in view.topology.shards for piece in shard.slots)
    return [[first, last, *(_slots_member(member, view) for member in members)] for (first, last), members in rows]


def _slots_member(member: Member, view: View) -> list[object]:
    rules = view.rules
    more: Reply = {}
    if rules.endpoint != "ip":
        more[b"ip"] = member.host.encode()
    if rules.endpoint != "hostname" and member.hostname:
        more[b"hostname"] = member.hostname.encode()
    name = endpoint(member, rules)
    return [None if name is None else name.encode(), port(member, rules), member.id.encode(), more]


def shards_reply(view: View, offset: int) -> list[object]:
    """CLUSTER SHARDS. `offset` is this node's replication offset: it knows no other's."""
    return [
        {
            b"slots": [bound for piece in shard.slots for bound in piece],
            b"nodes": [_shards_member(member, shard, view, offset) for member in shard.members],
        }
        for shard in view.topology.shards
    ]


def _shards_member(member: Member, shard: Shard, view: View, offset: int) -> Reply:
    shown: Reply = {b"id": member.id.encode()}
    if member.port:
        shown[b"port"] = member.port
    if member.tls_port:
        shown[b"tls-port"] = member.tls_port
    shown[b"ip"] = member.host.encode()
    shown[b"endpoint"] = (endpoint(member, view.rules) or "").encode()
    if member.hostname:
        shown[b"hostname"] = member.hostname.encode()
    shown[b"role"] = b"master" if member is shard.primary else b"replica"
    shown[b"replication-offset"] = offset if member.id == view.node_id else 0
    shown[b"health"] = member.health.encode()
    return shown


def nodes_text(view: View) -> str:
    """CLUSTER NODES: a line a node, in the format of the Redis cluster specification."""
    return "".join(node_line(member, shard, view) + "\n" for shard in view.topology.shards for member in shard.members)


def node_line(member: Member, shard: Shard, view: View) -> str:
    """One line of CLUSTER NODES and CLUSTER REPLICAS."""
    primary = member is shard.primary
    flags = ["myself"] if member.id == view.node_id else []
    flags.append("master" if primary else "slave")
    if member.health == "failed":
        flags.append("fail")
    address = f"{member.host}:{port(member, view.rules)}@{member.bus_port}"
    if member.hostname:
        address += f",{member.hostname}"
    link = "disconnected" if member.health == "failed" else "connected"
    words = [
        member.id,
        address,
        ",".join(flags),
        "-" if primary else shard.primary.id,
        "0",
        "0",
        str(shard.epoch),
        link,
    ]
    if primary and shard.slots:
        words.append(slots.show(shard.slots))
    if member.id == view.node_id:
        words += [f"[{slot}->-{to}]" for slot, to in sorted(view.migrating.items())]
        words += [f"[{slot}-<-{source}]" for slot, source in sorted(view.importing.items())]
    return " ".join(words)


def info_text(view: View) -> str:
    """CLUSTER INFO. There is no bus between nodes, so that nothing is ever sent or suspected over it."""
    topology = view.topology
    own = topology.shard_of(view.node_id)
    fields = {
        "cluster_state": "ok" if is_up(topology, view.rules) else "fail",
        "cluster_slots_assigned": topology.assigned,
        "cluster_slots_ok": topology.assigned - _failed(topology),
        "cluster_slots_pfail": 0,
        "cluster_slots_fail": _failed(topology),
        "cluster_known_nodes": max(sum(1 for _ in topology.members()), 1),
        "cluster_size": sum(1 for shard in topology.shards if shard.slots),
        "cluster_current_epoch": topology.epoch,
        "cluster_my_epoch": own.epoch if own is not None else 0,
        "cluster_stats_messages_sent": 0,
        "cluster_stats_messages_received": 0,
        "total_cluster_links_buffer_limit_exceeded": 0,
    }
    return "".join(f"{name}:{value}\r\n" for name, value in fields.items())


def _failed(topology: Topology) -> int:
    return sum(slots.count(shard.slots) for shard in topology.shards if shard.primary.health == "failed")
