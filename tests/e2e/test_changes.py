"""Changes of running caches on real nodes: rolled pods keep the data, live parameters need no restart, dead primaries are replaced."""

from __future__ import annotations

from cache import SMALL, Caches
from kube import ClientPod

MORE = {"requests": SMALL["requests"], "limits": {"memory": "128Mi"}}


def test_more_memory_rolls_the_pods_and_keeps_the_data(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    client.redis_cli("a", "SET", "acorn", "buried")
    caches.apply("a", replicasPerShard=1, resources=MORE)
    caches.wait_ready("a", 120)
    caches.until("all pods have the new limit", lambda: _limits(caches) == {"128Mi"}, 120)
    caches.wait_ready("a", 120)
    assert client.redis_cli("a", "GET", "acorn") == "buried"
    assert "hands over" in caches.kubectl("describe", "cachecluster", "a")


def test_a_live_parameter_needs_no_restart(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=0)
    caches.wait_ready("a")
    client.redis_cli("a", "SET", "acorn", "buried")
    caches.apply("a", replicasPerShard=0, parameters={"maxclients": 500})
    caches.until("it is set", lambda: client.redis_cli("a", "CONFIG", "GET", "maxclients").split()[-1] == "500")
    caches.wait_ready("a")
    assert client.redis_cli("a", "GET", "acorn") == "buried"


def test_a_killed_primary_is_replaced_by_its_replica(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    client.redis_cli("a", "SET", "acorn", "buried")
    caches.until("the replica has it", lambda: client.redis_cli("a-reader", "GET", "acorn") == "buried", 10)
    caches.kubectl("delete", "pod", "a-0-0", "--grace-period=0", "--force")
    caches.until("the other is primary", lambda: caches.primary("a") == "a-0-1", 30)
    caches.wait_ready("a")
    assert client.redis_cli("a", "GET", "acorn") == "buried"
    assert caches.status("a")["lastFailover"]["newPrimary"] == "a-0-1"


def test_a_password_comes_and_goes_without_a_restart(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=0)
    caches.wait_ready("a")
    client.redis_cli("a", "SET", "acorn", "buried")
    caches.apply("a", replicasPerShard=0, access={"defaultUser": "Password"})
    caches.until("it is asked for", lambda: "NOAUTH" in client.redis_cli("a", "GET", "acorn"))
    caches.apply("a", replicasPerShard=0)
    caches.until("it is open again", lambda: client.redis_cli("a", "GET", "acorn") == "buried")


def _limits(caches: Caches) -> set[str]:
    pods = caches.kube.get("pods", namespace=caches.namespace, selector="scrubjay.dev/cluster=a")["items"]
    return {pod["spec"]["containers"][0]["resources"]["limits"]["memory"] for pod in pods}
