"""A CacheCluster from its making to its end, as the API server sees it."""

from operator_world import World


def test_a_cluster_becomes_ready_with_one_primary(world: World) -> None:
    world.apply("a", replicasPerShard=1)
    world.until_ready("a")
    pods = world.get("pods")["items"]
    roles = {pod["metadata"]["name"]: pod["metadata"]["labels"].get("scrubjay.dev/role") for pod in pods}
    assert roles == {"a-0-0": "primary", "a-0-1": "replica"}
    status = world.get("cachecluster", "a")["status"]
    assert status["phase"] == "Ready"
    assert status["ready"] == "2/2"
    assert status["version"] == "0.1.0"
    assert status["endpoints"]["primary"] == f"a.{world.namespace}.svc:6379"
