"""What the API server itself refuses, and that its words help the person who wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localkube.cluster import LocalKube

NEEDS_CLUSTER_MODE = (
    "more than one shard needs cluster mode (clusterMode: true), which this version of Scrubjay does not"
)


def manifest(spec: dict[str, Any], name: str = "bad") -> str:
    return json.dumps(
        {"apiVersion": "scrubjay.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": name}, "spec": spec}
    )


def refusal(kube: LocalKube, spec: dict[str, Any], name: str = "bad") -> str:
    """What kubectl apply says; fails if it took it."""
    done = kube.kubectl("apply", "-f", "-", stdin=manifest(spec, name), check=False)
    assert done.returncode != 0, f"taken: {done.stdout}"
    return done.stderr


LIMITS = {"memory": "1Gi", "cpu": "1"}

REFUSED = [
    ({"replicasPerShard": 7}, "spec.replicasPerShard in body should be less than or equal to 5"),
    ({"replicasPerShard": -1}, "spec.replicasPerShard in body should be greater than or equal to 0"),
    ({"shards": 3}, NEEDS_CLUSTER_MODE),
    ({"shards": 0}, "spec.shards in body should be greater than or equal to 1"),
    ({"shards": 300}, "spec.shards in body should be less than or equal to 250"),
    ({"protocol": "mongo"}, 'spec.protocol: Unsupported value: "mongo": supported values: "redis"'),
    ({"memory": {"evictionPolicy": "lru"}}, 'spec.memory.evictionPolicy: Unsupported value: "lru"'),
    ({"memory": {"reservedPercent": 95}}, "spec.memory.reservedPercent in body should be less than or equal to 80"),
    (
        {"resources": {"limits": {"memory": "lots"}}},
        'spec.resources.limits.memory: Invalid value: "": "lots" is not a quantity',
    ),
    ({"resources": {"limits": LIMITS, "requests": {"cpu": "-1"}}}, '"-1" is not a quantity'),
    ({"resources": {"limits": {"cpu": 1}}}, "limits.memory is needed: maxmemory is derived from it"),
    ({"resources": {"limits": {"memory": "1Mi"}}}, "limits.memory must be at least 64Mi"),
    (
        {"resources": {"limits": LIMITS, "requests": {"memory": "2Gi"}}},
        "requests.memory must not be above limits.memory",
    ),
    ({"resources": {"limits": LIMITS, "requests": {"cpu": 2}}}, "requests.cpu must not be above limits.cpu"),
    ({"access": {"passwordSecret": {"name": "s"}}}, "passwordSecret is only used with defaultUser: Password"),
    ({"access": {"defaultUser": "Password", "passwordSecret": {}}}, "spec.access.passwordSecret.name: Required value"),
    ({"parameters": {"hz": ["10"]}}, "spec.parameters.hz in body must be of type integer,string"),
    ({"service": {"type": "ExternalName"}}, 'spec.service.type: Unsupported value: "ExternalName"'),
    # unknown fields, at every depth
    ({"replicas": 2}, 'unknown field "spec.replicas"'),
    ({"clusterMode": True}, 'unknown field "spec.clusterMode"'),
    ({"memory": {"evictionPolcy": "noeviction"}}, 'unknown field "spec.memory.evictionPolcy"'),
    ({"placement": {"affinity": {"podAntiAfinity": {}}}}, 'unknown field "spec.placement.affinity.podAntiAfinity"'),
    ({"resources": {"limits": {"memory": "1Gi", "gpu": 1}}}, 'unknown field "spec.resources.limits.gpu"'),
]


@pytest.mark.parametrize(("spec", "words"), REFUSED, ids=[json.dumps(spec) for spec, _ in REFUSED])
def test_refused_in_words(kube: LocalKube, spec: dict[str, Any], words: str) -> None:
    assert words in refusal(kube, spec)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a" * 47, "metadata.name must be at most 46 characters"),
        ("0cache", "metadata.name must begin with a letter"),
        ("my.cache", "metadata.name must begin with a letter and hold only a-z, 0-9 and '-'"),
        ("sessions-reader", "metadata.name must not end with -reader, -nodes, -config, -auth"),
        ("sessions-nodes", "metadata.name must not end with"),
        ("sessions-config", "metadata.name must not end with"),
        ("sessions-auth", "metadata.name must not end with"),
    ],
)
def test_names_from_which_no_children_can_be_named(kube: LocalKube, name: str, words: str) -> None:
    assert words in refusal(kube, {}, name)


def test_longest_name_and_every_unit_are_taken(kube: LocalKube) -> None:
    spec = {
        "resources": {"limits": {"memory": 1073741824, "cpu": "1.5"}, "requests": {"memory": "0.5Gi", "cpu": "1500m"}},
        "parameters": {"hz": 50, "notify-keyspace-events": ""},
    }
    kube.kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest(spec, "a" * 46))


def test_scale_to_several_shards_is_refused_with_what_to_do_instead(kube: LocalKube) -> None:
    kube.kubectl("apply", "-f", "-", stdin=manifest({}, "scaled"))
    done = kube.kubectl("scale", "cc", "scaled", "--replicas=3", check=False)
    assert NEEDS_CLUSTER_MODE in done.stderr
    assert "for more readers set replicasPerShard" in done.stderr
    kube.kubectl("scale", "cc", "scaled", "--replicas=1")


def test_every_change_between_good_specs_is_taken(kube: LocalKube) -> None:
    """No field is immutable: what could not be changed would have to say why."""
    one: dict[str, Any] = {}
    other = {
        "replicasPerShard": 0,
        "image": "engine:2",
        "imagePullPolicy": "Always",
        "resources": {"limits": {"memory": "2Gi"}},
        "memory": {"reservedPercent": 30, "evictionPolicy": "noeviction"},
        "parameters": {"hz": "20"},
        "placement": {"zoneSpread": "Required", "nodeSelector": {"disk": "ssd"}, "priorityClassName": "high"},
        "access": {"defaultUser": "Password", "passwordSecret": {"name": "s"}},
        "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
        "metrics": {"serviceMonitor": True},
    }
    for spec in (one, other, one):
        kube.kubectl("apply", "-f", "-", stdin=manifest(spec, "changed"))
