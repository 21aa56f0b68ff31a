"""Who follows whom, which pod carries which role label, and which of them has been told its live parameters. Needs a primary that leads."""

from collections.abc import Mapping
from typing import Any

from scrubjay_operator.api import names
from scrubjay_operator.observe.engine import EngineState
from scrubjay_operator.observe.snapshot import ClusterSnapshot
from scrubjay_operator.plan.handover import follow_fields
from scrubjay_operator.plan.promotion import label
from scrubjay_operator.plan.shards import Member, ShardView
from scrubjay_operator.plan.steps import Order, Step


def followers(shard: ShardView, primary: Member) -> list[Step]:
    """Orders for the nodes that do not follow the primary in this epoch, and the labels of all."""
    steps: list[Step] = []
    if primary.pod.role != names.ROLE_PRIMARY:
        steps.append(label(shard, primary, names.ROLE_PRIMARY))
    for member in shard.members:
        if member is primary:
            continue
        if member.state is not None and not member.state.loading and not _follows(shard, member.state, primary):
            words = f"{member.pod.name} follows {primary.pod.name} in epoch {shard.record.epoch}"
            fields = follow_fields(shard, primary, shard.record.epoch)
            steps.append(
                Order(words=words, lane=f"{shard.lane}/{member.pod.name}", pod=member.pod, op="follow", fields=fields)
            )
        if member.pod.role != names.ROLE_REPLICA:
            steps.append(label(shard, member, names.ROLE_REPLICA))
    return steps


def configure(shard: ShardView, revision: str, options: Mapping[str, Any], digest: str) -> list[Step]:
    """Orders for the running engines of the newest revision that were not given the present live options.

    Pods of an older revision are about to be replaced, and must not be given a maxmemory that their old limit cannot hold.
    """
    steps: list[Step] = []
    for member in shard.members:
        if member.state is None or member.state.role == "waiting" or member.report.configured == digest:
            continue
        if revision and member.pod.revision != revision:
            continue
        lane = f"{shard.lane}/{member.pod.name}"
        words = f"{member.pod.name} has the live parameters"
        fields = {"parameters": dict(options)}
        steps.append(Order(words=words, lane=lane, pod=member.pod, op="configure", fields=fields, digest=digest))
    return steps


def reader_from_primary(snapshot: ClusterSnapshot) -> bool:
    """Must the reader Service select the primary, because no replica serves? Kept as it is while there are no pods to judge by."""
    replicas = [pod for pod in snapshot.pods if pod.role == names.ROLE_REPLICA and pod.ready and not pod.terminating]
    return not replicas


def _follows(shard: ShardView, state: EngineState, primary: Member) -> bool:
    right_one = state.primary_uid == primary.pod.uid and state.primary_host == primary.pod.ip
    return state.role == "replica" and state.epoch == shard.record.epoch and right_one
