"""StatefulSet `C-0`, `C-1`, ...: the pods of one shard.

`OnDelete`: Kubernetes would replace a primary without asking; the operator rolls the pods itself, replicas first.
"""

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects import pod
from scrubjay_operator.objects.metadata import Manifest, metadata


def build(cluster: CacheCluster, shard: int, defaults: pod.EngineDefaults) -> Manifest:
    """The StatefulSet of a shard. Ordinals are equal: which pod is the primary is the operator's decision."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(cluster, names.stateful_set(cluster.name, shard), {names.LABEL_SHARD: str(shard)}),
        "spec": {
            "replicas": cluster.spec.pods_per_shard,
            "serviceName": names.headless_service(cluster.name),
            "podManagementPolicy": "Parallel",  # a broken pod must not keep the others from starting
            "updateStrategy": {"type": "OnDelete"},
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": names.shard_selector(cluster.name, shard)},
            "template": pod.template(cluster, shard, defaults),
        },
    }
