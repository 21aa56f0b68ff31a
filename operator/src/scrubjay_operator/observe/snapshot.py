"""What is known of one CacheCluster at one moment: the only input of `plan`, never changed after it was taken.

`observe.cache` and `act.engines` are where the facts come from; `act.reconcile` puts them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scrubjay_operator.api.cachecluster import CacheCluster, InvalidCacheCluster, Metadata
from scrubjay_operator.api.spec import CacheClusterSpec
from scrubjay_operator.api.status import CacheClusterStatus
from scrubjay_operator.observe.engine import EngineReport
from scrubjay_operator.observe.pods import NodeView, PodView

Key = tuple[str, str]  # namespace and name of a CacheCluster
Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The CacheCluster itself. `cluster` is None when its spec cannot be used; `error` says why."""

    metadata: Metadata
    status: CacheClusterStatus
    cluster: CacheCluster | None
    error: str = ""

    @property
    def key(self) -> Key:
        return (self.metadata.namespace, self.metadata.name)

    @property
    def spec(self) -> CacheClusterSpec:
        """The spec. Only to be asked for when there is one."""
        assert self.cluster is not None, "the spec of an invalid CacheCluster was asked for"
        return self.cluster.spec


@dataclass(frozen=True, slots=True)
class Child:
    """An object that belongs to the cluster, as the API server has it."""

    kind: str
    name: str
    uid: str
    version: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """Everything that a plan may depend on. `now` is seconds of the operator's monotonic clock, `wall` the time of day.

    `settled` holds, by kind and name, the (version, digest) at which a child was found to be as wanted: it need not be compared again. `term` is the number
    of this operator's leadership, which began at `led_since`. `granted_at` and `issued` are by shard: see plan/shards.py.
    """

    view: ClusterView
    now: float
    wall: datetime
    children: Mapping[tuple[str, str], Child] = field(default_factory=dict)
    pods: tuple[PodView, ...] = ()
    engines: Mapping[str, EngineReport] = field(default_factory=dict)
    nodes: Mapping[str, NodeView] = field(default_factory=dict)
    settled: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    term: int = 0
    led_since: float = 0.0
    granted_at: Mapping[str, float] = field(default_factory=dict)
    issued: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.view.key

    def child(self, kind: str, name: str) -> Child | None:
        """The child of this kind and name, if it exists."""
        return self.children.get((kind, name))

    def shard_pods(self, shard: int) -> tuple[PodView, ...]:
        """The pods of one shard by ordinal."""
        return tuple(sorted((pod for pod in self.pods if pod.shard == str(shard)), key=lambda pod: pod.ordinal))

    def engine(self, pod: PodView) -> EngineReport:
        """What the pod's engine last said."""
        return self.engines.get(pod.uid, EngineReport())


def read_cluster(body: Mapping[str, Any]) -> ClusterView:
    """A CacheCluster as the API server gives it; an unusable spec is kept with its error, so that it can be reported."""
    metadata = Metadata.model_validate(body["metadata"])
    try:
        cluster = CacheCluster.read(body)
        return ClusterView(metadata, cluster.status, cluster)
    except InvalidCacheCluster as error:
        reason = str(error)
    try:
        status = CacheClusterStatus.model_validate(body.get("status") or {})
    except ValueError:
        status = CacheClusterStatus()
    return ClusterView(metadata, status, None, reason)
