"""What goes wrong in one cluster is said there, and stays there."""

import json
import subprocess
import time

import pytest

from localkube.host import LocalkubeError
from operator_world import OperatorProcess, World
from servers import free_port


def test_a_broken_cluster_does_not_hold_up_another(world: World) -> None:
    world.kubelet.broken_images.add("nowhere/engine:none")
    world.apply("broken", replicasPerShard=0, image="nowhere/engine:none")
    world.until("it is said", lambda: world.condition("broken", "Stalled")["status"] == "True")
    world.apply("fine", replicasPerShard=0)
    world.until_ready("fine")
    text = "pod broken-0-0 cannot pull its image nowhere/engine:none"
    assert text in world.condition("broken", "Ready")["message"]
    assert text in world.kubectl("describe", "cachecluster", "broken")
    world.apply("broken", replicasPerShard=0)
    world.until_ready("broken")


def test_a_name_that_is_taken_is_not_taken_over(world: World) -> None:
    world.kubectl("create", "service", "clusterip", "a", "--tcp=80:80")
    world.apply("a", replicasPerShard=0)
    world.until("it is said", lambda: world.condition("a", "Stalled")["reason"] == "NameTaken")
    assert "Service a exists already" in world.condition("a", "Ready")["message"]
    assert world.get("service", "a")["spec"]["ports"][0]["port"] == 80
    world.kubectl("delete", "service", "a")
    world.until_ready("a")


def test_a_missing_password_secret_is_named_and_used_once_it_is_there(world: World) -> None:
    world.apply("a", replicasPerShard=0, access={"defaultUser": "Password", "passwordSecret": {"name": "mine"}})
    world.until("it is said", lambda: world.condition("a", "Ready")["reason"] == "PasswordMissing")
    assert "there is no Secret mine" in world.condition("a", "Ready")["message"]
    world.kubectl("create", "secret", "generic", "mine", "--from-literal=password=hush")
    world.until_ready("a")
    engine = world.kubelet.engine(world.namespace, "a-0-0")
    world.until("the engine has the password", lambda: engine.parameters.get("requirepass") == "hush")


def test_a_namespace_that_ends_stops_nothing_else(world: World, operator: OperatorProcess) -> None:
    ending = f"{world.namespace}-ending"
    world.kube.kubectl("create", "namespace", ending)
    # Something that keeps the namespace from ending, so that the operator meets it in that state.
    hold = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hold", "finalizers": ["example.com/hold"]}}
    world.kube.kubectl("-n", ending, "apply", "-f", "-", stdin=json.dumps(hold))
    elsewhere = World(world.kube, world.kubelet, ending)
    elsewhere.apply("a", replicasPerShard=0)
    elsewhere.until_ready("a")
    world.kube.kubectl("delete", "namespace", ending, "--wait=false")
    world.apply("fine", replicasPerShard=0)
    world.until_ready("fine")
    world.until("the cluster is gone", lambda: not elsewhere.get("cachecluster", "a"))
    world.kube.kubectl(
        "-n", ending, "patch", "configmap", "hold", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
    )
    assert operator.metric("scrubjay_operator_leader") == 1


def test_the_resource_definition_may_go_and_come_back(world: World) -> None:
    world.apply("a", replicasPerShard=0)
    world.until_ready("a")
    definition = world.kube.kubectl("get", "crd", "cacheclusters.scrubjay.dev", "-o", "json").stdout
    world.kube.kubectl("delete", "crd", "cacheclusters.scrubjay.dev", "--timeout=60s")
    world.until("its children went with it", lambda: not world.get("statefulset", "a-0"))
    clean = json.loads(definition)
    clean["metadata"] = {"name": clean["metadata"]["name"], "annotations": clean["metadata"]["annotations"]}
    del clean["status"]
    world.kube.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(clean))
    world.until("the kind is served again", lambda: _can_apply(world))
    world.until_ready("b")


def test_one_of_two_operators_acts_and_the_other_takes_over(
    world: World, operator: OperatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second = OperatorProcess("operator-b", free_port(), tmp_path_factory.mktemp("operator-b") / "log")
    try:
        world.apply("a", replicasPerShard=0)
        world.until_ready("a")
        assert (operator.metric("scrubjay_operator_leader"), second.metric("scrubjay_operator_leader")) == (1, 0)
        term = _lease(world)["leaseTransitions"]
        started = time.monotonic()
        operator.crash()
        world.until("the second leads", lambda: second.metric("scrubjay_operator_leader") == 1)
        assert time.monotonic() - started < 15
        assert _lease(world)["leaseTransitions"] == term + 1
        world.apply("b", replicasPerShard=0)
        world.until_ready("b")
        operator.start()
        assert second.stop() == 0
        world.until("the first leads again", lambda: operator.metric("scrubjay_operator_leader") == 1)
    finally:
        second.crash()


def _lease(world: World) -> dict[str, int]:
    found = world.kube.kubectl("-n", "default", "get", "lease", "scrubjay-operator", "-o", "json").stdout
    spec: dict[str, int] = json.loads(found)["spec"]
    return spec


def _can_apply(world: World) -> bool:
    try:
        world.apply("b", replicasPerShard=0)
    except (LocalkubeError, subprocess.CalledProcessError):
        return False
    return True
