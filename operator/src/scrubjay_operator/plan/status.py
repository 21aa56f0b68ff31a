"""The status: conditions, phase, endpoints, shards, operation and history, judged from a snapshot and from what the steps met.

Conditions follow kstatus: Ready is True exactly when everything is as the spec wants it, and Stalled means that a person is needed. Nothing here depends on figures
that move while nothing happens, so an idle cluster's status never changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scrubjay_operator.api import conditions, names
from scrubjay_operator.api.status import (
    CacheClusterStatus,
    Condition,
    ConditionType,
    Endpoints,
    HistoryEntry,
    Node,
    Operation,
    OperationKind,
    Phase,
    Shard,
)
from scrubjay_operator.observe.snapshot import ClusterSnapshot
from scrubjay_operator.plan import rollout
from scrubjay_operator.plan.plan import Plan, ShardPlan
from scrubjay_operator.plan.promotion import Primary
from scrubjay_operator.plan.shards import and_list
from scrubjay_operator.plan.steps import Notice

HISTORY = 20
TEXT_LIMIT = 1024
NOT_YET = "NotYet"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong, for a condition: a reason in one word, a sentence, and whether only a person can help."""

    reason: str
    text: str
    stalls: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The new status, and what a person wants to be told about how it changed."""

    status: CacheClusterStatus
    notices: tuple[Notice, ...] = ()


def judge(snapshot: ClusterSnapshot, plan: Plan, before: CacheClusterStatus, troubles: Sequence[Trouble]) -> Judgement:
    """The status after the steps of this reconcile. `before` has the records that were committed in it."""
    troubles = [*troubles, *_pod_troubles(snapshot)]
    created = _created(before)
    lacks = _lacks(plan)
    ready = not troubles and not lacks and not plan.repairs and not any(shard.doing for shard in plan.shards)
    facts = _Facts(snapshot, plan, created, ready, lacks, tuple(troubles))
    judged = facts.conditions()
    status = before.model_copy(
        update={
            "observed_generation": snapshot.view.metadata.generation,
            "phase": facts.phase(),
            "ready": f"{facts.serving()}/{snapshot.view.spec.pods}",
            "version": _version(snapshot) or before.version,
            "endpoints": _endpoints(snapshot),
            "shard_count": snapshot.view.spec.shards,
            "selector": ",".join(f"{k}={v}" for k, v in names.cluster_selector(snapshot.view.metadata.name).items()),
            "shards": [_shard(snapshot, shard, before) for shard in plan.shards],
            "operation": facts.operation(before.operation),
            "last_failover": next((s.failover for s in plan.shards if s.failover), before.last_failover),
            "conditions": conditions.merge(before.conditions, judged),
        }
    )
    return Judgement(status, _told(before.conditions, status.conditions))


def refused(snapshot: ClusterSnapshot, trouble: Trouble) -> Judgement:
    """The status of a cluster whose spec cannot be used: nothing is done to what runs."""
    view = snapshot.view
    generation, now = view.metadata.generation, snapshot.wall
    judged = [
        conditions.condition(ConditionType.READY, False, trouble.reason, trouble.text, now=now, generation=generation),
        conditions.condition(ConditionType.STALLED, True, trouble.reason, trouble.text, now=now, generation=generation),
        conditions.condition(
            ConditionType.PROGRESSING,
            False,
            trouble.reason,
            "nothing is changed until the spec is right",
            now=now,
            generation=generation,
        ),
    ]
    status = view.status.model_copy(
        update={
            "observed_generation": generation,
            "phase": Phase.STALLED,
            "conditions": conditions.merge(view.status.conditions, judged),
        }
    )
    return Judgement(status, _told(view.status.conditions, status.conditions))


def remember(status: CacheClusterStatus, notices: Sequence[Notice], now: datetime) -> CacheClusterStatus:
    """The status with the notices at the end of its history."""
    if not notices:
        return status
    entries = [HistoryEntry(time=now.replace(microsecond=0), text=notice.text[:TEXT_LIMIT]) for notice in notices]
    return status.model_copy(update={"history": [*status.history, *entries][-HISTORY:]})


@dataclass(frozen=True, slots=True)
class _Facts:
    snapshot: ClusterSnapshot
    plan: Plan
    created: bool
    ready: bool
    lacks: str
    troubles: tuple[Trouble, ...]

    @property
    def available(self) -> bool:
        return all(shard.view.primary is not None and shard.view.primary.serves for shard in self.plan.shards)

    @property
    def stalled(self) -> Trouble | None:
        return next((trouble for trouble in self.troubles if trouble.stalls), None)

    def serving(self) -> int:
        return sum(member.serves for shard in self.plan.shards for member in shard.view.members)

    def doing(self) -> tuple[OperationKind, str, str] | None:
        found = next((shard.doing for shard in self.plan.shards if shard.doing is not None), None)
        if not self.created and not self.ready:
            wait = next((shard.wait for shard in self.plan.shards if shard.wait), "")
            return (
                OperationKind.CREATING,
                found[1] if found else "starting pods",
                (found[2] if found else wait) or self.lacks,
            )
        return found

    def operation(self, before: Operation | None) -> Operation | None:
        doing = self.doing()
        if doing is None:
            return None
        kind, step, message = doing
        same = before is not None and before.kind == kind
        started = before.started_at if before is not None and same else self.snapshot.wall.replace(microsecond=0)
        return Operation(kind=kind, step=step, message=message, started_at=started)

    def reason(self) -> tuple[str, str]:
        """Why it is not ready: one word and a sentence."""
        trouble = self.stalled or next(iter(self.troubles), None)
        doing = self.doing()
        more = f" ({doing[2]})" if doing and doing[2] else ""
        if trouble is not None:
            return trouble.reason, trouble.text
        if doing is not None:
            return str(doing[0]), doing[2] or self.lacks or "children are being made"
        if self.lacks:
            return "PodsNotReady", self.lacks + more
        return "ChildrenChanging", "child objects are being brought up to date"

    def phase(self) -> Phase:
        if self.ready:
            return Phase.READY
        if self.stalled is not None:
            return Phase.STALLED
        if not self.created:
            return Phase.CREATING
        doing = self.doing()
        changing = doing is not None and doing[0] in (
            OperationKind.SCALING,
            OperationKind.ROLLING_CHANGE,
            OperationKind.HANDING_OVER,
        )
        unharmed = not self.lacks and not self.troubles
        return Phase.UPDATING if self.available and (changing or unharmed) else Phase.DEGRADED

    def conditions(self) -> list[Condition]:
        word, sentence = ("AllServing", _all_serving(self.snapshot)) if self.ready else self.reason()
        stalled = self.stalled
        made = self._condition
        degraded = self.created and bool(self.lacks or self.troubles) and self.phase() is not Phase.UPDATING
        return [
            made(ConditionType.READY, self.ready, word, sentence),
            self._available(),
            made(
                ConditionType.PROGRESSING,
                not self.ready and stalled is None,
                word if not stalled else stalled.reason,
                sentence,
            ),
            made(ConditionType.DEGRADED, degraded, word, sentence if degraded else "nothing that was there is missing"),
            made(
                ConditionType.STALLED,
                stalled is not None,
                stalled.reason if stalled else "NotStalled",
                stalled.text if stalled else "no help is needed",
            ),
        ]

    def _available(self) -> Condition:
        if self.available:
            return self._condition(ConditionType.AVAILABLE, True, "Serving", "every shard has a primary that serves")
        dark = and_list(
            shard.view.record.name
            for shard in self.plan.shards
            if shard.view.primary is None or not shard.view.primary.serves
        )
        waits = "; ".join(shard.wait for shard in self.plan.shards if shard.wait)
        text = f"{dark} has no primary that serves" + (f": {waits}" if waits else "")
        return self._condition(ConditionType.AVAILABLE, False, "NoPrimary" if self.created else NOT_YET, text)

    def _condition(self, kind: ConditionType, status: bool, reason: str, message: str) -> Condition:
        generation = self.snapshot.view.metadata.generation
        return conditions.condition(kind, status, reason, message, now=self.snapshot.wall, generation=generation)


def _created(before: CacheClusterStatus) -> bool:
    """Has it ever been ready? From the first look at it until then, the operation is its creation."""
    creating = before.operation is not None and before.operation.kind is OperationKind.CREATING
    return not creating and any(shard.epoch > 0 for shard in before.shards)


def _lacks(plan: Plan) -> str:
    return "; ".join(lack for shard in plan.shards if (lack := _lack(shard)))


def _lack(shard: ShardPlan) -> str:
    if shard.primary is not Primary.LEADS and shard.wait:
        return shard.wait
    extra = [m.pod.name for m in shard.view.members if m.pod.ordinal >= shard.view.wanted]
    unlabelled = [m.pod.name for m in shard.view.members if not m.pod.role]
    return (
        rollout.missing(shard.view)
        or (f"{and_list(extra)} is still to go" if extra else "")
        or (f"{and_list(unlabelled)} has no role yet" if unlabelled else "")
    )


def _pod_troubles(snapshot: ClusterSnapshot) -> list[Trouble]:
    found = []
    for pod in snapshot.pods:
        text = pod.trouble()
        if text:
            image = "image" in text and pod.waiting is not None
            reason = "Unschedulable" if pod.unschedulable else "ImagePull" if image else "PodDoesNotStart"
            found.append(Trouble(reason, text, stalls=image))
    return found


def _all_serving(snapshot: ClusterSnapshot) -> str:
    spec = snapshot.view.spec
    primaries = "1 primary" if spec.shards == 1 else f"{spec.shards} primaries"
    replicas = spec.shards * spec.replicas_per_shard
    return f"{primaries} and {replicas} replica{'' if replicas == 1 else 's'} serve"


def _version(snapshot: ClusterSnapshot) -> str:
    versions = {
        r.state.engine_version for r in snapshot.engines.values() if r.state is not None and r.state.engine_version
    }
    return min(versions, key=_version_key, default="")


def _version_key(version: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else -1, part) for part in version.split(".")]


def _endpoints(snapshot: ClusterSnapshot) -> Endpoints:
    name, namespace = snapshot.view.metadata.name, snapshot.view.metadata.namespace
    return Endpoints(
        primary=names.endpoint(names.primary_service(name), namespace),
        reader=names.endpoint(names.reader_service(name), namespace),
    )


def _shard(snapshot: ClusterSnapshot, shard: ShardPlan, before: CacheClusterStatus) -> Shard:
    record = next((r for r in before.shards if r.name == shard.view.record.name), shard.view.record)
    nodes = [
        Node(
            pod=member.pod.name,
            role=member.pod.role or None,
            ready=member.serves,
            node=member.pod.node or None,
            zone=snapshot.nodes[member.pod.node].zone or None if member.pod.node in snapshot.nodes else None,
        )
        for member in shard.view.members
    ]
    return record.model_copy(update={"nodes": nodes})


TOLD = (ConditionType.READY, ConditionType.STALLED, ConditionType.DEGRADED)


def _told(before: Sequence[Condition], after: Sequence[Condition]) -> tuple[Notice, ...]:
    """Conditions that became true are news: Ready, Degraded, Stalled."""
    notices = []
    for kind in TOLD:
        old, new = conditions.find(before, kind), conditions.find(after, kind)
        if new is None or new.status != "True" or (old is not None and old.status == "True"):
            continue
        if kind is ConditionType.READY:
            notices.append(Notice("Ready", f"the cluster is ready: {new.message}"))
        else:
            notices.append(Notice(new.reason, f"{kind}: {new.message}", warning=True))
    return tuple(notices)
