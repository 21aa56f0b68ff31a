"""One reconcile of one CacheCluster: observe, plan, act, report, and when to come back. `act.loop` runs it, one at a time for each cluster."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scrubjay_operator.act import metrics, restore, schedules
from scrubjay_operator.act.engines import Address, Engines
from scrubjay_operator.act.events import EventWriter
from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import KubeClient
from scrubjay_operator.act.perform import Performer, Run, Settled, StepFailed
from scrubjay_operator.act.wanted import PasswordMissing, want
from scrubjay_operator.api.names import PORT_ADMIN
from scrubjay_operator.objects.backupjob import UNKNOWN, Program
from scrubjay_operator.objects.pod import EngineDefaults
from scrubjay_operator.observe.pods import PodView
from scrubjay_operator.observe.snapshot import ClusterSnapshot, ClusterView, Key
from scrubjay_operator.plan import bootstrap, status
from scrubjay_operator.plan.children import settled
from scrubjay_operator.plan.plan import Plan, ShardPlan, make_plan
from scrubjay_operator.plan.status import Judgement, Trouble
from scrubjay_operator.plan.steps import CHILDREN, Commit, Notice, Order, Step

log = logging.getLogger(__name__)

SAFETY_NET_S = 300.0
UNHEARD_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reconcile ended: what was done, in words; what failed; and after how many seconds to come back (None: only when woken)."""

    did: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    come_back: float | None = None

    def __str__(self) -> str:
        return "; ".join([*self.did, *(f"failed: {text}" for text in self.failed)]) or "nothing to do"


@dataclass(frozen=True, slots=True)
class Tools:
    """What a reconciler works with."""

    kube: KubeClient
    inbox: Inbox
    engines: Engines
    events: EventWriter
    defaults: EngineDefaults
    active: Callable[[], bool]
    term: Callable[[], int] = lambda: 0
    program: Program = UNKNOWN
    led_since: Callable[[], float] = lambda: 0.0
    address: Callable[[PodView], Address] = lambda pod: Address(pod.ip, PORT_ADMIN)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)


