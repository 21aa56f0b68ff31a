"""Changed pods, one at a time: replicas first, the primary last and only after a hand-over; with no replica, plainly.

The StatefulSet is `OnDelete`: deleting an outdated pod is what makes it start anew with the newest template. Rules:
1. A pod that does not run and is outdated goes at once: it serves nobody, and the new template may be the cure.
2. Any other outdated pod goes only while the shard is whole: all wanted pods there and serving, replicas in sync. So a bad image stops after the first one.
3. The primary goes last, and with replicas wanted only as a replica, that is after one that is up to date has taken over.
"""

from dataclasses import dataclass

from scrubjay_operator.observe.snapshot import Child
from scrubjay_operator.plan import handover
from scrubjay_operator.plan.promotion import Decision
from scrubjay_operator.plan.shards import Member, ShardView, and_list
from scrubjay_operator.plan.steps import Delete, Notice


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the shard's pods that is under way: `message` says where it stands, `decision` what to do now."""

    message: str
    step: str
    decision: Decision | None = None
    delete: Delete | None = None


def revision(stateful_set: Child | None) -> str:
    """The revision of the newest pod template, or nothing while the StatefulSet controller has not seen it yet."""
    if stateful_set is None:
        return ""
    manifest = stateful_set.manifest
    status = manifest.get("status") or {}
    seen = status.get("observedGeneration") == manifest["metadata"].get("generation")
    return str(status.get("updateRevision") or "") if seen else ""


def next_change(shard: ShardView, newest: str) -> Change | None:
    """The next step of a rolling change; None when all pods are of the newest revision or nothing is known of it."""
    outdated = [m for m in shard.members if newest and m.pod.revision != newest]
    if not outdated:
        return None
    leaving = [m for m in shard.members if m.pod.terminating]
    if leaving:
        return Change(f"waiting for {and_list(m.pod.name for m in leaving)} to end", "waiting")
    count = f"{len(shard.members) - len(outdated)} of {len(shard.members)} pods of {shard.record.name} are up to date"
    idle = [m for m in outdated if not m.serves and m is not shard.primary]
    if idle:
        return _replace(shard, idle[-1], f"{idle[-1].pod.name} is replaced, it serves nothing and is outdated; {count}")
    if not whole(shard):
        return Change(f"{count}; waiting: {missing(shard)}", "waiting")
    replicas = [m for m in outdated if m is not shard.primary]
    if replicas:
        return _replace(shard, replicas[-1], f"{replicas[-1].pod.name} is replaced; {count}")
    return _primary(shard, newest, count)


def cure(shard: ShardView, newest: str) -> list[Delete]:
    """Outdated pods whose process does not run, for a shard without a primary: nothing is lost with them, and nothing else can help."""
    stuck = [
        m for m in shard.members if newest and m.pod.revision != newest and not m.pod.running and not m.pod.terminating
    ]
    changes = (_replace(shard, m, f"{m.pod.name} is replaced, it does not run and is outdated") for m in stuck)
    return [change.delete for change in changes if change.delete is not None]


def whole(shard: ShardView) -> bool:
    """All wanted pods are there and serve, and the replicas are in sync."""
    return not missing(shard)


def missing(shard: ShardView) -> str:
    """What the shard lacks, in words."""
    if shard.primary is None:
        return "there is no primary yet"
    if len(shard.members) < shard.wanted:
        return f"{len(shard.members)} of {shard.wanted} pods exist"
    for member in shard.members:
        if not member.serves:
            return member.pod.trouble() or f"{member.pod.name} is not ready"
        if member is not shard.primary and (member.state is None or not member.state.in_sync):
            return f"{member.pod.name} is not in sync"
        if member is not shard.primary and member.pod.uid not in shard.record.members:
            return f"{member.pod.name} is in sync, and is being taken in among those that may be promoted"
    return ""


def _primary(shard: ShardView, newest: str, count: str) -> Change:
    primary = shard.primary
    assert primary is not None
    if shard.wanted == 1 and len(shard.members) == 1:
        return _replace(shard, primary, f"{primary.pod.name} is replaced, without a replica: its data goes; {count}")
    successor = handover.successor_of(shard, lambda m: m.pod.revision == newest)
    if successor is None:
        return Change(f"{count}; waiting for a replica in sync that can take over", "waiting")
    decision = handover.begin(shard, successor, "its pod is replaced next")
    return Change(f"{decision.wait}; {count}", "handing over", decision=decision)


def _replace(shard: ShardView, member: Member, message: str) -> Change:
    pod = member.pod
    delete = Delete(
        words=f"deleted {pod.name} so that it starts with the newest settings",
        lane=shard.lane,
        notice=Notice("PodReplaced", message),
        kind="Pod",
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
    )
    return Change(message, "replacing", delete=delete)
