"""A CacheCluster from its making to its end, as the API server sees it."""

import time

from operator_world import OperatorProcess, World


def test_a_cluster_becomes_ready_with_one_primary(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    assert world.roles() == {"a-0-0": "primary", "a-0-1": "replica"}
    status = world.get("cachecluster", "a")["status"]
    assert (status["phase"], status["ready"], status["version"]) == ("Ready", "2/2", "0.1.0")
    assert status["endpoints"]["primary"] == f"a.{world.namespace}.svc:6379"
    assert status["shards"][0]["primary"] == "a-0-0"
    assert world.condition("a", "Ready")["message"] == "1 primary and 1 replica serve"
    assert world.get("service", "a-reader")["spec"]["selector"]["scrubjay.dev/role"] == "replica"


def test_applying_the_same_again_causes_no_write(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    mark = world.until("the operator is quiet", lambda: _quiet(world))
    world.apply("a", replicasPerShard=1)
    time.sleep(2)  # what must not happen has no event to wait for
    assert world.own_writes(mark) == []


def test_a_restarted_operator_writes_nothing_to_a_cluster_that_is_as_wanted(
    world: World, operator: OperatorProcess
) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    mark = world.until("the operator is quiet", lambda: _quiet(world))
    passes = operator.metric("scrubjay_operator_reconciles_total")
    operator.restart()
    world.until("it has looked at everything", lambda: operator.metric("scrubjay_operator_reconciles_total") >= 1)
    time.sleep(1)
    assert passes > 0
    assert world.own_writes(mark) == []


def test_replicas_go_up_and_down(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    world.apply("a", replicasPerShard=3)
    world.until("four pods have roles", lambda: list(world.roles().values()).count("replica") == 3)
    world.until_ready("a")
    world.apply("a", replicasPerShard=0)
    world.until("one pod is left", lambda: world.roles() == {"a-0-0": "primary"})
    world.until_ready("a")
    assert world.get("service", "a-reader")["spec"]["selector"]["scrubjay.dev/role"] == "primary"


def test_a_primary_that_is_to_go_hands_over_first(world: World) -> None:
    world.apply("a", replicasPerShard=2)
    world.until_ready("a")
    world.kubectl("delete", "pod", "a-0-0")
    world.until(
        "another is primary", lambda: world.get("cachecluster", "a")["status"]["shards"][0]["primary"] != "a-0-0"
    )
    world.until_ready("a")
    primary = world.get("cachecluster", "a")["status"]["shards"][0]["primary"]
    world.apply("a", replicasPerShard=0)
    world.until("the first pod is primary and alone", lambda: world.roles() == {"a-0-0": "primary"})
    world.until_ready("a")
    assert any(f"{primary} hands over to a-0-0" in text for text in world.events("HandOver"))


def test_children_that_are_lost_or_changed_come_back(world: World) -> None:
    world.apply("a", replicasPerShard=0)
    world.until_ready("a")
    world.kubectl("delete", "service", "a")
    world.until("Service a is back", lambda: world.get("service", "a"))
    world.until_ready("a")
    assert world.events("Repaired") == ["Service a was missing and was made again"]
    world.kubectl(
        "patch", "service", "a", "--type=merge", "-p", '{"spec":{"selector":{"scrubjay.dev/role":"replica"}}}'
    )
    world.until(
        "its selector is back", lambda: world.get("service", "a")["spec"]["selector"]["scrubjay.dev/role"] == "primary"
    )


def test_deletion_leaves_nothing(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    world.kubectl("delete", "cachecluster", "a")
    kinds = "statefulsets,services,configmaps,secrets,serviceaccounts,poddisruptionbudgets,pods,persistentvolumeclaims"
    world.until(
        "all children are gone",
        lambda: world.kubectl("get", kinds, "-l", "scrubjay.dev/cluster=a", "-o", "name", "--ignore-not-found") == "",
    )


def test_a_cluster_is_finished_by_an_operator_that_was_killed_while_it_was_made(
    world: World, operator: OperatorProcess
) -> None:
    world.apply("a", replicasPerShard=1)
    world.until("it has begun", lambda: world.get("statefulset", "a-0"))
    operator.crash()
    operator.restart()
    world.until_ready("a")
    assert world.roles() == {"a-0-0": "primary", "a-0-1": "replica"}


def _quiet(world: World) -> int:
    """A mark after which nothing was written for a second, or 0."""
    mark = world.kube.audit.mark()
    time.sleep(1)
    return mark if world.own_writes(mark) == [] else 0
