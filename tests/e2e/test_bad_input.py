"""What users get wrong is refused at once in words, or said in a condition, and stays their own trouble."""

from __future__ import annotations

from typing import Any

import pytest

from cache import Caches
from kube import Kube


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicasPerShard": 7}, "should be less than or equal to 5"),
        ({"resources": {"limits": {"memory": "lots"}}}, '"lots" is not a quantity: write it like 2, 512Mi or 1.5Gi'),
        ({"protocol": "mongo"}, 'supported values: "redis"'),
        ({"shards": 3}, "more than one shard needs cluster mode"),
        ({"replicas": 3}, 'unknown field "spec.replicas"'),
    ],
)
def test_refused_by_the_api_server(caches: Caches, spec: dict[str, Any], message: str) -> None:
    assert message in caches.refused(**spec)


def test_an_unknown_parameter_is_named_in_a_condition(caches: Caches) -> None:
    caches.apply("a", replicasPerShard=0, parameters={"maxclient": 100})
    caches.until("it is said", lambda: caches.condition("a", "Stalled")["status"] == "True")
    assert caches.condition("a", "Ready")["message"] == 'unknown parameter "maxclient": did you mean "maxclients"?'


def test_an_image_that_cannot_be_pulled_is_named_and_others_go_on(caches: Caches) -> None:
    caches.apply("broken", replicasPerShard=0, image="localhost/no-such-engine:1", imagePullPolicy="Never")
    caches.apply("fine", replicasPerShard=0)
    caches.wait_ready("fine")
    caches.until("it is said", lambda: caches.condition("broken", "Stalled")["status"] == "True")
    assert "cannot pull its image localhost/no-such-engine:1" in caches.condition("broken", "Ready")["message"]
    assert "cannot pull its image" in caches.kubectl("describe", "cachecluster", "broken")
    caches.apply("broken", replicasPerShard=0)
    caches.wait_ready("broken")


def test_a_namespace_that_is_deleted_takes_its_caches_along(caches: Caches, kube: Kube) -> None:
    with kube.namespace() as ending:
        gone = Caches(kube, ending)
        gone.apply("a", replicasPerShard=1)
        gone.until("it has begun", lambda: kube.exists("statefulset", "a-0", ending))
        kube.kubectl("delete", "namespace", ending, "--timeout=60s")
    caches.apply("fine", replicasPerShard=0)
    caches.wait_ready("fine")
