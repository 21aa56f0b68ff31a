"""One shard as the planning files look at it: its record in the status, its pods, and what their engines say, side by side."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scrubjay_operator.api import names
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
class ShardView:
    """One shard. `wanted` is the number of pods that the spec asks for."""

    number: int
    record: Shard
    members: tuple[Member, ...]
    wanted: int
    namespace: str
    now: float
    wall: datetime
    term: int = 0

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
    )


def and_list(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = list(words) or [""]
    return f"{', '.join(head)} and {last}" if head else last
