"""ServiceAccount `C-nodes`: an identity of their own for the data pods, with no rights and no token."""

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects.metadata import Manifest, metadata


def build(cluster: CacheCluster) -> Manifest:
    """The ServiceAccount: a cache node has nothing to ask the API server."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(cluster, names.service_account(cluster.name)),
        "automountServiceAccountToken": False,
    }
