"""PodDisruptionBudget `C-0`: of each shard, drains and autoscalers take one pod at a time."""

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects.metadata import Manifest, metadata


def build(cluster: CacheCluster, shard: int) -> Manifest:
    """One pod at a time, also when it is the only one: a drain is never blocked for ever, nor by broken pods."""
    name = names.pod_disruption_budget(cluster.name, shard)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(cluster, name, {names.LABEL_SHARD: str(shard)}),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": names.shard_selector(cluster.name, shard)},
        },
    }
