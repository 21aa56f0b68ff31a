"""Helm upgrades and uninstalls the operator; the caches do not notice."""

from __future__ import annotations

import pytest

from cache import Caches
from installation import install_operator, uninstall_operator
from kube import ClientPod, Kube


@pytest.mark.timeout(300)
def test_caches_outlive_an_upgrade_and_an_uninstall(caches: Caches, client: ClientPod, kube: Kube) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    client.redis_cli("a", "SET", "acorn", "buried")
    pods = _pods(caches)
    install_operator(kube, "--set", "log.level=debug")
    uninstall_operator(kube)
    try:
        assert kube.exists("crd", "cacheclusters.scrubjay.dev"), "deleting it would delete every cache"
        assert client.redis_cli("a", "GET", "acorn") == "buried"
        assert client.redis_cli("a", "SET", "acorn", "still here") == "OK"
    finally:
        install_operator(kube)
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    assert client.redis_cli("a", "GET", "acorn") == "still here"
    assert pods.items() <= _pods(caches).items(), "no pod was made anew"


def _pods(caches: Caches) -> dict[str, str]:
    found = caches.kube.get("pods", namespace=caches.namespace, selector="scrubjay.dev/cluster=a")["items"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}
