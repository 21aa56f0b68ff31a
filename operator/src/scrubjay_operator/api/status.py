"""What the operator reports under `status` of a CacheCluster.

Written by act/, read by people, by `kubectl wait` and by the next reconcile, which resumes what `operation` says was
going on. Nothing here changes while nothing happens: offsets and key counts are metrics (`/metrics`), or an idle
cluster would be written for ever.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from scrubjay_operator.api.model import Reported, rules


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str)]


class ConditionType(StrEnum):
    """The conditions. Ready and Stalled are those that kstatus (Argo CD, Flux, `kubectl wait`) understands."""

    READY = "Ready"  # everything is as the spec wants it
    AVAILABLE = "Available"  # clients can read and write every shard
    PROGRESSING = "Progressing"  # the operator is bringing the cluster nearer to the spec
    DEGRADED = "Degraded"  # less redundancy than wanted, or a part does not work
    STALLED = "Stalled"  # it will not get further without a change by a person; the message says which


class Phase(StrEnum):
    """The state in one word, for `kubectl get`; programs read the conditions."""

    CREATING = "Creating"
    READY = "Ready"
    UPDATING = "Updating"
    DEGRADED = "Degraded"
    STALLED = "Stalled"
    DELETING = "Deleting"


class Condition(Reported):
    """As metav1.Condition."""

    type: str = Field(max_length=316, description="Ready, Available, Progressing, Degraded or Stalled.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(max_length=1024, description="Why, in one CamelCase word.")
    message: str = Field(max_length=32768, description="Why, in a sentence.")
    last_transition_time: Time = Field(description="When the status last changed.")
    observed_generation: int | None = Field(default=None, description="The generation of the spec it was judged by.")


class Endpoints(Reported):
    """Where clients connect to."""

    primary: str = Field(description="host:port for reading and writing.")
    reader: str = Field(description="host:port for reading: replicas, or the primary while none is ready.")


class Node(Reported):
    """One pod of a shard."""

    pod: str = Field(description="Name of the pod.")
    role: str | None = Field(default=None, description="primary or replica, once it has been given one.")
    ready: bool = Field(description="Whether it serves.")
    node: str | None = Field(default=None, description="The Kubernetes node it runs on.")
    zone: str | None = Field(default=None, description="The zone of that node.")


class Shard(Reported):
    """One shard: who is its primary, in which epoch."""

    name: str = Field(description="Name of its StatefulSet.")
    epoch: int = Field(default=0, description="Raised by one with every change of primary; a node obeys no older one.")
    primary: str | None = Field(default=None, description="Name of the primary's pod.")
    primary_uid: str | None = Field(
        default=None, description="UID of that pod: a new pod of the same name is not the primary."
    )
    primary_boot: str | None = Field(
        default=None, description="The run of its process that was promoted: a restarted one is not the primary."
    )
    pending: int | None = Field(
        default=None, description="The epoch of a promotion or hand-over under way; nobody is primary in it yet."
    )
    pending_since: Time | None = Field(
        default=None, description="Since when the primary of the epoch before has been silent or lost."
    )
    pending_reason: str | None = Field(default=None, description="Why a new primary is being chosen, in a sentence.")
    successor: str | None = Field(
        default=None, description="UID of the pod that takes over in the pending epoch, in a planned hand-over."
    )
    successor_boot: str | None = Field(default=None, description="The run of the successor's process.")
    members: list[str] = Field(
        default=[],
        description="UIDs of the pods that may be promoted if the primary is lost; the primary needs them all, or the"
        " operator, to go on.",
        json_schema_extra=rules(**{"x-kubernetes-list-type": "set"}),
    )
    asked: str | None = Field(
        default=None, description="The pod that the annotation scrubjay.dev/promote named and that was seen to."
    )
    nodes: list[Node] = Field(
        default=[],
        description="All its pods.",
        json_schema_extra=rules(**{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["pod"]}),
    )


class OperationKind(StrEnum):
    """What takes long."""

    CREATING = "Creating"
    SCALING = "Scaling"
    ROLLING_CHANGE = "RollingChange"
    HANDING_OVER = "HandingOver"
    PROMOTING = "Promoting"


class Operation(Reported):
    """What is going on, and how far it is; kept here so that a restarted operator goes on with it."""

    kind: OperationKind = Field(description="What is being done.")
    step: str = Field(description="The step it is at.")
    message: str = Field(default="", description="The step in a sentence.")
    started_at: Time = Field(description="Since when.")


class Failover(Reported):
    """The last change of primary that nobody had asked for."""

    shard: str = Field(description="The shard.")
    epoch: int = Field(description="The epoch that began with it.")
    old_primary: str = Field(description="Pod that was lost.")
    new_primary: str = Field(description="Pod that was promoted.")
    at: Time = Field(description="When it was promoted.")
    seconds: float | None = Field(
        default=None, description="How long it took, from when the old primary was last heard of."
    )
    offset: int | None = Field(default=None, description="The offset up to which the new primary held the data.")
    lost: str | None = Field(default=None, description="What is lost at most, in words.")
    reason: str = Field(description="Why, and what is known about data, in a sentence.")


class HistoryEntry(Reported):
    """Something that happened."""

    time: Time = Field(description="When.")
    text: str = Field(max_length=1024, description="What, in a sentence.")


class CacheClusterStatus(Reported):
    """The cache as it is."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this status is about."
    )
    phase: Phase | None = Field(default=None, description="The state in one word.")
    ready: str | None = Field(default=None, description="Ready pods of wanted pods, as 2/2.")
    version: str | None = Field(
        default=None, description="Version of the engine, as its nodes say; the oldest while they differ."
    )
    endpoints: Endpoints | None = Field(default=None, description="Where clients connect to.")
    shard_count: int | None = Field(default=None, description="Shards that exist, for the scale subresource.")
    selector: str | None = Field(default=None, description="Label selector of the pods, for the scale subresource.")
    shards: list[Shard] = Field(
        default=[],
        description="Each shard.",
        json_schema_extra=rules(**{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
    )
    operation: Operation | None = Field(default=None, description="What is going on; absent when nothing is.")
    last_failover: Failover | None = Field(default=None, description="The last unplanned change of primary.")
    history: list[HistoryEntry] = Field(
        default=[], max_length=20, description="The last 20 things that happened, oldest first."
    )
    conditions: list[Condition] = Field(
        default=[],
        description="Ready, Available, Progressing, Degraded, Stalled.",
        json_schema_extra=rules(**{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    )
