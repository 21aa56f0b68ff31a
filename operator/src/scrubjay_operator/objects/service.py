"""The Services: `C` (primary), `C-reader` (replicas) and the headless `C-nodes` (a DNS name for each pod)."""

from typing import Any

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects.metadata import Manifest, metadata


def primary(cluster: CacheCluster) -> Manifest:
    """`C`: the pod whose role is primary. Its name and address stay when the role moves."""
    return _client_service(cluster, names.primary_service(cluster.name), "primary", names.ROLE_PRIMARY)


def reader(cluster: CacheCluster, *, from_primary: bool) -> Manifest:
    """`C-reader`: the pods whose role is replica; `from_primary` while none of them is ready, so that it answers."""
    role = names.ROLE_PRIMARY if from_primary else names.ROLE_REPLICA
    return _client_service(cluster, names.reader_service(cluster.name), "reader", role)


def headless(cluster: CacheCluster) -> Manifest:
    """`C-nodes`: every pod, ready or not: the operator and the other nodes must reach a pod before clients may."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(cluster, names.headless_service(cluster.name), {names.LABEL_SERVICE: "nodes"}),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": names.cluster_selector(cluster.name),
            "ports": [
                _port(names.PORT_NAME_CLIENT, names.PORT_CLIENT),
                _port(names.PORT_NAME_ADMIN, names.PORT_ADMIN),
                _port(names.PORT_NAME_HTTP, names.PORT_HTTP),
            ],
        },
    }


def _client_service(cluster: CacheCluster, name: str, purpose: str, role: str) -> Manifest:
    service = cluster.spec.service
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(cluster, name, {names.LABEL_SERVICE: purpose}, service.annotations),
        "spec": {
            "type": str(service.type),
            "selector": names.role_selector(cluster.name, role),
            "ports": [_port(names.PORT_NAME_CLIENT, names.PORT_CLIENT)],
        },
    }


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
