"""The metadata that all children of a CacheCluster share."""

from collections.abc import Mapping
from typing import Any

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster

Manifest = dict[str, Any]


def metadata(
    cluster: CacheCluster,
    name: str,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Name, namespace, the cluster's labels and `labels`, annotations if there are any, and the owner."""
    result: Manifest = {
        "name": name,
        "namespace": cluster.namespace,
        "labels": names.labels(cluster.name) | dict(labels or {}),
        "ownerReferences": [cluster.owner_reference()],
    }
    if annotations:
        result["annotations"] = dict(annotations)
    return result
