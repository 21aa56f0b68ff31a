"""All children of a CacheCluster, in the order in which they are applied: what a pod refers to comes before the pod."""

from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects import (
    configmap,
    poddisruptionbudget,
    secret,
    service,
    serviceaccount,
    servicemonitor,
    statefulset,
)
from scrubjay_operator.objects.metadata import Manifest
from scrubjay_operator.objects.pod import EngineDefaults


def children(
    cluster: CacheCluster, defaults: EngineDefaults, *, password: str | None, reader_from_primary: bool
) -> list[Manifest]:
    """Every child that should exist; what carries the cluster's label and is not here should not.

    `password` is None for open access. Role labels on pods are not here: they say who is what, not what should exist.
    """
    shards = range(cluster.spec.shards)
    return [
        serviceaccount.build(cluster),
        secret.build(cluster, password),
        configmap.build(cluster),
        service.headless(cluster),
        service.primary(cluster),
        service.reader(cluster, from_primary=reader_from_primary),
        *(poddisruptionbudget.build(cluster, shard) for shard in shards),
        *(statefulset.build(cluster, shard, defaults) for shard in shards),
        *([servicemonitor.build(cluster)] if cluster.spec.metrics.service_monitor else []),
    ]
