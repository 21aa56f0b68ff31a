"""ServiceMonitor `C` for the Prometheus operator: scrape every node through the headless Service.

https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor
"""

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects.metadata import Manifest, metadata


def build(cluster: CacheCluster) -> Manifest:
    """The ServiceMonitor; made only where `metrics.serviceMonitor` asks for it."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata(cluster, names.service_monitor(cluster.name)),
        "spec": {
            "selector": {"matchLabels": names.cluster_selector(cluster.name) | {names.LABEL_SERVICE: "nodes"}},
            "podTargetLabels": [names.LABEL_CLUSTER, names.LABEL_SHARD, names.LABEL_ROLE],
            "endpoints": [{"port": names.PORT_NAME_HTTP, "path": names.PATH_METRICS}],
        },
    }
