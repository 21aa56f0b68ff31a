"""CacheClusters for tests of the operator."""

from typing import Any

from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects.pod import EngineDefaults

DEFAULTS = EngineDefaults(image="scrubjay-engine:test")


def cache_cluster(
    spec: dict[str, Any] | None = None, *, name: str = "sessions", namespace: str = "shop"
) -> CacheCluster:
    """A CacheCluster as if it had been read from the API server."""
    metadata = {"name": name, "namespace": namespace, "uid": "11111111-2222-3333-4444-555555555555", "generation": 1}
    return CacheCluster.read({"metadata": metadata, "spec": spec or {}})
