"""The operator or the API server is away: nothing stops; a primary that dies meanwhile is replaced once the operator is back."""

from __future__ import annotations

import os
import time

import pytest

import faults
from cache import Caches
from installation import NAMESPACE, RELEASE
from kube import Kube
from outages import Outages
from writers import writing

AWAY_S = float(os.environ.get("CHAOS_AWAY_SECONDS", "120"))
pytestmark = pytest.mark.timeout(600)


def test_no_operator(caches: Caches, kube: Kube, outages: Outages) -> None:
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    with kube.client(caches.namespace) as client, writing(client, "a") as writer:
        with faults.no_operator(kube, NAMESPACE, RELEASE):
            time.sleep(AWAY_S)
        caches.wait_ready("a")
        report = writer.end()
    outages.add(f"operator away for {AWAY_S:.0f} s", report)
    assert report.lost == 0, report


def test_no_api_server(caches: Caches, kube: Kube, outages: Outages) -> None:
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    with kube.client(caches.namespace) as client, writing(client, "a") as writer:
        with faults.no_api_server(kube):
            time.sleep(AWAY_S)
        caches.wait_ready("a")
        report = writer.end()
    outages.add(f"API server away for {AWAY_S:.0f} s", report)
    assert report.lost == 0, report


def test_primary_dies_while_the_operator_is_away(caches: Caches, kube: Kube, outages: Outages) -> None:
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    primary = caches.primary("a")
    with kube.client(caches.namespace) as client, writing(client, "a") as writer:
        with faults.no_operator(kube, NAMESPACE, RELEASE):
            faults.kill(kube, caches.namespace, primary)
            time.sleep(10)
        caches.until("there is a primary", lambda: caches.condition("a", "Available")["status"] == "True")
        caches.wait_ready("a")
        report = writer.end()
    outages.add("primary killed while the operator is away for 10 s", report)
