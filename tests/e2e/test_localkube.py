"""The local nodes behave as machines do: policies hold, a cable can be pulled, the power can fail. (Only where nodes are ours.)"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cache import Caches
from kube import ClientPod, Kube, eventually, start_client
from localkube import nodes
from localkube.instance import Instance, Node
from localkube.policies import enforced

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
LISTEN = "import socketserver; socketserver.TCPServer(('', 7000), socketserver.BaseRequestHandler).serve_forever()"
CONNECT = "import socket; socket.create_connection(({!r}, 7000), 2).close(); print('open')"


@pytest.fixture
def instance(kube: Kube) -> Instance:
    if kube.local is None:
        pytest.skip("nodes of this cluster are not ours to crash")
    return kube.local.instance


@pytest.fixture
def server(kube: Kube, caches: Caches) -> Iterator[str]:
    """The address of a pod that listens on port 7000."""
    pod = start_client(kube, caches.namespace, "server")
    pod.run("sh", "-c", f'nohup python3 -c "{LISTEN}" >/dev/null 2>&1 &')
    address = str(kube.get("pod", "server", caches.namespace)["status"]["podIP"])
    eventually("the server listens", lambda: "open" in pod.run("python3", "-c", CONNECT.format(address), check=False))
    yield address


def reaches(client: ClientPod, address: str) -> bool:
    return "open" in client.run("python3", "-c", CONNECT.format(address), check=False)


def node_of(kube: Kube, instance: Instance, namespace: str, pod: str) -> Node:
    return instance.node(kube.get("pod", pod, namespace)["spec"]["nodeName"])


def test_policies_hold_as_long_as_they_are_enforced(
    kube: Kube, instance: Instance, caches: Caches, server: str, client: ClientPod
) -> None:
    def policy(*ingress: object) -> dict[str, object]:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "server"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": list(ingress)},
        }

    with enforced(instance):
        assert reaches(client, server)
        kube.apply(policy(), caches.namespace)
        eventually("the policy shuts the client out", lambda: not reaches(client, server), 20)
        known = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "scrubjay-client"}}}
        kube.apply(policy({"from": [known], "ports": [{"port": 7000}]}), caches.namespace)
        eventually("the policy lets the client in", lambda: reaches(client, server), 20)
        kube.apply(policy({"from": [known], "ports": [{"port": 7001}]}), caches.namespace)
        eventually("another port is another matter", lambda: not reaches(client, server), 20)
    assert reaches(client, server)


def test_a_pulled_cable_makes_a_node_unreachable_and_a_plugged_one_heals_it(
    kube: Kube, instance: Instance, caches: Caches, server: str
) -> None:
    node = node_of(kube, instance, caches.namespace, "server")
    nodes.cable(node, plugged=False)
    try:
        kube.wait(f"node/{node.name}", "condition=Ready=Unknown", seconds=60)
    finally:
        nodes.cable(node, plugged=True)
    kube.wait(f"node/{node.name}", "condition=Ready", seconds=60)


def test_a_node_without_power_is_gone_and_comes_back(
    kube: Kube, instance: Instance, caches: Caches, server: str
) -> None:
    node = node_of(kube, instance, caches.namespace, "server")
    nodes.crash(node)
    try:
        kube.wait(f"node/{node.name}", "condition=Ready=Unknown", seconds=60)
    finally:
        nodes.boot(node)
    kube.wait(f"node/{node.name}", "condition=Ready", seconds=90)
    eventually(
        "its pods run again",
        lambda: (
            kube.get("pod", "server", caches.namespace)["status"]["containerStatuses"][0]["restartCount"] > 0
            and kube.get("pod", "server", caches.namespace)["status"]["phase"] == "Running"
        ),
        90,
    )
