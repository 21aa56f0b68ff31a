"""ConfigMap `C-config`: the engine's configuration file, read at the start of a pod."""

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects import config
from scrubjay_operator.objects.metadata import Manifest, metadata


def build(cluster: CacheCluster) -> Manifest:
    """The ConfigMap. Live options in it take effect through the admin port; the file is for the next start."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(cluster, names.config_map(cluster.name)),
        "data": {names.CONFIG_FILE: config.render(cluster)},
    }
