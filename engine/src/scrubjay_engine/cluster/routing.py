"""Whether this node serves a request for keys of one slot, or what the client is told instead. Pure: the decision of getNodeByQuery in Redis' cluster.c.

The order of the questions is Redis', since clients see which answer comes first: one slot, an owner, a cluster that is up, slots on the move, replicas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scrubjay_engine.cluster.slots import SLOTS
from scrubjay_engine.cluster.topology import Member, Shard, Topology
from scrubjay_engine.core.errors import Redirection

CROSS_SLOT = Redirection("CROSSSLOT Keys in request don't hash to the same slot")
UNASSIGNED = Redirection("CLUSTERDOWN Hash slot not served")
DOWN = Redirection("CLUSTERDOWN The cluster is down")
DOWN_FOR_WRITES = Redirection("CLUSTERDOWN The cluster is down and only accepts read commands")
TRY_AGAIN = Redirection("TRYAGAIN Multiple keys request during rehashing of slot")


@dataclass(frozen=True, slots=True)
class Rules:
    """The options that say what a cluster with holes may still do, and by which name nodes are called."""

    full_coverage: bool = True
    reads_when_down: bool = False
    shard_pubsub_when_down: bool = True
    endpoint: str = "ip"  # ip | hostname | unknown-endpoint
    tls: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What a decision is made from: the topology as this node sees it."""

    topology: Topology
    node_id: str
    rules: Rules
    migrating: dict[int, str]
    importing: dict[int, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. `present` counts (keys that are here, keys that are not); it is called for slots on the move only."""

    slot: int
    writes: bool
    asking: bool
    readonly: bool  # READONLY was sent: a replica may answer
    shard_pubsub: bool
    several: bool  # more than one key
    present: Callable[[], tuple[int, int]]


def is_up(topology: Topology, rules: Rules) -> bool:
    """cluster_state: every slot has an owner, or at least one where full coverage is not required."""
    return topology.assigned == SLOTS if rules.full_coverage else topology.assigned > 0


def refusal(view: View, request: Request) -> Redirection | None:
    """None: this node serves it. Otherwise what the client is told."""
    topology, slot = view.topology, request.slot
    owner = topology.owner(slot)
    if owner is None:
        return UNASSIGNED
    down = _refused_while_down(view, request)
    if down is not None:
        return down
    mine = owner.primary.id == view.node_id
    if mine and slot in view.migrating and not request.shard_pubsub:
        here, missing = request.present()
        if missing:
            return TRY_AGAIN if here else _redirect("ASK", slot, view, view.migrating[slot])
    if not mine and slot in view.importing and request.asking:
        if request.several and request.present()[1]:
            return TRY_AGAIN
        return None
    if mine or _replica_serves(view, owner, request):
        return None
    return _redirect("MOVED", slot, view, owner.primary.id)


def _refused_while_down(view: View, request: Request) -> Redirection | None:
    if is_up(view.topology, view.rules):
        return None
    if request.shard_pubsub:
        return None if view.rules.shard_pubsub_when_down else DOWN
    if not view.rules.reads_when_down:
        return DOWN
    return DOWN_FOR_WRITES if request.writes else None


def _replica_serves(view: View, owner: Shard, request: Request) -> bool:
    if not request.readonly or (request.writes and not request.shard_pubsub):
        return False
    return any(member.id == view.node_id for member in owner.members)


def endpoint(member: Member, rules: Rules) -> str | None:
    """How clients are told to call a node; None when they should go on using the address they have."""
    if rules.endpoint == "unknown-endpoint":
        return None
    if rules.endpoint == "hostname":
        return member.hostname or "?"
    return member.host


def port(member: Member, rules: Rules) -> int:
    """The port that the asking client should use: that of TLS where it speaks TLS itself."""
    return member.tls_port if rules.tls and member.tls_port else member.port


def _redirect(word: str, slot: int, view: View, node_id: str) -> Redirection:
    member = view.topology.member(node_id)
    if member is None:
        return UNASSIGNED
    return Redirection(f"{word} {slot} {endpoint(member, view.rules) or ''}:{port(member, view.rules)}")
