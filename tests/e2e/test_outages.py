"""A client that writes while its primary goes away: what it notices, and whether what was acknowledged is there. The long form is tests/chaos."""

from __future__ import annotations

import faults
from cache import SMALL, Caches
from kube import ClientPod, Kube
from writers import writing

MORE = {"requests": SMALL["requests"], "limits": {"memory": "128Mi"}}


def test_a_planned_change_loses_no_acknowledged_write(caches: Caches, client: ClientPod) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    with writing(client, "a") as writer:
        caches.apply("a", replicasPerShard=1, resources=MORE)
        caches.until("the other is primary", lambda: caches.primary("a") == "a-0-1")
        caches.wait_ready("a", 120)
        report = writer.end()
    print(report)
    assert report.lost == 0, report
    assert report.acknowledged > 100


def test_a_killed_engine_is_replaced_while_a_client_writes(caches: Caches, client: ClientPod, kube: Kube) -> None:
    caches.apply("a", replicasPerShard=1)
    caches.wait_ready("a")
    with writing(client, "a") as writer:
        before = caches.primary("a")
        faults.kill(kube, caches.namespace, before)
        caches.until("the other is primary", lambda: caches.primary("a") not in ("", before))
        caches.wait_ready("a")
        report = writer.end()
    print(report)
    assert report.acknowledged > 100
