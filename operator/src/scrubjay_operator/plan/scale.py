"""Replicas up and down. A StatefulSet drops its highest ordinals, so a primary among those hands over before it shrinks."""

from dataclasses import dataclass

from scrubjay_operator.observe.snapshot import Child, Manifest
from scrubjay_operator.plan import handover
from scrubjay_operator.plan.promotion import Decision
from scrubjay_operator.plan.shards import ShardView


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many pods the StatefulSet may ask for now, and what is done or waited for first."""

    replicas: int
    message: str = ""
    decision: Decision | None = None


def scaling(shard: ShardView, stateful_set: Child | None) -> Scaling:
    """The number for the StatefulSet: as wanted, unless that would drop the primary."""
    wanted = shard.wanted
    present = stateful_set.manifest["spec"].get("replicas", wanted) if stateful_set is not None else wanted
    recorded = shard.recorded
    if wanted >= present:
        growing = wanted > present or len(shard.members) < wanted
        return Scaling(wanted, f"{len(shard.members)} of {wanted} pods of {shard.record.name} exist" if growing else "")
    if recorded is None or recorded.pod.ordinal < wanted:
        return Scaling(wanted, f"{shard.record.name} goes down from {present} to {wanted} pods")
    successor = handover.successor_of(shard, lambda m: m.pod.ordinal < wanted)
    if successor is None:
        name = recorded.pod.name
        return Scaling(present, f"the primary is {name}, which is to go: waiting for a replica in sync that stays")
    decision = handover.begin(shard, successor, f"{shard.record.name} goes down to {wanted} pods")
    return Scaling(present, decision.wait, decision)


def with_replicas(manifest: Manifest, replicas: int) -> Manifest:
    """The StatefulSet with this number of pods."""
    return {**manifest, "spec": {**manifest["spec"], "replicas": replicas}}
