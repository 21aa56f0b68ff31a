"""Planned changes under a client that writes: no acknowledged write is lost."""

from __future__ import annotations

import os
import time

import pytest

import faults
from cache import SMALL, Caches
from kube import Kube
from outages import Outages
from writers import writing

REPEATS = int(os.environ.get("CHAOS_REPEATS", "10"))
MORE = {"requests": SMALL["requests"], "limits": {"memory": "128Mi"}}
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("change", [{"resources": MORE}, {"parameters": {"databases": 4}}], ids=["memory", "parameter"])
def test_rolling_change(caches: Caches, kube: Kube, outages: Outages, change: dict[str, object], repeat: int) -> None:
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    with kube.client(caches.namespace) as client, writing(client, "a") as writer:
        caches.apply("a", replicasPerShard=2, **change)
        caches.until("the change has begun", lambda: caches.condition("a", "Ready")["status"] == "False")
        caches.wait_ready("a", 180)
        report = writer.end()
    outages.add(f"rolling change: {next(iter(change))}", report)
    assert report.lost == 0, report


def test_drain_of_each_node_in_turn(caches: Caches, kube: Kube, outages: Outages) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    names = [node.name for node in faults.instance_of(kube).all_nodes()]
    for name in names:
        other = next(n for n in names if n != name)
        with kube.client(caches.namespace, f"client-{name}", other) as client, writing(client, "a") as writer:
            time.sleep(1)
            kube.kubectl("drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
            kube.kubectl("uncordon", name)
            caches.wait_ready("a", 150)
            report = writer.end()
        outages.add("drain of a node", report)
        assert report.lost == 0, report
