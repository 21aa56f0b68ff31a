"""One shard as the planning files look at it: its record in the status, its pods, and what their engines say, side by side."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scrubjay_operator.api import names
from scrubjay_operator.api.spec import FailoverSpec, OnTotalLoss
from scrubjay_operator.api.status import Shard
from scrubjay_operator.observe.engine import EngineReport, EngineState
from scrubjay_operator.observe.pods import PodView
from scrubjay_operator.observe.snapshot import ClusterSnapshot


class Life(StrEnum):
    """What is known of a process. GONE is a proof, SILENT is not."""

    ANSWERS = "answers"
    SILENT = "silent"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Member:
    """One pod of the shard with its engine's report. `age` is seconds since the pod was made."""

    pod: PodView
    report: EngineReport
    node_ready: bool = True
    age: float = 0.0
    now: float = 0.0
    admin_port: int = names.PORT_ADMIN

    @property
    def state(self) -> EngineState | None:
        """What its engine says now; None while it does not answer."""
        return self.report.state if self.report.answers(self.now) else None

    @property
    def life(self) -> Life:
        """GONE: its container has ended, or a machine that answers has nobody listening on the port."""
        if self.report.answers(self.now):
            return Life.ANSWERS
        if self.pod.process_gone or (self.report.refused and self.node_ready):
            return Life.GONE
        return Life.SILENT

    @property
    def serves(self) -> bool:
        """Its engine has a role and Kubernetes sends clients to it."""
        return self.pod.ready and not self.pod.terminating and self.state is not None and self.state.role != "waiting"


@dataclass(frozen=True, slots=True)
class Rules:
    """What spec.failover says. `total_loss_s` None: nothing is promoted by itself when too few are left."""

    enabled: bool = True
    detection_s: float = 2.0
    acknowledgements: int = 0
    total_loss_s: float | None = 30.0


@dataclass(frozen=True, slots=True)
class ShardView:
    """One shard. `wanted` is the number of pods that the spec asks for.

    Times are seconds of our monotonic clock: `led_since` when this operator took over, `granted_at` when the answer was heard that the last grant of a lease was for.
    `issued` is the newest version of an order about the sets that this operator has given.
    """

    number: int
    record: Shard
    members: tuple[Member, ...]
    wanted: int
    namespace: str
    now: float
    wall: datetime
    term: int = 0
    rules: Rules = Rules()
    led_since: float = 0.0
    granted_at: float = 0.0
    issued: tuple[int, int] = (0, 0)

    @property
    def lane(self) -> str:
        """The lane of this shard's steps."""
        return self.record.name

    def member(self, uid: str | None) -> Member | None:
        """The member whose pod has this uid."""
        return next((m for m in self.members if m.pod.uid == uid), None) if uid else None

    @property
    def recorded(self) -> Member | None:
        """The pod that the record names as primary, if that very pod still exists."""
        return self.member(self.record.primary_uid)

    @property
    def primary(self) -> Member | None:
        """The primary, when it is the one of the record and says so itself."""
        member = self.recorded
        state = member.state if member is not None else None
        if state is None or state.role != "primary" or state.epoch != self.record.epoch:
            return None
        return member

    def next_version(self) -> tuple[int, int]:
        """Above every version that was given before."""
        return (self.term, self.issued[1] + 1 if self.issued[0] == self.term else 1)

    def peers(self, uids: Iterable[str]) -> list[dict[str, object]]:
        """Those nodes, with the admin ports at which the primary can ask them."""
        found = sorted((m for m in self.members if m.pod.uid in set(uids)), key=lambda m: m.pod.uid)
        known = {m.pod.uid for m in found}
        gone = [{"uid": uid, "host": "0.0.0.0", "port": 0} for uid in sorted(set(uids) - known)]
        return [{"uid": m.pod.uid, "host": m.pod.ip or "0.0.0.0", "port": m.admin_port} for m in found] + gone

    def next_epoch(self) -> int:
        """Above every epoch that was ever recorded, taken or promised here."""
        states = [member.report.state for member in self.members if member.report.state is not None]
        known = [self.record.epoch, self.record.pending or 0, *(max(s.epoch, s.promise) for s in states)]
        return max(known) + 1


def look(snapshot: ClusterSnapshot, number: int) -> ShardView:
    """The shard of this number. Its record is empty until a first primary was chosen."""
    cluster = snapshot.view
    name = names.stateful_set(cluster.metadata.name, number)
    record = next((shard for shard in cluster.status.shards if shard.name == name), Shard(name=name))
    nodes = snapshot.nodes
    members = tuple(
        Member(
            pod,
            snapshot.engine(pod),
            node_ready=pod.node not in nodes or nodes[pod.node].ready,
            age=(snapshot.wall - pod.created).total_seconds(),
            now=snapshot.now,
        )
        for pod in snapshot.shard_pods(number)
    )
    return ShardView(
        number=number,
        record=record,
        members=members,
        wanted=cluster.spec.pods_per_shard,
        namespace=cluster.metadata.namespace,
        now=snapshot.now,
        wall=snapshot.wall,
        term=snapshot.term,
        rules=rules_of(cluster.spec.failover),
        led_since=snapshot.led_since,
        granted_at=snapshot.granted_at.get(name, 0.0),
        issued=issued if (issued := snapshot.issued.get(name, (0, 0)))[0] == snapshot.term else (snapshot.term, 0),
    )


def rules_of(failover: FailoverSpec) -> Rules:
    """spec.failover as the plan uses it."""
    waits = failover.on_total_loss is OnTotalLoss.WAIT
    limit = None if waits else float(failover.total_loss_seconds)
    return Rules(failover.enabled, float(failover.detection_seconds), failover.acknowledgements, limit)


def and_list(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = list(words) or [""]
    return f"{', '.join(head)} and {last}" if head else last