class Reconciler:
    """Brings one cluster after the other nearer to its spec. Keeps, for each, only which children were found in order."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._performer = Performer(tools.kube, tools.engines, tools.inbox, tools.active)
        self._settled: dict[Key, Settled] = {}

    async def reconcile(self, key: Key) -> Outcome:
        """One pass. Raises ApiError, Outdated and NotLeading; what fails in single steps is in the outcome and in the status."""
        view = self._tools.inbox.cache.cluster(key)
        if view is None:
            return self._forget(key)
        if view.metadata.deletion_timestamp is not None:
            return Outcome(("it is being deleted: its children go with it",))
        snapshot = self._observe(view)
        if any(report.unheard for report in snapshot.engines.values()):
            return Outcome(come_back=UNHEARD_S)
        run = Run(snapshot, snapshot.settled)
        if view.cluster is None:
            return await self._report(
                run, snapshot, status.refused(snapshot, Trouble("InvalidSpec", view.error)), Outcome()
            )
        try:
            wanted, troubles = await want(self._tools.kube, snapshot, view.cluster, self._tools.defaults)
        except PasswordMissing as error:
            return await self._report(
                run, snapshot, status.refused(snapshot, Trouble("PasswordMissing", str(error))), Outcome(come_back=10.0)
            )
        if bootstrap.due(snapshot):
            found, jobs, more = await restore.look(self._tools.kube, view.cluster, self._tools.program)
            wanted = replace(wanted, manifests=(*wanted.manifests, *jobs), restore=found)
            troubles = [*troubles, *more]
        troubles = [*troubles, *schedules.troubles(view.cluster)]
        plan = make_plan(snapshot, wanted)
        for shard in plan.shards:  # before anything else: a promotion that begins ends all grants
            self._tools.engines.grant_to(
                key, shard.view.record.name, shard.grant if not _begins(shard) else None, shard.fence
            )
        acted = await self._act(run, plan)
        _measure(plan, acted)
        self._settle(key, run, snapshot, plan)
        judgement = status.judge(snapshot, plan, run.status, [*troubles, *acted.troubles])
        return await self._report(run, snapshot, judgement, acted.outcome(plan), acted.notices)

    def _forget(self, key: Key) -> Outcome:
        self._tools.engines.forget(key)
        metrics.forget_cluster(*key)
        known = self._settled.pop(key, None) is not None
        return Outcome(("it does not exist any more",) if known else ())

    def _observe(self, view: ClusterView) -> ClusterSnapshot:
        """One snapshot: what the watches showed and what the engines said."""
        tools = self._tools
        pods = [pod for pod in tools.inbox.cache.pods(view.key) if pod.ip and pod.phase == "Running"]
        tools.engines.follow_pods(view.key, {pod.uid: tools.address(pod) for pod in pods})
        snapshot = tools.inbox.cache.snapshot(
            view,
            engines=tools.engines.reports(pod.uid for pod in pods),
            now=tools.clock(),
            wall=tools.wall(),
            settled=self._settled.get(view.key, {}),
            term=tools.term(),
        )
        granted, issued = tools.engines.granted_at(view.key), tools.engines.issued(view.key)
        return replace(snapshot, led_since=tools.led_since(), granted_at=granted, issued=issued)

    async def _act(self, run: Run, plan: Plan) -> "_Acted":
        """The steps in order; one that fails ends its lane."""
        acted = _Acted()
        for step in plan.steps:
            if step.lane in acted.lanes:
                continue
            try:
                await self._performer.perform(step, run)
            except StepFailed as failure:
                if step.lane != CHILDREN or failure.reason == "NamespaceEnding":
                    acted.lanes.add(step.lane)
                acted.troubles.append(Trouble(failure.reason, str(failure), stalls=failure.stalls))
            else:
                acted.did.append(step)
        return acted

    def _settle(self, key: Key, run: Run, snapshot: ClusterSnapshot, plan: Plan) -> None:
        """Remember which children are as wanted, so that the next pass need not compare them."""
        self._settled[key] = settled(snapshot, plan.manifests, plan.steps) | {
            name: mark for name, mark in run.settled.items() if snapshot.settled.get(name) != mark
        }

    async def _report(
        self,
        run: Run,
        snapshot: ClusterSnapshot,
        judgement: Judgement,
        outcome: Outcome,
        notices: Sequence[Notice] = (),
    ) -> Outcome:
        """Status if it changed, then an Event for each thing that a person wants to be told."""
        told = [*notices, *judgement.notices]
        new = status.remember(judgement.status, told, snapshot.wall)
        await self._performer.write_status(run, new)
        for notice in told:
            await self._tools.events.tell(run.metadata, notice, snapshot.wall)
        return outcome


def _begins(shard: ShardPlan) -> bool:
    """Does this plan write a pending promotion into the record?"""
    return any(
        isinstance(step, Commit) and step.record.pending is not None and step.record.successor is None
        for step in shard.steps
    )


def _measure(plan: Plan, acted: "_Acted") -> None:
    """How long a promotion took that has been carried out now."""
    for shard in plan.shards:
        promoted = any(isinstance(step, Order) and step.op == "promote" and step in acted.did for step in shard.steps)
        if shard.failover is not None and shard.failover.seconds is not None and promoted:
            metrics.FAILOVER_SECONDS.observe(shard.failover.seconds)


class _Acted:
    """What came of the steps."""

    def __init__(self) -> None:
        self.did: list[Step] = []
        self.troubles: list[Trouble] = []
        self.lanes: set[str] = set()

    @property
    def notices(self) -> list[Notice]:
        return [step.notice for step in self.did if step.notice is not None]

    def outcome(self, plan: Plan) -> Outcome:
        come_back = plan.come_back if plan.come_back is not None else SAFETY_NET_S * random.uniform(0.8, 1.2)
        failed = tuple(dict.fromkeys(trouble.text for trouble in self.troubles))
        return Outcome(tuple(step.words for step in self.did), failed, come_back)
