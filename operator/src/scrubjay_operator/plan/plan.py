"""From one snapshot to one list of steps: the concepts of the neighbouring files, put in order.

`act.reconcile` calls `make_plan` and carries the steps out; `plan.status` says in conditions what the plan found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scrubjay_operator.api.status import Failover, OperationKind
from scrubjay_operator.observe.engine import GRACE_S
from scrubjay_operator.observe.snapshot import Child, ClusterSnapshot, Manifest
from scrubjay_operator.plan import bootstrap, children, handover, leases, members, promotion, roles, rollout, scale
from scrubjay_operator.plan.bootstrap import Restore
from scrubjay_operator.plan.promotion import Decision, Primary
from scrubjay_operator.plan.shards import ShardView, look
from scrubjay_operator.plan.steps import Commit, Step


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the spec asks for: the manifests of all children, and the options that running engines must have, with their digest."""

    manifests: Sequence[Manifest]
    options: Mapping[str, Any] = field(default_factory=dict)
    options_digest: str = ""
    restore: Restore | None = None  # while a new cluster waits for the backup it begins with
    promote: str = ""


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """What was found and decided about one shard. `doing` is what takes long, if anything does: kind, step, sentence."""

    view: ShardView
    primary: Primary
    steps: tuple[Step, ...] = ()
    replicas: int = 0
    wait: str = ""
    doing: tuple[OperationKind, str, str] | None = None
    failover: Failover | None = None
    come_back: float | None = None
    grant: leases.Grant | None = None
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in order, and what the status is to say about them."""

    steps: tuple[Step, ...]
    shards: tuple[ShardPlan, ...]
    manifests: tuple[Manifest, ...]
    repairs: int = 0
    come_back: float | None = None


def make_plan(snapshot: ClusterSnapshot, wanted: Wanted) -> Plan:
    """All steps that bring the cluster nearer to its spec now."""
    shards = tuple(plan_shard(snapshot, number, wanted) for number in range(snapshot.view.spec.shards))
    sizes = {shard.view.record.name: shard.replicas for shard in shards}
    manifests = tuple(_sized(manifest, sizes) for manifest in wanted.manifests)
    repairs = children.repair(snapshot, manifests)
    urgent = [step for shard in shards for step in shard.steps]
    times = [shard.come_back for shard in shards if shard.come_back is not None] + _hiccups(snapshot)
    return Plan((*urgent, *repairs), shards, manifests, len(repairs), min(times, default=None))


def _hiccups(snapshot: ClusterSnapshot) -> list[float]:
    """When to look again at engines that have only just fallen silent, in seconds from now."""
    return [
        GRACE_S - report.silent_for(snapshot.now) + 0.05
        for report in snapshot.engines.values()
        if report.failing_since is not None and report.answers(snapshot.now)
    ]


def plan_shard(snapshot: ClusterSnapshot, number: int, wanted: Wanted) -> ShardPlan:
    """One shard: first a primary that leads, then everything that relies on one."""
    view = look(snapshot, number)
    stateful_set = snapshot.child("StatefulSet", view.record.name)
    size = scale.scaling(view, stateful_set)
    if wanted.restore is not None:
        decision = bootstrap.decide(view, wanted.restore)
    else:
        decision = handover.proceed(view) or promotion.decide(view)
    if decision.primary is not Primary.LEADS or decision.steps:
        doing = _changing_primary(view, decision)
        cures = rollout.cure(view, rollout.revision(stateful_set)) if view.primary is None else []
        return _planned(view, decision, size.replicas, (*decision.steps, *cures), doing)
    return _led(view, stateful_set, size, wanted)


def _led(view: ShardView, stateful_set: Child | None, size: scale.Scaling, wanted: Wanted) -> ShardPlan:
    """A shard whose primary leads: followers, parameters, and one change at a time."""
    primary = view.primary
    assert primary is not None
    newest = rollout.revision(stateful_set)
    steps = roles.followers(view, primary) + roles.configure(view, newest, wanted.options, wanted.options_digest)
    sets = members.maintain(view)
    if primary.pod.terminating and (successor := handover.successor_of(view, lambda _: True)) is not None:
        decision = handover.begin(view, successor, "its pod is being deleted")
        return _planned(view, decision, size.replicas, (*steps, *decision.steps), _changing_primary(view, decision))
    asked = handover.asked(view, wanted.promote)
    if asked is not None:
        doing = (OperationKind.HANDING_OVER, "asked for", asked.wait)
        return _planned(view, asked, size.replicas, (*steps, *asked.steps), doing)
    if size.decision is not None:
        doing = (OperationKind.SCALING, "handing over", size.message)
        return _planned(view, size.decision, size.replicas, (*steps, *size.decision.steps), doing)
    if size.message:
        doing = (OperationKind.SCALING, "waiting for pods", size.message)
        return _planned(view, Decision(Primary.LEADS), size.replicas, (*steps, *sets), doing)
    change = rollout.next_change(view, newest)
    if change is None:
        return _planned(view, Decision(Primary.LEADS), size.replicas, (*steps, *sets), None)
    doing = (OperationKind.ROLLING_CHANGE, change.step, change.message)
    more = (*(change.decision.steps if change.decision else sets), *([change.delete] if change.delete else ()))
    return _planned(view, change.decision or Decision(Primary.LEADS), size.replicas, (*steps, *more), doing)


def _planned(
    view: ShardView,
    decision: Decision,
    replicas: int,
    steps: Sequence[Step],
    doing: tuple[OperationKind, str, str] | None,
) -> ShardPlan:
    return ShardPlan(
        view=view,
        primary=decision.primary,
        steps=tuple(steps),
        replicas=replicas,
        wait=decision.wait,
        doing=doing,
        failover=decision.failover,
        come_back=decision.come_back,
        grant=leases.grant(view),
        fence=leases.fence(view),
    )


def _changing_primary(view: ShardView, decision: Decision) -> tuple[OperationKind, str, str] | None:
    if decision.primary is Primary.UNBORN or not decision.wait:
        return None
    handing_over = view.record.pending is not None or any(
        isinstance(step, Commit) and step.record.pending is not None for step in decision.steps
    )
    kind = OperationKind.HANDING_OVER if handing_over else OperationKind.PROMOTING
    return (kind, str(decision.primary), decision.wait)


def _sized(manifest: Manifest, sizes: Mapping[str, int]) -> Manifest:
    if manifest["kind"] != "StatefulSet":
        return manifest
    return scale.with_replicas(manifest, sizes[manifest["metadata"]["name"]])
