"""Changes of a running cluster: rolled pods, live parameters, lost primaries."""

from typing import Any

from operator_world import World


def _primary(world: World, name: str = "a") -> str:
    return str(world.get("cachecluster", name)["status"]["shards"][0]["primary"])


def _order_of_deletions(world: World, mark: int) -> list[str]:
    return [
        write.rpartition("/")[2]
        for write in world.writes(mark)
        if write.startswith("delete pods ") and world.namespace in write
    ]


def _memory(world: World) -> set[str]:
    pods = world.get("pods")["items"]
    return {pod["spec"]["containers"][0]["resources"]["limits"]["memory"] for pod in pods}


def test_more_memory_rolls_replicas_first_and_the_primary_after_a_hand_over(world: World) -> None:
    world.apply("a", replicasPerShard=2)
    world.until_ready("a")
    mark = world.kube.audit.mark()
    world.apply("a", replicasPerShard=2, resources={"limits": {"memory": "512Mi"}})
    world.until(
        "all pods have the new limit", lambda: len(world.get("pods")["items"]) == 3 and _memory(world) == {"512Mi"}
    )
    world.until_ready("a")
    assert _order_of_deletions(world, mark) == ["a-0-2", "a-0-1", "a-0-0"]
    assert _primary(world) != "a-0-0"
    assert any("a-0-0 hands over" in text for text in world.events("HandOver"))
    assert world.get("cachecluster", "a")["status"].get("operation") is None


def test_without_a_replica_the_primary_is_replaced_plainly(world: World) -> None:
    world.apply("a", replicasPerShard=0)
    world.until_ready("a")
    world.apply("a", replicasPerShard=0, resources={"limits": {"memory": "512Mi"}})
    world.until("the pod has the new limit", lambda: _memory(world) == {"512Mi"})
    world.until_ready("a")
    assert any("without a replica: its data goes" in text for text in world.events("PodReplaced"))
    assert any("starts empty" in text for text in world.events("Promoted"))


def test_a_live_parameter_is_set_without_a_restart(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    before = {pod["metadata"]["uid"] for pod in world.get("pods")["items"]}
    world.apply("a", replicasPerShard=1, parameters={"maxclients": 500})
    engines = [world.kubelet.engine(world.namespace, name) for name in ("a-0-0", "a-0-1")]
    world.until("both engines have it", lambda: all(e.parameters.get("maxclients") == "500" for e in engines))
    world.until_ready("a")
    assert {pod["metadata"]["uid"] for pod in world.get("pods")["items"]} == before


def test_an_unknown_parameter_is_named_and_the_rest_works(world: World) -> None:
    world.apply("a", replicasPerShard=0, parameters={"maxclient": 500})
    world.until("it is said", lambda: world.condition("a", "Stalled")["status"] == "True")
    assert world.condition("a", "Ready")["message"] == 'unknown parameter "maxclient": did you mean "maxclients"?'
    world.until("clients are served all the same", lambda: world.condition("a", "Available")["status"] == "True")
    world.apply("a", replicasPerShard=0, parameters={"maxclients": 500})
    world.until_ready("a")


def test_a_bad_image_stops_after_the_first_replica_and_says_so(world: World) -> None:
    world.kubelet.broken_images.add("nowhere/engine:typo")
    world.apply("a", replicasPerShard=2)
    world.until_ready("a")
    world.apply("a", replicasPerShard=2, image="nowhere/engine:typo")
    world.until("it is said", lambda: world.condition("a", "Ready")["reason"] == "ImagePull")
    assert "pod a-0-2 cannot pull its image nowhere/engine:typo" in world.condition("a", "Ready")["message"]
    assert world.condition("a", "Available")["status"] == "True"
    images = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in world.get("pods")["items"]}
    assert [name for name, image in images.items() if "typo" in image] == ["a-0-2"]
    world.apply("a", replicasPerShard=2, image="scrubjay-engine:fixed")
    world.until_ready("a")


def test_a_dead_primary_is_replaced_by_the_replica_with_most_data(world: World) -> None:
    world.apply("a", replicasPerShard=2)
    world.until_ready("a")
    _behind(world, "a-0-1", 100)
    _behind(world, "a-0-2", 200)
    old = world.kubelet.engine(world.namespace, "a-0-0")
    world.kubelet.run(old.stop())
    world.until("another is primary", lambda: _primary(world) == "a-0-2")
    world.kubelet.run(old.restart())
    world.until_ready("a")
    assert world.roles() == {"a-0-0": "replica", "a-0-1": "replica", "a-0-2": "primary"}
    status: dict[str, Any] = world.get("cachecluster", "a")["status"]
    assert status["lastFailover"]["oldPrimary"] == "a-0-0"
    assert status["lastFailover"]["reason"] == (
        "the process of the primary a-0-0 has ended; it holds the data up to offset 200"
    )
    assert any("a-0-2 is primary of a-0 now (epoch 2)" in entry["text"] for entry in status["history"])
    assert len(world.events("Promoted")) == 1


def test_a_frozen_primary_is_replaced_when_its_lease_is_over_and_follows_when_it_wakes(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    engine = world.kubelet.engine(world.namespace, "a-0-0")
    engine.frozen = True
    world.until("another is primary", lambda: _primary(world) == "a-0-1")
    failover = world.get("cachecluster", "a")["status"]["lastFailover"]
    assert "the primary a-0-0 was silent for" in failover["reason"]
    assert failover["seconds"] >= 2
    engine.frozen = False
    world.until_ready("a")
    assert world.roles() == {"a-0-0": "replica", "a-0-1": "primary"}


def test_an_annotation_asks_for_another_primary(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    world.kubectl("annotate", "cachecluster", "a", "scrubjay.dev/promote=a-0-1")
    world.until("it is primary", lambda: _primary(world) == "a-0-1")
    world.until_ready("a")
    assert any("a-0-0 hands over to a-0-1" in text for text in world.events("HandOver"))


def test_a_lost_only_pod_comes_back_empty_and_says_so(world: World) -> None:
    world.apply("a", replicasPerShard=0)
    world.until_ready("a")
    world.kubectl("delete", "pod", "a-0-0")
    world.until(
        "it is primary again, in the next epoch",
        lambda: world.get("cachecluster", "a")["status"]["shards"][0]["epoch"] == 2,
    )
    world.until_ready("a")
    assert "no copy of the data is left" in world.get("cachecluster", "a")["status"]["lastFailover"]["reason"]


def _behind(world: World, pod: str, offset: int) -> None:
    world.kubelet.engine(world.namespace, pod).offset = offset
