"""A CacheCluster on real nodes with real engines and clients, from apply to delete."""

from __future__ import annotations

import json

from cache import Caches
from installation import NAMESPACE, OPERATOR_PODS
from kube import ClientPod, Kube


def test_apply_ready_and_used_by_clients(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    assert client.redis_cli("a", "SET", "acorn", "buried") == "OK"
    assert client.redis_cli("a", "GET", "acorn") == "buried"
    caches.until("the replica has it", lambda: client.redis_cli("a-reader", "GET", "acorn") == "buried", 10)
    columns, row = caches.kubectl("get", "cachecluster").splitlines()
    assert columns.split() == ["NAME", "SHARDS", "REPLICAS", "READY", "STATUS", "VERSION", "AGE"]
    assert row.split()[:5] == ["a", "1", "1", "2/2", "Ready"]
    told = caches.kubectl("describe", "cachecluster", "a")
    assert "1 primary and 1 replica serve" in told
    assert "a-0-0 is the first primary of a-0" in told


def test_replicas_one_three_none(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    client.redis_cli("a", "SET", "acorn", "buried")
    caches.apply("a", replicasPerShard=3)
    caches.until(
        "there are three replicas", lambda: sorted(caches.roles("a").values()) == ["primary"] + ["replica"] * 3
    )
    caches.wait_ready("a")
    caches.apply("a", replicasPerShard=0)
    caches.until("the primary is alone", lambda: list(caches.roles("a").values()) == ["primary"])
    caches.wait_ready("a")
    assert client.redis_cli("a", "GET", "acorn") == "buried"
    assert client.redis_cli("a-reader", "GET", "acorn") == "buried"


def test_the_operator_dies_while_a_cluster_is_made(caches: Caches, kube: Kube) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.until("it has begun", lambda: kube.exists("statefulset", "a-0", caches.namespace))
    deleted = kube.kubectl(
        "-n", NAMESPACE, "delete", "pod", "-l", OPERATOR_PODS, "--grace-period=0", "--force", "-o", "name"
    ).stdout.split()
    assert len(deleted) == 2, deleted
    caches.wait_ready("a")
    assert caches.roles("a") == {"a-0-0": "primary", "a-0-1": "replica"}


def test_a_service_deleted_by_hand_returns(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=0)
    caches.wait_ready("a")
    caches.kubectl("delete", "service", "a")
    caches.until(
        "clients reach it again", lambda: client.run("redis-cli", "-h", "a", "PING", check=False).strip() == "PONG"
    )
    assert "Service a was missing and was made again" in caches.kubectl("describe", "cachecluster", "a")


def test_same_names_in_two_namespaces(caches: Caches, client: ClientPod, kube: Kube) -> None:
    with kube.namespace() as other:
        elsewhere = Caches(kube, other)
        for each in (caches, elsewhere):
            each.apply("a", replicasPerShard=0)
        for each in (caches, elsewhere):
            each.wait_ready("a")
        client.redis_cli("a", "SET", "acorn", "here")
        assert client.redis_cli(f"a.{other}", "GET", "acorn") == ""
        elsewhere.kubectl("delete", "cachecluster", "a")
        assert client.redis_cli("a", "GET", "acorn") == "here"


def test_a_second_apply_writes_nothing(caches: Caches, kube: Kube) -> None:
    assert kube.local is None or "created" in caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    before = caches.until("the operator is quiet", lambda: _unchanged(caches), 30)
    assert "unchanged" in caches.apply("a", replicasPerShard=1)
    assert _versions(caches) == before


def test_deletion_leaves_nothing(caches: Caches) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    caches.kubectl("delete", "cachecluster", "a")
    kinds = "statefulset,service,configmap,secret,serviceaccount,poddisruptionbudget,pod,persistentvolumeclaim"
    words = ("get", kinds, "-l", "scrubjay.dev/cluster=a", "-o", "name", "--ignore-not-found")
    caches.until("nothing is left", lambda: caches.kubectl(*words) == "")


def _versions(caches: Caches) -> dict[str, str]:
    kinds = "cachecluster,statefulset,service,configmap,secret,serviceaccount,poddisruptionbudget,pod"
    items = json.loads(caches.kubectl("get", kinds, "-o", "json"))["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in items}


def _unchanged(caches: Caches) -> dict[str, str]:
    """The versions of all objects once they are the same in two looks, which kubectl keeps a moment apart."""
    first, second = _versions(caches), _versions(caches)
    return first if first == second else {}
