"""Reading a CacheCluster: defaults, and refusals with the field and the reason in words."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scrubjay_operator.api import parameters
from scrubjay_operator.api.cachecluster import CacheCluster, InvalidCacheCluster
from scrubjay_operator.api.spec import DefaultUser, EvictionPolicy

REPO = Path(__file__).resolve().parents[4]


def read(spec: dict[str, Any]) -> CacheCluster:
    metadata = {"name": "sessions", "namespace": "shop", "uid": "u-1", "generation": 4, "managedFields": [{}]}
    return CacheCluster.read(
        {"apiVersion": "scrubjay.dev/v1alpha1", "kind": "CacheCluster", "metadata": metadata, "spec": spec}
    )


def test_nothing_need_be_written() -> None:
    cluster = read({})
    assert (cluster.name, cluster.namespace, cluster.key) == ("sessions", "shop", "shop/sessions")
    assert cluster.metadata.generation == 4
    assert cluster.spec.pods == cluster.spec.pods_per_shard == 2
    assert cluster.spec.resources.memory_bytes == 256 * 2**20
    assert cluster.spec.memory.eviction_policy is EvictionPolicy.VOLATILE_LRU
    assert cluster.spec.access.default_user is DefaultUser.OPEN
    assert cluster.status.conditions == []


def test_numbers_and_booleans_become_the_text_of_redis_conf() -> None:
    spec = read(
        {
            "parameters": {"hz": 50, "lazyfree-lazy-eviction": True, "save": ""},
            "resources": {"limits": {"memory": 2**30}},
        }
    ).spec
    assert spec.parameters == {"hz": "50", "lazyfree-lazy-eviction": "yes", "save": ""}
    assert spec.resources.memory_bytes == 2**30


def test_what_is_read_is_not_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        read({}).spec.shards = 2


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"replicas": 2}, 'unknown field "spec.replicas"'),
        ({"memory": {"maxmemory": "1gb"}}, 'unknown field "spec.memory.maxmemory"'),
        ({"replicasPerShard": 7}, "spec.replicasPerShard: Input should be less than or equal to 5"),
        ({"protocol": "mongo"}, "spec.protocol: Input should be 'redis'"),
        ({"shards": 3}, "more than one shard needs cluster mode"),
        ({"resources": {"limits": {"memory": "lots"}}}, 'spec.resources.limits.memory: "lots" is not a quantity'),
        ({"resources": {}}, "spec.resources: limits.memory is needed"),
        ({"resources": {"limits": {"memory": "63Mi"}}}, "limits.memory must be at least 64Mi"),
        ({"access": {"passwordSecret": {"name": "s"}}}, "passwordSecret is only used with defaultUser: Password"),
    ],
)
def test_refused_in_words(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidCacheCluster) as refusal:
        read(spec)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidCacheCluster, match=r'spec\.shards: .*; unknown field "spec\.replicas"'):
        read({"replicas": 2, "shards": 0})


def test_status_of_another_version_is_read_without_what_is_unknown() -> None:
    body = {
        "metadata": {"name": "c", "namespace": "n", "uid": "u"},
        "status": {"phase": "Ready", "fromTheFuture": 1, "shards": [{"name": "c-0", "epoch": 3, "colour": "blue"}]},
    }
    status = CacheCluster.read(body).status
    assert status.shards[0].epoch == 3
    assert "fromTheFuture" not in status.to_json()


def test_owner_reference_makes_children_go_with_the_cluster() -> None:
    assert read({}).owner_reference() == {
        "apiVersion": "scrubjay.dev/v1alpha1",
        "kind": "CacheCluster",
        "name": "sessions",
        "uid": "u-1",
        "controller": True,
        "blockOwnerDeletion": True,
    }


@pytest.mark.parametrize("path", sorted((REPO / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_examples_are_read_and_their_parameters_taken(path: Path) -> None:
    documents = [document for document in yaml.safe_load_all(path.read_text()) if document["kind"] == "CacheCluster"]
    assert documents
    for document in documents:
        cluster = CacheCluster.read({**document, "metadata": {**document["metadata"], "namespace": "n", "uid": "u"}})
        assert parameters.problems(cluster.spec.parameters) == []
