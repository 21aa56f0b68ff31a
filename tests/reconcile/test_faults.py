"""Each call to the API server that the making of a cluster needs fails once, in a cluster of its own: refused, or done with the answer lost. All become Ready."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from fake_kubelet import FakeKubelet
from localkube.cluster import LocalKube
from operator_parts import Parts, operator_parts
from operator_world import OperatorProcess
from scrubjay_operator.observe.kinds import CACHE_CLUSTER

DEADLINE_S = 150.0


@pytest.fixture
def no_other_operator(operator: OperatorProcess) -> Iterator[None]:
    operator.stop()
    yield
    operator.start()


@pytest.mark.timeout(300)
def test_each_call_failed_in_turn(kube: LocalKube, kubelet: FakeKubelet, no_other_operator: None) -> None:
    kubelet.run(_each_call_failed_in_turn(kube), within=240)


async def _each_call_failed_in_turn(kube: LocalKube) -> None:
    async with operator_parts() as parts:
        await _make(kube, ["fault-none"])
        await _until_ready(parts, ["fault-none"])
        needed = len(parts.kube.calls["fault-none"])
        assert needed > 15
        for turn in range(1, needed + 1):
            parts.kube.plan[f"fault-{turn}"] = (turn, False)
            parts.kube.plan[f"fault-{turn}-lost"] = (turn, True)
        names = list(parts.kube.plan)
        await _make(kube, names)
        await _until_ready(parts, names)
        failed = [name for name, (turn, _) in parts.kube.plan.items() if len(parts.kube.calls[name]) >= turn]
        assert len(failed) > len(names) // 2, "most of the planned failures took place"
        await asyncio.to_thread(kube.kubectl, "delete", "namespace", "fault-none", *names, "--wait=false")


async def _make(kube: LocalKube, names: list[str]) -> None:
    """A cluster in a namespace of its own, for each name."""
    objects = []
    for name in names:
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        replicas = 0 if name.endswith("-lost") else 1
        body = {"apiVersion": CACHE_CLUSTER.api_version, "kind": "CacheCluster", "spec": {"replicasPerShard": replicas}}
        objects.append(body | {"metadata": {"name": "a", "namespace": name}})
    documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    await asyncio.to_thread(kube.kubectl, "apply", "-f", "-", stdin=documents)


async def _until_ready(parts: Parts, names: list[str]) -> None:
    waiting = set(names)
    async with asyncio.timeout(DEADLINE_S):
        while waiting:
            listing = await parts.kube.list_all(CACHE_CLUSTER)
            ready = {
                body["metadata"]["namespace"]
                for body in listing.items
                for condition in body.get("status", {}).get("conditions", ())
                if (condition["type"], condition["status"]) == ("Ready", "True")
            }
            waiting -= ready
            await asyncio.sleep(0.5)
