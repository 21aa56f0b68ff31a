"""A new cluster that begins with a backup: one node follows the program that gives it, and is promoted when it has everything. Pure.

Invariants:
1. Nobody is promoted, and so nothing serves, before a node has taken the whole of a backup that was verified; what fails is waited for, in words.
2. A shard that ever had a primary is never given a backup again: its epoch is above 0 in the record, or its nodes know a later epoch than the one of the restore.
   So a restored cluster that loses all its data begins empty.
3. One node at a time follows the program; when the program's pod is another one, the node is told again, in the same epoch.
"""

from dataclasses import dataclass

from scrubjay_operator.api import names
from scrubjay_operator.observe.jobs import JobView
from scrubjay_operator.observe.snapshot import ClusterSnapshot
from scrubjay_operator.plan import promotion
from scrubjay_operator.plan.promotion import Decision, Primary
from scrubjay_operator.plan.shards import Member, ShardView
from scrubjay_operator.plan.steps import Commit, Notice, Order

EPOCH = 1
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Restore:
    """How the restore is: its Job with its pod, or why there is none yet. `what` names what is restored."""

    what: str
    job: JobView | None = None
    wait: str = ""


def due(snapshot: ClusterSnapshot) -> bool:
    """Whether this cluster has yet to begin with a backup."""
    cluster = snapshot.view.cluster
    if cluster is None or cluster.spec.bootstrap is None:
        return False
    if any(shard.epoch > 0 for shard in snapshot.view.status.shards):
        return False
    states = [report.state for report in snapshot.engines.values() if report.state is not None]
    return all(state.epoch <= EPOCH and state.role != "primary" for state in states)


def failure(restore: Restore) -> str:
    """Why it failed, in a sentence; nothing while it goes on."""
    job = restore.job
    if job is None or not job.failed:
        return ""
    return f"{restore.what} is not restored: {job.result.get('message') or job.failed}"


def decide(shard: ShardView, restore: Restore) -> Decision:
    """The next step towards a primary that has the backup."""
    job = restore.job
    if job is None:
        return _wait(restore.wait or f"{restore.what} is about to be read")
    if text := failure(restore):
        return Decision(Primary.UNBORN, wait=text, come_back=30.0)
    if not job.pod_ready or not job.pod_ip:
        step = str(job.result.get("phase") or "Starting").lower()
        return _wait(job.trouble or f"{restore.what}: {step}, {job.result.get('percent', 0)} %")
    member = _chosen(shard)
    if member is None:
        return _wait(f"no pod of {shard.record.name} can take {restore.what} yet")
    state = member.state
    assert state is not None
    if state.role != "replica" or state.primary_uid != job.pod or state.primary_host != job.pod_ip:
        return _follow(shard, member, job, restore)
    if state.link != "up" or not state.has_data or state.loading:
        return _wait(f"{member.pod.name} loads {restore.what}, {job.result.get('percent', 0)} %")
    return _crown(shard, member, restore)


def _chosen(shard: ShardView) -> Member | None:
    """The node that takes it already, else the first that answers."""
    able = [m for m in shard.members if m.state is not None and not m.pod.terminating]
    return min(able, key=lambda m: (m.state is not None and m.state.role != "replica", m.pod.ordinal), default=None)


def _follow(shard: ShardView, member: Member, job: JobView, restore: Restore) -> Decision:
    where = {"uid": job.pod, "host": job.pod_ip, "port": names.PORT_CLIENT}
    fields = {"epoch": EPOCH, "version": [shard.term, EPOCH], "primary": where}
    words = f"{member.pod.name} takes {restore.what} from {job.pod}"
    order = Order(words=words, lane=shard.lane, pod=member.pod, op="follow", fields=fields)
    return Decision(Primary.UNBORN, (order,), wait=words, come_back=LOOK_S)


def _crown(shard: ShardView, member: Member, restore: Restore) -> Decision:
    assert member.state is not None
    record = promotion.first_record(shard, member, max(shard.next_epoch(), EPOCH + 1))
    text = f"{restore.what} is restored: {member.pod.name} has {member.state.keys} keys and is the first primary of {record.name}"
    commit = Commit(
        words=f"recorded {member.pod.name} as primary, epoch {record.epoch}", lane=shard.lane, record=record
    )
    steps = (commit, *promotion.crown(shard, member, record, Notice("Restored", text)))
    return Decision(Primary.UNBORN, steps, wait=text)


def _wait(text: str) -> Decision:
    return Decision(Primary.UNBORN, wait=text, come_back=LOOK_S)
