"""The objects of all clusters as the watches last showed them, indexed by cluster, so that a reconcile needs no reading calls.

handlers/ feed it one event at a time (`put`, `remove`); act.resync feeds it whole lists (`replace`), which repairs what a broken watch has missed: a watch that
reconnects never tells of deletions in between. Older versions never overwrite newer ones, whichever way they come.

Memory: pods, nodes and clusters are kept as the few facts that are needed, children as compact JSON without managedFields.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from scrubjay_operator.api import names
from scrubjay_operator.observe.engine import EngineReport
from scrubjay_operator.observe.kinds import CACHE_CLUSTER, NODE, POD, Kind
from scrubjay_operator.observe.pods import NodeView, PodView, parse_node, parse_pod
from scrubjay_operator.observe.snapshot import Child, ClusterSnapshot, ClusterView, Key, read_cluster

Name = tuple[str, str]  # namespace ("" when the kind has none) and name
SELECTOR = f"{names.LABEL_MANAGED_BY}={names.OPERATOR}"


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: str
    version: int
    cluster: Key | None
    fact: PodView | NodeView | ClusterView | bytes


class ObjectCache:
    """What the API server has, as far as it was told."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[Name, _Entry]] = {}
        self._by_cluster: dict[Key, set[tuple[str, Name]]] = {}
        self._removed: dict[str, int] = {}

    def put(self, kind: Kind, body: Mapping[str, Any]) -> set[Key]:
        """Take in one object as it is now. Returns the clusters for which it is news: its own, or those with a pod on the node."""
        metadata = body["metadata"]
        name, version = _name(metadata), _version(metadata)
        old = self._entries.get(kind.name, {}).get(name)
        if old is not None and old.uid == metadata["uid"] and old.version >= version:
            return set()
        if self._removed.get(metadata["uid"], -1) >= version:
            return set()
        entry = _Entry(metadata["uid"], version, _cluster_of(kind, metadata), _fact(kind, body))
        self._store(kind, name, entry)
        return self._touched(kind, name, entry) if old is None or old.fact != entry.fact else set()

    def remove(self, kind: Kind, body: Mapping[str, Any]) -> set[Key]:
        """The object is gone. Returns the clusters for which that is news."""
        metadata = body["metadata"]
        name = _name(metadata)
        self._removed[metadata["uid"]] = _version(metadata)
        old = self._entries.get(kind.name, {}).get(name)
        if old is None or old.uid != metadata["uid"]:
            return set()
        self._drop(kind, name)
        return self._touched(kind, name, old)

    def replace(self, kind: Kind, bodies: Iterable[Mapping[str, Any]], version: str) -> set[Key]:
        """Take in a whole list, read at this version of the store: what is not in it and not newer is gone. Returns the clusters touched."""
        touched: set[Key] = set()
        listed = set()
        for body in bodies:
            listed.add(_name(body["metadata"]))
            touched |= self.put(kind, body)
        read_at = int(version) if version.isdigit() else 0
        for name, entry in tuple(self._entries.get(kind.name, {}).items()):
            if name not in listed and entry.version <= read_at:
                self._drop(kind, name)
                touched |= self._touched(kind, name, entry)
        self._removed = {uid: at for uid, at in self._removed.items() if at > read_at}
        return touched

    def clusters(self) -> tuple[Key, ...]:
        """All CacheClusters."""
        return tuple(self._entries.get(CACHE_CLUSTER.name, {}))

    def clusters_on(self, node: str) -> set[Key]:
        """The clusters that have a pod on this node."""
        pods = self._entries.get(POD.name, {}).values()
        return {
            e.cluster for e in pods if e.cluster is not None and isinstance(e.fact, PodView) and e.fact.node == node
        }

    def cluster(self, key: Key) -> ClusterView | None:
        """One CacheCluster, if it exists."""
        entry = self._entries.get(CACHE_CLUSTER.name, {}).get(key)
        return entry.fact if entry is not None and isinstance(entry.fact, ClusterView) else None

    def pods(self, key: Key) -> tuple[PodView, ...]:
        """The data pods of a cluster."""
        facts = (self._entries[kind][name].fact for kind, name in self._by_cluster.get(key, ()) if kind == POD.name)
        return tuple(fact for fact in facts if isinstance(fact, PodView))

    def snapshot(
        self,
        view: ClusterView,
        *,
        engines: Mapping[str, EngineReport],
        now: float,
        wall: datetime,
        settled: Mapping[tuple[str, str], tuple[str, str]] | None = None,
        term: int = 0,
    ) -> ClusterSnapshot:
        """All that is known of one cluster, together with what its engines said."""
        children, pods = {}, []
        for kind, name in self._by_cluster.get(view.key, ()):
            entry = self._entries[kind][name]
            if isinstance(entry.fact, PodView):
                pods.append(entry.fact)
            elif isinstance(entry.fact, bytes):
                children[kind, name[1]] = Child(kind, name[1], entry.uid, str(entry.version), _decoded(entry.fact))
        known = self._entries.get(NODE.name, {})
        nodes = {pod.node: known["", pod.node].fact for pod in pods if ("", pod.node) in known}
        return ClusterSnapshot(
            view=view,
            now=now,
            wall=wall,
            children=children,
            pods=tuple(sorted(pods, key=lambda pod: pod.name)),
            engines=engines,
            nodes={name: fact for name, fact in nodes.items() if isinstance(fact, NodeView)},
            settled=settled or {},
            term=term,
        )

    def _touched(self, kind: Kind, name: Name, entry: _Entry) -> set[Key]:
        if kind is NODE:
            return self.clusters_on(name[1])
        return set() if entry.cluster is None else {entry.cluster}

    def _store(self, kind: Kind, name: Name, entry: _Entry) -> None:
        self._drop(kind, name)
        self._entries.setdefault(kind.name, {})[name] = entry
        if entry.cluster is not None and kind is not CACHE_CLUSTER:
            self._by_cluster.setdefault(entry.cluster, set()).add((kind.name, name))

    def _drop(self, kind: Kind, name: Name) -> None:
        old = self._entries.get(kind.name, {}).pop(name, None)
        if old is None or old.cluster is None or kind is CACHE_CLUSTER:
            return
        members = self._by_cluster[old.cluster]
        members.discard((kind.name, name))
        if not members:
            del self._by_cluster[old.cluster]


def _name(metadata: Mapping[str, Any]) -> Name:
    return (metadata.get("namespace") or "", metadata["name"])


def _version(metadata: Mapping[str, Any]) -> int:
    """Versions of one store can be compared as numbers (documented since Kubernetes 1.35, true since etcd)."""
    text = metadata.get("resourceVersion") or "0"
    return int(text) if text.isdigit() else 0


def _cluster_of(kind: Kind, metadata: Mapping[str, Any]) -> Key | None:
    if kind is CACHE_CLUSTER:
        return (metadata["namespace"], metadata["name"])
    cluster = (metadata.get("labels") or {}).get(names.LABEL_CLUSTER)
    return (metadata["namespace"], cluster) if cluster and kind.namespaced else None


def _fact(kind: Kind, body: Mapping[str, Any]) -> PodView | NodeView | ClusterView | bytes:
    if kind is CACHE_CLUSTER:
        return read_cluster(body)
    if kind is POD:
        return parse_pod(body)
    if kind is NODE:
        return parse_node(body)
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    complete = {
        **body,
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": metadata,
    }  # items of a list lack these
    return json.dumps(complete, separators=(",", ":")).encode()


@lru_cache(maxsize=64)
def _decoded(text: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed
